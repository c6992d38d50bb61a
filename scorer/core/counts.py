"""Rolling counts: how much of an event type an entity did in a bucket.

A cell is one (row, bucket, type) and its count in units of 1e-6. Cells are sparse: an entity costs what it uses.

Rule 1: a cell's key packs row, bucket and type so that sorted keys are in the order (row, bucket, type).
Rule 2: cells stand in runs, sorted and without repeats, which are never changed once made: a snapshot is a
        reference, not a copy. New cells wait unsorted until they are settled into a run; runs are merged so that
        each is at least four times the next (as in a log-structured merge tree).
Rule 3: counts are integers and only ever added to, so that any order, chunking or merging gives the same state.
        A sum that would pass 2**62 stays there (4.6e12 units): still free of order.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Int64s

TYPE_BITS = 12
BUCKET_BITS = 26  # a bucket of one minute fits until the year 2097
ROW_SHIFT = TYPE_BITS + BUCKET_BITS
MAX_TYPES = 1 << TYPE_BITS
MAX_ROWS = 1 << (63 - ROW_SHIFT)
SATURATED = (1 << 62) - 1

_SETTLE_AT = 65_536
_RATIO = 4


def cell_keys(rows: NDArray[np.integer], buckets: NDArray[np.integer], types: NDArray[np.integer]) -> Int64s:
    """The packed keys of cells."""
    keys: Int64s = rows.astype(np.int64) << BUCKET_BITS
    keys |= buckets
    keys <<= TYPE_BITS
    keys |= types
    return keys


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells in the order of their keys, each key once; both columns have the same length."""

    keys: Int64s
    values: Int64s

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def rows(self) -> Int64s:
        return self.keys >> ROW_SHIFT

    @property
    def buckets(self) -> Int64s:
        return (self.keys >> TYPE_BITS) & ((1 << BUCKET_BITS) - 1)

    @property
    def types(self) -> Int64s:
        return self.keys & (MAX_TYPES - 1)


NO_CELLS = Cells(np.empty(0, np.int64), np.empty(0, np.int64))


class Counts:
    """All cells of a partition."""

    def __init__(self) -> None:
        self._runs: list[Cells] = []
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
        self._runs.append(_summed([Cells(keys, values) for keys, values in self._recent], "quicksort"))
        self._recent, self._recent_length = [], 0
        self._settled = sum(map(len, self._runs))
        while len(self._runs) > 1 and len(self._runs[-1]) * _RATIO >= len(self._runs[-2]):
            small = self._runs.pop()
            self._runs.append(_merged(self._runs.pop(), small))

    def __len__(self) -> int:
        """How many cells are held; one that waits to be settled may be counted more than once."""
        return sum(map(len, self._runs)) + self._recent_length

    def all(self) -> Cells:
        """Every cell."""
        self.settle()
        while len(self._runs) > 1:
            small = self._runs.pop()
            self._runs.append(_merged(self._runs.pop(), small))
        return self._runs[0] if self._runs else NO_CELLS

    def runs(self) -> tuple[Cells, ...]:
        """Every cell, as the runs that they stand in; a cell's count is its sum over them."""
        self.settle()
        return tuple(self._runs)

    def of_span(self, first: int, stop: int) -> Cells:
        """The cells of rows first..stop-1."""
        self.settle()
        parts = []
        for run in self._runs:
            low, high = np.searchsorted(run.keys, np.array([first, stop], np.int64) << ROW_SHIFT)
            if high > low:
                parts.append(Cells(run.keys[low:high], run.values[low:high]))
        return parts[0] if len(parts) == 1 else _summed(parts)

    def of_rows(self, rows: Int64s) -> Cells:
        """The cells of some rows, given in ascending order, each once."""
        self.settle()
        parts = []
        for run in self._runs:
            start = np.searchsorted(run.keys, rows << ROW_SHIFT)
            length = np.searchsorted(run.keys, (rows + 1) << ROW_SHIFT) - start
            total = int(length.sum())
            if total:
                at = np.repeat(start - (np.cumsum(length) - length), length) + np.arange(total)
                parts.append(Cells(run.keys[at], run.values[at]))
        return parts[0] if len(parts) == 1 else _summed(parts)

    def expire(self, first_bucket: int) -> None:
        """Let the cells of buckets before `first_bucket` go."""
        self.settle()
        kept = [_since(run, first_bucket) for run in self._runs]
        self._runs = [run for run in kept if len(run)]


def _since(cells: Cells, first_bucket: int) -> Cells:
    keep = cells.buckets >= first_bucket
    return cells if keep.all() else Cells(cells.keys[keep], cells.values[keep])


def _summed(parts: list[Cells], kind: Literal["quicksort", "stable"] = "stable") -> Cells:
    """One run of parts in any order with any repeats. Sorting is quicker as "stable" where each part is sorted."""
    if not parts:
        return NO_CELLS
    keys = np.concatenate([part.keys for part in parts])
    values = np.concatenate([part.values for part in parts])
    order = np.argsort(keys, kind=kind)
    keys, values = keys[order], values[order]
    first = np.empty(len(keys), np.bool_)
    first[0] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    if first.all():
        return Cells(keys, values)
    starts = np.flatnonzero(first)
    sums = np.add.reduceat(values, starts)
    if float(values.max()) * len(values) >= SATURATED:
        near = np.add.reduceat(values.astype(np.float64), starts)
        sums[near >= 1.5 * SATURATED] = SATURATED  # these may have overflown; the others are exact
        np.minimum(sums, SATURATED, out=sums)
    return Cells(keys[starts], sums)


def _merged(large: Cells, small: Cells) -> Cells:
    """One run of two: the small one's cells are looked up in the large one, then spliced in."""
    at = np.searchsorted(large.keys, small.keys)
    known = large.keys[np.minimum(at, len(large) - 1)] == small.keys
    values = large.values.copy()
    values[at[known]] = np.minimum(values[at[known]] + small.values[known], SATURATED)
    fresh = ~known
    splice = at[fresh]
    splice += np.arange(len(splice))
    old = np.ones(len(large) + len(splice), np.bool_)
    old[splice] = False
    out_keys, out_values = np.empty(len(old), np.int64), np.empty(len(old), np.int64)
    out_keys[splice], out_keys[old] = small.keys[fresh], large.keys
    out_values[splice], out_values[old] = small.values[fresh], values
    return Cells(out_keys, out_values)
