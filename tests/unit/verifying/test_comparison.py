"""A recount against a document: what is a difference, what isn't, and what may still become none."""

import math
from typing import Any

import pytest

from scorer.core.calendar import Calendar
from scorer.core.model import Band, BenchmarkRule, Curve, Kind, Model, Shape, Weight
from scorer.verifying.comparison import UNKNOWN_STEEPNESS, Basis, differences
from scorer.verifying.in_force import InForce
from scorer.verifying.sample import Entity, Tally

TODAY = 20_000
DAY = 86_400
ANN = Entity("acme", "ann")
MODEL = Model("use", (Kind.USER,), 7, {"opened": Weight(2.0)}, margin=0.0)
ONE_BAND = (Band("low", float("-inf")),)
PLAIN = Model("points", (Kind.USER,), 7, {"opened": Weight(2.0)}, curve=Curve(Shape.NONE), bands=ONE_BAND)
BENCHMARK = {"raw": 208.2, "version": 17, "population": 40}


def scored(raw: float, benchmark: float) -> float:
    """The exponential curve with k = 3, by hand."""
    return 1 + 99 * (1 - math.exp(-3 * raw / benchmark)) / (1 - math.exp(-3))


DOCUMENT = {
    "v": "1795355044123000000007", "score": scored(37.0, 208.2), "raw": 37.0, "band": "low", "previous_band": None,
    "delta": None, "state": "scored", "benchmark": 208.2, "benchmark_version": 17, "model_version": 1,
    "as_of": TODAY * DAY + 5.0, "computed_at": TODAY * DAY + 6.0,
}  # fmt: skip
INACTIVE = {**DOCUMENT, "score": 1.0, "raw": 0.0, "band": "inactive", "state": "inactive"}
SUM = {**DOCUMENT, "score": 37.0, "benchmark": None, "benchmark_version": 0}


def tally(count: float = 18.5, age: int = 0, *fresh: float) -> Tally:
    units = [(TODAY, "opened", round(each * 1e6)) for each in fresh]
    return Tally({(TODAY - age, "opened"): round(count * 1e6)} if count else {}, units)


def fields(
    document: dict[str, Any] | None,
    held: Tally | None = None,
    model: Model = MODEL,
    benchmark: dict[str, Any] | None = BENCHMARK,
) -> dict[str, tuple[Any, Any]]:
    in_force = InForce()
    if benchmark is not None:
        in_force.saw("all", benchmark)
    found = differences(ANN, held or tally(), document, Basis(model, in_force, TODAY, Calendar(DAY), 30))
    return {each.field: (each.in_redis, each.recounted) for each in found}


PRO, EUROPE = "plan=pro", "plan=pro,region=eu"
IN_EUROPE = (EUROPE, PRO, "all")


def told_of_groups(
    document: dict[str, Any], groups: tuple[str, ...] | None, **benchmarks: dict[str, Any]
) -> dict[str, tuple[Any, Any, bool]]:
    """What differs if these are in force: of `everyone`, of `pro`, of `europe`."""
    in_force = InForce()
    for name, peers in (("everyone", "all"), ("pro", PRO), ("europe", EUROPE)):
        if name in benchmarks:
            in_force.saw(peers, benchmarks[name])
    found = differences(ANN, tally(), document, Basis(MODEL, in_force, TODAY, Calendar(DAY), 30, groups))
    return {each.field: (each.in_redis, each.recounted, each.may_settle) for each in found}


def resting_on(raw: float, version: int) -> dict[str, Any]:
    return {**DOCUMENT, "benchmark": raw, "benchmark_version": version, "score": scored(37.0, raw), "band": None}


def may_settle(document: dict[str, Any], held: Tally) -> set[bool]:
    in_force = InForce()
    in_force.saw("all", BENCHMARK)
    return {
        each.may_settle for each in differences(ANN, held, document, Basis(MODEL, in_force, TODAY, Calendar(DAY), 30))
    }


def test_what_is_right_has_no_difference() -> None:
    assert fields(DOCUMENT) == {}
    assert fields(SUM, model=PLAIN) == {}
    assert fields(INACTIVE, tally(age=7)) == {}
    assert fields({**DOCUMENT, "raw": 37.0 * (1 + 5e-10)}) == {}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"raw": 37.0 * (1 + 2e-9)}, "raw"),
        ({"raw": None}, "raw"),
        ({"score": 44.051}, "score"),
        ({"score": None, "band": None}, "score"),
        ({"band": "healthy"}, "band"),
        ({"state": "inactive"}, "state"),
        ({"benchmark": 208.3, "score": scored(37.0, 208.3)}, "benchmark"),
    ],
)
def test_each_field_that_is_wrong_is_named(changes: dict[str, Any], field: str) -> None:
    assert set(fields({**DOCUMENT, **changes})) == {field}


def test_a_missing_document_is_a_difference_unless_nobody_has_to_be_told() -> None:
    assert set(fields(None)) == {"document"}
    assert set(fields(None, tally(age=8))) == {"document"}  # out of this model's window, within the retention
    assert fields(None, tally(age=30)) == {}
    assert fields(None, tally(count=0)) == {}


