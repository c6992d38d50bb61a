"""Completion in a real bash: what follows when Tab is pressed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import commands
from tests.worker_process import ROOT

BASH = shutil.which("bash")

PRESS_TAB = """
eval "$(scorer --show-completion)"
complete -p scorer
for line in "$@"; do
    read -ra COMP_WORDS <<< "$line"
    [[ $line == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _scorer_completion scorer
    echo "${COMPREPLY[@]}"
done
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with the program `scorer`, as an installation makes it."""
    (tmp_path / "scorer").write_text(f"#!{sys.executable}\nfrom scorer.__main__ import main\nmain()\n")
    (tmp_path / "scorer").chmod(0o755)
    return tmp_path


def completed(program: Path, *lines: str) -> list[str]:
    """What bash offers at the end of each line."""
    assert BASH is not None
    env = commands.environment({"PYTHONPATH": str(ROOT)})
    told = subprocess.run(
        [BASH, "-c", PRESS_TAB, "bash", *lines], cwd=program, env=env | {"PATH": f"{program}:{env['PATH']}"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")
    registered, *offered = told.stdout.splitlines()
    assert registered == "complete -o default -F _scorer_completion scorer"
    return offered


def test_bash_offers_commands_options_and_values(program: Path) -> None:
    top, letters, kinds, options, reasons = completed(
        program,
        "scorer ",
        "scorer dead-letters ",
        "scorer show ",
        "scorer top --li",
        "scorer dead-letters list --reason not",
    )
    assert {"worker", "demo", "check", "replay", "show", "top", "dead-letters"} <= set(top.split())
    assert set(letters.split()) == {"list", "show", "replay"}
    assert set(kinds.split()) == {"user", "account"}
    assert options.split() == ["--limit"]
    assert set(reasons.split()) == {"not_json", "not_an_object"}
