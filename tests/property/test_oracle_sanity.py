"""What must hold of the oracle whatever the events: laws that its own arithmetic doesn't contain."""

import json
from dataclasses import asdict, replace
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.model import DEFAULT_BANDS, BenchmarkRule, Curve, Kind, Model, Scoring, Shape, Weight
from tests.oracle import Oracle, band_after, band_of, compare, curve_score, percentile
from tests.oracle_input import member_id

DAY_MS = 86_400_000
NOW_MS = 20_000 * DAY_MS + 1
WEIGHTS = {"a": Weight(2.0, cap_user=30, cap_account=70), "b": Weight(0.1), "c": Weight(-1.5)}
BOTH = (Kind.USER, Kind.ACCOUNT)
FEW = BenchmarkRule(min_population=2)
MODELS = (
    Model("plain", BOTH, 30, WEIGHTS, curve=Curve(Shape.NONE), margin=0.0),
    Model("fading", BOTH, 7, WEIGHTS, half_life=3.0, benchmark=FEW, margin=0.0),
    Model("open", BOTH, 14, {"b": Weight(1.0)}, benchmark=FEW, curve=Curve(Shape.UNCAPPED), margin=0.0),
)
SCORING = Scoring(86_400, ("a", "b", "c"), MODELS, exclude_users=("bot*",))
Record = dict[str, object]

records = st.lists(
    st.fixed_dictionaries(
        {
            "event": st.sampled_from(["a", "b", "c", "unknown"]),
            "user_id": st.sampled_from(["u", "v", "w/x", "bot1"]),
            "account_id": st.sampled_from([None, "acme", "acme/east"]),
            "ts": st.integers(NOW_MS - 35 * DAY_MS, NOW_MS),
            "value": st.one_of(st.integers(0, 100), st.floats(0, 100)),
        }
    ),
    max_size=40,
).map(lambda rows: [row | {"event_id": str(i)} for i, row in enumerate(rows)])
positive = st.floats(1e-6, 1e6)
shapes = st.sampled_from([shape for shape in Shape if shape is not Shape.NONE])


def recount(rows: list[Record], scoring: Scoring = SCORING) -> Oracle:
    oracle = Oracle(scoring)
    for row in rows:
        oracle.feed(row, NOW_MS)
    return oracle


@given(records, st.randoms(use_true_random=False))
def test_order_repeats_and_encoding_change_nothing(rows: list[Record], random: Random) -> None:
    shuffled = rows + rows[::2]
    random.shuffle(shuffled)
    again = Oracle(SCORING)
    for row in shuffled:
        again.feed(json.dumps(row).encode(), NOW_MS)
    assert again.counts() == recount(rows).counts()
    assert again.results(NOW_MS) == recount(rows).results(NOW_MS)


@given(records)
def test_lateness_changes_no_score(rows: list[Record]) -> None:
    strict = Oracle(SCORING)
    for row in rows:
        strict.feed(row, NOW_MS, now_ms=NOW_MS)
    assert strict.results(NOW_MS) == recount(rows).results(NOW_MS)
    assert strict.counts() == recount(rows).counts(NOW_MS)
    assert not strict.gone(NOW_MS)


@given(records)
def test_accounts_hold_what_their_members_hold(rows: list[Record]) -> None:
    counts = recount(rows).counts()
    total = {kind: sum(sum(cells.values()) for (of, _), cells in counts.items() if of is kind) for kind in BOTH}
    alone = sum(sum(cells.values()) for (of, name), cells in counts.items() if of is Kind.USER and "/" not in name)
    assert total[Kind.ACCOUNT] == total[Kind.USER] - alone


@given(records)
def test_results_keep_their_ranges(rows: list[Record]) -> None:
    oracle = recount(rows)
    benchmarks = oracle.benchmarks(NOW_MS)
    assert benchmarks.keys() == {(name, kind.label) for name in ("fading", "open") for kind in BOTH}
    for (name, kind, _), result in oracle.results(NOW_MS).items():
        assert result.raw >= 0
        if name == "plain":
            assert result.score == result.raw
            continue
        assert result.benchmark == benchmarks[name, kind][0]
        assert (result.score is None) == (result.state == "warming_up") == (result.band is None)
        assert result.score is None or 1 <= result.score <= 100


@given(records)
def test_models_do_not_touch_each_other(rows: list[Record]) -> None:
    together = recount(rows).results(NOW_MS)
    for model in MODELS:
        alone = recount(rows, replace(SCORING, models=(model,))).results(NOW_MS)
        assert alone.items() <= together.items()


@given(records, st.data())
def test_compare_accepts_its_own_results_and_finds_one_planted_fault(rows: list[Record], data: st.DataObject) -> None:
    results = recount(rows).results(NOW_MS)
    documents = {"ns:score:" + ":".join(key): json.loads(json.dumps(asdict(r))) for key, r in results.items()}
    assert compare(results, documents, namespace="ns") == []
    if documents:
        key = data.draw(st.sampled_from(sorted(documents)))
        field = data.draw(st.sampled_from(["score", "raw", "band", "state", "benchmark"]))
        documents[key][field] = "wrong" if documents[key][field] is None else None
        assert len(compare(results, documents, namespace="ns")) == 1


@given(st.lists(positive, min_size=1, max_size=50), st.floats(0, 100))
def test_percentile_is_numpys(values: list[float], percent: float) -> None:
    assert np.isclose(percentile(values, percent), np.percentile(values, percent), rtol=1e-9, atol=0)


@given(shapes, st.floats(0.1, 10), positive, positive, positive)
def test_curves_rise_from_1_to_100(shape: Shape, steepness: float, low: float, more: float, benchmark: float) -> None:
    curve = Curve(shape, steepness)
    below, above = (curve_score(curve, raw, benchmark) for raw in (low, low + more))
    assert curve_score(curve, 0.0, benchmark) == 1
    assert 1 <= below <= above <= 100
    assert (curve_score(curve, benchmark, benchmark) == 100) == (shape is not Shape.UNCAPPED)


@given(st.lists(st.floats(0, 110), min_size=1, max_size=30), st.sampled_from([0.0, 2.0, 5.0]))
def test_bands_settle_and_leave_only_beyond_the_margin(scores: list[float], margin: float) -> None:
    band: str | None = None
    for score in scores:
        after = band_after(DEFAULT_BANDS, margin, band, score)
        assert band_after(DEFAULT_BANDS, margin, after, score) == after
        assert margin or after == band_of(DEFAULT_BANDS, score)
        if band is not None and after != band:
            bounds = [each.lower for each in DEFAULT_BANDS]
            assert margin == 0 or all(abs(score - bounds[i]) >= margin for i in _own_bounds(band, score))
        band = after


def _own_bounds(band: str, score: float) -> list[int]:
    """Which bound of the band the score lies beyond."""
    at = [each.name for each in DEFAULT_BANDS].index(band)
    return [at] if score < DEFAULT_BANDS[at].lower else [at + 1]


names = st.text(st.sampled_from("a%/2F"), min_size=1, max_size=4)


@given(st.tuples(st.none() | names, names), st.tuples(st.none() | names, names))
def test_member_ids_are_unique(one: tuple[str | None, str], other: tuple[str | None, str]) -> None:
    assert (member_id(*one) == member_id(*other)) == (one == other)
