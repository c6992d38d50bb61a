"""What time it is for scoring (SCORING 1, Now): the wall clock, event time, or a fixed instant. Epoch ms."""

from collections.abc import Callable
from dataclasses import dataclass, field

WallClock = Callable[[], int]


@dataclass
class Clock:
    """`wall_ms` is the machine's clock; `fixed_ms` an instant that time stands still at; or `by_events`."""

    wall_ms: WallClock
    by_events: bool = False
    fixed_ms: int | None = None
    _event_ms: int = field(default=0)

    def saw_event(self, event_ms: int) -> None:
        """The largest event time of some partition; `now` never goes back."""
        self._event_ms = max(self._event_ms, event_ms)

    def now_ms(self) -> int:
        """What windows and ages are measured from."""
        if self.fixed_ms is not None:
            return self.fixed_ms
        return self._event_ms if self.by_events else self.wall_ms()

    def worker_ms(self) -> int:
        """What an event's time is judged against, besides its record's timestamp."""
        return self.fixed_ms if self.fixed_ms is not None else self.wall_ms()
