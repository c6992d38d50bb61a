"""Rolling counts: how much of an event type an entity did in a bucket.

Cells are sparse: an entity costs what it uses.

Rule 1: cells stand in runs, sorted and without repeats, which are never changed once made: a snapshot is a
        reference, not a copy. New cells wait unsorted until they are settled into a run; runs are joined so that
        each is at least four times the next (as in a log-structured merge tree).
Rule 2: counts are integers and only ever added to, so that any order, chunking or merging gives the same state.
"""

from scorer.core.cells import NO_CELLS, Cells, summed
from scorer.core.events import Int64s
from scorer.core.runs import Run, joined, run_of

_SETTLE_AT = 262_144
_RATIO = 4


class Counts:
    """All cells of a partition."""

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._recent: list[tuple[Int64s, Int64s]] = []
        self._recent_length = 0
        self._settled = 0

    def add(self, keys: Int64s, values: Int64s) -> None:
        """Add values (1e-6) to cells, in any order, keys repeated or not. Keeps the arrays: don't change them."""
        if not len(keys):
            return
        self._recent.append((keys, values))
        self._recent_length += len(keys)
        if self._recent_length >= max(_SETTLE_AT, self._settled // _RATIO):
            self.settle()

    def settle(self) -> None:
        """Bring what was added into sorted runs."""
        if not self._recent:
            return
        self._runs.append(run_of(summed([Cells(keys, values) for keys, values in self._recent], "quicksort")))
        self._recent, self._recent_length = [], 0
        self._settled = sum(map(len, self._runs))
        while len(self._runs) > 1 and len(self._runs[-1]) * _RATIO >= len(self._runs[-2]):
            small = self._runs.pop()
            self._runs.append(joined(self._runs.pop(), small))

    def __len__(self) -> int:
        """How many cells are held; one that waits to be settled may be counted more than once."""
        return sum(map(len, self._runs)) + self._recent_length

    def all(self) -> Cells:
        """Every cell."""
        self.settle()
        while len(self._runs) > 1:
            small = self._runs.pop()
            self._runs.append(joined(self._runs.pop(), small))
        return self._runs[0].cells() if self._runs else NO_CELLS

    def runs(self) -> tuple[Run, ...]:
        """Every cell, as the runs that they stand in; a cell's count is its sum over them."""
        self.settle()
        return tuple(self._runs)

    def of_span(self, first: int, stop: int) -> Cells:
        """The cells of rows first..stop-1."""
        self.settle()
        return _together([run.of_span(first, stop) for run in self._runs])

    def of_rows(self, rows: Int64s) -> Cells:
        """The cells of some rows, given in ascending order, each once."""
        self.settle()
        return _together([run.of_rows(rows) for run in self._runs])

    def expire(self, first_bucket: int) -> None:
        """Let the cells of buckets before `first_bucket` go."""
        self.settle()
        kept = [run.since(first_bucket) for run in self._runs]
        self._runs = [run for run in kept if run is not None]


def _together(parts: list[Cells]) -> Cells:
    parts = [part for part in parts if len(part)]
    return parts[0] if len(parts) == 1 else summed(parts)
