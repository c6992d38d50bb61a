"""Example users of `scorer check`: what activity at a steady pace comes to."""

import json
from typing import Any

import pytest

from scorer import scoring_file
from scorer.examples import Example, examples


def of(events: dict[str, Any] | None = None, bucket: str = "1d", **model: Any) -> list[Example]:
    keys = {"kinds": ["user"], "weights": {"a": 2}, **model}
    text = {"version": 1, "bucket": bucket, "events": events or {"a": {}, "b": {}}, "models": {"m": keys}}
    scoring = scoring_file.parse(json.dumps(text))
    durations = frozenset(name for name, event in (events or {}).items() if event.get("duration"))
    return examples(scoring, durations)


def raws(**keys: Any) -> list[float]:
    return [example.raw for example in of(**keys)]


def test_paces_are_every_day_once_a_week_and_once() -> None:
    assert [example.pace for example in of()] == ["every day", "once a week", "once, today"]
    assert raws() == [30 * 2, 5 * 2, 2]  # of 30 days: today and 7, 14, 21, 28 days ago


def test_what_lowers_a_score_is_not_done() -> None:
    assert raws(weights={"a": 2, "b": -5}) == raws()
    assert of(weights={"a": -1}) == []


def test_the_past_fades_with_the_half_life() -> None:
    assert raws(window="14d", half_life="7d")[1:] == pytest.approx([2 + 1, 2])


def test_caps_bound_users_and_accounts_each() -> None:
    assert raws(weights={"a": {"weight": 2, "cap": {"user": 0.5, "account": 4}}}, kinds=["user", "account"]) == [
        30, 5, 1, 30 * 8, 5 * 8, 8,
    ]  # fmt: skip


def test_ten_users_make_an_account() -> None:
    assert raws(kinds=["account"]) == [600, 100, 20]


@pytest.mark.parametrize(("bucket", "window", "days"), [("1h", "72h", 3), ("1h", "4h", 1), ("15m", "30d", 30)])
def test_windows_of_other_buckets_hold_the_same_days(bucket: str, window: str, days: int) -> None:
    assert raws(bucket=bucket, window=window)[0] == days * 2


def test_a_duration_is_ten_minutes() -> None:
    assert raws(events={"a": {"duration": True}}, weights={"a": 0.01})[2] == pytest.approx(6)


def test_against_the_initial_benchmark_or_whoever_does_so_every_day() -> None:
    linear: dict[str, Any] = {"curve": {"shape": "linear"}}
    assert [(e.benchmark, e.score) for e in of(**linear)] == [
        (60, 100), (60, pytest.approx(1 + 99 / 6)), (60, pytest.approx(1 + 99 / 30)),
    ]  # fmt: skip
    initial = of(**linear, benchmark={"initial": 20})
    assert [(e.benchmark, e.score, e.band) for e in initial] == [
        (20, 100, "champion"), (20, pytest.approx(50.5), "healthy"), (20, pytest.approx(10.9), "at_risk"),
    ]  # fmt: skip


def test_without_a_curve_the_score_is_the_raw() -> None:
    plain = of(curve={"shape": "none"}, bands={"few": 0, "many": 10})
    assert [(e.benchmark, e.score, e.band) for e in plain] == [(None, 60, "many"), (None, 10, "many"), (None, 2, "few")]
