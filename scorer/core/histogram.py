"""A population of raw scores as a fixed logarithmic histogram, in the manner of DDSketch.

Rule 1: a bucket is named by a float64's own bits: its exponent and the first 10 bits of its mantissa. Positive floats
  have the order of their bits, so the buckets have the order of their values; nothing is configured or adapted.
Rule 2: a bucket stands for its middle, at most 2^-11 (0.0488 %) of the value away from all that is in it. A percentile
  lies between two values, and its estimate as much between their estimates: it is off by no more. (Of values below
  2.2e-308, which have fewer digits, only the order is kept.)
Rule 3: to merge is to add counts. They are whole, so no order and no partitioning can be told from the sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Int64s
from scorer.core.percentile import closest_ranks

DROPPED_BITS = 42
"""Of a float64's 64: the mantissa has 52, ten are kept."""

RELATIVE_ERROR = 2.0**-11


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """`indexes` of the buckets that hold something, ascending, and how many values each holds, as columns."""

    indexes: NDArray[np.int32]
    counts: Int64s

    @classmethod
    def of(cls, raws: NDArray[np.float64]) -> "Histogram":
        """The histogram of some raws, all above 0 and finite."""
        if not len(raws):
            return cls(np.empty(0, np.int32), np.empty(0, np.int64))
        indexes = np.ascontiguousarray(raws, np.float64).view(np.int64) >> DROPPED_BITS
        first = int(indexes.min())
        return cls._dense(first, np.bincount(indexes - first))

    @classmethod
    def total(cls, parts: Sequence["Histogram"]) -> "Histogram":
        """All of `parts` in one. Counts are added as float64, which is exact below 2^53."""
        indexes = np.concatenate([part.indexes for part in parts])
        if not len(indexes):
            return parts[0]
        counts = np.concatenate([part.counts for part in parts])
        first = int(indexes.min())
        return cls._dense(first, np.bincount(indexes - first, counts).astype(np.int64))

    @classmethod
    def _dense(cls, first: int, counts: Int64s) -> "Histogram":
        """Of the counts of all buckets from `first` on: there are 2^21 in all, so such a column is never large."""
        held = np.flatnonzero(counts)
        return cls((held + first).astype(np.int32), counts[held])

    @property
    def population(self) -> int:
        return int(self.counts.sum())

    def percentile(self, p: float) -> float:
        """The p-th percentile (0..100) within `RELATIVE_ERROR`; there must be a value.

        >>> round(Histogram.of(np.array([475.0, 89, 101, 7, 3, 21, 2, 149, 223, 1, 13, 9, 37])).percentile(90), 1)
        208.3
        """
        through = np.cumsum(self.counts)
        below, above, share = closest_ranks(int(through[-1]), p)
        low, high = self._estimates(np.searchsorted(through, (below, above), side="right"))
        return low + (high - low) * share

    def _estimates(self, at: Int64s) -> list[float]:
        middles = (self.indexes[at].astype(np.int64) << DROPPED_BITS) | (1 << (DROPPED_BITS - 1))
        estimates: list[float] = middles.view(np.float64).tolist()
        return estimates
