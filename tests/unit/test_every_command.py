"""Every command, called wrongly: one message that names what is wrong, status 2, nothing on stdout.

A command that is new has to be added to `EVERY_COMMAND`.
"""

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
