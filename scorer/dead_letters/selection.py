"""Which dead letters are meant: by reason, time and place. Each once, for after a crash one may be there twice."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from scorer.durations import parse_duration
from scorer.setting_values import read_clock
from scorer.stream.dead_letters import DeadLetter
from scorer.stream.letter_reader import KeptLetter

_MS = 1000


class Place(NamedTuple):
    """Where a record stood in the input; written `product-events-3-1200`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}-{self.offset}"

    @staticmethod
    def of(letter: DeadLetter) -> "Place":
        return Place(letter.topic, letter.partition, letter.offset)


def read_place(text: str) -> Place:
    """
    >>> read_place("product-events-3-1200")
    Place(topic='product-events', partition=3, offset=1200)

    Raises ValueError that says what is allowed.
    """
    topic, *numbers = text.rsplit("-", 2)
    if not topic or len(numbers) != 2 or not all(number.isascii() and number.isdigit() for number in numbers):
        raise ValueError(
            "must be TOPIC-PARTITION-OFFSET as `dead-letters list` shows it, such as product-events-3-1200"
        )
    return Place(topic, *map(int, numbers))


def read_moment(text: str, now: datetime) -> datetime:
    """How long ago (`90m`), or an instant (RFC 3339). Raises ValueError that says what is allowed.

    >>> read_moment("90m", datetime(2026, 11, 22, 12, tzinfo=UTC)).isoformat()
    '2026-11-22T10:30:00+00:00'
    """
    try:
        return now - parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        instant = read_clock(text)
    except ValueError:
        instant = text
    if not isinstance(instant, datetime):
        raise ValueError("must be how long ago, such as 90m or 7d, or an instant such as 2026-03-01T00:00:00Z")
    return instant


@dataclass(slots=True)
class Selection:
    """Letters of these reasons and places (all, if none is named), rejected from `since` until before `until`.

    Knows which it has taken: keep one for each pass over the topic.
    """

    reasons: frozenset[str] = frozenset()
    places: frozenset[Place] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    repeats: int = 0
    """Letters left out for being there already."""
    _taken: dict[tuple[str, int], set[int]] = field(default_factory=dict)

    def take(self, letters: Iterable[KeptLetter]) -> Iterator[KeptLetter]:
        """Those that are meant and weren't taken before."""
        for each in letters:
            letter = each.letter
            if not self._means(letter):
                continue
            taken = self._taken.setdefault((letter.topic, letter.partition), set())
            if letter.offset in taken:
                self.repeats += 1
                continue
            taken.add(letter.offset)
            yield each

    @property
    def missing(self) -> list[Place]:
        """The places that are named and weren't met."""
        return sorted(p for p in self.places if p.offset not in self._taken.get((p.topic, p.partition), ()))

    def _means(self, letter: DeadLetter) -> bool:
        if self.reasons and letter.reason not in self.reasons:
            return False
        if self.places and Place.of(letter) not in self.places:
            return False
        at = at_of(letter)
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


def at_of(letter: DeadLetter) -> datetime:
    """When it was rejected."""
    return datetime.fromtimestamp(letter.at_ms / _MS, UTC)
