"""The board is kept by what anybody could read: scores, ranking and alerts in Redis, and the worker's metrics."""

import asyncio
import time
from collections import Counter
from typing import Any, cast

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from scorer.core.model import Kind
from scorer.demo.board import Board, Document
from scorer.demo.servers import NAMESPACE, PARTITIONS, Servers
from scorer.sinks.score_json import score_key

_EVENTS = "scorer_events_total"
_PENDING = "scorer_redis_pending_entities"
_ALERTS_A_LOOK = 100

_decode = msgspec.json.decode


class Reading:
    """Reads for one board. A worker counts from 0; `worker_ends` keeps what the one before had counted."""

    def __init__(self, board: Board, servers: Servers, redis: "Redis") -> None:
        self._board = board
        self._servers = servers
        self._redis = redis
        self._alert = "0"
        self._counted_before: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()

    async def look(self) -> None:
        """At Redis, once."""
        model, redis = self._board.model.name, self._redis
        ranked = cast(list[str], await redis.zrange(f"{NAMESPACE}:rank:{model}:account", 0, -1))
        accounts = list(dict.fromkeys([*self._board.accounts, *ranked]))
        keys = [score_key(NAMESPACE, model, Kind.ACCOUNT, account) for account in accounts]
        benchmark, *documents = await redis.mget([f"{NAMESPACE}:benchmark:{model}:account:all", *keys])
        beats = await redis.mget([f"{NAMESPACE}:partition:{number}" for number in range(PARTITIONS)])
        there = {account: _decode(text) for account, text in zip(accounts, documents, strict=True) if text}
        self._board.saw(time.time(), there, _decode(benchmark) if benchmark else None)
        self._board.newest_event = max((_decode(beat)["as_of"] or 0.0 for beat in beats if beat), default=0.0)
        self._board.alerted(await self._alerts())

    async def _alerts(self) -> list[Document]:
        """Those that came since the last look, of the model that is shown and of accounts."""
        found = await self._redis.xrange(f"{NAMESPACE}:alerts", f"({self._alert}", "+", count=_ALERTS_A_LOOK)
        entries = cast(list[tuple[str, dict[str, str]]], found)
        if entries:
            self._alert = entries[-1][0]
        alerts: list[dict[str, Any]] = [_decode(fields["alert"]) for _, fields in entries]
        return [each for each in alerts if (each["model"], each["kind"]) == (self._board.model.name, "account")]

    async def count(self) -> float:
        """What became of the records, by the worker's metrics; returns how many scores wait for Redis."""
        text = await asyncio.to_thread(self._servers.metrics)
        pending = 0.0
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == _EVENTS:
                    self._counted[sample.labels["outcome"]] = int(sample.value)
                elif sample.name == _PENDING:
                    pending = sample.value
        self._board.records = dict(self._counted_before + self._counted)
        return pending

    async def worker_ends(self) -> None:
        """Note what the worker has counted; the next one begins at 0."""
        await self.count()
        self._counted_before += self._counted
        self._counted = Counter()
