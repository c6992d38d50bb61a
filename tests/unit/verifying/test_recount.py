"""The naive recount against the vectors of SCORING 5, and against the tests' own oracle."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.model import Band, Curve, Kind, Model, Shape, Weight
from scorer.verifying.recount import Cells, curve_score, possible_bands, raw_score
from tests.oracle import band_after
from tests.oracle import curve_score as oracles_curve_score
from tests.oracle import raw_score as oracles_raw_score

TODAY = 20_000
MICRO = 1_000_000


def model(weights: Mapping[str, float | Weight], window: int = 30, half_life: float | None = None) -> Model:
    resolved = {name: weight if isinstance(weight, Weight) else Weight(weight) for name, weight in weights.items()}
    return Model("m", (Kind.USER,), window, resolved, half_life=half_life)


def cells(*counts: float, age: int = 0) -> Cells:
    """So many of the types a, b, c ..."""
    return {(TODAY - age, name): round(count * MICRO) for name, count in zip("abcdef", counts, strict=False)}


def raw(of: Model, counts: Cells, kind: Kind = Kind.USER) -> float:
    return raw_score(of, kind, counts, TODAY).value


@pytest.mark.parametrize(
    ("weights", "counts", "total"),
    [
        ([9, 7, 5], [3, 5, 10], 112),
        ([9, 7, 5, 3, 1], [3, 5, 10, 20, 15], 187),
        ([40, 10, 5, 20], [2, 5, 15, 3], 265),
    ],
)
def test_raw_is_the_weighted_sum(weights: list[float], counts: list[float], total: float) -> None:
    assert raw(model(dict(zip("abcdef", weights, strict=False))), cells(*counts)) == total


@pytest.mark.parametrize(("days", "points"), [(7, 7.0711), (14, 5), (30, 2.2643)])
def test_a_half_life_fades_the_points(days: int, points: float) -> None:
    fading = model({"a": 1}, window=60, half_life=14)
    assert raw(fading, cells(10, age=days)) == pytest.approx(points, abs=5e-5)


def test_a_cap_bounds_each_bucket_of_its_kind() -> None:
    capped = model({"a": Weight(2, cap_user=3, cap_account=50)})
    counts = {(TODAY, "a"): 60 * MICRO, (TODAY - 1, "a"): 2 * MICRO}
    assert raw(capped, counts) == 2 * (3 + 2)
    assert raw(capped, counts, Kind.ACCOUNT) == 2 * (50 + 2)


def test_the_window_is_the_last_buckets_the_current_one_included() -> None:
    week = model({"a": 1}, window=7)
    assert [raw(week, cells(1, age=age)) for age in (-1, 0, 6, 7)] == [0, 1, 1, 0]
    assert [raw_score(week, Kind.USER, cells(1, age=age), TODAY).active for age in (-1, 0, 6, 7)] == [
        False,
        True,
        True,
        False,
    ]


def test_activity_may_be_worth_nothing_and_raw_is_never_below_0() -> None:
    tickets = model({"a": 1, "b": -4, "c": 0})
    assert raw(tickets, cells(1, 5)) == 0
    assert raw_score(tickets, Kind.USER, cells(1, 5), TODAY).active
    assert raw_score(tickets, Kind.USER, cells(0), TODAY).active  # an event of value 0 is an event
    assert not raw_score(tickets, Kind.USER, {(TODAY, "c"): MICRO}, TODAY).active  # weight 0 leaves the type out


def test_where_terms_cancel_rounding_is_their_size() -> None:
    found = raw_score(model({"a": 1, "b": -1}), Kind.USER, cells(1e9, 1e9 - 1e-6), TODAY)
    assert found.value == 1e-6
    assert found.rounding == pytest.approx(2e-3)


VECTORS = {
    7: (4.33, 11.00, 1.55, 8.38),
    37: (18.59, 44.05, 4.65, 34.25),
    89: (43.32, 76.29, 14.51, 63.00),
    149: (71.85, 93.01, 40.21, 80.95),
    223: (100, 100, 100, 91.59),
    475: (100, 100, 100, 99.48),
    0: (1, 1, 1, 1),
}
SHAPES = (Shape.LINEAR, Shape.EXPONENTIAL, Shape.POWER_USER, Shape.UNCAPPED)


@pytest.mark.parametrize("raw_", VECTORS)
def test_curves_are_those_of_the_vectors(raw_: int) -> None:
    scores = tuple(round(curve_score(Curve(shape), raw_, 208.2, 3.0), 2) for shape in SHAPES)
    assert scores == VECTORS[raw_]


_counts = st.dictionaries(
    st.tuples(st.integers(TODAY - 40, TODAY + 1), st.sampled_from("abcd")), st.integers(0, 10**15), max_size=12
)
_weights = st.dictionaries(
    st.sampled_from("abc"),
    st.builds(
        Weight,
        st.floats(-100, 100).map(lambda x: round(x, 3)),
        st.none() | st.floats(0.001, 1e6),
        st.none() | st.floats(0.001, 1e6),
    ),
)


@given(_counts, _weights, st.integers(1, 40), st.none() | st.floats(0.5, 100), st.sampled_from(Kind))
def test_raw_equals_the_oracles(
    counts: Cells, weights: Mapping[str, Weight], window: int, half_life: float | None, kind: Kind
) -> None:
    of = model(weights, window, half_life)
    found, expected = raw_score(of, kind, counts, TODAY), oracles_raw_score(of, kind, counts, TODAY)
    assert found.active is (expected is not None)
    assert math.isclose(found.value, expected or 0.0, rel_tol=1e-12, abs_tol=1e-12)


@given(st.sampled_from(SHAPES), st.floats(0.01, 100), st.floats(0, 1e9), st.floats(1e-3, 1e9))
def test_scores_equal_the_oracles(shape: Shape, steepness: float, raw_: float, benchmark: float) -> None:
    found = curve_score(Curve(shape), raw_, benchmark, steepness)
    assert math.isclose(found, oracles_curve_score(Curve(shape, steepness), raw_, benchmark), rel_tol=1e-12)


@given(st.lists(st.floats(0, 100), min_size=1), st.sampled_from([0.0, 2.0, 7.5]))
def test_the_band_that_a_score_has_come_to_is_among_the_possible(scores: list[float], margin: float) -> None:
    bands = (Band("low", -math.inf), Band("middle", 25.0), Band("high", 75.0))
    of = Model("m", (Kind.USER,), 30, {}, bands=bands, margin=margin)
    band: str | None = None
    for score in scores:
        band = band_after(bands, margin, band, score)
    possible = possible_bands(of, scores[-1], active=True)
    assert band in possible
    if margin == 0:
        assert possible == {band}


def test_the_inactive_and_those_without_a_score_have_no_other_band() -> None:
    assert possible_bands(model({"a": 1}), 1.0, active=False) == {"inactive"}
    assert possible_bands(model({"a": 1}), None, active=True) == {None}
