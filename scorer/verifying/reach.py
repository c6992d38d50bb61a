"""From where to read the input, and from when on it holds all that a model's window needs.

An event's time may be at most an hour ahead of its record's broker timestamp (`in_future`, INTERFACES 4), and lie any
time behind it. So a record whose timestamp is more than an hour older than the window can't hold an event inside of
it, while a young record can hold an old event: reading begins with the first record that is young enough, never with
the first event that is.
"""

from dataclasses import dataclass

from scorer.core.calendar import Calendar
from scorer.core.model import Model, Scoring

HOUR_MS = 3_600_000
REPEATS_MS = 86_400_000
"""So much more is read for the ids: an event that is sent again a day later with another time is still a repeat."""


def read_since_ms(scoring: Scoring, now_ms: int) -> int:
    """Records with a broker timestamp before this can't change any score of now."""
    calendar, longest = scoring.calendar, max(model.window for model in scoring.models)
    first_bucket = calendar.bucket_of(now_ms) - longest + 1
    return max(0, calendar.begin_ms(first_bucket) - HOUR_MS - REPEATS_MS)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a partition of the input still holds.

    `log_start`: its first offset; `counted_from`: where the workers began to count, None if they don't tell;
    `oldest_ms`: the broker timestamp of its first record, which no deleted one is younger than (the present, if there
    is no record).
    """

    log_start: int
    counted_from: int | None
    oldest_ms: int

    @property
    def complete(self) -> bool:
        """Whether everything that was counted is still there."""
        return self.log_start <= (self.counted_from or 0)

    @property
    def begin(self) -> int:
        """The first offset that is there and counts."""
        return max(self.log_start, self.counted_from or 0)

    def verifiable_from_ms(self, model: Model, calendar: Calendar) -> int | None:
        """When the model's window begins behind all that was deleted; None if nothing is missing."""
        if self.complete:
            return None
        first_bucket = calendar.first_from(self.oldest_ms + HOUR_MS)
        return calendar.begin_ms(first_bucket + model.window - 1)
