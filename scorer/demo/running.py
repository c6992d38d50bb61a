"""A demo from its start to its end."""

import asyncio
import logging
import signal
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from scorer.consoles import errors, output
from scorer.demo.about import about, hints
from scorer.demo.board import Board, Stage
from scorer.demo.living import send_live
from scorer.demo.loading import Loading
from scorer.demo.made_up_time import MadeUpTime, told
from scorer.demo.reading import Reading
from scorer.demo.servers import BROKER_PATIENCE_SECONDS, INPUT_TOPIC, LIVE, LOADING, Servers
from scorer.demo.subject import Subject, subject_of
from scorer.demo.terminal import Terminal
from scorer.embedded.child import ServerDidNotStart
from scorer.embedded.page.server import Broadcast, PageServer
from scorer.embedded.records import Day
from scorer.embedded.traffic import History
from scorer.stream.broker_errors import BrokerError
from scorer.stream.input_writer import InputWriter, open_input

DAYS = 60
"""Of made-up past."""

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_SECONDS = 0.5
_LOOK_SECONDS = 0.5
_COUNT_SECONDS = 2.0
_NOTICE_SECONDS = 0.05
_INSIST_SECONDS = 5.0
_AHEAD_SECONDS = 86_400.0
"""No event of the demo's own is so far ahead of its clock."""


class DemoFailed(Exception):
    """The demo can't go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked for.

    `seconds`: of live traffic, None: without end; `events_per_second`: on average over made-up weeks; `port`: of the
    page, 0: a free one.
    """

    seconds: float | None = None
    events_per_second: float = 20.0
    seed: int = 1
    scoring: Path | None = None
    port: int = 0


class Interrupts:
    """Ctrl-C and its like, remembered instead of raised: a server must not be left half started."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Within, the signals only set `asked`."""
        before = {number: signal.signal(number, self._note) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def wait(self) -> None:
        while not self.asked:
            await asyncio.sleep(_NOTICE_SECONDS)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def run_demo(wanted: Wanted) -> None:
    """Return after `wanted.seconds` of live traffic, or when interrupted.

    Raises ScoringFileError, NothingToShow, DemoFailed.
    """
    subject = subject_of(wanted.scoring, wanted.seed, DAYS)
    # what goes wrong is raised; the clients' warnings would only tear the table
    logging.getLogger().addHandler(logging.NullHandler())
    interrupts = Interrupts()
    with interrupts.caught():
        try:
            asyncio.run(until_asked(_Demo(subject, wanted).run(), interrupts.wait(), _INSIST_SECONDS))
        except (ServerDidNotStart, BrokerError, RedisError) as error:
            raise DemoFailed(str(error)) from error


async def until_asked(run: Coroutine[Any, Any, None], asked: Coroutine[Any, Any, None], insist_after: float) -> None:
    """Until `run` ends, or `asked` does and `run` is cancelled: again every `insist_after` seconds until it has ended.

    Once is not enough: a library below may lose a cancellation, or wait on its way out for a peer that says nothing.
    """
    running, waiting = asyncio.create_task(run), asyncio.create_task(asked)
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    while not running.done():
        running.cancel()
        await asyncio.wait([running], timeout=insist_after)
    if not running.cancelled():
        running.result()


async def _first_of(*ways: Coroutine[Any, Any, None]) -> None:
    """Until one of them ends, or fails; the others are cancelled, and have ended then."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


class _Demo:
    def __init__(self, subject: Subject, wanted: Wanted) -> None:
        self._subject = subject
        self._wanted = wanted
        self._board = Board(subject.model, about(subject, wanted.seed, DAYS), DAYS)
        self._broadcast = Broadcast(self._board.whole)
        self._terminal = Terminal(self._board, output(), errors())

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            page = await stack.enter_async_context(PageServer(self._broadcast, self._wanted.port))
            stack.enter_context(self._terminal.showing(page.address))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scorer-demo-")))
            servers = stack.enter_context(Servers(folder))
            stack.callback(self._end)
            await _first_of(self._past_and_present(servers, folder), self._show_on())

    def _end(self) -> None:
        """Said before the servers go: who looks at the page knows why nothing moves any more."""
        self._board.at_stage(Stage.ENDED, "The demo has ended")
        self._broadcast.send(self._board.frame())

    async def _show_on(self) -> None:
        while True:
            self._broadcast.send(self._board.frame())
            self._terminal.show()
            await asyncio.sleep(_SHOW_SECONDS)

    async def _past_and_present(self, servers: Servers, folder: Path) -> None:
        now, subject = time.time(), self._subject
        nominal = History(subject.company, subject.habits, now).events_a_day
        clock = MadeUpTime.begin(now, self._wanted.events_per_second, nominal)
        history = History(subject.company, subject.habits, clock.present, now)
        self._board.clock = clock
        self._board.hints = hints(servers, subject, clock.present)
        silent = folder / "without-alerts.json"
        silent.write_text(self._subject.silent_file, encoding="utf-8")
        await servers.start_worker(silent, LOADING)
        patience = BROKER_PATIENCE_SECONDS
        async with (
            Redis.from_url(servers.redis.url, decode_responses=True) as redis,
            open_input(servers.connection, INPUT_TOPIC, patience=patience) as writer,
        ):
            reading = Reading(self._board, servers, redis)
            await self._load(history, servers, writer, reading)
            self._board.at_stage(Stage.SWITCHING, "The past is in: a worker with its alerts takes over")
            await reading.worker_ends()
            await servers.stop_worker()
            await servers.start_worker(self._subject.file, LIVE)
            await reading.look()
            self._board.clock = clock = clock.go_on(time.time())
            self._board.at_stage(Stage.LIVE, f"Live: a made-up day takes {clock.said()}")
            await _first_of(
                send_live(history, clock, writer, self._board),
                self._look_on(servers, reading),
                self._count_on(reading),
            )

    async def _load(self, history: History, servers: Servers, writer: InputWriter, reading: Reading) -> None:
        board = self._board
        board.first_day, board.launch_day = history.begins(0), history.launch_day(0)
        board.meet((account.account_id, account.traits) for account in self._subject.company.accounts)

        def on_day(day: Day) -> None:
            if day.number < DAYS:
                board.close_day(day.events)
            date = datetime.fromtimestamp(day.begins, UTC)
            board.at_stage(Stage.LOADING, f"Loading day {min(day.number + 1, DAYS)} of {DAYS}: {date:%a %d %b %Y}")

        board.at_stage(Stage.LOADING, f"Loading {DAYS} made-up days")
        await Loading(servers, writer, board, reading).load(history, on_day)

    async def _look_on(self, servers: Servers, reading: Reading) -> None:
        began = time.monotonic()
        while self._wanted.seconds is None or time.monotonic() - began < self._wanted.seconds:
            servers.check()
            await reading.look()
            self._tell_the_time(servers)
            await asyncio.sleep(_LOOK_SECONDS)

    def _tell_the_time(self, servers: Servers) -> None:
        board = self._board
        board.hints = hints(servers, self._subject, board.made_up_at)
        if board.newest_event > board.made_up_at + _AHEAD_SECONDS:
            board.at_stage(
                Stage.LIVE,
                f"An event of {told(board.newest_event)} from outside has moved the clock there, away from the made-up "
                "traffic: start the demo again",
            )

    async def _count_on(self, reading: Reading) -> None:
        while True:
            await reading.count()
            await asyncio.sleep(_COUNT_SECONDS)
