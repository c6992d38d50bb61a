"""Percentiles by R-7, numpy's default: linear between the closest ranks (SCORING 2.2)."""

import numpy as np
from numpy.typing import NDArray


def closest_ranks(n: int, p: float) -> tuple[int, int, float]:
    """The ranks, from 0, on both sides of the p-th percentile (0..100) of n > 0 values, and how far it lies between.

    >>> closest_ranks(13, 90)
    (10, 11, 0.8)
    """
    below, rest = divmod((n - 1) * p, 100.0)  # not numpy's own: its 12 * 0.9 isn't 10.8
    at = int(below)
    return at, min(at + 1, n - 1), rest / 100.0


def percentile(values: NDArray[np.float64], p: float) -> float:
    """The p-th percentile of some values in any order.

    >>> percentile(np.array([475.0, 89, 101, 7, 3, 21, 2, 149, 223, 1, 13, 9, 37]), 90)
    208.2
    """
    below, above, share = closest_ranks(len(values), p)
    ordered = np.partition(values, (below, above))
    low, high = float(ordered[below]), float(ordered[above])
    return low + (high - low) * share
