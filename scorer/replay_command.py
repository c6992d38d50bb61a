"""What `scorer replay` shows while it runs and in the end; the work itself is in `replaying`."""

import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import uvloop
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from scorer.commands import DONE, end_bad_usage, print_json, say, status_for
from scorer.consoles import errors
from scorer.replaying.flow import Replay, replay
from scorer.replaying.formats import BadLine, BadTable, FileFormat, Format, JsonLines
from scorer.replaying.lines import LineReader, first_line
from scorer.replaying.progress import Changed, Progress, ProgressFile, Target, Unusable
from scorer.replaying.table import CsvRows
from scorer.service import connection_of, decoder_of
from scorer.settings import Settings
from scorer.stream.broker_errors import BrokerError
from scorer.stream.input_writer import open_input

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be replayed. `columns`: by field the CSV header's name for it. `resume`: go on where an earlier one
    stopped; `afresh`: begin again, whatever an earlier one did."""

    file: str
    format: FileFormat
    columns: Mapping[str, str]
    resume: bool = False
    afresh: bool = False


def run_replay(settings: Settings, source: Source, *, as_json: bool) -> int:
    """The exit status: 0 if every line was written. Says on stderr what was not, on stdout what was.

    A file that can't be opened, or goes on elsewhere than asked for, ends the process with status 2.
    """
    with _opened(source.file) as descriptor:
        run = _Run(settings, source, descriptor)
        began = time.monotonic()
        failure = run.through()
        seconds = time.monotonic() - began
    if as_json:
        print_json(run.as_json() | {"error": failure and str(failure), "seconds": seconds})
    else:
        print(run.sentence(seconds))
    if failure is not None:
        say(str(failure))
        if run.can_resume:
            say(f"{run.replayed.end.line} lines are done: --resume goes on behind them")
    return DONE if failure is None and run.replayed.skipped == 0 else status_for(failure)


class _Run:
    """One replay of an open file."""

    def __init__(self, settings: Settings, source: Source, descriptor: int) -> None:
        self._settings = settings
        self._source = source
        self._descriptor = descriptor
        self.replayed = Replay()
        self._kept = self._progress_file()
        self._began_at = self._earlier().end

    @property
    def can_resume(self) -> bool:
        return self._kept is not None and self.replayed.end.line > 0

    def through(self) -> str | Exception | None:
        """To the end; why not, if not."""
        try:
            with _bar() as bar:
                uvloop.run(self._replay(bar))
        except BadTable as error:
            end_bad_usage(f"{self._source.file}: {error}")
        except OSError as error:
            return f"{self._source.file} can't be read: {error.strerror}"
        except BrokerError as error:
            return error
        except KeyboardInterrupt:
            return "interrupted"
        self._forget()
        return None

    async def _replay(self, bar: Bar) -> None:
        settings, replayed = self._settings, self.replayed
        patience = settings.broker_patience.total_seconds()
        form = self._form()
        async with open_input(connection_of(settings), settings.input_topic, patience=patience) as writer:
            size = os.fstat(self._descriptor).st_size or None
            task = bar.add_task("", total=size, completed=replayed.end.bytes, sent=replayed.sent)

            def on_step(bad: list[BadLine]) -> None:
                bar.update(task, completed=min(replayed.end.bytes, size or replayed.end.bytes), sent=replayed.sent)
                for line in bad:
                    bar.console.print(f"scorer: {line}", markup=False, highlight=False, soft_wrap=True)
                self._keep()

            reader = LineReader(self._descriptor, self._began_at)
            await replay(reader, form, decoder_of(settings), writer, replayed, on_step)

    def _form(self) -> Format:
        start = self._began_at
        if self._source.format is FileFormat.JSONL:
            return JsonLines(start)
        header = first_line(self._descriptor) if start.line else None
        return CsvRows(self._source.columns, start, header)

    # ---- progress

    def _progress_file(self) -> ProgressFile | None:
        """None for what can't be read again from the middle."""
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode) or self._source.file == STANDARD_INPUT:
            if self._source.resume:
                end_bad_usage(f"{self._source.file} can't be resumed, only a file can: leave --resume out")
            return None
        settings = self._settings
        brokers, columns = ",".join(settings.brokers), dict(self._source.columns)
        target = Target(brokers, settings.input_topic, self._source.format, columns)
        return ProgressFile(self._source.file, self._descriptor, target)

    def _earlier(self) -> Replay:
        """Where to begin, the descriptor being there."""
        if self._kept is None or self._source.afresh:
            return self.replayed
        try:
            earlier = self._kept.load()
        except Changed as error:
            if self._source.resume:
                end_bad_usage(f"{error}. --from-start begins again, whatever was written")
            say(f"{error}: beginning at the first line")
            return self.replayed
        except Unusable as error:
            end_bad_usage(f"{error}. --from-start begins again, whatever was written")
        except OSError as error:
            end_bad_usage(f"{self._kept.path} can't be read: {error.strerror}")
        if earlier is None:
            return self.replayed
        if not self._source.resume:
            end_bad_usage(
                f"{self._source.file} was replayed up to line {earlier.end.line} before: "
                "--resume goes on behind it, --from-start begins again"
            )
        os.lseek(self._descriptor, earlier.end.bytes, os.SEEK_SET)
        self.replayed = Replay(earlier.sent, earlier.skipped, earlier.end)
        return self.replayed

    def _keep(self) -> None:
        if self._kept is None:
            return
        try:
            self._kept.save(Progress(self.replayed.end, self.replayed.sent, self.replayed.skipped))
        except OSError as error:
            say(f"progress can't be kept in {self._kept.path} ({error.strerror}): this replay can't be resumed")
            self._kept = None

    def _forget(self) -> None:
        if self._kept is not None:
            try:
                self._kept.remove()
            except OSError as error:
                say(f"{self._kept.path} can't be removed ({error.strerror}): remove it")

    # ---- what is said in the end

    def as_json(self) -> dict[str, object]:
        replayed = self.replayed
        return {
            "file": self._source.file,
            "topic": self._settings.input_topic,
            "sent": replayed.sent,
            "skipped": replayed.skipped,
            "bytes_read": replayed.end.bytes,
            "lines_done": replayed.end.line,
            "resumed_behind_line": self._began_at.line,
            "bad": [asdict(line) for line in replayed.bad],
        }

    def sentence(self, seconds: float) -> str:
        replayed = self.replayed
        lines = "line" if replayed.skipped == 1 else "lines"
        skipped = f", {replayed.skipped} {lines} left out" if replayed.skipped else ""
        resumed = f", resumed behind line {self._began_at.line}" if self._began_at.line else ""
        return f"{replayed.sent} events written to {self._settings.input_topic} in {seconds:.1f} s{skipped}{resumed}"


@contextmanager
def _opened(file: str) -> Iterator[int]:
    if file == STANDARD_INPUT:
        if sys.stdin is None:  # closed by who started us
            end_bad_usage("standard input is closed")
        yield sys.stdin.fileno()
        return
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError as error:
        end_bad_usage(f"{file} can't be read: {error.strerror}")
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            end_bad_usage(f"{file} can't be read: it is a directory")
        yield descriptor
    finally:
        os.close(descriptor)


def _bar() -> Bar:
    """On stderr if that is a terminal; without one it only passes on what is printed."""
    console = errors()
    columns = (BarColumn(), DownloadColumn(), TextColumn("{task.fields[sent]} events"), TimeRemainingColumn())
    return Bar(*columns, console=console, disable=not console.is_terminal, redirect_stdout=False)
