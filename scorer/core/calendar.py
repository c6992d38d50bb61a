"""Which bucket of event time, and which day, an instant lies in, and when a bucket begins. Instants are epoch ms.

Rule 1: in UTC buckets are fixed spans, numbered from 1970-01-01 on, and so are days.
Rule 2: in another time zone a bucket is a day of that zone, numbered like its date: from 1970-01-01 on. So ages are
        counted in calendar days, however many hours a day has.
Rule 3: a day begins at its first instant. That is later than midnight where clocks are set forward over it; where they
        are set back over it, the day before doesn't come again. A day that a zone skipped has a number and no time.
Rule 4: nothing is before day 0: it begins with 1970 in UTC at the latest, also where that is still 1969.
Rule 5: from 2101 on, which no clock reaches (`SCORER_CLOCK`), days are spans of 24 hours.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from scorer.core.events import Int64s

DAY_MS = 86_400_000

_FIRST_MIDNIGHT = datetime(1970, 1, 1)
_DAYS = (datetime(2101, 1, 1) - _FIRST_MIDNIGHT).days
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Days:
    """The days of a time zone: the ms at which each begins, from day 0 to the first of 2101, never falling."""

    begins: Int64s
    listed: tuple[int, ...]
    """The same, for one look-up at a time."""


class Calendar:
    """The buckets of a scoring file. In another time zone than UTC they are days."""

    def __init__(self, bucket_seconds: int, timezone: str = "UTC") -> None:
        """Raises ValueError for a bucket that a time zone can't have, ZoneInfoNotFoundError for an unknown zone."""
        self.bucket_ms = bucket_seconds * 1000
        self._days = None if timezone == "UTC" else _days_of(timezone)
        if self._days is not None and self.bucket_ms != DAY_MS:
            raise ValueError(f"a bucket of {bucket_seconds} s has no time zone: {timezone} has days")

    @property
    def buckets_a_day(self) -> int:
        return DAY_MS // self.bucket_ms

    def buckets_of(self, ms: Int64s) -> Int64s:
        """The bucket of each of some instants."""
        if self._days is None:
            return ms // self.bucket_ms
        begins = self._days.begins
        buckets: Int64s = np.maximum(np.searchsorted(begins, ms, side="right") - 1, 0)
        beyond = ms >= begins[-1]
        if beyond.any():
            buckets[beyond] += (ms[beyond] - begins[-1]) // DAY_MS
        return buckets

    def bucket_of(self, ms: int) -> int:
        """The bucket of one instant."""
        if self._days is None:
            return ms // self.bucket_ms
        begins = self._days.listed
        if ms >= begins[-1]:
            return len(begins) - 1 + (ms - begins[-1]) // DAY_MS
        return max(bisect_right(begins, ms) - 1, 0)

    def begin_ms(self, bucket: int) -> int:
        """When a bucket begins: the one before has ended by then."""
        if self._days is None:
            return bucket * self.bucket_ms
        begins = self._days.listed
        if bucket >= len(begins):
            return begins[-1] + (bucket - len(begins) + 1) * DAY_MS
        return begins[max(bucket, 0)]

    def first_from(self, ms: int) -> int:
        """The first bucket that begins at an instant or later."""
        bucket = self.bucket_of(ms)
        return bucket if self.begin_ms(bucket) >= ms else bucket + 1

    def day_of(self, ms: int) -> int:
        """The day of one instant, whatever the width of a bucket."""
        return ms // DAY_MS if self._days is None else self.bucket_of(ms)


@lru_cache(maxsize=16)
def _days_of(timezone: str) -> _Days:
    """About 40 ms for a zone that wasn't asked for before."""
    zone = ZoneInfo(timezone)
    offsets = np.array([_offset_seconds(_midnight(day), zone) for day in range(_DAYS + 1)], np.int64)
    begins = np.arange(_DAYS + 1) * 86_400 - offsets
    for day in np.flatnonzero(offsets[1:] > offsets[:-1]).tolist():  # clocks are set forward, perhaps over its midnight
        begins[day] = _first_second(_midnight(day), zone)
    begins *= 1000
    begins[0] = min(int(begins[0]), 0)
    return _Days(begins, tuple(begins.tolist()))


def _midnight(day: int) -> datetime:
    return _FIRST_MIDNIGHT + timedelta(day)


def _offset_seconds(local: datetime, zone: ZoneInfo) -> int:
    """How far local time is ahead of UTC: at its first coming if it comes twice; if it is skipped, before that."""
    offset = zone.utcoffset(local)
    if offset is None:
        raise ValueError(f"{zone.key} has no offset")
    return offset.days * 86_400 + offset.seconds


def _first_second(midnight: datetime, zone: ZoneInfo) -> int:
    """The first epoch second at which a clock shows this midnight or more."""
    local = (midnight - _FIRST_MIDNIGHT) // _SECOND
    high = local - _offset_seconds(midnight, zone)
    low = min(high, local - _offset_seconds(midnight.replace(fold=1), zone))
    while high - low > 1:  # it is skipped: at `low` clocks are still to be set forward, at `high` they are
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).replace(tzinfo=None) < midnight:
            low = middle
        else:
            high = middle
    return high
