"""`scorer top`, for a person: what it shows in 80 columns, and what it says when there is nothing to show."""

import io
import json
import shlex
from typing import Any

import pytest
from rich.console import Console

from scorer import scoring_file
from scorer.core.model import Kind, Model
from scorer.freshness import Freshness, Partition
from scorer.rank_table import RankTable
from scorer.ranking import Ranking, Row, Wanted
from tests.decoding import decode

NOW = 1_795_355_044.0
BENCHMARK = {"raw": 208.2, "population": 340, "version": 17, "computed_at": NOW - 9, "exact": True}
WARMING_UP = {**BENCHMARK, "raw": None, "population": 17}


def model(**keys: object) -> Model:
    text = {"version": 1, "events": {"a": {}}, "models": {"use": {"weights": {"a": 1}, **keys}}}
    return scoring_file.parse(json.dumps(text)).models[0]


def row(rank: int, account: str, score: float, band: str, delta: float | None = None) -> Row:
    return Row(rank, account, {"score": score, "band": band, "delta": delta, "state": "scored"})


ROWS = [
    row(1, "acme", 100.0, "champion", 12.04),
    row(2, "a-customer-with-a-name-that-is-much-too-long-for-any-table-in-80-columns", 52.4, "healthy", -18.0),
    row(3, "[bold]x[/]", 25.0, "low"),
]


def ranking(
    rows: list[Row], *, unheard: float = 1.0, as_of: float | None = NOW - 3, beats: int = 1, **facts: Any
) -> Ranking:
    freshness = Freshness(NOW, {n: Partition(NOW - unheard, as_of, 0.1, None) for n in range(beats)})
    given = {
        "wanted": Wanted("use", Kind.ACCOUNT, 20), "ranked": len(rows), "silent": 0, "highest": 100.0,
        "benchmark": BENCHMARK, **facts,
    }  # fmt: skip
    return Ranking(rows=rows, freshness=freshness, **given)


def told(of: Ranking, found: Model | None = None, **console: Any) -> list[str]:
    out = io.StringIO()
    given: dict[str, Any] = {"file": out, "width": 80, **console}
    terminal = Console(**given)
    terminal.print(RankTable(found, terminal).render(of))
    return out.getvalue().splitlines()


def test_it_fits_in_80_columns_with_rank_bar_score_direction_and_band() -> None:
    lines = told(ranking(ROWS), model())
    assert max(map(len, lines)) <= 80
    assert lines[0] == "use: accounts  1 to 100, 100 is healthy"
    first, second, third = (line.split() for line in lines if "━" in line)
    assert first == ["1", "acme", "━" * 16, "100.0", "↑", "12.0", "▲", "champion"]
    assert second[1].endswith("…") and second[2:] == ["━" * 8, "52.4", "↓", "18.0", "●", "healthy"]
    assert third == ["3", "[bold]x[/]", "━" * 4, "25.0", "-", "◢", "low"]
    assert (
        lines[-3:]
        == [
            "3 of 3 accounts",
            "the benchmark is a raw score of 208.2 (340 active accounts, computed 9s ago)",
            "newest event 2026-11-22 13:44:01 UTC (3s ago)",
        ][-3:]
    )


def test_colour_is_only_where_the_terminal_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in "".join(told(ranking(ROWS), model()))
    terminal: dict[str, Any] = {"force_terminal": True, "color_system": "standard"}
    assert "\x1b[31m" in "".join(told(ranking([row(1, "acme", 3.0, "at_risk")]), model(), **terminal))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in "".join(told(ranking([row(1, "acme", 3.0, "at_risk")]), model(), **terminal))


def test_a_file_without_unicode_gets_ascii() -> None:
    ascii_file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    told(ranking(ROWS[:1]), model(), file=ascii_file)
    text = ascii_file.buffer.getvalue().decode()
    (cells,) = (line.replace("|", " ").split() for line in text.splitlines() if "acme" in line)
    assert cells == ["1", "acme", "#" * 16, "100.0", "+12.0", "champion"]


