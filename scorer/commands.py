"""What all commands share: how they end (exit status, one message, JSON; INTERFACES 1), and how they are grouped.

With `--json` a command prints one object in every outcome, and its `error` is null or what stderr says. Rule: a command
prints the object itself (`answer`) only where all is well; where it isn't it raises `Failed`, and `Commands` tells it,
as it does what typer finds wrong with the command line.
"""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Annotated, Any, NoReturn
from unicodedata import category

import typer
from typer.core import TyperGroup

from scorer.redis_reading import WrongRedis
from scorer.stream.broker_errors import BadConnection, NotAccepted, WrongTopic

DONE = 0
"""Exit status: all that was asked for."""

FAILED = 1
"""Exit status: what was asked for couldn't be done, or the answer is no."""

BAD_USAGE = 2
"""Exit status: the command line, a setting or a file is wrong, and nothing was done."""

INTERRUPTED = "interrupted"

_WRONG_SETTINGS = (BadConnection, NotAccepted, WrongTopic, WrongRedis)

RUN, SCORES, EVENTS, UPKEEP = "Run", "Scores", "Events", "Check and repair"
"""Under which heading of `scorer --help` a command stands."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead, for a program.")]


class Failed(Exception):
    """A command couldn't do what was asked, or the answer is no. `figures`: what a program finds beside the `error`."""

    def __init__(self, message: str, status: int = FAILED, figures: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.figures = figures or {}


LATER_COMMANDS = ("notify", "api", "backtest", "explain", "rebuild", "intake", "forget")
"""Of INTERFACES 1: who asks for one is told that it isn't misspelt."""


class Commands(TyperGroup):
    """The commands of the program, however they fail: one message on stderr, and with `--json` one object on stdout."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        as_json = _asks_for_json(args)
        with _told(as_json):
            context = super().make_context(info_name, args, parent, **extra)
        context.meta[_AS_JSON] = as_json
        return context

    def invoke(self, ctx: Any) -> Any:
        with _told(ctx.meta[_AS_JSON]):
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in LATER_COMMANDS:
            ctx.fail(f"{args[0]!r} isn't there yet: it comes with a later version")
        return super().resolve_command(ctx, args)


_AS_JSON = "scorer.as_json"


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Told before they are parsed, for they may be wrong; behind a `--` an option is none."""
    words = list(arguments)
    return "--json" in words[: words.index("--") if "--" in words else None]


@contextmanager
def _told(as_json: bool) -> Iterator[None]:
    """Whatever ends a command within, told to a program, too; what is typer's is left to it then."""
    try:
        yield
    except Failed as failed:
        if as_json:
            print_json({**failed.figures, "error": str(failed)})
        say(str(failed))
        raise typer.Exit(failed.status) from failed
    except typer.TyperException as wrong:
        if as_json:
            print_json({"error": wrong.format_message()})
        raise
    except KeyboardInterrupt:
        if as_json:
            print_json({"error": INTERRUPTED})
        raise


def end_bad_usage(message: str) -> NoReturn:
    """End the command with status 2 and this message."""
    raise Failed(message, BAD_USAGE)


def fail(cause: str | Exception, figures: Mapping[str, object] | None = None) -> NoReturn:
    """End the command with status 1, or 2 where a setting is the cause, and this message."""
    raise Failed(str(cause), status_for(cause), figures)


def status_for(cause: object) -> int:
    """What a failure ends with: 2 if a setting must be mended, and trying again would change nothing."""
    return BAD_USAGE if isinstance(cause, _WRONG_SETTINGS) else FAILED


def answer(figures: Mapping[str, object]) -> None:
    """The object of a command that did what was asked."""
    print_json({**figures, "error": None})


def must_be_id(text: str, argument: str) -> None:
    """What the shell passes may be anything; an id isn't (INTERFACES 4). Raises BadParameter."""
    if not text:
        raise typer.BadParameter("must not be empty: no id is", param_hint=argument)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise typer.BadParameter(f"{text!a} is not UTF-8, which every id is", param_hint=argument) from None
    if any(category(each) == "Cc" for each in text):
        message = f"{text!a} holds a control character, such as a line end, which no id does: leave it out"
        raise typer.BadParameter(message, param_hint=argument)


def say(message: str) -> None:
    """On stderr, each line marked as ours."""
    if sys.stderr is not None:  # closed by who started us: print would take stdout
        print("\n".join(f"scorer: {line}" for line in message.splitlines()), file=sys.stderr)


def print_json(value: Mapping[str, object]) -> None:
    """One JSON object on stdout; on one line if it has but one field, as among the lines of `top --watch --json`."""
    print(json.dumps(value, ensure_ascii=False, indent=2 if len(value) > 1 else None))


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
        say(INTERRUPTED)
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
