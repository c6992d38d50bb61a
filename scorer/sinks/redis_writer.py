"""One round of writing to Redis: whatever is due, in the order that keeps the marks true."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from scorer.core.model import Kind
from scorer.sinks.redis_alerts import AlertQueue, stream_fields
from scorer.sinks.redis_backlog import Backlog, Portion, Ranking
from scorer.sinks.redis_inbox import Inbox
from scorer.sinks.redis_ledger import Ledger
from scorer.sinks.redis_link import AWAY, RedisLink
from scorer.sinks.redis_presence import ASKED, Presence
from scorer.sinks.redis_scripts import ALERT, BEAT, BENCHMARK, RANK, WRITE

ROWS_PER_CALL = 500
"""About 1.3 ms of the server and 0.6 ms of the worker's loop; Lua can't unpack more than some thousands."""

ALERTS_PER_CALL = 200

FREED_SECONDS = 30 * 86400

_RESYNC = "a resync was asked for"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the owner of the partitions is told, from within a round: both must return at once."""

    lost: Callable[[frozenset[int]], None]
    written: Callable[[int, str], None]


class _Latest:
    """The latest value of each of some keys, and which of them Redis doesn't have."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._due: set[str] = set()

    def note(self, key: str, value: str) -> None:
        self._values[key] = value
        self._due.add(key)

    def lose(self) -> None:
        """Redis has none of them."""
        self._due.update(self._values)

    async def write(self, write: Callable[[str, str], Awaitable[Any]]) -> None:
        """One after the other; one that is noted anew meanwhile stays due."""
        for key in list(self._due):
            value = self._values[key]
            await write(key, value)
            if self._values[key] is value:
                self._due.discard(key)


class Writer:
    """What is noted for Redis, and the rounds that write it. One task runs the rounds; anyone may note."""

    def __init__(self, url: str, namespace: str, callbacks: Callbacks, ranking_seconds: float) -> None:
        self._namespace = namespace
        self._callbacks = callbacks
        self._ranking_seconds = ranking_seconds
        self.link = RedisLink(url, self._connected)
        self.inbox = Inbox(namespace)
        self.ledger = Ledger()
        self.presence = Presence()
        self.backlog = Backlog()
        self.alerts = AlertQueue()
        self._ranking = Ranking()
        self._rank_at = 0.0
        self._benchmarks, self._kpis = _Latest(), _Latest()
        self.run_id: str | None = None
        self.refused = 0
        self._not_live = ""

    def note_benchmark(self, key: str, value: str) -> None:
        self._benchmarks.note(key, value)

    def note_kpis(self, key: str, value: str) -> None:
        self._kpis.note(key, value)

    def render(self) -> None:
        """Renders some of what was submitted; of each score only the newest is kept, of alerts each."""
        self.inbox.render(ROWS_PER_CALL, self.backlog, self.alerts, self.ledger)

    async def round(self, last: bool) -> bool:
        """Writes what is due; returns whether there is more to be written now. With `last` the ranking is due, too.
        Raises one of `redis_link.AWAY`: then the next round tries it again."""
        self.render()
        if self.run_id is not None:
            self._compare(self.run_id)
        await self._write_beats()
        await self._benchmarks.write(lambda key, value: self.link.run(BENCHMARK, [key], [value]))
        await self._kpis.write(lambda key, value: self.link.run(WRITE, [key], [value, self._namespace, FREED_SECONDS]))
        await self._write_alerts()  # before their versions count as written
        if self.backlog:
            await self._write(self.backlog.portion(ROWS_PER_CALL))
        for partition, version in self.ledger.written(self.backlog.written):
            self._callbacks.written(partition, version)
        more = bool(self.inbox or self.backlog)
        if self._ranking and (_now() >= self._rank_at or (last and not more)):
            await self._write_ranking()
        refilled = [] if self._ranking else self.ledger.ranked()
        return more or bool(refilled)  # their heartbeats may be written again

    def seconds_to_ranking(self) -> float | None:
        """How long the ranking may still wait; None when it is up to date."""
        return max(self._rank_at - _now(), 0.0) if self._ranking else None

    async def _write_alerts(self) -> None:
        while self.alerts:
            fields = stream_fields(self.alerts.portion(ALERTS_PER_CALL))
            await self.link.run(ALERT, [f"{self._namespace}:alerts"], fields)
            self.alerts.confirm()

    async def _write(self, portion: Portion) -> None:
        freed = [at + 1 for at in portion.freed]
        arguments: list[str | int] = [*portion.values, self._namespace, FREED_SECONDS, *freed]
        refused, not_live = await self.link.run(WRITE, portion.keys, arguments)
        self.refused += refused
        self.backlog.confirm(portion)
        self._note_live(not_live.decode())
        if portion.accounts and not self._ranking:
            self._rank_at = _now() + self._ranking_seconds
        for key, account in portion.accounts.items():
            self._ranking.add(key, account)

    def _note_live(self, problem: str) -> None:
        """Who may write scores and not publish them gets on without the live channel, told once."""
        if problem != self._not_live:
            self._not_live = problem
            if problem:
                _log.warning("redis takes the scores, but they can't be heard live", error=problem)

    async def _write_ranking(self) -> None:
        label = Kind.ACCOUNT.label
        for model, account_ids, keys in self._ranking.portions(ROWS_PER_CALL):
            await self.link.run(RANK, [f"{self._namespace}:rank:{model}:{label}", *keys], account_ids)
        self._ranking.clear()

    async def _write_beats(self) -> None:
        if not self.presence.due(self.ledger.lost):
            return
        await self.link.check()
        beats = self.presence.due(self.ledger.lost)
        keys = [f"{self._namespace}:partition:{partition}" for partition in beats]
        values = [value for value, _ in beats.values()]
        expected = [str(int(must_exist)) for _, must_exist in beats.values()]
        outcomes = await self.link.run(BEAT, keys, values + expected)
        vanished = self.presence.beaten(beats, outcomes)
        asked = bool(vanished) and await self._asked()
        self._lose(vanished, _RESYNC if asked else "its heartbeats are gone")

    async def _asked(self) -> bool:
        """Whether a resync is why heartbeats are gone; what is gone must be written again, whoever may answer this."""
        try:
            return await self.link.has(ASKED.format(self._namespace))
        except AWAY:
            return False

    def _connected(self, run_id: str) -> None:
        self.run_id = run_id
        self._compare(run_id)

    def _compare(self, run_id: str) -> None:
        self._lose(self.presence.compare(run_id), "another server answers, or it was restarted")

    def _lose(self, partitions: frozenset[int], cause: str) -> None:
        if not partitions:
            return
        if cause == _RESYNC:
            _log.info("resync: writing all scores again, as asked", partitions=sorted(partitions))
        else:
            _log.warning("redis lost the scores: writing all of them again", cause=cause, partitions=sorted(partitions))
        for partition in partitions:
            self.ledger.lose(partition)
            self.inbox.void_refill(partition)
        self._benchmarks.lose()
        self._kpis.lose()
        self._callbacks.lost(partitions)


def _now() -> float:
    """Seconds on the loop's own clock, for pacing only."""
    return asyncio.get_running_loop().time()
