"""How a command ends: its exit status, its one message, its JSON (INTERFACES 1)."""

import json
import sys
from typing import Annotated, NoReturn

import typer

FAILED = 1
"""Exit status: what was asked for couldn't be done, or the answer is no."""

BAD_USAGE = 2
"""Exit status: the command line, a setting or a file is wrong, and nothing was done."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead, for a program.")]


def end_bad_usage(message: str) -> NoReturn:
    """End the process with status 2 and the message on stderr, each of its lines marked as ours."""
    say(message)
    raise typer.Exit(BAD_USAGE)


def fail(message: str, *, as_json: bool = False) -> NoReturn:
    """End the process with status 1 and the message on stderr; with `as_json` a program finds it on stdout, too."""
    if as_json:
        print_json({"error": message})
    say(message)
    raise typer.Exit(FAILED)


def say(message: str) -> None:
    """On stderr, each line marked as ours."""
    print("\n".join(f"scorer: {line}" for line in message.splitlines()), file=sys.stderr)


def print_json(value: object) -> None:
    """One JSON value on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2))
