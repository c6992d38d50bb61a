"""What is known of accounts beside what they do: plan, region, licences.

Rule 1: records are merged in the partition's order: per name the last one wins, null takes a trait away.
Rule 2: an account has at most `MAX_TRAITS`. A record that would leave it with more changes nothing.
Rule 3: every trait is kept, whether the scoring file names it or not: a later one may.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np

from scorer.core.events import MAX_TRAITS, Int64s, TraitChanges

_NONE: Mapping[str, str] = MappingProxyType({})


class TooManyTraits(Exception):
    """A record would leave an account with more traits than are allowed; `count` of them."""

    def __init__(self, count: int) -> None:
        super().__init__(f"the account would have {count} traits; allowed are {MAX_TRAITS}")
        self.count = count


class Traits:
    """The traits of accounts, by row: name -> value, as canonical text.

    A mapping that was given out never changes. `revision` counts the changes of each row, so that who derives
    something from its traits sees that it is out of date; a row beyond its end never had any.
    """

    def __init__(self) -> None:
        self.revision: Int64s = np.zeros(0, np.int64)
        self._of: dict[int, Mapping[str, str]] = {}
        self._texts = _Texts()

    def __len__(self) -> int:
        """How many rows have traits."""
        return len(self._of)

    def __contains__(self, row: int) -> bool:
        return row in self._of

    def of(self, row: int) -> Mapping[str, str]:
        """All traits of a row, none if nothing is known of it."""
        return self._of.get(row, _NONE)

    def value(self, row: int, name: str) -> str | None:
        return self.of(row).get(name)

    def rows(self) -> Int64s:
        """The rows that have traits."""
        return np.fromiter(self._of, np.int64, len(self._of))

    def items(self) -> list[tuple[int, Mapping[str, str]]]:
        """A copy of (row, its traits), cheap: no mapping is copied."""
        return list(self._of.items())

    def news(self, row: int, changes: TraitChanges) -> dict[str, str | None]:
        """What of `changes` differs from what a row has. Raises TooManyTraits if it can't have all of them."""
        held = self.of(row)
        news = {name: value for name, value in changes.items() if held.get(name) != value}
        count = len(held) + sum((value is not None) - (name in held) for name, value in news.items())
        if count > MAX_TRAITS:
            raise TooManyTraits(count)
        return news

    def set(self, row: int, changes: TraitChanges) -> bool:
        """Merge `changes` into a row's traits; whether that changed anything. Raises TooManyTraits."""
        news = self.news(row, changes)
        if not news:
            return False
        before = self.of(row)
        kept = [*((name, value) for name, value in before.items() if name not in news), *news.items()]
        take = self._texts.take
        after = {take(name): take(value) for name, value in kept if value is not None}
        self._replace(row, before, after)
        return True

    def forget(self, row: int) -> None:
        """The row stands for nobody any more."""
        if row in self._of:
            self._replace(row, self._of[row], {})

    def _replace(self, row: int, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        for text in _texts_of(before):
            self._texts.drop(text)
        if after:
            self._of[row] = after
        else:
            self._of.pop(row, None)
        if row >= len(self.revision):
            grown = np.zeros(max(row + 1, len(self.revision) * 3 // 2, 64), np.int64)
            grown[: len(self.revision)] = self.revision
            self.revision = grown
        self.revision[row] += 1


def _texts_of(traits: Mapping[str, str]) -> Iterator[str]:
    yield from traits.keys()
    yield from traits.values()


class _Texts:
    """Each text once, however many accounts share it, for as long as one does."""

    def __init__(self) -> None:
        self._shared: dict[str, str] = {}
        self._uses: dict[str, int] = {}

    def take(self, text: str) -> str:
        shared = self._shared.setdefault(text, text)
        self._uses[shared] = self._uses.get(shared, 0) + 1
        return shared

    def drop(self, text: str) -> None:
        self._uses[text] -= 1
        if not self._uses[text]:
            del self._uses[text], self._shared[text]
