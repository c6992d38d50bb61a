"""The commands in this process: what their flags become, what they print, and the status they end with."""

import json
import re
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from scorer import embedded
from scorer.cli import app
from scorer.commands import LATER_COMMANDS
from scorer.setting_flags import EVERY_SETTING, KAFKA_SETTINGS, flags
from scorer.settings import Settings
from tests.tables import plain_rows

DEMO_SCORING = Path(embedded.__file__).with_name("demo_scoring.yaml")
GOOD = """\
version: 1
events: {opened: {}, created: {}, odd: {}}
models:
  use:
    kinds: [user, account]
    half_life: 14d
    weights: {opened: {weight: 1, cap: {user: 5}}, created: 8}
    benchmark: {min_population: 3, initial: 40}
  points: {kinds: [user], window: 7d, weights: {created: 2.5}, curve: {shape: none}, bands: {few: 0, many: 10}}
"""
BAD = GOOD.replace("half_life", "halflife")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` and no scoring file but those that a test writes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def written(text: str, name: str = "scoring.yaml") -> str:
    Path(name).write_text(text)
    return name


# ---- flags


def settings_given(fields: tuple[str, ...], *arguments: str) -> Settings:
    """What a command with flags for `fields` gets."""
    got: list[Settings] = []
    alone = Typer(pretty_exceptions_enable=False)

    @alone.command()
    @flags(fields)
    def command(settings: Settings) -> None:
        got.append(settings)

    done = CliRunner().invoke(alone, list(arguments))
    assert done.exit_code == 0, done.output
    return got[0]


def test_every_setting_is_a_flag_of_the_worker() -> None:
    told = invoke("worker", "--help").output
    for field in EVERY_SETTING:
        assert f"--{field.replace('_', '-')} " in told
    assert "(localhost:9092)" in told and "(5m)" in told and "(127.0.0.1:9108)" in told


def test_flags_win_over_the_environment_and_that_over_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("SCORER_NAMESPACE=file\nSCORER_INSTANCE=file\nSCORER_INPUT_TOPIC=file\n")
    monkeypatch.setenv("SCORER_NAMESPACE", "environment")
    monkeypatch.setenv("SCORER_INSTANCE", "environment")
    given = settings_given(EVERY_SETTING, "--namespace", "flag", "--session-timeout", "6s")
    assert (given.namespace, given.instance, given.input_topic) == ("flag", "environment", "file")
    assert given.session_timeout.total_seconds() == 6


def test_a_flag_that_is_not_given_leaves_the_default() -> None:
    assert settings_given(KAFKA_SETTINGS) == settings_given(())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--brokers", "kafka:nine"], "scorer: SCORER_BROKERS=kafka:nine (flag): must be comma-separated host:port"),
        (["--input-key", "other"], "other is not yet supported"),
        (["--scoring", "nothing.yaml"], "scorer: nothing.yaml: can't be read: No such file or directory"),
        (["--redis-url", "redis://:geheim@h:6379/x"], "scorer: SCORER_REDIS_URL="),
        (["--no-such-flag"], "No such option: --no-such-flag"),
    ],
)
def test_a_worker_with_bad_settings_ends_with_status_2_and_says_why(arguments: list[str], told: str) -> None:
    done = invoke("worker", *arguments)
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stdout == "" and "Traceback" not in done.stderr and "geheim" not in done.stderr


def test_every_bad_setting_is_named_at_once() -> None:
    done = invoke("worker", "--partitions", "0", "--publish-interval", "soon")
    assert [line.split("=")[0] for line in done.stderr.splitlines()] == [
        "scorer: SCORER_PARTITIONS",
        "scorer: SCORER_PUBLISH_INTERVAL",
    ]


def test_a_variable_that_is_no_setting_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORER_BROKRES", "kafka:9092")
    written(BAD)
    assert "SCORER_BROKRES is no setting (did you mean SCORER_BROKERS?)" in invoke("worker").stderr


# ---- check


def test_check_shows_what_each_event_weighs_and_warns_of_the_odd() -> None:
    done = invoke("check", written(GOOD))
    assert done.exit_code == 0, done.output
    models, _, events = done.stdout.partition(" event ")
    rows = plain_rows(models)
    assert rows["use"][1:4] == ["users, accounts", "30d, half after 14d", "p90 of at least 3, at first 40"]
    assert rows["use"][4:] == ["exponential 3", "at_risk, low 25, healthy 50, champion 75 (±2)"]
    assert rows["points"][2:] == ["7d", "none", "none", "few, many 10 (±2)"]
    rows = plain_rows(events)
    assert rows["opened"] == ["opened", "1 (at most: user 5)", "-"]
    assert rows["created"] == ["created", "8", "2.5"]
    assert "scoring.yaml is right: 3 event types, 2 models; but see 1 warning\n" in done.stdout
    assert "warning: scoring.yaml:2: events.odd: has no weight in any model" in done.stderr


def test_check_of_a_bad_file_names_line_and_way_out_and_ends_with_status_2() -> None:
    done = invoke("check", written(BAD))
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "error: scoring.yaml:6: models.use.halflife: unknown key" in done.stderr
    assert "did you mean half_life?" in done.stderr


def test_check_json_is_one_object_right_or_wrong() -> None:
    right = json.loads(invoke("check", "--json", written(GOOD)).stdout)
    assert right["ok"] is True and right["models"] == ["use", "points"]
    assert right["weights"]["opened"]["use"] == {"weight": 1.0, "cap_user": 5.0, "cap_account": None}
    done = invoke("check", "--json", written(BAD))
    wrong = json.loads(done.stdout)
    assert right["error"] is None
    assert done.exit_code == 2 and wrong["ok"] is False
    assert wrong["error"].startswith("scoring.yaml:6: models.use.halflife: unknown key")
    assert done.stderr == f"scorer: {wrong['error']}\n"
    two = json.loads(invoke("check", "--json", written(BAD.replace("min_population", "min_pop"))).stdout)
    assert len(two["errors"]) == 2 and two["error"].endswith(" (and 1 more error)")
    assert (wrong["errors"][0]["line"], wrong["errors"][0]["suggestion"]) == (6, "half_life")


def test_check_shows_what_examples_score_and_says_what_they_are() -> None:
    done = invoke("check", written(GOOD))
    rows = [re.split(r" {2,}", line.strip()) for line in done.stdout.splitlines() if "   every day" in line]
    assert sum(9 * 2 ** (-age / 14) for age in range(30)) == pytest.approx(144.1, abs=0.05)
    assert rows == [
        ["use", "a user", "every day", "144.1", "40.0", "100.0", "champion"],
        ["use", "an account of 10 users", "every day", "1,441.3", "40.0", "100.0", "champion"],
        ["points", "a user", "every day", "17.5", "-", "17.5", "many"],
    ]
    assert "Examples, not measurements" in done.stdout
    told = json.loads(invoke("check", "--json", written(GOOD)).stdout)["examples"]
    assert told[-1] == {
        "model": "points", "kind": "user", "users": 1, "pace": "once, today", "raw": 2.5, "benchmark": None,
        "score": 2.5, "band": "few",
    }  # fmt: skip


def test_check_prints_the_schema_for_editors() -> None:
    done = invoke("check", "--schema")
    assert done.exit_code == 0 and json.loads(done.stdout)["title"] == "Scorer scoring file"


def test_check_without_a_file_takes_the_one_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "scoring.yaml: can't be read" in invoke("check").stderr
    monkeypatch.setenv("SCORER_SCORING", written(GOOD, "mine.yaml"))
    assert "mine.yaml is right" in invoke("check").stdout


def test_a_name_that_looks_like_markup_is_printed_as_it_is() -> None:
    done = invoke("check", written(GOOD.replace("opened", "'[bold]x[/]'")))
    assert "[bold]x[/]" in plain_rows(done.stdout)
    done = invoke("check", written(GOOD.replace("halflife", "half_life").replace("half_life", "'[red]'")))
    assert "[red]" in done.stderr


def test_the_demos_scoring_file_is_right() -> None:
    done = invoke("check", str(DEMO_SCORING))
    assert (done.exit_code, done.stderr) == (0, "")


# ---- the rest


def test_commands_that_are_not_there_yet_are_refused_by_name_and_others_are_unknown() -> None:
    for later in LATER_COMMANDS:
        done = invoke(later, "--anything")
        assert done.exit_code == 2 and f"'{later}' isn't there yet" in done.stderr
    done = invoke("backtests")
    assert done.exit_code == 2 and "No such command 'backtests'" in done.stderr


def test_show_without_a_scoring_file_asks_for_one() -> None:
    done = invoke("show", "account", "acme")
    assert done.exit_code == 2 and "scoring.yaml: can't be read" in done.stderr


def test_show_knows_users_and_accounts_only() -> None:
    done = invoke("show", "segment", "plan=pro")
    assert done.exit_code == 2 and "'segment' is not one of" in done.stderr


def test_show_says_if_no_model_scores_the_kind() -> None:
    written(GOOD.replace("kinds: [user, account]", "kinds: [user]"))
    done = invoke("show", "account", "acme")
    assert done.exit_code == 2 and "scoring.yaml has no model that scores accounts" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--seconds", "0", "0 must be a number that is finite, at least 1"),
        ("--seconds", "nan", "nan must be a number that is finite, at least 1"),
        ("--seconds", "inf", "inf must be a number that is finite, at least 1"),
        *(
            ("--events-per-second", value, f"{value} must be a number from 0.1 to 2,000")
            for value in ("nan", "inf", "0", "-1", "1e9", "many", "")
        ),
        ("--seed", "x", "Input should be a valid integer"),
    ],
)
def test_the_demo_refuses_what_it_can_not_do(option: str, value: str, told: str) -> None:
    done = invoke("demo", option, value)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"Invalid value for '{option}': {told}" in done.stderr


def test_the_version_is_printed() -> None:
    assert invoke("--version").stdout.startswith("scorer 0.")
