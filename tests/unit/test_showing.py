"""`scorer show`, for a person and for a program."""

import dataclasses
import io
import json
import math
from typing import Any

import pytest
from rich.console import Console

from scorer import scoring_file
from scorer.core.model import Kind, Model
from scorer.freshness import Freshness, Partition
from scorer.show_command import print_shown
from scorer.showing import Score, Shown

NOW = 1_795_355_044.0
SCORED: Score = {
    "v": "1795355044123000000007", "score": 84.43903, "raw": 112.0, "band": "champion",
    "previous_band": "healthy", "delta": None, "state": "scored", "benchmark": 208.2, "benchmark_version": 17,
    "model_version": 3, "as_of": NOW - 12, "computed_at": NOW - 11,
}  # fmt: skip
EXPONENTIAL = 1 + 99 * (1 - math.exp(-3 * 112 / 208.2)) / (1 - math.exp(-3))
NOTHING: dict[str, Any] = {"score": None, "raw": None, "band": None, "previous_band": None, "benchmark": None}


def model(**keys: object) -> Model:
    text = {"version": 1, "events": {"a": {}}, "models": {"use": {"weights": {"a": 1}, **keys}}}
    return scoring_file.parse(json.dumps(text)).models[0]


def shown(kind: Kind = Kind.USER, /, found: Model | None = None, silent: float = 1.0, **changes: Any) -> Shown:
    freshness = Freshness(NOW, {0: Partition(NOW - silent, NOW - 12, 0.1, None)})
    return Shown(kind, "acme/ann", {"use": {**SCORED, **changes}}, {"use": found}, {}, freshness)


def lines(of: Shown) -> list[str]:
    out = io.StringIO()
    print_shown(of, Console(file=out, width=200))
    return out.getvalue().splitlines()


def test_a_score_is_a_number_a_band_its_grounds_its_formula_and_its_age() -> None:
    assert lines(shown(found=model(), score=EXPONENTIAL)) == [
        "use  84.4  ▲ champion (was healthy)",
        "     raw 112 is 53.8% of the benchmark 208.2 (version 17)",
        "     1 + 99 (1 - e^(-3 x)) / (1 - e^-3), x = raw / benchmark, at most 1",
        "     newest event 2026-11-22 13:43:52 UTC (12s ago)",
    ]


@pytest.mark.parametrize(
    ("shape", "raw", "score"),
    [  # SCORING 5
        ("linear", 37, 18.59),
        ("exponential", 37, 44.05),
        ("power_user", 37, 4.65),
        ("uncapped", 37, 34.25),
        ("exponential", 475, 100),
        ("uncapped", 475, 99.48),
    ],
)
def test_the_formula_that_is_printed_gives_the_score(shape: str, raw: float, score: float) -> None:
    printed = lines(shown(found=model(curve={"shape": shape}), raw=raw, score=score))[2].strip()
    text, capped = printed.split(", ")[0], "at most 1" in printed
    x = raw / 208.2
    python = text.replace("^", "**").replace("99 ", "99*").replace("3 x", "3*x")
    assert eval(python, {"e": math.e, "x": min(x, 1) if capped else x}) == pytest.approx(score, abs=0.005)


def test_a_number_that_the_formula_does_not_give_points_to_another_scoring_file() -> None:
    told = lines(shown(found=model(), score=80.0))[2]
    assert told.endswith("at most 1: gives 84.4. The scoring file here isn't the one that the workers score by")


def test_a_steepness_that_was_solved_is_taken_from_the_benchmark() -> None:
    auto = model(curve={"steepness": "auto"})
    known = dataclasses.replace(shown(found=auto, score=EXPONENTIAL), steepness={"use": 3.0})
    assert lines(known)[2].strip() == "1 + 99 (1 - e^(-3 x)) / (1 - e^-3), x = raw / benchmark, at most 1"
    assert len(lines(shown(found=auto))) == 3  # nobody knows it


def test_a_direction_is_told_in_points() -> None:
    assert lines(shown(delta=-8.06, previous_band=None))[0] == "use  84.4  ▲ champion  ↓ 8.1 in 7 days"
    assert lines(shown(delta=8.06))[0] == "use  84.4  ▲ champion (was healthy)  ↑ 8.1 in 7 days"


def test_a_score_that_is_the_raw_has_no_benchmark() -> None:
    raw = model(curve={"shape": "none"}, bands={"few": 0, "many": 100})
    told = lines(shown(found=raw, score=112.0, band="many", benchmark=None, previous_band=None))
    assert told[:2] == ["use  112.0  ▲ many", "     raw 112, which is the score"]


def test_who_went_silent_is_told_so() -> None:
    told = lines(shown(found=model(), score=1.0, raw=0.0, band="inactive", state="inactive", previous_band="low"))
    assert told[:2] == [
        "use  1.0  ○ inactive (was low)",
        "     went silent: nothing that counts in this model happened within its window",
    ]


def test_warming_up_tells_how_many_are_missing() -> None:
    told = lines(shown(Kind.ACCOUNT, **NOTHING, state="warming_up", population=17, min_population=20))
    assert told == ["use  no score yet: warming up, 17 of 20 active accounts needed"]


def test_who_was_never_there_is_known_by_traits_only() -> None:
    assert lines(shown(**NOTHING, state="never_used")) == ["use  no score: known by its traits only, never used"]


def test_only_a_number_is_a_score() -> None:
    assert shown().has_score
    assert not shown(**NOTHING, state="warming_up").has_score
    assert not dataclasses.replace(shown(), scores={"use": None}).has_score


def test_models_without_a_score_are_named_beside_the_others() -> None:
    two = dataclasses.replace(shown(), scores={"use": SCORED, "points": None}, models={"use": None, "points": None})
    assert lines(two)[-1] == "points  no score: nothing of theirs has counted in this model yet"


def test_what_may_be_old_says_so() -> None:
    assert lines(shown(silent=300))[-1] == "stale for 5m: no worker has its partition"
    assert shown(silent=300).as_json()["stale_seconds"] == pytest.approx(300.1)


def test_a_program_gets_what_redis_holds_and_what_it_was_made_with() -> None:
    assert json.loads(json.dumps(shown(found=model()).as_json())) == {
        "kind": "user",
        "id": "acme/ann",
        "stale_seconds": 0.0,
        "scores": {"use": SCORED},
        "curves": {"use": {"shape": "exponential", "steepness": 3.0}},
    }
    assert shown().as_json()["curves"] == {"use": None}
