"""`scorer check`: errors and warnings as a report, and what each event weighs."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from scorer.check_report import print_report
from scorer.checking import CheckReport, EventWeights, check
from scorer.core.model import Weight

PLAIN = "version: 1\nevents: {a: {}, b: {}}\nmodels:\n  m: {weights: {a: 1, b: 2}}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scoring.yaml"


def checked(path: Path, text: str) -> CheckReport:
    path.write_text(text, encoding="utf-8")
    return check(path)


def warnings(path: Path, text: str) -> list[str]:
    report = checked(path, text)
    assert report.errors == ()
    return [str(problem).removeprefix(f"{path}:") for problem in report.warnings]


def warned(path: Path, keys: str, weights: str = "{a: 1, b: 2}") -> list[str]:
    return warnings(path, f"version: 1\nevents: {{a: {{}}, b: {{}}}}\nmodels:\n  m: {{weights: {weights}, {keys}}}\n")


def test_a_good_file_shows_what_each_event_weighs_in_each_model(path: Path) -> None:
    report = checked(path, PLAIN + "  n: {weights: {b: {weight: -1, cap: 3}, a: 0}}")
    assert report.ok
    assert report.warnings[0].path == "models.n.weights"
    assert report.weights == (
        EventWeights("a", {"m": Weight(1.0), "n": None}),
        EventWeights("b", {"m": Weight(2.0), "n": Weight(-1.0, cap_user=3.0)}),
    )


def test_a_bad_file_is_a_report_with_errors_and_no_exception(path: Path) -> None:
    report = checked(path, PLAIN.replace("b: 2", "bb: 2"))
    assert not report.ok
    assert (report.scoring, report.weights, report.warnings) == (None, (), ())
    (error,) = report.errors
    assert (error.file, error.line, error.path, error.suggestion) == (str(path), 4, "models.m.weights.bb", "b")


def test_a_missing_file_is_a_report_with_an_error(path: Path) -> None:
    (error,) = check(path).errors
    assert str(error) == f"{path}: can't be read: No such file or directory"


def test_a_report_is_json_for_programs(path: Path) -> None:
    good = json.loads(json.dumps(checked(path, PLAIN).as_json()))
    assert (good["ok"], good["errors"], good["models"], good["bucket_seconds"]) == (True, [], ["m"], 86_400)
    assert good["weights"]["b"]["m"] == {"weight": 2.0, "cap_user": None, "cap_account": None}
    bad = json.loads(json.dumps(checked(path, "version: 2").as_json()))
    assert (bad["ok"], bad["bucket_seconds"], bad["models"], bad["weights"]) == (False, None, [], {})
    assert (good["timezone"], bad["timezone"]) == ("UTC", None)
    assert bad["errors"][0]["path"] == "version"


def test_whose_days_are_counted_is_said(path: Path) -> None:
    for zone, said in (("UTC", False), ("Europe/Berlin", True)):
        out = StringIO()
        print_report(checked(path, f"{PLAIN}timezone: {zone}"), Console(file=out, width=200), Console(file=out))
        assert (f"Days begin at midnight in {zone}." in out.getvalue()) is said


def test_what_kpis_there_are_is_said_and_a_type_that_is_tagged_for_them_needs_no_weight(path: Path) -> None:
    tagged = PLAIN.replace("b: {}", "b: {}, slack: {integration: true}")
    assert tagged != PLAIN and len(warnings(path, tagged)) == 1
    with_kpis = f"{tagged}segments: [plan]\nkpis: {{window: 7d, goals: {{mau: 3}}}}"
    report = checked(path, with_kpis)
    assert warnings(path, with_kpis) == []
    assert report.as_json()["kpis"] == {"window": 7, "goals": {"mau": 3.0}}
    out = StringIO()
    print_report(report, Console(file=out, width=200), Console(file=out))
    assert "KPIs over 7 days, 1 goal, split by plan." in out.getvalue()


def test_a_file_with_nothing_odd_has_no_warnings(path: Path) -> None:
    assert warnings(path, PLAIN) == []


def test_an_event_without_a_weight_anywhere_is_warned_of(path: Path) -> None:
    assert warnings(path, PLAIN.replace(", b: 2", "")) == [
        "2: events.b: has no weight in any model: it is counted but changes no score (a weight of 0 says so on purpose)"
    ]


def test_a_weight_of_0_or_in_another_model_is_no_cause_for_a_warning(path: Path) -> None:
    assert warnings(path, PLAIN.replace("b: 2", "b: 0")) == []
    assert warnings(path, PLAIN.replace(", b: 2", "") + "  n: {weights: {b: 1}}") == []


def test_a_pattern_that_excludes_everyone_is_warned_of(path: Path) -> None:
    assert warnings(path, PLAIN + 'exclude: {users: ["bot-*", "**"]}') == [
        '5: exclude.users[1]: "**": excludes everyone'
    ]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("margin: 1", "nobody is ever active, no benchmark will ever be found, and nobody will ever have a score"),
        (
            "benchmark: {initial: 5}",
            "nobody is ever active, no benchmark will ever be found, and every score will be 1",
        ),
        ("curve: {shape: none}, bands: {few: 0, many: 9}", "holds no weight above 0: every score will be 0"),
    ],
)
def test_weights_that_leave_nobody_active_are_warned_of(path: Path, more: str, told: str) -> None:
    (warning,) = warned(path, more, weights="{a: -1, b: 0}")
    assert told in warning


@pytest.mark.parametrize(
    ("kinds", "cap", "expected"),
    [
        ("[account]", "20", ["users"]),
        ("[user]", "{user: 1, account: 2}", ["accounts"]),
        ("[user]", "20", []),
        ("[account]", "{account: 2}", []),
    ],
)
def test_a_cap_for_a_kind_that_is_not_scored_is_warned_of(
    kinds: str, cap: str, expected: list[str], path: Path
) -> None:
    found = warned(path, f"kinds: {kinds}", weights=f"{{a: {{weight: 1, cap: {cap}}}, b: 1}}")
    assert [warning.partition("bounds ")[2].split(",")[0] for warning in found] == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "curve: {shape: none}, benchmark: {percentile: 90}, bands: {all: 0}",
            "models.m.benchmark: {...}: has no effect",
        ),
        ("curve: {shape: linear, steepness: 3}", "models.m.curve.steepness: 3: has no effect on the shape linear"),
        ("curve: {shape: none}", "models.m: has no `bands`: the default ones (low from 25, healthy from 50, champion"),
        ("bands: {low: 25, high: 75}", "models.m.bands.low: 25: is the lowest band, so its bound has no effect"),
        ("bands: {low: 0, top: 99}", "models.m.bands.top: 99: can't be risen into: with margin 2 that takes 101"),
        ("margin: 30", "models.m.bands.champion: can't be risen into: with margin 30 that takes 105"),
        (
            "bands: {low: 0, mid: 2}",
            "models.m.bands.mid: 2: can't be left downward: with margin 2 that takes less than 0",
        ),
        ("curve: {shape: none}, bands: {low: 0, mid: 1}", "models.m.bands.mid: 1: can't be left downward"),
    ],
)
def test_what_has_no_effect_is_warned_of(keys: str, expected: str, path: Path) -> None:
    assert any(warning.startswith(f"4: {expected}") for warning in warned(path, keys))


@pytest.mark.parametrize(
    "keys",
    [
        "bands: {low: 0, top: 98}",
        "bands: {low: 1, mid: 3}",
        "bands: {low: null, mid: 50}",
        "curve: {shape: none}, bands: {low: 0, top: 1000}",
        "curve: {shape: power_user, steepness: 5}",
        "curve: {shape: uncapped}, benchmark: {initial: 3}",
    ],
)
def test_what_works_is_not_warned_of(keys: str, path: Path) -> None:
    assert warned(path, keys) == []
