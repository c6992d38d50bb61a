"""How far a partition is behind its source."""

from math import inf


class Arrears:
    """Of one partition. `now`: seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._until_ms = -inf
        self._at_end = -inf

    def begin_anew(self) -> None:
        """A state stands that may be older than what was processed before."""
        self._at_end = -inf

    def processed(self, until_ms: int) -> None:
        """Records up to this broker timestamp."""
        self._until_ms = until_ms

    def at_end(self, now: float) -> None:
        """There was nothing more to process."""
        self._at_end = now

    def seconds(self, now: float, wall_ms: int) -> float:
        """The age of the last record processed, `inf` while there was none; where there is more to process.

        But not longer than since nothing was: after a silence the first record's age says how long the silence was.
        """
        return max(0.0, min((wall_ms - self._until_ms) / 1000, now - self._at_end))
