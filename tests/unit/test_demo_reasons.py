"""Why a score moved, and where bands lie below the benchmark."""

from dataclasses import replace

import pytest

from scorer.core.model import Curve, Kind, Model, Shape, Weight
from scorer.demo.reasons import Close, own_part, shares_of_benchmark

MODEL = Model("use", (Kind.ACCOUNT,), 30, {"a": Weight(1.0)}, curve=Curve(Shape.LINEAR))


def now(score: float, raw: float, benchmark: float | None) -> dict[str, object]:
    return {"score": score, "raw": raw, "benchmark": benchmark, "state": "scored"}


def test_a_score_that_only_its_own_activity_moved() -> None:
    """50 of 100 then, 75 of 100 now: 50.5 became 75.25."""
    assert own_part(MODEL, Close(50.5, 100.0), now(75.25, 75.0, 100.0)) == pytest.approx(24.75)


def test_a_score_that_only_the_benchmark_moved() -> None:
    assert own_part(MODEL, Close(50.5, 100.0), now(25.75, 50.0, 200.0)) == pytest.approx(0.0)


def test_the_parts_sum_to_the_change() -> None:
    """Twice as much activity, and a benchmark three times as high."""
    before, after = Close(50.5, 100.0), now(34.0, 100.0, 300.0)
    own = own_part(MODEL, before, after)
    assert own is not None and own == pytest.approx(100.0 - 50.5)
    assert own + (34.0 - 100.0) == pytest.approx(34.0 - 50.5)  # the rest is the benchmark's


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, now(50.0, 50.0, 100.0)),
        (Close(50.0, None), now(50.0, 50.0, None)),
        (Close(50.0, 100.0), now(50.0, 50.0, 100.0) | {"score": None}),
        (Close(50.0, 100.0), now(1.0, 0.0, 100.0) | {"state": "inactive"}),
        (Close(50.0, 100.0), {}),
    ],
)
def test_where_there_is_nothing_to_compare_it_says_nothing(before: Close | None, after: dict[str, object]) -> None:
    assert own_part(MODEL, before, after) is None


def test_nothing_is_said_of_a_steepness_that_follows_the_benchmark() -> None:
    model = replace(MODEL, curve=Curve(Shape.EXPONENTIAL, None))
    assert own_part(model, Close(50.0, 100.0), now(60.0, 50.0, 100.0)) is None


def test_a_close_is_what_the_document_says() -> None:
    assert Close.of({"score": 12.5, "benchmark": 7.0}) == Close(12.5, 7.0)
    assert Close.of({"score": None, "benchmark": None}) is None
    assert Close.of(None) is None


def test_where_bands_begin() -> None:
    """By the table of SCORING 5: 37 of 208.2 gives 44.05 on the exponential curve, 34.25 uncapped."""
    assert shares_of_benchmark(MODEL, None) == pytest.approx([24 / 99, 49 / 99, 74 / 99])
    exponential = shares_of_benchmark(replace(MODEL, curve=Curve()), None)
    assert exponential[0] is not None and exponential[1] is not None
    assert exponential[0] < 37 / 208.2 < exponential[1]
    uncapped = shares_of_benchmark(replace(MODEL, curve=Curve(Shape.UNCAPPED)), None)
    assert uncapped[2] == pytest.approx(0.5977, abs=1e-4)  # 1 - 10^-x = 74/99


def test_the_steepness_in_force_counts() -> None:
    auto = replace(MODEL, curve=Curve(Shape.EXPONENTIAL, None))
    assert shares_of_benchmark(auto, {"steepness": 3.0}) == shares_of_benchmark(replace(MODEL, curve=Curve()), None)


def test_a_band_that_no_score_reaches_begins_nowhere_and_a_raw_score_has_no_shares() -> None:
    bands = (*MODEL.bands, replace(MODEL.bands[-1], name="beyond", lower=101.0))
    assert shares_of_benchmark(replace(MODEL, bands=bands), None)[-1] is None
    assert shares_of_benchmark(replace(MODEL, curve=Curve(Shape.NONE)), None) == []
