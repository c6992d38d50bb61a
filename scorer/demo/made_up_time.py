"""What time it is in the made-up world: faster than the wall's clock, and always behind it.

Rule 1: so many events a second and so many a made-up day give the speed; the present is then as busy as the past was.
Rule 2: the past ends long enough ago that the present may run for hours before it reaches the wall's time. An event
    more than an hour ahead of that would be `in_future`; once it is reached, made-up time goes on at its pace.
Rule 3: the present begins on a working day, when something happens, and soon the day closes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from scorer.embedded.records import DAY_SECONDS

_HOURS = 12.0
_MOST_DAYS_BACK = 20 * 365
_WEEK_SECONDS = 7 * DAY_SECONDS
_TUESDAY = 5 * DAY_SECONDS + 19 * 3600
"""1970-01-01 was a Thursday."""


@dataclass(frozen=True, slots=True)
class MadeUpTime:
    """Epoch seconds. `started`: by the wall's clock, when `present` began; `speed`: made-up seconds in one."""

    present: float
    speed: float
    started: float

    @staticmethod
    def begin(now: float, events_per_second: float, events_a_day: float) -> "MadeUpTime":
        """The present waits for `go_on`."""
        speed = events_per_second * DAY_SECONDS / events_a_day
        back = min(speed * _HOURS * 3600, _MOST_DAYS_BACK * DAY_SECONDS)
        weeks = (now - back - _TUESDAY) // _WEEK_SECONDS
        return MadeUpTime(weeks * _WEEK_SECONDS + _TUESDAY, speed, float("inf"))

    def go_on(self, now: float) -> "MadeUpTime":
        """From now on it passes."""
        return MadeUpTime(self.present, self.speed, now)

    def at(self, now: float) -> float:
        """What time it is when the wall's clock shows `now`."""
        return min(self.present + max(now - self.started, 0.0) * self.speed, now)

    def pace(self, now: float) -> float:
        """Made-up seconds in one, as of `now`."""
        return self.speed if self.at(now) < now else 1.0

    def said(self) -> str:
        """How fast it passes, in words."""
        seconds = DAY_SECONDS / self.speed
        return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def told(at: float) -> str:
    """
    >>> told(1_795_355_044.0)
    'Sun 22 Nov 2026, 13:44 UTC'
    """
    return f"{datetime.fromtimestamp(at, UTC):%a %d %b %Y, %H:%M} UTC"