def test_a_document_without_events_must_be_that_of_someone_who_went_silent() -> None:
    assert fields(INACTIVE, tally(count=0)) == {}
    assert {"state", "raw", "score", "band"} == set(fields(DOCUMENT, tally(count=0)))


def test_someone_known_by_traits_only_has_no_score() -> None:
    document = {**INACTIVE, "state": "never_used", "score": None, "band": None}
    assert fields(document, tally(count=0)) == {}
    assert set(fields({**document, "score": 1.0}, tally(count=0))) == {"score"}
    assert "state" in fields(document)


def test_what_came_since_may_be_in_it_or_not_but_in_its_order() -> None:
    since = tally(10, 0, 8.5, 1.5)
    assert fields({**SUM, "raw": 20.0, "score": 20.0}, since, PLAIN) == {}
    assert fields(SUM, since, PLAIN) == {}
    assert fields({**SUM, "raw": 40.0, "score": 40.0}, since, PLAIN) == {}
    assert fields({**SUM, "raw": 23.0, "score": 23.0}, since, PLAIN) == {"raw": (23.0, 40.0), "score": (23.0, 40.0)}


def test_warming_up_is_right_while_there_is_no_benchmark() -> None:
    document = {**DOCUMENT, "state": "warming_up", "score": None, "band": None, "benchmark": None}
    assert fields(document, benchmark=None) == {}
    assert fields(document, benchmark={**BENCHMARK, "raw": None}) == {}
    assert "state" in fields(document) and may_settle(document, tally()) == {True}


def test_a_score_of_an_earlier_bucket_may_still_be_on_its_way() -> None:
    held = Tally({(TODAY - 7, "opened"): 18_500_000, (TODAY, "opened"): 1_000_000})
    yesterday = {**DOCUMENT, "computed_at": (TODAY - 1) * DAY + 6.0}
    before = Tally({(TODAY - 7, "opened"): 18_500_000})
    assert may_settle(yesterday, before) == {True}
    assert may_settle({**yesterday, "raw": 36.0}, before) == {False}
    assert may_settle(DOCUMENT, held) == {False}


def test_a_score_rests_on_the_benchmark_of_the_narrowest_peer_group_that_has_one() -> None:
    few = {"raw": None, "version": 21, "population": 3}
    other = {"raw": 95.0, "version": 18, "population": 30}
    right = {**resting_on(208.2, 17), "band": "low"}
    wrong = {**resting_on(95.0, 18), "band": "healthy"}
    assert told_of_groups(right, IN_EUROPE, everyone=other, pro=BENCHMARK) == {}
    assert told_of_groups(right, IN_EUROPE, everyone=other, pro=BENCHMARK, europe=few) == {}
    assert told_of_groups(right, ("all",), everyone=BENCHMARK, pro=other) == {}
    # it may have been in the other group a moment ago
    assert told_of_groups(wrong, IN_EUROPE, everyone=other, pro=BENCHMARK) == {"benchmark": (95.0, 208.2, True)}
    assert told_of_groups(wrong, IN_EUROPE, everyone=BENCHMARK, europe=BENCHMARK, pro=other) == {
        "benchmark": (95.0, 208.2, True)
    }
    assert told_of_groups(wrong, ("all",), everyone=BENCHMARK, pro=other) == {"benchmark": (95.0, 208.2, True)}


def test_a_version_names_one_value_in_each_peer_group() -> None:
    spoiled = {**resting_on(95.0, 17), "band": "healthy"}
    assert told_of_groups(spoiled, IN_EUROPE, europe=BENCHMARK, everyone=BENCHMARK) == {
        "benchmark": (95.0, 208.2, False)
    }


def test_of_a_version_that_was_gone_and_of_an_unknown_group_nothing_is_said() -> None:
    older = {**resting_on(95.0, 12), "band": "healthy"}
    assert told_of_groups(older, IN_EUROPE, everyone=BENCHMARK, pro=BENCHMARK) == {}
    wrong = {**resting_on(95.0, 18), "band": "healthy"}
    everyone = {"raw": 95.0, "version": 18, "population": 30}
    assert told_of_groups(wrong, None, everyone=everyone, pro=BENCHMARK) == {}


def test_an_automatic_steepness_is_its_benchmarks() -> None:
    auto = Model("use", (Kind.USER,), 7, MODEL.weights, curve=Curve(steepness=None), margin=0.0)
    assert fields(DOCUMENT, model=auto, benchmark={**BENCHMARK, "steepness": 3.0}) == {}
    assert set(fields(DOCUMENT, model=auto, benchmark={**BENCHMARK, "steepness": 2.0})) == {"score"}
    assert set(fields({**DOCUMENT, "benchmark_version": 16}, model=auto)) == {UNKNOWN_STEEPNESS}


def test_with_a_margin_a_band_may_be_kept_beyond_its_bound() -> None:
    wide = Model("use", (Kind.USER,), 7, MODEL.weights, benchmark=BenchmarkRule(), margin=6.0)
    assert fields({**DOCUMENT, "band": "healthy"}, model=wide) == {}
    assert fields({**DOCUMENT, "band": "champion"}, model=wide) == {"band": ("champion", "healthy or low")}
