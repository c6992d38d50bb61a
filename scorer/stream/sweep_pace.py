"""How many may be told in a pass what can wait: the budget of publishing (ARCHITECTURE 1.6, docs/decisions/0007)."""

AT_ONCE_SCORES = 100_000
"""A worker that has fewer tells all that changed at once."""

SWEEP_SECONDS = 35.0
"""In this time everyone has been told what could wait, unless that is more than `SWEPT_SCORES_A_SECOND`. With the next
benchmark in 10 s and a lump's 5 s, all is exact well within a minute."""

SWEPT_SCORES_A_SECOND = 60_000
"""Of a whole worker, for what can wait: about a third of a core of it and of Redis."""

LUMP_SCORES = 2_000
"""Fewer are let wait for each other, for a while: each pass that tells anything costs an entry of the journal."""

LUMP_SECONDS = 5.0
"""For so long at most; nor is more time than this made good in one pass."""


class SweepPace:
    """Of one partition. Times are of one monotonic clock, in seconds."""

    def __init__(self, now: float) -> None:
        self._swept_at = now

    def rows(self, now: float, *, rows: int, rows_here: int, models: int) -> int | None:
        """So many of a partition's `rows` are due now; None: everybody.

        `rows_here`: of all partitions of the worker, which share its budget by their size.
        """
        if rows_here * models <= AT_ONCE_SCORES:
            return None
        share = min(1.0 / SWEEP_SECONDS, SWEPT_SCORES_A_SECOND / (rows_here * models))
        seconds = min(now - self._swept_at, LUMP_SECONDS)
        due = round(rows * share * seconds)
        return due if due * models >= LUMP_SCORES or seconds == LUMP_SECONDS else 0

    def swept(self, now: float) -> None:
        """What was due has been told."""
        self._swept_at = now
