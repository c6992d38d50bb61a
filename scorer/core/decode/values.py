"""Event values: a number to micro units (INTERFACES 4: finite, not negative, at most 1e9).

A float stands for its shortest decimal, so 0.1 is exactly 100,000 micro units and 0.0000025 rounds (half-even) to 2.
`micro` is the rule for one value; `micro_column` agrees with it wherever it doesn't say INVALID.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import numpy as np

from scorer.core.events import MAX_VALUE, MICRO, Int64s

INVALID: Final = -1
"""Marks what isn't a value; no value is negative."""

ALLOWED: Final = f"a finite number from 0 to {MAX_VALUE}"


def micro(value: float) -> int:
    """One value in units of 1e-6, or INVALID."""
    if not 0 <= value <= MAX_VALUE:  # false for NaN too
        return INVALID
    return int((Decimal(repr(value)) * MICRO).to_integral_value(ROUND_HALF_EVEN))


def micro_column(values: Sequence[float | None]) -> Int64s:
    """Many values in units of 1e-6, None as 1; INVALID where it isn't a value, or is one only `micro` can round."""
    count = len(values)
    if values.count(1.0) == count:
        return np.full(count, MICRO, dtype=np.int64)
    numbers = np.array(values, dtype=np.float64)
    if np.isnan(numbers).any():  # a None or a NaN
        numbers = np.array([1.0 if value is None else value for value in values], dtype=np.float64)
    in_range = (numbers >= 0) & (numbers <= MAX_VALUE)
    numbers = np.where(in_range, numbers, 0)
    product = numbers * MICRO
    nearest = np.rint(product)
    # The product is off by at most 2**-52 of itself: it can mistake a tie, unless six decimals say it all.
    tie_distance = np.abs(np.abs(product - nearest) - 0.5)
    sure = (nearest / MICRO == numbers) | (tie_distance > product * 2.0**-50)
    nearest[~(in_range & sure)] = INVALID
    return nearest.astype(np.int64)
