"""Raw scores and curves: SCORING 2 and the vectors of SCORING 5."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.cells import cell_keys
from scorer.core.counts import Counts
from scorer.core.events import MICRO
from scorer.core.model import Curve, Kind, Model, Shape, Weight
from scorer.core.score import CellView, Floats, RawScorer, curve_scores, solved_steepness
from tests.oracle import auto_steepness, curve_score, raw_score

TODAY = 20_000
TYPES = ("a", "b", "c", "d", "e", "unweighed")
CODES = {name: code for code, name in enumerate(TYPES)}
B = 208.2

Cells = Mapping[tuple[int, str], float]
"""(days ago, event type) -> count."""


def model(weights: Mapping[str, float | Weight], window: int = 30, half_life: float | None = None) -> Model:
    resolved = {name: weight if isinstance(weight, Weight) else Weight(weight) for name, weight in weights.items()}
    return Model("m", (Kind.USER,), window, resolved, half_life=half_life)


def raws(of: Model, *entities: Cells, kind: Kind = Kind.USER, batch: int = 1_000) -> tuple[list[float], list[bool]]:
    """(raw, active) of every entity, by the core, in batches of some rows."""
    counts = Counts()
    cells = [(row, TODAY - age, CODES[name], v) for row, own in enumerate(entities) for (age, name), v in own.items()]
    if cells:
        rows, buckets, types, values = (np.array(column) for column in zip(*cells, strict=True))
        counts.add(cell_keys(rows, buckets, types), (values * MICRO).round().astype(np.int64))
    kinds = np.full(len(entities), kind, np.int8)
    scorer = RawScorer(of, CODES)
    raw: list[float] = []
    active: list[bool] = []
    for start in range(0, len(entities), batch):
        some = np.arange(start, min(start + batch, len(entities)))
        found = dict.fromkeys(some.tolist(), (0.0, False))
        for run in counts.of_rows(some).runs():
            view = CellView.of(run, kinds, TODAY)
            scores = zip(*(column.tolist() for column in scorer.score(view)), strict=True)
            found |= dict(zip(view.rows.tolist(), scores, strict=True))
        raw += [of_row[0] for of_row in found.values()]
        active += [of_row[1] for of_row in found.values()]
    return raw, active


def raw(of: Model, cells: Cells, kind: Kind = Kind.USER) -> float:
    return raws(of, cells, kind=kind)[0][0]


@pytest.mark.parametrize(
    ("weights", "counts", "total"),
    [
        ([9, 7, 5], [3, 5, 10], 112),
        ([9, 7, 5, 3, 1], [3, 5, 10, 20, 15], 187),
        ([40, 10, 5, 20], [2, 5, 15, 3], 265),
    ],
)
def test_raw_is_the_sum_of_weighted_counts(weights: list[float], counts: list[float], total: float) -> None:
    names = TYPES[: len(weights)]
    of = model(dict(zip(names, weights, strict=True)))
    assert raw(of, {(at, name): count for at, (name, count) in enumerate(zip(names, counts, strict=True))}) == total


@pytest.mark.parametrize(("age", "points"), [(0, 10), (7, 7.0711), (14, 5), (30, 2.2643)])
def test_points_fade_by_the_half_life(age: int, points: float) -> None:
    assert raw(model({"a": 1.0}, window=60, half_life=14), {(age, "a"): 10}) == pytest.approx(points, abs=5e-5)


def test_the_window_is_the_last_n_buckets_with_the_current_one() -> None:
    of = model({"a": 1.0}, window=3)
    assert raws(of, {(2, "a"): 1}, {(3, "a"): 1}, {(-1, "a"): 1}, {}) == (
        [1.0, 0.0, 0.0, 0.0],
        [True, False, False, False],
    )


def test_a_type_without_weight_is_no_activity() -> None:
    assert raws(model({"a": 1.0}), {(0, "unweighed"): 5}) == ([0.0], [False])


def test_an_event_of_value_0_is_activity() -> None:
    assert raws(model({"a": 1.0}), {(0, "a"): 0}) == ([0.0], [True])


def test_raw_is_floored_at_0() -> None:
    found, active = raws(model({"a": 1.0, "b": -2.0}), {(0, "a"): 3, (0, "b"): 2}, {(0, "b"): 1})
    assert (found, active) == ([0.0, 0.0], [True, True])
    assert not np.signbit(found).any()


def test_terms_that_cancel_leave_no_rest() -> None:
    assert raws(model({"a": 0.1, "b": -0.3}), {(0, "a"): 3, (0, "b"): 1}) == ([0.0], [True])
    assert raw(model({"a": 0.1, "b": -0.3}), {(0, "a"): 3.000001, (0, "b"): 1}) == pytest.approx(1e-7)


def test_a_cap_bounds_the_count_of_one_bucket() -> None:
    of = model({"a": Weight(2.0, cap_user=20)})
    assert raw(of, {(0, "a"): 50, (1, "a"): 19, (2, "a"): 20.5}) == 2 * (20 + 19 + 20)


def test_a_cap_is_by_kind() -> None:
    of = model({"a": Weight(1.0, cap_user=1, cap_account=50)})
    assert [raw(of, {(0, "a"): 60}, kind) for kind in (Kind.USER, Kind.ACCOUNT)] == [1, 50]


def test_a_cap_of_users_leaves_accounts_alone() -> None:
    of = model({"a": Weight(1.0, cap_user=20)})
    assert [raw(of, {(0, "a"): 60}, kind) for kind in (Kind.USER, Kind.ACCOUNT)] == [20, 60]


def test_a_cap_of_0_is_a_cap() -> None:
    assert raws(model({"a": Weight(1.0, cap_user=0.0)}), {(0, "a"): 60}) == ([0.0], [True])


def test_a_type_that_the_journal_does_not_know_yet_weighs_nothing() -> None:
    scorer = RawScorer(model({"a": 1.0, "new": 9.0}), {"a": 0})
    assert float(scorer.weight.sum()) == 1.0


entities = st.lists(
    st.dictionaries(
        st.tuples(st.integers(-1, 35), st.sampled_from(TYPES)),
        st.integers(0, 10**8).map(lambda n: n / MICRO),
        max_size=8,
    ),
    min_size=1,
    max_size=12,
)
weighted = st.dictionaries(
    st.sampled_from(TYPES[:5]),
    st.builds(Weight, st.floats(0.001, 1_000), st.none() | st.floats(0, 50), st.none() | st.floats(0, 50)),
)


@given(entities, weighted, st.none() | st.floats(0.1, 60), st.sampled_from(Kind))
def test_raw_is_the_oracles(own: list[Cells], weights: dict[str, Weight], half_life: float | None, kind: Kind) -> None:
    of = model(weights, half_life=half_life)
    for cells, found, active in zip(own, *raws(of, *own, kind=kind), strict=True):
        micros = {(TODAY - age, name): round(value * MICRO) for (age, name), value in cells.items()}
        expected = raw_score(of, kind, micros, TODAY)
        assert active == (expected is not None)
        assert found == pytest.approx(expected or 0.0, rel=1e-12)


@given(entities, weighted, st.floats(0.1, 60), st.integers(1, 5))
def test_the_same_counts_give_the_same_last_bit_in_any_batch(
    own: list[Cells], weights: dict[str, Weight], half_life: float, batch: int
) -> None:
    of = model(weights, half_life=half_life)
    assert raws(of, *own, batch=batch) == raws(of, *own)


@pytest.mark.parametrize(
    ("points", "linear", "exponential", "power_user", "uncapped"),
    [
        (0, 1, 1, 1, 1),
        (7, 4.33, 11.00, 1.55, 8.38),
        (37, 18.59, 44.05, 4.65, 34.25),
        (89, 43.32, 76.29, 14.51, 63.00),
        (149, 71.85, 93.01, 40.21, 80.95),
        (223, 100, 100, 100, 91.59),
        (475, 100, 100, 100, 99.48),
    ],
)
def test_curves_are_as_published(
    points: float, linear: float, exponential: float, power_user: float, uncapped: float
) -> None:
    shapes = {
        Shape.LINEAR: linear,
        Shape.EXPONENTIAL: exponential,
        Shape.POWER_USER: power_user,
        Shape.UNCAPPED: uncapped,
    }
    for shape, score in shapes.items():
        assert curve_scores(np.array([points]), B, Curve(shape))[0] == pytest.approx(score, abs=5e-3)


def test_the_plain_sum_is_the_score_itself() -> None:
    assert curve_scores(np.array([475.0]), B, Curve(Shape.NONE)).tolist() == [475.0]


shapes_of_curves = [shape for shape in Shape if shape is not Shape.NONE]
shapes = st.sampled_from(shapes_of_curves)
points = st.lists(st.floats(0, 1e6), min_size=1, max_size=40)


@given(shapes, st.floats(0.1, 10), st.floats(1e-6, 1e6), points)
def test_curves_are_the_oracles(shape: Shape, steepness: float, benchmark: float, raw: list[float]) -> None:
    curve = Curve(shape, steepness)
    expected = [curve_score(curve, value, benchmark) for value in raw]
    assert curve_scores(np.array(raw), benchmark, curve).tolist() == pytest.approx(expected, rel=1e-12)


@given(shapes, st.floats(0.1, 10), st.floats(1e-6, 1e6), points)
def test_a_score_does_not_depend_on_its_neighbours(
    shape: Shape, steepness: float, benchmark: float, raw: list[float]
) -> None:
    def scores(values: Floats) -> list[float]:
        found: list[float] = curve_scores(values, benchmark, Curve(shape, steepness)).tolist()
        return found

    together = scores(np.array(raw))
    assert together == [scores(np.array([value]))[0] for value in raw]


@given(shapes, points, st.data())
def test_a_row_scores_the_same_whether_its_benchmark_is_a_number_or_one_of_a_column(
    shape: Shape, raw: list[float], data: st.DataObject
) -> None:
    n = len(raw)
    benchmarks = data.draw(st.lists(st.floats(1e-6, 1e6), min_size=n, max_size=n))
    steep = data.draw(st.lists(st.floats(0.1, 10), min_size=n, max_size=n))
    curve = Curve(shape, None if shape is Shape.EXPONENTIAL else 2.0)
    values = np.array(raw)
    columns = curve_scores(values, np.array(benchmarks), curve, np.array(steep)).tolist()
    alone = [curve_scores(values[at : at + 1], benchmarks[at], curve, steep[at])[0] for at in range(n)]
    assert columns == alone
    same = curve_scores(values, np.full(n, benchmarks[0]), curve, np.full(n, steep[0])).tolist()
    assert same == curve_scores(values, benchmarks[0], curve, steep[0]).tolist()


def test_a_row_without_a_benchmark_in_a_column_has_no_score() -> None:
    for shape in shapes_of_curves:
        found = curve_scores(np.array([1.0, 1.0]), np.array([np.nan, 2.0]), Curve(shape))
        assert np.isnan(found).tolist() == [True, False]


def test_auto_steepness_is_3_while_nothing_else_is_known() -> None:
    raw = np.array([7.0, 37.0])
    assert curve_scores(raw, B, Curve(steepness=None)).tolist() == curve_scores(raw, B, Curve()).tolist()


@given(st.floats(1e-9, 1e9))
def test_auto_steepness_brings_the_median_to_50_within_its_range(ratio: float) -> None:
    k = solved_steepness(ratio)
    assert 0.1 <= k <= 10.0
    score = curve_scores(np.array([ratio]), 1.0, Curve(steepness=None), k)[0]
    if 0.1 < k < 10.0:
        assert score == pytest.approx(50.0, rel=1e-9)
    else:
        assert (score >= 50.0) == (k == 0.1)
    assert k == pytest.approx(auto_steepness(ratio, 1.0), rel=1e-9)
