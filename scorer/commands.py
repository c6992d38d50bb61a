"""What all commands share: how they end (exit status, one message, JSON; INTERFACES 1), and how they are grouped."""

import errno
import json
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from scorer.redis_reading import WrongRedis
from scorer.stream.broker_errors import BadConnection, NotAccepted, WrongTopic

DONE = 0
"""Exit status: all that was asked for."""

FAILED = 1
"""Exit status: what was asked for couldn't be done, or the answer is no."""

BAD_USAGE = 2
"""Exit status: the command line, a setting or a file is wrong, and nothing was done."""

_WRONG_SETTINGS = (BadConnection, NotAccepted, WrongTopic, WrongRedis)

RUN, SCORES, EVENTS, UPKEEP = "Run", "Scores", "Events", "Check and repair"
"""Under which heading of `scorer --help` a command stands."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead, for a program.")]


def end_bad_usage(message: str) -> NoReturn:
    """End the process with status 2 and the message on stderr, each of its lines marked as ours."""
    say(message)
    raise typer.Exit(BAD_USAGE)


def fail(cause: str | Exception, *, as_json: bool = False) -> NoReturn:
    """End the process with status 1, or 2 where a setting is the cause, and the message on stderr; with `as_json` a
    program finds it on stdout, too."""
    if as_json:
        print_json({"error": str(cause)})
    say(str(cause))
    raise typer.Exit(status_for(cause))


def status_for(cause: object) -> int:
    """What a failure ends with: 2 if a setting must be mended, and trying again would change nothing."""
    return BAD_USAGE if isinstance(cause, _WRONG_SETTINGS) else FAILED


def say(message: str) -> None:
    """On stderr, each line marked as ours."""
    if sys.stderr is not None:  # closed by who started us: print would take stdout
        print("\n".join(f"scorer: {line}" for line in message.splitlines()), file=sys.stderr)


def print_json(value: object) -> None:
    """One JSON value on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def status_of(app: Callable[[], None]) -> int:
    """Run a program of typer to its end, also where nobody reads what it prints, or the disk is full."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may lack a character, a file's name be any bytes
    status, lost = FAILED, None
    try:
        app()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else FAILED
    except KeyboardInterrupt:  # before typer could take it
        status = _INTERRUPTED
    except OSError as error:
        if error.errno not in _OUTPUT_LOST:
            raise
        lost = error
    if status == _INTERRUPTED:
        say("interrupted")
        status = FAILED
    lost = _flushed() or lost
    if lost is None:
        return status
    if lost.errno != errno.EPIPE:  # who closes the pipe knows why
        say(f"standard output can't be written: {lost.strerror}")
    return FAILED


_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""

_OUTPUT_LOST = (errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EFBIG, errno.EDQUOT)
"""What writing to stdout may raise; the commands take care of their other files, and of their connections."""


def _flushed() -> OSError | None:
    """Why stdout doesn't take what was printed; it is dropped then, not tried again at the exit."""
    if sys.stdout is None:
        return None
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None
