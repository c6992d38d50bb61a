"""The histogram: within 0.05 % of the exact percentile, and the same whatever the order and the parts."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.histogram import RELATIVE_ERROR, Histogram
from tests import oracle

PROMISED = 0.0005
"""SCORING 2.2."""

percents = st.sampled_from([0.0, 25.0, 50.0, 90.0, 99.9, 100.0]) | st.floats(0, 100)
positives = st.floats(1e-300, 1e300)
narrow = st.floats(0.999, 1.001) | st.floats(1e-6, 1e9)
populations = st.lists(positives, min_size=1, max_size=60) | st.lists(narrow, min_size=1, max_size=60)


@st.composite
def heavy_tailed(draw: st.DrawFn) -> list[float]:
    chance = random.Random(draw(st.integers(0, 2**32)))
    shape = draw(st.sampled_from([0.1, 0.5, 1.2, 3.0]))
    return [chance.paretovariate(shape) * 1e-6 for _ in range(draw(st.integers(1, 2_000)))]


def columns(histogram: Histogram) -> list[tuple[int, int]]:
    return list(zip(histogram.indexes.tolist(), histogram.counts.tolist(), strict=True))


@given(populations | heavy_tailed(), percents)
def test_a_percentile_is_at_most_half_a_per_mille_off(raws: list[float], p: float) -> None:
    exact = oracle.percentile(raws, p)
    assert Histogram.of(np.array(raws)).percentile(p) == pytest.approx(exact, rel=RELATIVE_ERROR * (1 + 1e-6), abs=0)
    assert RELATIVE_ERROR < PROMISED


@given(positives, st.integers(1, 10**12), percents)
def test_a_constant_population_of_any_size_has_one_bucket(value: float, population: int, p: float) -> None:
    one = Histogram.of(np.array([value]))
    many = Histogram(one.indexes, one.counts * population)
    assert (len(many.indexes), many.population) == (1, population)
    assert many.percentile(p) == pytest.approx(value, rel=PROMISED)


@given(populations, st.lists(st.integers(1, 10**11), min_size=60, max_size=60), percents)
def test_a_huge_population_is_one_whose_values_stand_many_times(raws: list[float], times: list[int], p: float) -> None:
    """Ranks beyond 32 bits, by an oracle that walks over (value, how often)."""
    ordered = sorted(zip(raws, times, strict=False))
    total = Histogram.total([_often(raw, often) for raw, often in ordered])
    assert total.population == sum(often for _, often in ordered)
    rank = (total.population - 1) * (p / 100)
    near = {_value_at(ordered, min(max(int(rank) + step, 0), total.population - 1)) for step in (-1, 0, 1, 2)}
    assert min(near) * (1 - PROMISED) <= total.percentile(p) <= max(near) * (1 + PROMISED)


def _often(raw: float, often: int) -> Histogram:
    one = Histogram.of(np.array([raw]))
    return Histogram(one.indexes, one.counts * often)


def _value_at(ordered: list[tuple[float, int]], rank: int) -> float:
    for value, often in ordered:
        rank -= often
        if rank < 0:
            return value
    raise AssertionError


@given(populations | heavy_tailed(), st.integers(0, 2**32), st.integers(1, 9))
def test_neither_order_nor_parts_can_be_told_from_the_sum(raws: list[float], seed: int, parts: int) -> None:
    chance = random.Random(seed)
    expected = columns(Histogram.of(np.array(raws)))
    chance.shuffle(raws)
    shares = [Histogram.of(np.array(raws[start::parts])) for start in range(parts)]
    chance.shuffle(shares)
    assert columns(Histogram.total(shares)) == expected
    while len(shares) > 1:
        two = [shares.pop(chance.randrange(len(shares))) for _ in range(2)]
        shares.append(Histogram.total(two))
    assert columns(shares[0]) == expected


def test_a_percentile_of_real_size_is_within_the_promise() -> None:
    chance = np.random.default_rng(11)
    for raws in (
        chance.lognormal(3, 2, 300_000),
        chance.pareto(0.3, 300_000) + 1e-3,
        np.rint(chance.exponential(20, 300_000)) + 1,
        10.0 ** chance.uniform(-300, 300, 300_000),
    ):
        found = Histogram.of(raws)
        for p in (0.0, 1.0, 50.0, 90.0, 99.99, 100.0):
            assert found.percentile(p) == pytest.approx(np.percentile(raws, p), rel=PROMISED, abs=0)


def test_nothing_is_an_empty_histogram() -> None:
    nothing = Histogram.of(np.empty(0))
    assert (columns(nothing), nothing.population) == ([], 0)
    assert columns(Histogram.total([nothing, nothing])) == []


def test_values_next_to_a_power_of_two_keep_their_order() -> None:
    values = [np.nextafter(2.0, 0.0), 2.0, np.nextafter(2.0, 3.0), 5e-324, 1.7e308]
    indexes = [Histogram.of(np.array([value])).indexes[0] for value in values]
    assert indexes[3] < indexes[0] < indexes[1] == indexes[2] < indexes[4]
