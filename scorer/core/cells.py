"""Cells: one (row, bucket, type) each, and its count in units of 1e-6.

A cell's key packs row, bucket and type, so that sorted keys are in the order (row, bucket, type). Counts are only
ever added to; a sum that would pass 2**62 stays there (4.6e12 units), which is still free of order.
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


def summed(parts: list[Cells], kind: Literal["quicksort", "stable"] = "stable") -> Cells:
    """One run of parts in any order with any repeats. Sorting is quicker as "stable" where each part is sorted."""
    if not parts:
        return NO_CELLS
    keys = np.concatenate([part.keys for part in parts])
    values = np.concatenate([part.values for part in parts])
    if not len(keys):
        return NO_CELLS
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
