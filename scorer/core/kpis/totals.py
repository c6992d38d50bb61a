"""What shares add up to, kept up to date: of the product, and of each segment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from scorer.core.kpis.share import Share, Total
from scorer.core.kpis.spans import Spans
from scorer.core.peers import group_name

_SHARES_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Counted:
    """The share of an account, or of a block of users without one; of which day, and which segments it is part of."""

    day: int
    share: Share
    segments: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def segment_id(trait: str, value: str) -> str:
    """As the peer group of one trait is called.

    >>> segment_id("plan", "pro=1/a")
    'plan=pro%3D1%2Fa'
    """
    return group_name((trait,), (value,))


class Totals:
    """Sums of shares as of one day: of the product, and of each segment (`trait=value`, percent-encoded).

    Shares wait until there are many, for it is the number of sums that costs. Until `settle`, some may be missing.
    """

    def __init__(self, spans: Spans, types: int) -> None:
        self.spans = spans
        self.kept_from = 0
        """The first day since which all counts are kept."""
        self._types = types
        self._taken: list[Counted] = []
        self._added: list[Counted] = []
        self.product = Total.empty(spans.days, types)
        self.segments: dict[str, Total] = {}

    @property
    def waiting(self) -> int:
        """How many shares wait."""
        return len(self._taken) + len(self._added)

    def replace(self, before: Iterable[Counted], after: Iterable[Counted]) -> None:
        """Take some shares away, and add others."""
        self._taken.extend(before)
        self._added.extend(after)
        if self.waiting > _SHARES_AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Bring in what waits."""
        taken, added = self._taken, self._added
        self._taken, self._added = [], []
        self.product.take_away(self._sum(taken))
        self.product.add(self._sum(added))
        for name, of in _by_segment(added).items():
            if name not in self.segments:
                self.segments[name] = Total.empty(self.spans.days, self._types)
            self.segments[name].add(self._sum(of))
        for name, of in _by_segment(taken).items():
            total = self.segments[name]
            total.take_away(self._sum(of))
            if not total.shares:
                del self.segments[name]

    def _sum(self, counted: Sequence[Counted]) -> Total:
        return Total.of([each.share for each in counted], self.spans.days, self._types)


def _by_segment(counted: Sequence[Counted]) -> dict[str, list[Counted]]:
    found: dict[str, list[Counted]] = {}
    for each in counted:
        for name in each.segments:
            found.setdefault(name, []).append(each)
    return found
