"""A run of cells, sorted and without repeats, in half the memory of its keys and values.

Cells of one row share it: a row stands once, with where its cells start. A cell is then its bucket (from the run's
lowest) and type in 32 bits, and its count in 32 bits where all counts of the run are whole units. What doesn't fit
takes 64 bits. A run is never changed once made.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.cells import MAX_TYPES, ROW_SHIFT, TYPE_BITS, Cells, merged
from scorer.core.events import MICRO, Int64s

_32_BITS = 1 << 32
_BELOW_ROW = (1 << ROW_SHIFT) - 1


@dataclass(frozen=True, slots=True)
class Run:
    """`rows` ascending, each once; row i has the cells starts[i]..starts[i+1]-1; counts are in `unit` * 1e-6."""

    rows: NDArray[np.int32]
    starts: Int64s
    low: int
    places: NDArray[Any]
    counts: NDArray[Any]
    unit: int

    def __len__(self) -> int:
        return len(self.places)

    def cells(self) -> Cells:
        """All of them."""
        return self._cells(np.repeat(self.rows, np.diff(self.starts)), slice(None))

    def plain(self) -> Cells:
        """All of them, their counts in the run's own unit."""
        rows = np.repeat(self.rows, np.diff(self.starts))
        return Cells(self._keys(rows, slice(None)), self.counts.astype(np.int64))

    def part(self, part: slice) -> Cells:
        """Those of a slice."""
        at = np.arange(len(self))[part]
        return self._cells(self.rows[np.searchsorted(self.starts, at, side="right") - 1], part)

    def of_span(self, first: int, stop: int) -> Cells:
        """Those of rows first..stop-1."""
        low, high = np.searchsorted(self.rows, (first, stop))
        lengths = np.diff(self.starts[low : high + 1])
        return self._cells(
            np.repeat(self.rows[low:high], lengths), slice(int(self.starts[low]), int(self.starts[high]))
        )

    def of_rows(self, rows: Int64s) -> Cells:
        """Those of some rows, given in ascending order, each once."""
        found = np.searchsorted(self.rows, rows)
        found = found[self.rows[np.minimum(found, len(self.rows) - 1)] == rows]
        start = self.starts[found]
        lengths = self.starts[found + 1] - start
        at = np.repeat(start - (np.cumsum(lengths) - lengths), lengths) + np.arange(int(lengths.sum()))
        return self._cells(np.repeat(self.rows[found], lengths), at)

    def since(self, bucket: int) -> "Run | None":
        """What is left without the buckets before `bucket`; None if nothing is."""
        first = (bucket << TYPE_BITS) - self.low
        if first <= 0 or not len(self):
            return self
        keep = self.places >= first
        if keep.all():
            return self
        rows = np.repeat(self.rows, np.diff(self.starts))[keep]
        return packed(self._keys(rows, keep), self.counts[keep], self.unit) if len(rows) else None

    def _keys(self, rows: NDArray[np.int32], at: Any) -> Int64s:
        keys: Int64s = rows.astype(np.int64) << ROW_SHIFT
        keys += self.places[at]
        keys += self.low
        return keys

    def _cells(self, rows: NDArray[np.int32], at: Any) -> Cells:
        values: Int64s = self.counts[at].astype(np.int64)
        values *= self.unit
        return Cells(self._keys(rows, at), values)


def run_of(cells: Cells) -> Run:
    """The run of sorted cells."""
    units = cells.values // MICRO
    if (units * MICRO == cells.values).all():
        return packed(cells.keys, units, MICRO)
    return packed(cells.keys, cells.values, 1)


def joined(large: Run, small: Run) -> Run:
    """One run of two."""
    if large.unit == small.unit == MICRO:
        # Whole units stay what they are: a division for each cell would cost more than the rest of it.
        both = merged(large.plain(), small.plain())
        return packed(both.keys, both.values, MICRO)
    both = merged(large.cells(), small.cells())
    return packed(both.keys, both.values, 1)


def packed(keys: Int64s, counts: NDArray[Any], unit: int) -> Run:
    """The run of sorted keys and their counts in `unit` * 1e-6."""
    row = keys >> ROW_SHIFT
    starts = np.concatenate([[0], np.flatnonzero(np.diff(row)) + 1])
    places = keys & _BELOW_ROW
    low = int(places.min()) // MAX_TYPES * MAX_TYPES
    places -= low
    if places.max() < _32_BITS:
        places = places.astype(np.uint32)
    if unit == MICRO and counts.max() < _32_BITS:
        counts = counts.astype(np.uint32)
    elif unit == MICRO:
        counts, unit = counts * MICRO, 1
    rows = row[starts].astype(np.int32)
    return Run(rows, np.append(starts, len(keys)), low, places, counts, unit)
