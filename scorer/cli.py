"""The commands. Each resolves its options and hands over; what only some need is imported by those.

Exit status: 0 done, 1 failed, 2 bad usage, settings or scoring file.
"""

import importlib.metadata
import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from scorer import scoring_file
from scorer.core.model import Kind, Scoring
from scorer.durations import parse_duration
from scorer.logs import set_up_logs
from scorer.setting_flags import BAD_USAGE, EVERY_SETTING, KAFKA_SETTINGS, REDIS_SETTINGS, end_bad_usage, flags
from scorer.settings import Settings, SettingsError, load

FAILED = 1

app = typer.Typer(
    name="scorer",
    help="How engaged every user and customer is, within a second of what they do.",
    no_args_is_help=True,
    # a bug's traceback must not show local variables: there are secrets among them
    pretty_exceptions_enable=False,
)

_VERIFY_SETTINGS = (
    "broker_patience", "namespace", "input_topic", "scoring", "clock", "dedupe_ids", "log_format", "log_level"
)  # fmt: skip

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead, for a program.")]


class EntityKind(StrEnum):
    """What `show` can be asked for."""

    USER = "user"
    ACCOUNT = "account"


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


@app.command()
@flags(EVERY_SETTING)
def worker(settings: Settings) -> None:
    """Turn the events of a Kafka topic into scores in Redis, until SIGTERM or Ctrl-C."""
    import uvloop  # noqa: PLC0415

    from scorer.service import run_worker  # noqa: PLC0415

    scoring = _scoring(settings.scoring)
    set_up_logs(settings.log_format, settings.log_level)
    uvloop.run(run_worker(settings, scoring))


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="The scoring file; without it, the one that SCORER_SCORING names.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a scoring file is right, what each event weighs, and what is allowed but odd.

    Exit status 2 if it isn't right.
    """
    from scorer.check_report import print_report  # noqa: PLC0415
    from scorer.checking import check as check_file  # noqa: PLC0415
    from scorer.consoles import errors, output  # noqa: PLC0415

    report = check_file(file or _settings().scoring)
    if as_json:
        _print_json(report.as_json())
    else:
        print_report(report, output(), errors())
    if not report.ok:
        raise typer.Exit(BAD_USAGE)


@app.command()
@flags((*REDIS_SETTINGS, "namespace", "scoring"))
def show(
    settings: Settings,
    kind: Annotated[EntityKind, typer.Argument(help="What it is.")],
    entity_id: Annotated[
        str, typer.Argument(metavar="ID", help="acme, or acme/ann for a user (a % or / in acme percent-encoded).")
    ],
    model: Annotated[
        str | None, typer.Option(help="One model; without it, every model of the scoring file that scores this kind.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the scores of a user or an account, as they stand in Redis. Exit status 1 if there is none."""
    from scorer import showing  # noqa: PLC0415

    of = Kind[kind.name]
    try:
        shown = showing.read_scores(
            settings.redis_url.get_secret_value(), settings.namespace, of, entity_id, _models(settings, of, model)
        )
    except showing.RedisUnusable as error:
        _fail(str(error))
    if as_json:
        _print_json(shown.as_json())
    elif shown.has_score or any(shown.scores.values()):
        print("\n".join(showing.sentences(shown, datetime.now(UTC))))
    else:
        _fail(showing.why_nothing(shown))
    if not shown.has_score:
        raise typer.Exit(FAILED)


@app.command()
@flags((*KAFKA_SETTINGS, "broker_patience", "input_topic", "log_format", "log_level"))
def replay(
    settings: Settings,
    file: Annotated[str, typer.Argument(help="A file of events, one JSON object a line; - for standard input.")],
    as_json: AsJson = False,
) -> None:
    """Write events from a file into the input topic, keyed as the worker needs them.

    A line that is no usable event is named and left out; exit status 1 if there was any. Events with an event_id are
    counted once however often they are replayed, others each time.
    """
    from scorer.replay_command import run_replay  # noqa: PLC0415

    set_up_logs(settings.log_format, settings.log_level)
    if not run_replay(settings, file, as_json=as_json):
        raise typer.Exit(FAILED)


@app.command()
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
    set_up_logs(settings.log_format, settings.log_level)
    if not run_resync(settings, patience, as_json=as_json):
        raise typer.Exit(FAILED)


@app.command()
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

    Exit status 1 if one differs. A model whose window the input no longer holds is named, with the date from which on
    it can be verified.
    """
    from scorer.verify_command import Wanted, run_verify  # noqa: PLC0415

    scoring = _scoring(settings.scoring)
    set_up_logs(settings.log_format, settings.log_level)
    if not run_verify(settings, scoring, Wanted(account or [], sample, seed), as_json=as_json):
        raise typer.Exit(FAILED)


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End after this many seconds of live traffic; else at Ctrl-C.")
    ] = None,
    events_per_second: Annotated[float, typer.Option(min=0.1, max=2000, help="How much live traffic.")] = 40,
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

    try:
        run_demo(Wanted(seconds, events_per_second, seed, scoring, port))
    except (scoring_file.ScoringFileError, NothingToShow) as error:
        end_bad_usage(str(error))
    except DemoFailed as error:
        _fail(str(error))


def main() -> None:
    """The program `scorer`."""
    try:
        app()
    except KeyboardInterrupt:  # before a command could take it
        sys.exit(FAILED)


def _settings() -> Settings:
    try:
        return load()[0]
    except SettingsError as error:
        end_bad_usage(str(error))


def _scoring(path: Path) -> Scoring:
    try:
        return scoring_file.load(path)
    except scoring_file.ScoringFileError as error:
        end_bad_usage(str(error))


def _models(settings: Settings, kind: Kind, named: str | None) -> list[str]:
    """The models to ask for. Without the scoring file only a model that is named can be shown."""
    if named is not None:
        return [named]
    models = [model.name for model in _scoring(settings.scoring).models if kind in model.kinds]
    if not models:
        end_bad_usage(f"{settings.scoring} has no model that scores {kind.label}s")
    return models


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def _fail(message: str) -> NoReturn:
    print(f"scorer: {message}", file=sys.stderr)
    raise typer.Exit(FAILED)
