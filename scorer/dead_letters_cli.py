"""`scorer dead-letters list|show|replay`: their options."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from scorer.commands import AsJson
from scorer.core.events import Reason
from scorer.logs import set_up_command_logs
from scorer.setting_flags import DECODING_SETTINGS, KAFKA_SETTINGS, flags
from scorer.settings import Settings

if TYPE_CHECKING:
    from scorer.dead_letters.selection import Place, Selection

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Records that couldn't be used: count them, look at them, replay them.",
)

_SETTINGS = (*KAFKA_SETTINGS, "broker_patience", "namespace", "input_topic", "log_format", "log_level")

Reasons = Annotated[
    list[Reason] | None,
    typer.Option(metavar="REASON", help="Only those of this reason, such as wrong_partition; may be repeated."),
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Only those rejected since then: 90m ago, or 2026-03-01T00:00:00Z.")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Only those rejected before then.")]


@app.command("list")
@flags(_SETTINGS)
def list_letters(
    settings: Settings,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=0, help="How many of the newest to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Count the dead letters by reason and show the newest, each once."""
    from scorer.dead_letters.command import run_list  # noqa: PLC0415

    selection = _selection(reason, [], since, until)
    set_up_command_logs(settings.log_format, settings.log_level)
    run_list(settings, selection, limit, as_json=as_json)


@app.command()
@flags(_SETTINGS)
def show(
    settings: Settings,
    key: Annotated[str, typer.Argument(metavar="KEY", help="TOPIC-PARTITION-OFFSET, as `list` shows it.")],
    raw: Annotated[
        bool, typer.Option("--raw", help="Write the record's bytes as they came, and nothing else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its bytes, and why it couldn't be used. Exit status 1 if there is none."""
    from scorer.dead_letters.command import run_show  # noqa: PLC0415

    place = _place(key, "KEY")
    if raw and as_json:
        raise typer.BadParameter("can't be used together with --json", param_hint="--raw")
    set_up_command_logs(settings.log_format, settings.log_level)
    run_show(settings, place, raw=raw, as_json=as_json)


@app.command()
@flags((*_SETTINGS, *DECODING_SETTINGS))
def replay(
    settings: Settings,
    reason: Reasons = None,
    key: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Only this one, TOPIC-PARTITION-OFFSET; may be repeated.")
    ] = None,
    since: Since = None,
    until: Until = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; say what would be written, and what can't be used.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="How many of those that are left out to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Write dead letters into the input topic again, with the right key, once their cause is mended.

    Each once; those that can't be used now either are left out, counted by reason, and the exit status is 1. The
    letters stay where they are. Events with an event_id count once however often they are replayed, others each time.
    """
    from scorer.dead_letters.command import run_replay  # noqa: PLC0415

    selection = _selection(reason, key or [], since, until)
    set_up_command_logs(settings.log_format, settings.log_level)
    run_replay(settings, selection, limit, dry_run=dry_run, as_json=as_json)


def _selection(reasons: list[Reason] | None, keys: list[str], since: str | None, until: str | None) -> "Selection":
    from scorer.dead_letters.selection import Selection  # noqa: PLC0415

    return Selection(
        reasons=frozenset(map(str, reasons or ())),
        places=frozenset(_place(key, "--key") for key in keys),
        since=_moment(since, "--since"),
        until=_moment(until, "--until"),
    )


def _place(text: str, option: str) -> "Place":
    from scorer.dead_letters.selection import read_place  # noqa: PLC0415

    try:
        return read_place(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} {error}", param_hint=option) from error


def _moment(text: str | None, option: str) -> datetime | None:
    from scorer.dead_letters.selection import read_moment  # noqa: PLC0415

    if text is None:
        return None
    try:
        return read_moment(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(f"{text} {error}", param_hint=option) from error
