"""The running demo: made-up events go into Kafka when they are due, scores are read from Redis and shown."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import cast

from redis.asyncio import Redis
from rich.console import Console
from rich.live import Live

from scorer.core.model import Kind
from scorer.demo_table import DemoTable, Standings, Trends
from scorer.embedded.traffic import Company, MadeUpEvent
from scorer.sinks.score_json import score_key
from scorer.stream.connection import Connection
from scorer.stream.input_writer import InputWriter, open_input

BROKER_PATIENCE_SECONDS = 15.0
_HISTORY_BATCH = 2000
_LIVE_INTERVAL_SECONDS = 0.1
_LOOK_INTERVAL_SECONDS = 0.5
_PRINT_INTERVAL_SECONDS = 3.0
_LINES_AROUND_THE_ACCOUNTS = 10


class LiveTraffic:
    """A company's traffic into the input topic: accounts and a month's history at once, then each event when due."""

    def __init__(self, company: Company, connection: Connection, topic: str, events_per_second: float) -> None:
        self._company = company
        self._connection = connection
        self._topic = topic
        self._events_per_second = events_per_second
        self.history_events = 0
        self.live_events = 0
        self.live_since: float | None = None
        """When the live events began (time.monotonic)."""

    async def run(self) -> None:
        """Without end. Raises BrokerError."""
        async with open_input(self._connection, self._topic, patience=BROKER_PATIENCE_SECONDS) as writer:
            await writer.write((account.account_id, account.json()) for account in self._company.accounts)
            now = time.time()
            for batch in _batches(self._company.history(now), _HISTORY_BATCH):
                self.history_events += await _write(writer, batch)
            self.live_since = time.monotonic()
            await self._live(writer)

    async def _live(self, writer: InputWriter) -> None:
        due: list[MadeUpEvent] = []
        for event in self._company.live(time.time(), self._events_per_second):
            while event.at > time.time():
                self.live_events += await _write(writer, due)
                due = []
                await asyncio.sleep(_LIVE_INTERVAL_SECONDS)
            due.append(event)

    def __str__(self) -> str:
        sent = f"{self.history_events:,} events of a made-up month"
        if self.live_since is None:
            return f"{sent} so far"
        return f"{sent}, then {self.live_events:,} live ones ({self._events_per_second:g} a second)"


async def _write(writer: InputWriter, events: Sequence[MadeUpEvent]) -> int:
    if events:
        await writer.write((event.account_id, event.json()) for event in events)
    return len(events)


async def watch(
    traffic: LiveTraffic,
    redis_url: str,
    namespace: str,
    table: DemoTable,
    console: Console,
    going_on: Callable[[], bool],
    seconds: float | None,
) -> None:
    """Show the table until `going_on` is false, or for `seconds` of live traffic. Raises what the traffic raises."""
    view = _View(table, console)
    sending = asyncio.create_task(traffic.run(), name="made-up traffic")
    try:
        async with Redis.from_url(redis_url, decode_responses=True) as redis:
            with view.live:
                while going_on() and not _is_over(traffic, seconds):
                    if sending.done():
                        await sending
                    view.show(await _standings(redis, namespace, table.model_name), str(traffic))
                    await asyncio.sleep(_LOOK_INTERVAL_SECONDS)
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending


def _is_over(traffic: LiveTraffic, seconds: float | None) -> bool:
    if seconds is None or traffic.live_since is None:
        return False
    return time.monotonic() - traffic.live_since >= seconds


class _View:
    """The table in place on a terminal; printed anew every few seconds elsewhere."""

    def __init__(self, table: DemoTable, console: Console) -> None:
        self._table = table
        self._console = console
        self._trends = Trends()
        self._printed: float | None = None
        self.live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def show(self, standings: Standings, progress: str) -> None:
        now = time.monotonic()
        self._trends.saw(now, {account: standings.scores[account]["score"] for account in standings.ranked})
        if self._console.is_terminal:
            rows = max(self._console.height - _LINES_AROUND_THE_ACCOUNTS, 3)
            self.live.update(self._table.render(standings, self._trends, progress, rows), refresh=True)
        elif self._printed is None or now - self._printed >= _PRINT_INTERVAL_SECONDS:
            self._printed = now
            self._console.print(self._table.render(standings, self._trends, progress))


async def _standings(redis: Redis, namespace: str, model: str) -> Standings:
    accounts = cast(list[str], await redis.zrange(f"{namespace}:rank:{model}:account", 0, -1))
    keys = [score_key(namespace, model, Kind.ACCOUNT, account) for account in accounts]
    benchmark, *scores = await redis.mget([f"{namespace}:benchmark:{model}:account:all", *keys])
    there = {account: json.loads(score) for account, score in zip(accounts, scores, strict=True) if score}
    return Standings(there, json.loads(benchmark) if benchmark else None)


def _batches(events: Iterator[MadeUpEvent], size: int) -> Iterator[list[MadeUpEvent]]:
    while batch := list(islice(events, size)):
        yield batch
