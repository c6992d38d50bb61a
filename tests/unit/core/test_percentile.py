"""The percentile is R-7 (SCORING 2.2)."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.percentile import percentile
from tests import oracle

PUBLISHED = [475.0, 89, 101, 7, 3, 21, 2, 149, 223, 1, 13, 9, 37]


def test_the_percentile_is_inclusive() -> None:
    assert percentile(np.array(PUBLISHED), 90) == 208.2
    assert percentile(np.array([7.0]), 90) == 7.0
    assert [percentile(np.array([1.0, 2.0]), p) for p in (0, 50, 100)] == [1.0, 1.5, 2.0]


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=50), st.floats(0, 100))
def test_the_percentile_is_the_oracles(values: list[float], p: float) -> None:
    exact = oracle.percentile(values, p)
    assert abs(percentile(np.array(values), p) - exact) <= 1e-12 * max(values)
