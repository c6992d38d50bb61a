"""Dead letters counted by reason, and the newest of them."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from scorer.dead_letters.selection import Place, at_of
from scorer.stream.letter_reader import KeptLetter


@dataclass(slots=True)
class Total:
    """The letters of one reason: how many, and when the first and the last of them were rejected."""

    letters: int
    first: datetime
    last: datetime


@dataclass(slots=True)
class Listing:
    """Grows with what is added. `limit`: how many of the newest are kept; `foreign`: records that are no letters."""

    limit: int
    totals: dict[str, Total] = field(default_factory=dict)
    foreign: int = 0
    repeats: int = 0
    _newest: list[tuple[int, int, KeptLetter]] = field(default_factory=list)
    _number: Any = field(default_factory=count)

    @property
    def letters(self) -> int:
        return sum(total.letters for total in self.totals.values())

    @property
    def newest(self) -> list[KeptLetter]:
        """The newest first."""
        return [kept for *_, kept in sorted(self._newest, key=lambda each: each[:2], reverse=True)]

    def add(self, letters: Iterable[KeptLetter]) -> None:
        for kept in letters:
            at = at_of(kept.letter)
            total = self.totals.setdefault(kept.letter.reason, Total(0, at, at))
            total.letters += 1
            total.first, total.last = min(total.first, at), max(total.last, at)
            entry = (kept.letter.at_ms, next(self._number), kept)
            if len(self._newest) < self.limit:
                heapq.heappush(self._newest, entry)
            elif self._newest and entry > self._newest[0]:
                heapq.heapreplace(self._newest, entry)

    def as_json(self) -> dict[str, object]:
        return {
            "letters": self.letters,
            "repeats": self.repeats,
            "foreign": self.foreign,
            "reasons": {
                reason: {"letters": total.letters, "first": total.first.isoformat(), "last": total.last.isoformat()}
                for reason, total in sorted(self.totals.items(), key=lambda each: -each[1].letters)
            },
            "newest": [letter_json(kept) for kept in self.newest],
        }


def letter_json(kept: KeptLetter) -> dict[str, object]:
    """A letter without its value."""
    letter = kept.letter
    return {
        "key": str(Place.of(letter)),
        "reason": letter.reason,
        "detail": letter.detail,
        "at": at_of(letter).isoformat(),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "bytes": None if letter.value is None else kept.full_bytes or len(letter.value),
        "truncated": kept.full_bytes is not None,
    }
