"""Every command, called wrongly: one message that names what is wrong, status 2, nothing on stdout.

A command that is new has to be added to `EVERY_COMMAND`.
"""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from scorer.cli import app
from tests.commands import EVERY_COMMAND

WITH_SETTINGS = [name for name in EVERY_COMMAND if name not in ("demo", "check")]
WITH_SCORING = ["worker", "check", "show", "top", "verify"]
WITHOUT_JSON = ["worker", "demo"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scoring.yaml").write_text("version: 1\nevents: {a: {}}\nmodels: {use: {weights: {a: 1}}}\n")
    (tmp_path / "a-folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def invoke(name: str, *more: str) -> Result:
    return CliRunner().invoke(app, [*shlex.split(EVERY_COMMAND[name]), *more])


def registered(of: typer.Typer, before: str = "") -> Iterator[str]:
    for command in of.registered_commands:
        yield before + (command.name or (command.callback.__name__ if command.callback else ""))
    for group in of.registered_groups:
        assert group.typer_instance is not None
        yield from registered(group.typer_instance, f"{group.name} " if isinstance(group.name, str) else before)


def test_no_command_is_left_out() -> None:
    assert set(registered(app)) == set(EVERY_COMMAND)


@pytest.mark.parametrize("name", EVERY_COMMAND)
def test_an_option_that_is_not_there_is_bad_usage(name: str) -> None:
    done = invoke(name, "--no-such-option")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "No such option: --no-such-option" in done.stderr


@pytest.mark.parametrize("name", EVERY_COMMAND)
def test_every_command_says_what_it_does_and_what_each_option_means(name: str) -> None:
    told = " ".join(invoke(name, "--help").stdout.split())
    found: Any = typer.main.get_command(app)
    for part in name.split():
        found = found.commands[part]
    assert found.help
    for parameter in found.params:
        assert parameter.help and parameter.help[-1] == ".", parameter.name
        assert max(parameter.opts, key=len) in told or parameter.param_type_name == "argument"


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_bad_settings_are_bad_usage_and_all_are_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORER_NAMESPACE", "-")
    monkeypatch.setenv("SCORER_BROKERS", "kafka:nine")
    done = invoke(name)
    assert (done.exit_code, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("scorer: SCORER_BROKERS=kafka:nine (environment): must be ")
    assert second.startswith("scorer: SCORER_NAMESPACE=- (environment): must be ")


@pytest.mark.parametrize("name", WITH_SCORING)
@pytest.mark.parametrize(
    ("file", "why"), [("nothing.yaml", "No such file or directory"), ("a-folder", "Is a directory")]
)
def test_a_scoring_file_that_can_not_be_read_is_bad_usage(
    name: str, file: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORER_SCORING", file)
    done = invoke(name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{file}: can't be read: {why}" in done.stderr


@pytest.mark.parametrize("arguments", ["show user", "top --model", "dead-letters show", "check", "replay"])
def test_an_argument_that_is_no_text_is_bad_usage(arguments: str) -> None:
    done = CliRunner().invoke(app, [*arguments.split(), "\udcff"])
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit)


# ---- --json: one object, whatever is wrong


def only_object(done: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_command_that_answers_has_json() -> None:
    for name in EVERY_COMMAND:
        assert ("--json" in invoke(name, "--help").stdout) == (name not in WITHOUT_JSON), name


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("{} --no-such-option --json", "No such option: --no-such-option"),
        ("{} --json --no-such-option", "No such option: --no-such-option"),
        ("--json {}", "No such option: --json"),
    ],
)
@pytest.mark.parametrize("name", [name for name in EVERY_COMMAND if name not in WITHOUT_JSON])
def test_what_the_command_line_gets_wrong_is_in_the_object(name: str, arguments: str, told: str) -> None:
    done = CliRunner().invoke(app, shlex.split(arguments.format(EVERY_COMMAND[name])))
    found = only_object(done)
    assert (done.exit_code, list(found)) == (2, ["error"])
    assert found["error"].startswith(told) and found["error"] in done.stderr


@pytest.mark.parametrize("name", [name for name in WITH_SETTINGS if name not in WITHOUT_JSON])
def test_bad_settings_are_in_the_object(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORER_NAMESPACE", "-")
    monkeypatch.setenv("SCORER_BROKERS", "kafka:nine")
    done = invoke(name, "--json")
    assert done.exit_code == 2
    first, second = only_object(done)["error"].splitlines()
    assert done.stderr == f"scorer: {first}\nscorer: {second}\n"
    assert first.startswith("SCORER_BROKERS=kafka:nine (environment): must be ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("show account", "Missing argument 'ID'."),
        ("show account acme --model nope", "scoring.yaml has no model nope that scores accounts"),
        ("show account acme --redis-url http://x/", "SCORER_REDIS_URL="),
        ("show account ''", "must not be empty"),
        ("top --model nope", "scoring.yaml has no model nope that scores accounts"),
        ("top --scoring nope.yaml", "nope.yaml: can't be read: No such file or directory"),
        ("top --redis-url http://x/", "SCORER_REDIS_URL="),
        ("top --limit 0", "Invalid value for '--limit'"),
        ("top --band nope", "nope is no band of use"),
        ("top --watch --redis-url redis://127.0.0.1:1/0", "Connection refused"),
        ("replay nothing.jsonl", "nothing.jsonl can't be read: No such file or directory"),
        ("replay a-folder", "a-folder can't be read: it is a directory"),
        ("replay scoring.yaml --resume --from-start", "can't be used together with --from-start"),
        ("resync --timeout soon", "must be a whole number with its unit"),
        ("verify --sample 0", "Invalid value for '--sample'"),
        ("verify --account ''", "must not be empty"),
        ("dead-letters show nope", "nope must be TOPIC-PARTITION-OFFSET"),
        ("dead-letters show events-0-0 --raw", "can't be used together with --json"),
        ("dead-letters list --reason nope", "'nope' is not one of"),
        ("dead-letters nope", "No such command 'nope'"),
        ("nope", "No such command 'nope'"),
    ],
)
def test_bad_usage_is_in_the_object(arguments: str, told: str) -> None:
    done = CliRunner().invoke(app, [*shlex.split(arguments), "--json"])
    (line,) = done.stdout.splitlines()  # among the lines of --watch it is one, too
    assert list(json.loads(line)) == ["error"] and told in json.loads(line)["error"]
    assert done.exit_code == (1 if "--watch" in arguments else 2)


def test_a_file_that_is_called_like_the_option_asks_for_nothing() -> None:
    done = CliRunner().invoke(app, ["check", "--", "--json"])
    assert (done.exit_code, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("entity_id", "told"),
    [
        ("", "must not be empty"),
        ("acme\n", r"'acme\n' holds a control character, such as a line end"),
        ("a\x7f", r"'a\x7f' holds a control character"),
        ("\udcff", r"'\udcff' is not UTF-8"),
    ],
)
@pytest.mark.parametrize("arguments", ["show user", "show account", "verify --account"])
def test_what_can_be_no_id_is_bad_usage(arguments: str, entity_id: str, told: str) -> None:
    done = CliRunner().invoke(app, [*arguments.split(), entity_id])
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr
