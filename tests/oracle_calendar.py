"""Which bucket, and which day, an instant lies in: the naive recount's own, one instant at a time (SCORING 1).

A day is the date that a clock on the wall shows, unless it shows a date for the second time: a clock set back over
midnight doesn't bring the day before back.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
_FIRST_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def bucket_of(ms: int, bucket_ms: int, timezone: str) -> int:
    """The number of a bucket; of a day if there is another time zone than UTC."""
    return ms // bucket_ms if timezone == "UTC" else day_of(ms, timezone)


@lru_cache(maxsize=100_000)
def day_of(ms: int, timezone: str) -> int:
    """The number of a day, 1970-01-01 being 0. None is before that one."""
    zone = ZoneInfo(timezone)
    instant = _EPOCH + timedelta(milliseconds=ms)
    shown = instant.astimezone(zone).date()
    tomorrow = shown + timedelta(days=1)
    first_midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).astimezone(UTC)
    return max(0, ((tomorrow if first_midnight <= instant else shown) - _FIRST_DAY).days)
