"""What `scorer replay` shows while it runs and in the end; the work itself is in `replaying`."""

import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import typer
import uvloop
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from scorer.commands import FAILED, INTERRUPTED, Failed, answer, end_bad_usage, say, status_for
from scorer.consoles import errors
from scorer.quantities import counted, numbered
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


def run_replay(settings: Settings, source: Source, *, as_json: bool) -> None:
    """Says on stdout what was written, on stderr what was not: then the process ends with status 1.

    A file that can't be opened, or goes on elsewhere than asked for, ends it with status 2.
    """
    with _opened(source.file) as descriptor:
        run = _Run(settings, source, descriptor)
        began = time.monotonic()
        failure = run.through()
        seconds = time.monotonic() - began
    figures = run.as_json() | {"seconds": seconds}
    if not as_json:
        print(run.sentence(seconds))
    if failure is not None:
        raise Failed(f"{failure}{run.way_on}", status_for(failure), figures)
    if run.replayed.skipped and not as_json:
        raise typer.Exit(FAILED)  # each was named
    if run.replayed.skipped:
        raise Failed(f"{counted(run.replayed.skipped, 'line')} left out: no usable events", figures=figures)
    if as_json:
        answer(figures)


class _Run:
    """One replay of an open file."""

    def __init__(self, settings: Settings, source: Source, descriptor: int) -> None:
        self._settings = settings
        self._source = source
        self._descriptor = descriptor
        self.replayed = Replay()
        self._kept = self._progress_file()
        earlier = self._earlier()
        self._began_at = earlier.end
        self._sent_before, self._skipped_before = earlier.sent, earlier.skipped

    @property
    def way_on(self) -> str:
        """A line about how to go on after a failure, if that is possible."""
        done = self.replayed.end.line
        if self._kept is None or not done:
            return ""
        are = numbered(done, "is done: --resume goes on behind it", "are done: --resume goes on behind them")
        return f"\n{counted(done, 'line')} {are}"

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
            return INTERRUPTED
        self._forget()
        return None

    async def _replay(self, bar: Bar) -> None:
        settings, replayed = self._settings, self.replayed
        form = self._form()
        async with open_input(
            connection_of(settings),
            settings.input_topic,
            patience=settings.broker_patience.total_seconds(),
            first_patience=settings.first_patience.total_seconds(),
        ) as writer:
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
            "sent": replayed.sent - self._sent_before,
            "skipped": replayed.skipped - self._skipped_before,
            "sent_in_all": replayed.sent,
            "skipped_in_all": replayed.skipped,
            "bytes_read": replayed.end.bytes,
            "lines_done": replayed.end.line,
            "resumed_behind_line": self._began_at.line,
            "bad": [asdict(line) for line in replayed.bad],
        }

    def sentence(self, seconds: float) -> str:
        sent, skipped = self.replayed.sent - self._sent_before, self.replayed.skipped - self._skipped_before
        said = (
            f"{counted(sent, 'event')} written to {self._settings.input_topic} in {seconds:.1f} s{_left_out(skipped)}"
        )
        if not self._began_at.line:
            return said
        in_all = f"{counted(self.replayed.sent, 'event')}{_left_out(self.replayed.skipped)}"
        return f"{said}, resumed behind line {self._began_at.line}; in all {in_all}"


def _left_out(lines: int) -> str:
    return f", {counted(lines, 'line')} left out" if lines else ""


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
