"""`scorer check` and `scorer replay`: what takes a file."""

from pathlib import Path
from typing import Annotated

import typer

from scorer.commands import BAD_USAGE, EVENTS, UPKEEP, AsJson, Failed, answer, end_bad_usage, print_json
from scorer.core.decode import FIELDS
from scorer.logs import set_up_command_logs
from scorer.replaying.formats import FileFormat, format_of
from scorer.scoring_file import json_schema
from scorer.setting_flags import DECODING_SETTINGS, KAFKA_SETTINGS, flags
from scorer.settings import Settings, SettingsError, load
from scorer.suggestion import suggest

app = typer.Typer()


@app.command(rich_help_panel=UPKEEP)
def check(
    file: Annotated[
        Path | None, typer.Argument(help="The scoring file; without it, the one that SCORER_SCORING names.")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of scoring files instead, for editors.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether a scoring file is right, what each event weighs, what example users score, and what is odd.

    Exit status 2 if it isn't right. For an editor that completes the file: scorer check --schema > scoring.schema.json,
    and in the file the line `# yaml-language-server: $schema=scoring.schema.json`.
    """
    from scorer.check_report import print_report  # noqa: PLC0415
    from scorer.checking import check as check_file  # noqa: PLC0415
    from scorer.consoles import errors, output  # noqa: PLC0415

    if schema:
        print_json(json_schema())
        return
    report = check_file(file or _settings().scoring)
    if not as_json:
        print_report(report, output(), errors())
        if not report.ok:
            raise typer.Exit(BAD_USAGE)
    elif not report.ok:
        raise Failed(report.sentence, BAD_USAGE, report.as_json())
    else:
        answer(report.as_json())


@app.command(rich_help_panel=EVENTS)
@flags((*KAFKA_SETTINGS, "broker_patience", "input_topic", *DECODING_SETTINGS, "log_format", "log_level"))
def replay(
    settings: Settings,
    file: Annotated[str, typer.Argument(help="A file of events, JSON lines or CSV; - for standard input.")],
    file_format: Annotated[
        FileFormat | None,
        typer.Option("--format", help="How to read it; without it, by its name: .csv, .tsv, or else."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=NAME", help="CSV: the column of a field, such as user_id=author; may be repeated."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an earlier replay of this file stopped, if one did.")
    ] = False,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin again, though an earlier replay of this file stopped.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write events from a file into the input topic, keyed as the worker needs them.

    A line that is no usable event is named and left out; exit status 1 if there was any. Events with an event_id are
    counted once however often they are replayed, others each time.

    CSV: the header names the fields event, user_id and ts, perhaps account_id, event_id and value; other columns are
    left out. How far a file is done stands in FILE.replay-progress until it is through: what was being written when a
    replay stopped is written again by --resume. With --json, `sent` and `skipped` are what this run did, `sent_in_all`
    and `skipped_in_all` what was done in all.
    """
    from scorer.replay_command import Source, run_replay  # noqa: PLC0415

    if resume and from_start:
        raise typer.BadParameter("can't be used together with --from-start", param_hint="--resume")
    as_format = file_format or format_of(file)
    if column and as_format is not FileFormat.CSV:
        raise typer.BadParameter("is for CSV only: JSON has names of its own", param_hint="--column")
    source = Source(file, as_format, _columns(column or []), resume, from_start)
    set_up_command_logs(settings.log_format, settings.log_level)
    run_replay(settings, source, as_json=as_json)


def _columns(written: list[str]) -> dict[str, str]:
    columns = {}
    for each in written:
        field, equals, name = each.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{each} must be FIELD=NAME, such as user_id=author", param_hint="--column")
        if field not in FIELDS:
            meant = suggest(field, FIELDS)
            hint = f" (did you mean {meant}?)" if meant else ""
            raise typer.BadParameter(f"{field} is none of {', '.join(FIELDS)}{hint}", param_hint="--column")
        columns[field] = name
    return columns


def _settings() -> Settings:
    try:
        return load()[0]
    except SettingsError as error:
        end_bad_usage(str(error))
