"""How much of what can wait is told, and when (ARCHITECTURE 1.6, docs/decisions/0007-publishing-budget.md).

Rule 1: events, other bands and states are always told at once, and charged to the worker's budget.
Rule 2: the sweep takes what the budget leaves, and a quarter of the budget while that is overdrawn: it always ends.
Rule 3: moves within a band are told at once until the budget is overdrawn by a burst; then they are left to the sweep.
"""

from collections.abc import Callable

AT_ONCE_SCORES = 100_000
"""A worker that has fewer tells all that changed at once."""

SCORES_A_SECOND = 60_000
"""Of a whole worker: a third of a core of it, and of Redis half a core where somebody hears all of them live."""

SWEEP_SECONDS = 35.0
"""In this time a sweep has told everyone what could wait, if the budget allows. With the next benchmark in 10 s and a
lump's 5 s, all is exact well within a minute."""

BURST_SECONDS = 1.0
"""So much of the budget can be saved or overdrawn: what stands before an event in the line to Redis delays it."""

LUMP_SCORES = 2_000
"""Fewer are let wait for each other, for a while: each pass that tells anything costs an entry of the journal."""

LUMP_SECONDS = 5.0
"""For so long at most; nor is more time than this made good in one pass."""

Clock = Callable[[], float]
"""Seconds, monotonic."""


class PublishingBudget:
    """Of a worker. `scores_here`: how many scores it holds, over all its partitions and models."""

    def __init__(self, scores_here: Callable[[], int], now: Clock) -> None:
        self.now = now
        self._scores_here = scores_here
        self._saved = 0.0
        self._as_of = now()

    def charge(self, scores: int) -> None:
        """So many were told."""
        self._saved = max(self._balance() - scores, -2 * BURST_SECONDS * SCORES_A_SECOND)

    def overdrawn(self) -> bool:
        """Whether moves within a band have to wait."""
        return self._balance() < -BURST_SECONDS * SCORES_A_SECOND

    def swept_a_second(self) -> float | None:
        """Which share of its rows each partition may sweep in a second; None: everything is told at once."""
        scores = self._scores_here()
        if scores <= AT_ONCE_SCORES:
            return None
        left = SCORES_A_SECOND if self._balance() > -0.1 * SCORES_A_SECOND else SCORES_A_SECOND / 4
        return min(1.0 / SWEEP_SECONDS, left / scores)

    def _balance(self) -> float:
        now = self.now()
        self._saved = min(self._saved + (now - self._as_of) * SCORES_A_SECOND, BURST_SECONDS * SCORES_A_SECOND)
        self._as_of = now
        return self._saved


class SweepPace:
    """Of one partition: how many rows its sweep goes on by."""

    def __init__(self, budget: PublishingBudget, models: int) -> None:
        self._budget = budget
        self._lump_rows = LUMP_SCORES / max(models, 1)
        self._swept_at = budget.now()

    def due(self, rows: int) -> int | None:
        """So many of the partition's `rows` in this pass; None: everybody is told everything."""
        share = self._budget.swept_a_second()
        if share is None or not rows:
            return None
        seconds = min(self._budget.now() - self._swept_at, LUMP_SECONDS)
        due = rows * share * seconds
        return round(due) if due >= self._lump_rows or seconds == LUMP_SECONDS else 0

    def swept(self) -> None:
        """What was due has been told."""
        self._swept_at = self._budget.now()
