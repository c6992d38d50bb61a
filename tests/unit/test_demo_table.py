"""The table of `scorer demo`."""

import io
from typing import Any

from rich.console import Console

from scorer.core.model import Band, Kind, Model, Weight
from scorer.demo.table import TREND_SECONDS, DemoTable, Standings, Trends
from tests.tables import plain_rows

MODEL = Model("use", (Kind.ACCOUNT,), 30, {"a": Weight(1.0)})


def score(number: float | None, band: str | None = "healthy", as_of: float = 1_795_355_044.0) -> dict[str, Any]:
    return {"score": number, "band": band, "as_of": as_of}


def text(standings: Standings, trends: Trends | None = None, rows: int | None = None, model: Model = MODEL) -> str:
    out = Console(file=io.StringIO(), width=100)
    out.print(DemoTable(model, ("end: Ctrl-C",)).render(standings, trends or Trends(), "9 events", rows))
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_accounts_are_ranked_by_score_and_those_without_one_are_left_out() -> None:
    standings = Standings({"b": score(50.0), "a": score(50.0), "c": score(91.24), "d": score(None, None)}, None)
    assert standings.ranked == ["c", "a", "b"]
    rows = plain_rows(text(standings))
    assert rows["1"][1] == "c" and rows["1"][3] == "91.2"
    assert "d" not in {row[1] for row in rows.values() if len(row) > 1}


def test_the_bar_is_as_long_as_the_score() -> None:
    rows = plain_rows(text(Standings({"a": score(100.0), "b": score(50.0)}, None)))
    assert [row.count("━") for row in (rows["1"][2], rows["2"][2])] == [20, 10]


def test_bands_differ_in_shape_and_word() -> None:
    bands = ("champion", "healthy", "low", "at_risk", "inactive")
    standings = Standings({band: score(90.0 - 10 * n, band) for n, band in enumerate(bands)}, None)
    rows = plain_rows(text(standings))
    assert [rows[str(n)][-1] for n in range(1, 6)] == ["▲ champion", "● healthy", "◢ low", "▼ at_risk", "○ inactive"]


def test_bands_of_ones_own_take_the_same_ramp() -> None:
    model = Model("use", (Kind.ACCOUNT,), 30, {}, bands=(Band("cold", 0.0), Band("hot", 50.0)))
    rows = plain_rows(text(Standings({"a": score(60.0, "hot"), "b": score(2.0, "cold")}, None), model=model))
    assert (rows["1"][-1], rows["2"][-1]) == ("▲ hot", "▼ cold")


def test_a_score_has_its_direction() -> None:
    trends = Trends()
    trends.saw(0.0, {"up": 40.0, "down": 50.0, "still": 60.0})
    trends.saw(1.0, {"up": 43.1, "down": 44.0, "still": 60.04})
    standings = Standings({"up": score(43.1), "down": score(44.0), "still": score(60.04), "new": score(9.0)}, None)
    rows = {row[1]: row for row in plain_rows(text(standings, trends)).values() if len(row) > 4}
    assert [rows[name][4] for name in ("up", "down", "still", "new")] == ["↑ 3.1", "↓ 6.0", "· 0.0", "-"]


def test_moves_are_counted_from_half_a_minute_ago() -> None:
    trends = Trends()
    for second in range(100):
        trends.saw(float(second), {"a": float(second)})
    assert trends.moved("a") == TREND_SECONDS
    assert trends.moved("b") is None


def test_what_does_not_fit_is_counted() -> None:
    standings = Standings({f"a{n}": score(50.0 + n) for n in range(10)}, None)
    told = text(standings, rows=3)
    assert "and 7 more" in told and "a9" in told and "a6" not in told


def test_who_moved_most_is_shown_by_rank() -> None:
    trends = Trends()
    trends.saw(0.0, {f"a{n}": 50.0 + n for n in range(10)})
    trends.saw(1.0, {f"a{n}": 50.0 + n for n in range(10)} | {"a2": 40.0, "a5": 56.0})
    standings = Standings({f"a{n}": score(50.0 + n) for n in range(10)} | {"a2": score(40.0), "a5": score(56.0)}, None)
    rows = plain_rows(text(standings, trends, rows=2))
    assert (rows["4"][1], rows["10"][1]) == ("a5", "a2")
    assert "a9" not in text(standings, trends, rows=2)


def test_the_newest_alert_is_told_in_words() -> None:
    out = Console(file=io.StringIO(), width=100)
    alert = {"entity": "acme", "rule": "churn_risk", "said": "fell below 25 by the margin of 2 (23.4 → 22.9)"}
    out.print(DemoTable(MODEL, ()).render(Standings({"a": score(50.0)}, None), Trends(), "9 events", alert=alert))
    assert isinstance(out.file, io.StringIO)
    assert "alert: acme: churn risk: fell below 25 by the margin of 2 (23.4 → 22.9)" in out.file.getvalue()


def test_benchmark_age_progress_and_hints_stand_below() -> None:
    told = text(Standings({"a": score(50.0)}, {"raw": 208.2}))
    assert "benchmark 208.2 (90th percentile of the raw scores), as of " in told
    assert "9 events" in told and "end: Ctrl-C" in told


def test_a_benchmark_that_is_not_there_yet_is_left_out() -> None:
    assert "benchmark" not in text(Standings({"a": score(50.0)}, {"raw": None}))


def test_without_a_score_it_says_that_they_come() -> None:
    assert "No ranking yet" in text(Standings({}, None))
