"""What `scorer dead-letters list|show|replay` do: the topic read under a bar, the outcome printed.

Each ends the process with status 1 where it fails; what went wrong is on stderr, and with --json in the object.
"""

import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TypeVar

import typer
import uvloop
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scorer.commands import fail, print_json, say, status_for
from scorer.consoles import errors, output
from scorer.core.events import Headers
from scorer.dead_letters.listing import Listing, letter_json
from scorer.dead_letters.printing import print_letter, print_listing
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
        fail(error, as_json=as_json)
    listing.repeats = selection.repeats
    if as_json:
        print_json({"topic": _topic(settings), **listing.as_json()})
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
        fail(error, as_json=as_json)
    if kept is None:
        fail(f"there is no dead letter {place} in {_topic(settings)}: `list` shows those there are", as_json=as_json)
    if raw:
        sys.stdout.buffer.write(kept.letter.value or b"")
    elif as_json:
        print_json(letter_json(kept) | _value_json(kept.letter.value) | _headers_json(kept.letter.headers))
    else:
        print_letter(kept, output())


def run_replay(settings: Settings, selection: Selection, *, dry_run: bool, as_json: bool) -> None:
    replayed, decoder = Replayed(), decoder_of(settings)
    failure: str | Exception | None = None

    async def work(reader: LetterReader, progress: Progress) -> None:
        patience = settings.broker_patience.total_seconds()
        async with AsyncExitStack() as stack:
            opening = open_input(connection_of(settings), settings.input_topic, patience=patience)
            writer = None if dry_run else await stack.enter_async_context(opening)
            async for letters in _letters(reader, reader.partitions, progress):
                for each in await replay(list(selection.take(letters.kept)), decoder, writer, replayed):
                    progress.console.print(f"scorer: {each}", markup=False, highlight=False, soft_wrap=True)

    try:
        _run(settings, work)
    except BrokerError as error:
        failure = error
    except KeyboardInterrupt:
        failure = "interrupted: what was written stays, and counts again when it is replayed again without an event_id"
    missing = [str(place) for place in selection.missing] if failure is None else []
    if as_json:
        figures = {
            "dry_run": dry_run,
            "repeats": selection.repeats,
            "missing": missing,
            "error": failure and str(failure),
        }
        print_json({"topic": settings.input_topic} | replayed.as_json() | figures)
    else:
        print(_sentence(settings.input_topic, replayed, dry_run=dry_run))
    for place in missing:
        say(f"there is no dead letter {place}, or it isn't of the reason and time that were asked for")
    if failure is not None:
        say(str(failure))
    if failure is not None or missing or replayed.left_out:
        raise typer.Exit(status_for(failure))


def _sentence(topic: str, replayed: Replayed, *, dry_run: bool) -> str:
    sentence = f"{replayed.replayed} dead letters {'would be ' if dry_run else ''}written to {topic}"
    if replayed.left_out:
        sentence += f", {replayed.left_out} left out: they can't be used now either"
    if replayed.without_id:
        sentence += f"; {replayed.without_id} have no event_id, and count again each time they are replayed"
    return sentence


def _run(settings: Settings, work: Work[T]) -> T:
    """Raises BrokerError, KeyboardInterrupt."""
    patience = settings.broker_patience.total_seconds()

    async def run() -> T:
        async with open_letters(connection_of(settings), _topic(settings), patience=patience) as reader:
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