def test_raw_scores_are_measured_against_the_highest() -> None:
    raw = model(curve={"shape": "none"}, bands={"few": 0, "many": 500})
    rows = [row(7, "acme", 1500.0, "many"), row(8, "emca", 750.0, "many")]
    lines = told(ranking(rows, highest=3000.0, benchmark=None, ranked=90), raw)
    assert "the score is the raw one" in lines[0]
    assert [line.count("━") for line in lines if " many" in line] == [8, 4]
    assert "2 of 90 accounts" in lines


def test_the_lowest_say_who_was_left_out() -> None:
    wanted = Wanted("use", Kind.ACCOUNT, 20, lowest=True)
    lines = told(ranking(ROWS, wanted=wanted, silent=1234, ranked=5000), model())
    assert lines[0] == "use: accounts, the lowest first  1 to 100, 100 is healthy"
    assert "3 of 5,000 accounts, 1,234 who went silent left out (--band inactive)" in lines


@pytest.mark.parametrize(
    ("facts", "told_instead"),
    [
        ({"beats": 0}, "No worker has ever written into this Redis under this namespace. Start one: scorer worker"),
        ({"as_of": None}, "No events yet. Send one:"),
        ({"benchmark": WARMING_UP}, "No account has a score yet: warming up, 17 of 20 active accounts needed"),
        ({"benchmark": None}, "No ranking yet: it comes within seconds of the first scores."),
        (
            {"wanted": Wanted("use", Kind.USER, 20)},
            "Users aren't ranked in Redis. One user's score: scorer show user acme/ann",
        ),
        (
            {"wanted": Wanted("use", Kind.ACCOUNT, 20, bands=("low",)), "ranked": 8},
            "None of 8 ranked accounts is to be shown",
        ),
        (
            {"wanted": Wanted("use", Kind.ACCOUNT, 20, lowest=True), "ranked": 8, "silent": 8},
            "None of 8 ranked accounts is to be shown: 8 went silent (--band inactive)",
        ),
    ],
)
def test_nothing_to_show_says_why(facts: dict[str, Any], told_instead: str) -> None:
    assert told_instead in told(ranking([], **facts), model(), width=100)


def test_the_event_to_send_is_one_that_the_model_counts_and_stays_in_one_line() -> None:
    out = io.StringIO()
    terminal = Console(file=out, width=40)
    terminal.print(RankTable(model(), terminal).render(ranking([], as_of=None)), crop=False)
    (command,) = (line for line in out.getvalue().splitlines() if line.startswith("echo "))
    _, event, *rest = shlex.split(command)
    assert rest == ["|", "scorer", "replay", "-"]
    assert decode([event.encode()])[0].event == ["a"]


def test_warming_up_is_told_beside_those_who_have_a_score() -> None:
    lines = told(ranking([row(1, "acme", 1.0, "inactive")], benchmark=WARMING_UP), model())
    assert "warming up, 17 of 20 active accounts needed" in lines


def test_what_is_stale_says_for_how_long_and_why() -> None:
    assert "stale for 4m: no worker has any partition" in told(ranking(ROWS, unheard=250), model())
    assert not any("stale" in line for line in told(ranking(ROWS), model()))


def test_a_ranking_is_json_for_programs() -> None:
    said = json.loads(json.dumps(ranking(ROWS[:1]).as_json()))
    assert said == {
        "model": "use",
        "kind": "account",
        "ranked": 1,
        "silent_left_out": 0,
        "warming_up": False,
        "benchmark": BENCHMARK,
        "freshness": {"partitions": 1, "stale_seconds": 0.0, "as_of": NOW - 3, "trouble": None},
        "rows": [{"rank": 1, "id": "acme", "score": 100.0, "band": "champion", "delta": 12.04, "state": "scored"}],
    }
