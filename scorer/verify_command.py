"""What `scorer verify` shows while it runs and in the end; the work itself is in `verifying`."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import typer
import uvloop
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from scorer.commands import FAILED, Failed, answer, end_bad_usage, fail
from scorer.consoles import errors, output
from scorer.core.model import Kind, Scoring
from scorer.quantities import counted, numbered
from scorer.redis_reading import RedisUnusable
from scorer.service import connection_of, decoder_of
from scorer.settings import Settings
from scorer.stream.broker_errors import BrokerError
from scorer.stream.input_reader import open_reader
from scorer.verifying.causes import causes
from scorer.verifying.documents import Documents
from scorer.verifying.heartbeats import Heartbeats, OtherScoring
from scorer.verifying.in_force import Benchmarks
from scorer.verifying.input import Recount
from scorer.verifying.reading import Now, Reading
from scorer.verifying.rounds import Verification, Verifier
from scorer.verifying.sample import Chosen, Drawn, Sample

_STRANGER = (
    "account {} has no score in Redis, and no event in the input that would count now: is its id written as in its "
    "events, and are SCORER_NAMESPACE and SCORER_INPUT_TOPIC those of the workers?"
)
_NOBODY = (
    "nobody has a score in Redis, and no event in the input would count now: are SCORER_NAMESPACE, SCORER_INPUT_TOPIC "
    "and SCORER_SCORING those of the workers?"
)

_SHOWN = 50
"""Differences in the table; `--json` has all of them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be verified: some accounts with their users, or so many entities drawn by `seed`."""

    accounts: Sequence[str]
    sample: int
    seed: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it, as it is printed."""

    verification: Verification
    hints: list[str]
    records: int
    partitions: int
    seconds: float
    seed: int | None

    @property
    def ok(self) -> bool:
        """Nothing differs, and whoever was asked for could be compared, or can be later."""
        return not self.verification.differences and not self.gaps

    @property
    def differing(self) -> int:
        """Scores that differ."""
        return len({(each.entity, each.model) for each in self.verification.differences})

    @property
    def gaps(self) -> list[str]:
        """Why something that was asked for can't be verified: a sentence each."""
        found = self.verification
        if found.strangers:
            return [_STRANGER.format(account) for account in found.strangers]
        return [] if found.compared or found.not_before else [_NOBODY]

    def as_json(self) -> dict[str, object]:
        found = self.verification
        return {
            "ok": self.ok,
            "seed": self.seed,
            "entities": found.entities,
            "records": self.records,
            "partitions": self.partitions,
            "seconds": self.seconds,
            "compared": found.compared,
            "unknown_steepness": found.unknown,
            "unknown_peers": found.groupless,
            "not_verifiable_before": {model: _time(at) for model, at in found.not_before.items()},
            "unknown_accounts": found.strangers,
            "differences": [each.as_json() for each in found.differences],
            "hints": self.hints,
            "notes": found.notes,
        }


def run_verify(settings: Settings, scoring: Scoring, wanted: Wanted, *, as_json: bool) -> None:
    """Ends the process with status 1 if something differs, or who was asked for isn't there; with status 2 if the
    workers score by another file."""
    try:
        report = uvloop.run(_verify(settings, scoring, wanted))
    except OtherScoring as error:
        end_bad_usage(f"{settings.scoring}: {error}")
    except (BrokerError, RedisUnusable) as error:
        fail(error)
    if not as_json:
        _print(report, output(), errors())
        if report.gaps:
            raise Failed("\n".join(report.gaps))
        if not report.ok:
            raise typer.Exit(FAILED)
    elif report.ok:
        answer(report.as_json())
    else:
        differ = numbered(report.differing, "differs", "differ")
        differing = [f"{counted(report.differing, 'score')} {differ}"] if report.differing else []
        raise Failed("\n".join([*differing, *report.gaps]), figures=report.as_json())


