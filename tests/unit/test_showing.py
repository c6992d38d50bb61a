"""`scorer show`, for a person."""

from datetime import UTC, datetime
from typing import Any

import pytest

from scorer.core.model import Kind
from scorer.showing import Score, Shown, sentences, why_nothing

NOW = datetime(2026, 11, 22, 14, 3, 21, tzinfo=UTC)
SCORED: Score = {
    "v": "1795355044123000000007", "score": 84.439, "raw": 112.0, "band": "champion", "previous_band": "healthy",
    "delta": None, "state": "scored", "benchmark": 208.2, "benchmark_version": 17, "model_version": 3,
    "as_of": NOW.timestamp() - 12, "computed_at": NOW.timestamp() - 11,
}  # fmt: skip


def sentence(kind: Kind = Kind.USER, **changes: Any) -> str:
    (told,) = sentences(Shown(kind, "acme/ann", {"use": {**SCORED, **changes}}), NOW)
    return told


def test_a_score_is_a_number_a_band_its_grounds_and_its_age() -> None:
    assert sentence() == (
        "use  84.4  champion (was healthy), raw 112 against a benchmark of 208.2, "
        "as of 2026-11-22 14:03:09 UTC (12s ago)"
    )


def test_a_delta_is_told_with_its_sign() -> None:
    assert sentence(delta=-8.06, previous_band=None).startswith("use  84.4  champion, -8.1 in 7 days, raw 112")
    assert sentence(delta=8.06, previous_band=None).startswith("use  84.4  champion, +8.1 in 7 days, raw 112")


def test_a_score_that_is_the_raw_has_no_benchmark() -> None:
    assert sentence(benchmark=None, previous_band=None).startswith("use  84.4  champion, raw 112, as of")


@pytest.mark.parametrize(
    ("seconds", "age"), [(59, "59s ago"), (61, "1m ago"), (7300, "2h ago"), (260_000, "3d ago"), (-5, "in the future")]
)
def test_ages_are_told_in_the_largest_unit_that_fits(seconds: float, age: str) -> None:
    assert sentence(as_of=NOW.timestamp() - seconds).endswith(f"({age})")


def test_who_went_silent_has_a_score_and_a_band_of_that_name() -> None:
    told = sentence(score=1.0, raw=0.0, band="inactive", state="inactive", previous_band=None)
    assert told.startswith("use  1.0  inactive, raw 0 against")


def test_warming_up_tells_how_many_are_missing() -> None:
    changes = {"score": None, "band": None, "state": "warming_up", "population": 17, "min_population": 20}
    assert sentence(Kind.ACCOUNT, **changes) == "use  no score yet: warming up, 17 of 20 active accounts needed"


def test_only_a_number_is_a_score() -> None:
    warming: Score = {**SCORED, "score": None, "state": "warming_up"}
    assert not Shown(Kind.USER, "u", {"a": None, "b": warming}).has_score
    assert Shown(Kind.USER, "u", {"a": None, "b": SCORED}).has_score


def test_models_without_a_score_are_named_beside_the_others() -> None:
    told = sentences(Shown(Kind.USER, "u", {"use": SCORED, "points": None}), NOW)
    assert told[1] == "points  no score: nothing of theirs has counted in this model yet"


def test_nothing_at_all_tells_how_an_id_is_written() -> None:
    assert "{account}/{user}" in why_nothing(Shown(Kind.USER, "ann", {"use": None}))
