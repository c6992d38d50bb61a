"""`scorer ...` as a user runs it: a process of its own, with nothing of ours in its environment."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 120.0

EVERY_COMMAND = {
    "worker": "worker --http 127.0.0.1:0",
    "demo": "demo --seconds 1",
    "check": "check",
    "replay": "replay events.jsonl",
    "show": "show account acme",
    "top": "top",
    "resync": "resync --timeout 1s",
    "verify": "verify",
    "dead-letters list": "dead-letters list",
    "dead-letters show": "dead-letters show events-0-0",
    "dead-letters replay": "dead-letters replay",
}
"""By its name, with what it can't be called without."""


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    stdout: str
    stderr: str


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's, with these settings and no other."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("SCORER_")}
    return inherited | {"PYTHONUNBUFFERED": "1"} | dict(settings or {})


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "scorer", *arguments]


def run(
    *arguments: str,
    cwd: Path,
    settings: Mapping[str, str] | None = None,
    stdin: str | bytes = b"",
    seconds: float = _SECONDS,
) -> Outcome:
    """To its end. `cwd` is a folder of the test's own: a `.env` there counts."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(settings),
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
