"""What `scorer replay` shows while it runs and in the end; the work itself is in `replaying`."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from scorer.consoles import errors
from scorer.endings import end_bad_usage
from scorer.replaying import BadLine, Replay, replay
from scorer.service import connection_of
from scorer.settings import Settings
from scorer.stream.broker_errors import BrokerError
from scorer.stream.input_writer import open_input

STANDARD_INPUT = "-"


def run_replay(settings: Settings, file: str, *, as_json: bool) -> bool:
    """True if every line was written. Says on stderr what was not, on stdout what was.

    A file that can't be opened ends the process with status 2.
    """
    replayed = Replay()
    began = time.monotonic()
    failure = None
    try:
        with _opened(file) as descriptor, _progress() as progress:
            uvloop.run(_replay(settings, descriptor, replayed, progress))
    except OSError as error:
        failure = f"{file} can't be read: {error.strerror}"
    except BrokerError as error:
        failure = str(error)
    except KeyboardInterrupt:
        failure = "interrupted"
    seconds = time.monotonic() - began
    if as_json:
        summary = {"file": file, "topic": settings.input_topic, "error": failure, "seconds": seconds}
        print(json.dumps(summary | replayed.as_json(), ensure_ascii=False, indent=2))
    else:
        print(_sentence(settings.input_topic, replayed, seconds))
    if failure is not None:
        print(f"scorer: {failure}", file=sys.stderr)
    return failure is None and replayed.skipped == 0


async def _replay(settings: Settings, descriptor: int, replayed: Replay, progress: Progress) -> None:
    patience = settings.broker_patience.total_seconds()
    async with open_input(connection_of(settings), settings.input_topic, patience=patience) as writer:
        task = progress.add_task("", total=os.fstat(descriptor).st_size or None, sent=0)

        def on_step(bad: list[BadLine]) -> None:
            progress.update(task, completed=replayed.bytes_read, sent=replayed.sent)
            for line in bad:
                progress.console.print(f"scorer: {line}", markup=False, highlight=False, soft_wrap=True)

        await replay(descriptor, writer, replayed, on_step)


@contextmanager
def _opened(file: str) -> Iterator[int]:
    if file == STANDARD_INPUT:
        yield sys.stdin.fileno()
        return
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError as error:
        end_bad_usage(f"{file} can't be read: {error.strerror}")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _progress() -> Progress:
    """A bar on stderr if that is a terminal; without one it only passes on what is printed."""
    console = errors()
    columns = (BarColumn(), DownloadColumn(), TextColumn("{task.fields[sent]} events"), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, redirect_stdout=False)


def _sentence(topic: str, replayed: Replay, seconds: float) -> str:
    lines = "line" if replayed.skipped == 1 else "lines"
    skipped = f", {replayed.skipped} {lines} left out" if replayed.skipped else ""
    return f"{replayed.sent} events written to {topic} in {seconds:.1f} s{skipped}"
