"""The naive standing history: what readers were told, noted day by day (SCORING 4), from the documents alone.

It watches what a partition tells once the journal holds it. A day closes when a document of a later day comes:
until then nothing that was told has changed.
"""

import math
from collections import defaultdict
from collections.abc import Mapping

from scorer.core.model import HistoryDays, Kind
from tests.oracle_calendar import DAY_MS, bucket_of

Key = tuple[str, Kind, str]
"""Model, kind, entity id."""

Told = tuple[float, str]
"""Score and band."""


class NaiveHistory:
    """One partition's, with the days of a time zone.

    `told` holds the last document of whoever has a score; `differences` names wrong deltas.
    """

    def __init__(self, kept: HistoryDays, timezone: str) -> None:
        self.kept = kept
        self.timezone = timezone
        self.today: int | None = None
        self.told: dict[Key, Told] = {}
        self.closes: dict[Key, dict[int, Told]] = defaultdict(dict)
        self.differences: list[str] = []

    def day(self, at_seconds: float) -> int:
        """The day of an epoch second."""
        return bucket_of(round(at_seconds * 1000), DAY_MS, self.timezone)

    def reach(self, today: int) -> None:
        """It is this day now, or later: who takes over tells last documents again before it sees the clock."""
        today = today if self.today is None else max(today, self.today)
        for day in range(today if self.today is None else self.today, today):
            for key, told in self.told.items():
                self.closes[key][day] = told
        self.today = today
        for (_, kind, _), days in self.closes.items():
            kept = self.kept.user if kind is Kind.USER else self.kept.account
            for day in [day for day in days if day < today - kept]:
                del days[day]

    def tell(self, key: Key, score: float | None, band: str | None, delta: float | None, at_seconds: float) -> None:
        """Readers were told this, computed at an epoch second."""
        self.reach(self.day(at_seconds))
        self.told.pop(key, None)
        if score is not None:
            assert band is not None
            self.told[key] = (score, band)
        self.check(key, delta)

    def free(self, key: Key, at_seconds: float) -> None:
        """Readers were told of the entity for the last time."""
        self.reach(self.day(at_seconds))
        self.told.pop(key, None)
        self.closes.pop(key, None)

    def check(self, key: Key, delta: float | None) -> None:
        """Note a delta that isn't what follows from what was told."""
        told, before = self.told.get(key), self.closes[key].get((self.today or 0) - 7)
        if told is None or before is None:
            right = delta is None
        else:
            right = delta is not None and near(
                delta, told[0] - before[0], 1e-6 + 1e-7 * (abs(told[0]) + abs(before[0]))
            )
        if not right:
            self.differences.append(f"{key} on day {self.today}: delta is {delta}, told {told}, 7 days ago {before}")

    def compare(self, closes: Mapping[Key, Mapping[int, Told]]) -> list[str]:
        """Where a history differs from this one, in words."""
        expected = {key: days for key, days in self.closes.items() if days}
        different = [f"{key}: has {closes.get(key)}" for key in closes.keys() ^ expected.keys()]
        for key in closes.keys() & expected.keys():
            found, wanted = closes[key], expected[key]
            if found.keys() != wanted.keys():
                different.append(f"{key}: days {sorted(found)}, expected {sorted(wanted)}")
            for day in found.keys() & wanted.keys():
                (score, band), (right_score, right_band) = found[day], wanted[day]
                if band != right_band or not near(score, right_score, 1e-7 * abs(right_score)):
                    different.append(f"{key} on day {day}: {found[day]}, expected {wanted[day]}")
        return different


def near(one: float, other: float, tolerance: float) -> bool:
    return math.isclose(one, other, rel_tol=0, abs_tol=tolerance)