async def _verify(settings: Settings, scoring: Scoring, wanted: Wanted) -> Report:
    began = time.monotonic()
    seed = None if wanted.accounts else secrets.randbits(32) if wanted.seed is None else wanted.seed
    sample: Sample = Chosen(wanted.accounts) if seed is None else Drawn(_sizes(scoring, wanted.sample), seed)
    documents = Documents(settings.redis_url.get_secret_value(), settings.namespace)
    patience = settings.first_patience.total_seconds()
    try:
        async with open_reader(connection_of(settings), settings.input_topic, patience=patience) as reader:
            with _progress() as progress:
                recount = Recount(scoring, reader.partitions, sample, decoder_of(settings))
                heartbeats = Heartbeats(documents, reader.partitions, scoring.hash)
                reading = Reading(reader, recount, Now(settings.clock, heartbeats), progress.read)
                benchmarks = Benchmarks(documents, scoring)
                verifier = Verifier(scoring, documents, sample, reading, benchmarks, progress.phase)
                verification = await verifier.run()
    finally:
        documents.close()
    hints = list(causes(verification.differences, sample.tallies, reading.reach, scoring, settings.dedupe_ids))
    return Report(verification, hints, recount.records, len(reading.reach), time.monotonic() - began, seed)


def _sizes(scoring: Scoring, sample: int) -> dict[Kind, int]:
    """Accounts and users in equal parts, if both are scored."""
    kinds = sorted({kind for model in scoring.models for kind in model.kinds}, reverse=True)
    return {kind: sample // len(kinds) + (number < sample % len(kinds)) for number, kind in enumerate(kinds)}


class _Bar:
    """What is being done, and how far."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def phase(self, words: str) -> None:
        self._progress.update(self._task, description=words)

    def read(self, total: int, done: int) -> None:
        if total:
            self._progress.update(self._task, total=total, completed=done)


@contextmanager
def _progress() -> Iterator[_Bar]:
    """A bar on stderr if that is a terminal; gone in the end."""
    console = errors()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    disabled = not console.is_terminal
    with Progress(*columns, console=console, disable=disabled, redirect_stdout=False, transient=True) as progress:
        yield _Bar(progress)


def _print(report: Report, out: Console, err: Console) -> None:
    found = report.verification
    if found.differences:
        out.print(_table(report))
        if len(found.differences) > _SHOWN:
            out.print(f"... and {len(found.differences) - _SHOWN} more: --json lists all", highlight=False)
        if report.hints:
            out.print("It may be right all the same, if one of these is the case:", highlight=False)
        for hint in report.hints:
            out.print(f"- {escape(hint)}", highlight=False, soft_wrap=True)
    for sentence in _sentences(report):
        out.print(escape(sentence), highlight=False, soft_wrap=True)
    for note in found.notes:
        err.print(f"[bold yellow]warning[/]: {escape(note)}", highlight=False, soft_wrap=True)


def _table(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for heading in ("kind", "entity", "model", "field"):
        table.add_column(heading, overflow="fold")
    for heading in ("in Redis", "recounted"):
        table.add_column(heading, justify="right", overflow="fold")
    for each in report.verification.differences[:_SHOWN]:
        cells = (each.entity.kind.label, each.entity.id, each.model, each.field, each.in_redis, each.recounted)
        table.add_row(*(escape("-" if cell is None else str(cell)) for cell in cells))
    return table


def _sentences(report: Report) -> Iterator[str]:
    found = report.verification
    for model, at in found.not_before.items():
        yield f"{model} is not verifiable before {_time(at)}: the input no longer holds its whole window"
    for model, count in found.unknown.items():
        rests = numbered(count, "score rests", "scores rest")
        raws = numbered(count, "its raw was", "their raws were")
        yield f"{model}: {count:,} {rests} on a benchmark replaced before: only {raws} compared"
    for model, count in found.groupless.items():
        whose = f"of {counted(count, 'entity', 'entities')} the input no longer tells the peer group"
        yield f"{model}: {whose}: not whose benchmark they rest on"
    drawn = f" (--seed {report.seed} draws the same again)" if report.seed is not None else ""
    scores = sum(found.compared.values())
    differ = f"{report.differing:,} {numbered(report.differing, 'differs', 'differ')}"
    outcome = differ if report.differing else "all equal" if scores else "nothing was compared"
    yield (
        f"{outcome}: {counted(scores, 'score')} of {counted(found.entities, 'entity', 'entities')} against "
        f"{counted(report.records, 'record')} of {counted(report.partitions, 'partition')}, "
        f"in {report.seconds:.1f} s{drawn}"
    )


def _time(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
