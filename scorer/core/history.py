"""Standing history: where everyone stood when a day (UTC) closed, kept for some days.

Rule 1: A close is made once. Afterwards it only loses who is forgotten, so a snapshot may hold on to its columns.
Rule 2: Days that closed with the same standings (the worker was away) share one close.
Rule 3: Columns are dense by place, not by row: users and accounts share the rows, and by row an account's column were
        mostly gaps. A row has a place from its first close on, until it is forgotten; then another may have it.
Rule 4: A day's close is that day's for good: it isn't made again when late events or a new benchmark change what the
        score would have been.

Days are numbered as in `scorer/core/calendar.py`, models are codes of the fold.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.days import DELTA_DAYS
from scorer.core.events import Int64s
from scorer.core.score import Floats
from scorer.core.standing import INACTIVE_CODE, NO_BAND

_NOWHERE = -1
_NEVER = -1


@dataclass(frozen=True, slots=True)
class Close:
    """Standings at the close of a day by place; score nan and `NO_BAND` where there is none.

    One place more than there are is nobody's: whoever has no place, or got one later, is looked up there.
    """

    score: NDArray[np.float32]
    band: NDArray[np.int8]

    @classmethod
    def empty(cls, places: int) -> "Close":
        return cls(np.full(places + 1, np.nan, np.float32), np.full(places + 1, NO_BAND, np.int8))

    def __len__(self) -> int:
        return len(self.score) - 1


class History:
    """The closes of one kind's entities. Rows of the other kind may be asked for: they have none."""

    def __init__(self) -> None:
        self._place = np.empty(0, np.int32)
        self._places = 0
        self._free: list[int] = []
        self._closes: dict[int, dict[int, Close]] = {}
        self._active_last = np.empty(0, np.int32)
        self._first_day = 0

    def fit(self, rows: int) -> None:
        """Make room for `rows` rows."""
        missing = rows - len(self._place)
        if missing > 0:
            self._place = np.concatenate([self._place, np.full(missing, _NOWHERE, np.int32)])

    def close(self, model: int, days: Iterable[int], rows: Int64s, score: Floats, band: NDArray[np.int8]) -> None:
        """Note standings as those at the close of each of `days` (ascending, after all that closed).

        `rows` are some entities, each once; where `score` is nan there is nothing to note.
        """
        kept = list(days)
        known = ~np.isnan(score)
        if not kept or not known.any():
            return
        if not known.all():
            rows, score, band = rows[known], score[known], band[known]
        places = self._placed(rows)
        closed = Close.empty(self._places)
        closed.score[places] = score
        closed.band[places] = band
        self._closes.setdefault(model, {}).update(dict.fromkeys(kept, closed))
        self._note_active(kept[-1], 0, closed.band)

    def reference(self, model: int, day: int, rows: NDArray[np.integer]) -> Floats:
        """The scores of some rows at the close of a day, nan where there is none."""
        closed = self._closes.get(model, {}).get(day)
        if closed is None:
            return np.full(len(rows), np.nan)
        return closed.score[self._at(rows, len(closed))].astype(np.float64)

    def delta(self, model: int, today: int, rows: NDArray[np.integer], score: Floats) -> Floats:
        """How far `score` is from that at the close of the day 7 days ago (SCORING 4), nan where either is missing.

        Closes are float32, and so is the score for this difference: who didn't change has exactly 0. A score up to
        100 is rounded by at most 4e-6, so delta is right to 8e-6; a score without a curve to 1.2e-7 of the larger one.
        """
        return score.astype(np.float32).astype(np.float64) - self.reference(model, today - DELTA_DAYS, rows)

    def moved(self, model: int, before: int, after: int, rows: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which rows' scores at the close of two days differ. One that is missing differs from one that isn't."""
        closes = self._closes.get(model, {})
        old, new = closes.get(before), closes.get(after)
        if old is new:
            return np.zeros(len(rows), np.bool_)
        places = max(len(closed) for closed in (old, new) if closed is not None)
        one, other = _wide(old, places), _wide(new, places)
        differs: NDArray[np.bool_] = one != other
        differs &= ~(np.isnan(one) & np.isnan(other))
        moved: NDArray[np.bool_] = differs[self._at(rows, places)]
        return moved

    def changed_reference(self, model: int, today: int, rows: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whose delta is another than yesterday's though the score isn't."""
        return self.moved(model, today - 1 - DELTA_DAYS, today - DELTA_DAYS, rows)

    def held(self, rows: Int64s) -> NDArray[np.bool_]:
        """Which rows have a close of other than the inactive: while one is kept their row isn't free."""
        places = self._place[rows]
        held: NDArray[np.bool_] = places >= 0
        held[held] = self._active_last[places[held]] >= self._first_day
        return held

    def forget(self, rows: Int64s) -> None:
        """Drop everything that some rows have; their places are free."""
        places = self._place[rows]
        places = places[places >= 0]
        if not len(places):
            return
        for closed in self._distinct():
            within = places[places < len(closed)]
            closed.score[within] = np.nan
            closed.band[within] = NO_BAND
        self._active_last[places] = _NEVER
        self._place[rows] = _NOWHERE
        self._free.extend(places.tolist())

    def expire(self, first_day: int) -> None:
        """Drop what closed before `first_day`."""
        self._first_day = max(self._first_day, first_day)
        for closes in self._closes.values():
            for day in [day for day in closes if day < first_day]:
                del closes[day]

    def keep_models(self, models: Iterable[int]) -> None:
        """Drop the closes of all other models."""
        kept = set(models)
        if self._closes.keys() <= kept:
            return
        self._closes = {model: closes for model, closes in self._closes.items() if model in kept}
        self._active_last[:] = _NEVER
        for closes in self._closes.values():
            for day, closed in closes.items():
                self._note_active(day, 0, closed.band)

    def of(self, model: int, row: int) -> Iterator[tuple[int, float, int]]:
        """(day, score, band code) of one entity, by day."""
        place = int(self._place[row])
        for day, closed in self._closes.get(model, {}).items():
            if 0 <= place < len(closed) and closed.band[place] != NO_BAND:
                yield day, float(closed.score[place]), int(closed.band[place])

    def rows_by_place(self) -> NDArray[np.int32]:
        """The row that has each place, -1 where it is free."""
        rows = np.flatnonzero(self._place >= 0)
        by_place = np.full(self._places, _NOWHERE, np.int32)
        by_place[self._place[rows]] = rows
        return by_place

    def runs(self) -> Iterator[tuple[int, int, int, Close]]:
        """(model, first day, last day, close): days that share a close lie side by side."""
        for model, closes in self._closes.items():
            days = list(closes)
            starts = [at for at, day in enumerate(days) if at == 0 or closes[day] is not closes[days[at - 1]]]
            for start, stop in pairwise([*starts, len(days)]):
                yield model, days[start], days[stop - 1], closes[days[start]]

    def load_places(self, start: int, by_place: NDArray[np.int32]) -> None:
        """Take up rows by place, from place `start` on; they come in order."""
        self.fit(int(by_place.max(initial=-1)) + 1)
        taken = np.flatnonzero(by_place >= 0)
        self._place[by_place[taken]] = taken + start
        self._free.extend((np.flatnonzero(by_place < 0) + start).tolist())
        self._have_places(start + len(by_place))

    def load_close(
        self, model: int, first: int, last: int, places: int, start: int, part: tuple[NDArray[Any], NDArray[Any]]
    ) -> None:
        """Take up a part of a close, (score, band) from place `start` on."""
        closes = self._closes.setdefault(model, {})
        if first not in closes:
            closes.update(dict.fromkeys(range(first, last + 1), Close.empty(places)))
        score, band = part
        closes[first].score[start : start + len(score)] = score
        closes[first].band[start : start + len(band)] = band
        self._note_active(last, start, band)

    def _placed(self, rows: Int64s) -> NDArray[np.int32]:
        """The places of rows, new ones for those that have none."""
        places = self._place[rows]
        new = np.flatnonzero(places < 0)
        if len(new):
            again = min(len(new), len(self._free))
            reused, self._free = self._free[len(self._free) - again :], self._free[: len(self._free) - again]
            fresh = np.arange(self._places, self._places + len(new) - again, dtype=np.int32)
            places[new] = np.concatenate([np.array(reused, np.int32), fresh])
            self._place[rows[new]] = places[new]
            self._have_places(self._places + len(fresh))
        return places

    def _have_places(self, places: int) -> None:
        self._places = places
        missing = places - len(self._active_last)
        if missing > 0:
            self._active_last = np.concatenate([self._active_last, np.full(missing, _NEVER, np.int32)])

    def _at(self, rows: NDArray[np.integer], places: int) -> NDArray[np.int32]:
        """Where rows stand in a close of so many places: nowhere (-1) and later places are its last, which is nan."""
        at: NDArray[np.int32] = np.minimum(self._place[rows], places)
        return at

    def _note_active(self, day: int, start: int, band: NDArray[np.int8]) -> None:
        last = self._active_last[start : start + len(band)]
        active = ((band != NO_BAND) & (band != INACTIVE_CODE))[: len(last)]
        np.maximum(last, day, out=last, where=active)

    def _distinct(self) -> Iterator[Close]:
        return (closed for _, _, _, closed in self.runs())


def _wide(closed: Close | None, places: int) -> NDArray[np.float32]:
    """The scores of a close as those of one with more places."""
    if closed is None:
        return np.full(places + 1, np.nan, np.float32)
    missing = places - len(closed)
    return np.concatenate([closed.score, np.full(missing, np.nan, np.float32)]) if missing else closed.score
