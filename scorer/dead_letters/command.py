"""What `scorer dead-letters list|show|replay` do: the topic read under a bar, the outcome printed.

Each ends the process with status 1 where it fails.
"""

import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TypeVar

import typer
import uvloop
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scorer.commands import FAILED, INTERRUPTED, Failed, answer, fail, status_for
from scorer.consoles import errors, output
from scorer.core.events import Headers
from scorer.dead_letters.listing import Listing, letter_json
from scorer.dead_letters.printing import left_out, print_letter, print_listing, print_replayed
from scorer.dead_letters.replaying import Replayed, replay
from scorer.dead_letters.selection import Place, Selection
from scorer.service import connection_of, decoder_of
from scorer.settings import Settings
from scorer.stream.broker_errors import BrokerError
from scorer.stream.input_writer import open_input
from scorer.stream.letter_reader import KeptLetter, LetterReader, Letters, open_letters
from scorer.stream.topics import TopicNames

T = TypeVar("T")

Work = Callable[[LetterReader, Progress], Awaitable[T]]


def run_list(settings: Settings, selection: Selection, limit: int, *, as_json: bool) -> None:
    listing = Listing(limit)

    async def work(reader: LetterReader, progress: Progress) -> None:
        async for letters in _letters(reader, reader.partitions, progress):
            listing.add(selection.take(letters.kept))
            listing.foreign += letters.foreign

    try:
        _run(settings, work)
    except BrokerError as error:
        fail(error)
    listing.repeats = selection.repeats
    if as_json:
        answer({"topic": _topic(settings), **listing.as_json()})
    else:
        print_listing(listing, _topic(settings), output())


def run_show(settings: Settings, place: Place, *, raw: bool, as_json: bool) -> None:
    async def work(reader: LetterReader, progress: Progress) -> KeptLetter | None:
        async for letters in _letters(reader, [reader.home_of(place.partition)], progress):
            for kept in letters.kept:
                if Place.of(kept.letter) == place:
                    return kept
        return None

    try:
        kept = _run(settings, work)
    except BrokerError as error:
        fail(error)
    if kept is None:
        fail(f"there is no dead letter {place} in {_topic(settings)}: `list` shows those there are")
    if raw:
        sys.stdout.buffer.write(kept.letter.value or b"")
    elif as_json:
        answer(letter_json(kept) | _value_json(kept.letter.value) | _headers_json(kept.letter.headers))
    else:
        print_letter(kept, output())


def run_replay(settings: Settings, selection: Selection, limit: int, *, dry_run: bool, as_json: bool) -> None:
    replayed, decoder = Replayed(limit), decoder_of(settings)
    failure: str | Exception | None = None

    async def work(reader: LetterReader, progress: Progress) -> None:
        async with AsyncExitStack() as stack:
            opening = open_input(connection_of(settings), settings.input_topic, **_patience(settings, writes=True))
            writer = None if dry_run else await stack.enter_async_context(opening)
            async for letters in _letters(reader, reader.partitions, progress):
                await replay(list(selection.take(letters.kept)), decoder, writer, replayed)

    try:
        _run(settings, work, writes=not dry_run)
    except BrokerError as error:
        failure = error
    except KeyboardInterrupt:
        failure = f"{INTERRUPTED}: what was written stays, and counts again when it is replayed without an event_id"
    missing = selection.missing if failure is None else []
    figures = {
        "topic": settings.input_topic,
        **replayed.as_json(),
        "dry_run": dry_run,
        "repeats": selection.repeats,
        "missing": list(map(str, missing)),
    }
    if not as_json:
        print_replayed(replayed, settings.input_topic, output(), dry_run=dry_run)
    wrong = [f"there is no dead letter {p}, or it isn't of the reason and time that were asked for" for p in missing]
    wrong += [] if failure is None else [str(failure)]
    if replayed.left_out and as_json:
        wrong.insert(0, left_out(replayed))
    if wrong:
        raise Failed("\n".join(wrong), status_for(failure), figures)
    if replayed.left_out:
        raise typer.Exit(FAILED)
    if as_json:
        answer(figures)


def _run(settings: Settings, work: Work[T], *, writes: bool = False) -> T:
    """Raises BrokerError, KeyboardInterrupt."""
    patience = _patience(settings, writes=writes)

    async def run() -> T:
        async with open_letters(connection_of(settings), _topic(settings), **patience) as reader:
            return await work(reader, progress)

    with _progress() as progress:
        return uvloop.run(run())


async def _letters(reader: LetterReader, partitions: Sequence[int], progress: Progress) -> AsyncIterator[Letters]:
    """All that these partitions of the topic hold now."""
    bounds = await reader.bounds(partitions)
    task = progress.add_task("", total=sum(end - start for start, end in bounds.values()))
    for partition, (start, end) in bounds.items():
        async for letters in reader.read(partition, start, end):
            yield letters
            progress.advance(task, letters.records)


def _patience(settings: Settings, *, writes: bool) -> dict[str, float]:
    """What was begun to be written isn't given up as soon as what is only looked at."""
    first = settings.first_patience.total_seconds()
    return {"first_patience": first, "patience": settings.broker_patience.total_seconds() if writes else first}


def _progress() -> Progress:
    """A bar on stderr if that is a terminal, gone in the end; without one it only passes on what is printed."""
    console = errors()
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, redirect_stdout=False, transient=True)


def _value_json(value: bytes | None) -> dict[str, object]:
    """The value as text, or in base64 where it is none."""
    if value is None:
        return {"value": None}
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": b64encode(value).decode()}


def _headers_json(headers: Headers) -> dict[str, object]:
    return {"headers": {name: None if value is None else value.decode(errors="replace") for name, value in headers}}


def _topic(settings: Settings) -> str:
    return TopicNames.of(settings.namespace, settings.input_topic).dead_letters
