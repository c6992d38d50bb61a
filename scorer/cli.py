"""The commands. Each resolves its options and hands over; what only some need is imported by those.

Exit status: 0 done, 1 failed, 2 bad usage, settings or scoring file.
"""

import importlib.metadata
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from scorer.commands import EVENTS, RUN, UPKEEP, AsJson, Commands, end_bad_usage, fail, must_be_id, status_of
from scorer.dead_letters_cli import app as dead_letters
from scorer.durations import parse_duration
from scorer.files_cli import app as files
from scorer.logs import set_up_command_logs, set_up_logs
from scorer.scores_cli import app as scores
from scorer.setting_flags import DECODING_SETTINGS, EVERY_SETTING, KAFKA_SETTINGS, REDIS_SETTINGS, flags, load_scoring
from scorer.settings import Settings

app = typer.Typer(
    name="scorer",
    cls=Commands,
    help="How engaged every user and customer is, within a second of what they do.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    # a bug's traceback must not show local variables: there are secrets among them
    pretty_exceptions_enable=False,
)

_VERIFY_SETTINGS = (
    "broker_patience", "namespace", "input_topic", *DECODING_SETTINGS, "scoring", "clock", "dedupe_ids", "log_format",
    "log_level",
)  # fmt: skip

app.add_typer(files)
app.add_typer(scores)
app.add_typer(dead_letters, name="dead-letters", rich_help_panel=EVENTS)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"scorer {importlib.metadata.version('scorer')}")
        raise typer.Exit


@app.callback()
def _scorer(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end.")
    ] = False,
) -> None:
    """It has options of its own only; without it, typer would run a single command without its name."""


@app.command(rich_help_panel=RUN)
@flags(EVERY_SETTING)
def worker(settings: Settings) -> None:
    """Turn the events of a Kafka topic into scores in Redis, until SIGTERM or Ctrl-C."""
    import uvloop  # noqa: PLC0415

    from scorer.service import run_worker  # noqa: PLC0415

    scoring = load_scoring(settings)
    set_up_logs(settings.log_format, settings.log_level)
    uvloop.run(run_worker(settings, scoring))


@app.command(rich_help_panel=UPKEEP)
@flags((*KAFKA_SETTINGS, *REDIS_SETTINGS, "broker_patience", "namespace", "input_topic", "log_format", "log_level"))
def resync(
    settings: Settings,
    timeout: Annotated[
        str, typer.Option(help="Give up once nothing has been heard of the missing partitions for so long.")
    ] = "5m",
    as_json: AsJson = False,
) -> None:
    """Rebuild Redis from the state of the workers, which must run: all is written again, what no state holds goes.

    Scores can be read meanwhile. Exit status 1 if a partition has no worker; then no score is touched.
    """
    from scorer.resync_command import run_resync  # noqa: PLC0415

    try:
        patience = parse_duration(timeout)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timeout") from error
    set_up_command_logs(settings.log_format, settings.log_level)
    run_resync(settings, patience, as_json=as_json)


@app.command(rich_help_panel=UPKEEP)
@flags((*KAFKA_SETTINGS, *REDIS_SETTINGS, *_VERIFY_SETTINGS))
def verify(
    settings: Settings,
    sample: Annotated[int, typer.Option(min=1, help="How many users and accounts, drawn at random.")] = 100,
    account: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="This account and its users instead; may be repeated.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed draws the same entities.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recount some scores from the input, naively, and compare them with Redis, while workers run.

    Exit status 1 if one differs, or if an account that is named has neither a score nor an event that counts. A model
    whose window the input no longer holds is named, with the date from which on it can be verified.
    """
    from scorer.verify_command import Wanted, run_verify  # noqa: PLC0415

    for each in account or []:
        must_be_id(each, "--account")
    scoring = load_scoring(settings)
    set_up_command_logs(settings.log_format, settings.log_level)
    run_verify(settings, scoring, Wanted(account or [], sample, seed), as_json=as_json)


def _number_within(least: float, most: float) -> Callable[[str], float]:
    """A reader of an option; typer's own leaves out the value, and calls nan too large."""

    def read(text: str) -> float:
        with suppress(ValueError):
            if least <= float(text) <= most:  # false for nan, too
                return float(text)
        allowed = f"from {least:g} to {most:,g}" if most < sys.float_info.max else f"that is finite, at least {least:g}"
        raise typer.BadParameter(f"{text} must be a number {allowed}")

    return read


@app.command(rich_help_panel=RUN)
def demo(
    seconds: Annotated[
        float | None,
        typer.Option(
            parser=_number_within(1, sys.float_info.max),
            metavar="NUMBER",
            help="End after this many seconds of live traffic; else at Ctrl-C.",
        ),
    ] = None,
    events_per_second: Annotated[
        float,
        typer.Option(
            parser=_number_within(0.1, 2000),
            metavar="NUMBER",
            help="How much live traffic, 0.1 to 2000, on average over nights and weekends: it sets how fast made-up "
            "days pass.",
        ),
    ] = 20,
    seed: Annotated[int, typer.Option(help="The same seed makes up the same company and traffic.")] = 1,
    scoring: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your own scoring file, against made-up traffic of its event types."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0 takes a free one.")] = 0,
) -> None:
    """See scores move, on a page and here: an embedded Kafka and Redis, made-up traffic and one worker.

    All of it is gone at the end.
    """
    from scorer.demo import DemoFailed, NothingToShow, Wanted, run_demo  # noqa: PLC0415
    from scorer.scoring_file import ScoringFileError  # noqa: PLC0415

    try:
        run_demo(Wanted(seconds, events_per_second, seed, scoring, port))
    except (ScoringFileError, NothingToShow) as error:
        end_bad_usage(str(error))
    except DemoFailed as error:
        fail(error)


def main() -> None:
    """The program, once it is loaded."""
    sys.exit(status_of(app))
