"""Scores, alerts, ranking, benchmarks and heartbeats in Redis (INTERFACES 6): a view of the state, never waited for.

Rule 1: nobody waits for Redis. `submit`, `heartbeat` and `benchmark` only note; one task writes, in order.
Rule 2: a partition's heartbeat is written before its scores, and marks that Redis holds them. A marker that vanished,
        or a server with another run id, means that Redis was emptied: the owner is told and submits everything again.
        Until it has, no heartbeat of the partition is written, so that a crash meanwhile can't hide the loss.
Rule 3: `acknowledged` is the journal's mark: it never passes a version that isn't wholly in Redis, alerts and ranking
        included.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import msgspec
import structlog
from redis.backoff import EqualJitterBackoff

from scorer.core.model import Kind
from scorer.core.publish import KpiBatch, ScoreBatch
from scorer.sinks.kpi_json import kpi_key, kpi_value
from scorer.sinks.redis_link import AWAY, RedisRefused
from scorer.sinks.redis_writer import Callbacks, Writer

__all__ = ["RedisRefused", "RedisScores"]

RANKING_SECONDS = 3.0

LINE_SCORES = 20_000
"""Of so many the last is written within about a third of a second."""

_log = structlog.get_logger(__name__)
_json = msgspec.json.encode


class RedisScores:
    """Everything that workers keep in Redis, for all partitions of one worker.

    `on_lost(partitions)` is called from the loop's task when Redis no longer holds what was acknowledged. Then the
    owner submits everything that their states hold and calls `refilled`. `on_written(partition, version)` is called
    once a version's scores are readable. Both must return at once.
    """

    def __init__(
        self,
        url: str,
        namespace: str,
        on_lost: Callable[[frozenset[int]], None],
        on_written: Callable[[int, str], None] = lambda partition, version: None,
        ranking_seconds: float = RANKING_SECONDS,
    ) -> None:
        self._namespace = namespace
        self._writer = Writer(url, namespace, Callbacks(on_lost, on_written), ranking_seconds)
        self._work = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self.problem: str | None = None
        """Why Redis can't be written at the moment."""

    async def start(self) -> None:
        """Raises RedisRefused where the URL can't work (a wrong password, an unknown host). A Redis that is away
        isn't waited for."""
        refusal = await self._writer.link.refusal()
        if refusal is not None:
            await self._writer.link.close()
            raise refusal
        self._task = asyncio.create_task(self._run(), name="redis scores")

    async def wait(self) -> None:
        """Returns when stopped; raises what ended the task before that, which is a bug."""
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    async def stop(self, patience_seconds: float = 5.0) -> None:
        """Writes what is noted, ranking included, if Redis takes it within `patience_seconds`."""
        self._stopping = True
        self._work.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=patience_seconds)
            self._task.cancel()
        try:
            await self.wait()
        finally:
            await self._writer.link.close()

    def adopt(self, partition: int, version: str, run_id: str) -> None:
        """The partition is ours now; by its journal the Redis `run_id` held everything through `version` ("" if
        nothing). `on_lost` follows if this Redis isn't that one or was emptied since."""
        self.forget(partition)
        self._writer.ledger.adopt(partition, version)
        if version:
            self._writer.presence.adopt(partition, run_id)
        self._work.set()

    def forget(self, partition: int) -> None:
        """The partition went elsewhere. What is rendered may still be written: versions keep it harmless."""
        self._writer.inbox.forget(partition)
        self._writer.alerts.forget(partition)
        self._writer.ledger.forget(partition)
        self._writer.presence.forget(partition)

    def submit(self, batch: ScoreBatch | KpiBatch) -> None:
        """Scores, or KPIs. All batches of one version are submitted without an await between them; an empty batch is
        allowed and only moves the acknowledged version. Heartbeat first: an emptied Redis is noticed by a heartbeat
        that is gone."""
        self._writer.presence.meet(batch.partition)
        self._writer.ledger.submitted(batch.partition, batch.version)
        self._writer.inbox.add(batch)
        self._work.set()

    def submit_alerts(self, partition: int, version: str, alerts: Sequence[bytes]) -> None:
        """Alerts of a version, each a JSON object with `id`, `rule` and `state`: without an await between them and the
        version's batches. All of them come into the stream, in this order; one may come twice."""
        self._writer.presence.meet(partition)
        self._writer.ledger.submitted(partition, version)
        self._writer.inbox.add_alerts(partition, version, alerts)
        self._work.set()

    def refilled(self, partition: int) -> None:
        """After `on_lost`: all that the state holds and the alerts not acknowledged have been submitted again."""
        self._writer.inbox.end_refill(partition)
        self._work.set()

    @property
    def run_id(self) -> str | None:
        """Which Redis the acknowledgements are of: its run id, "" where it hides it, None before the first contact."""
        return self._writer.run_id

    @property
    def refused(self) -> int:
        """Scores that weren't written because a newer version stood there: another worker owns their partition."""
        return self._writer.refused

    def acknowledged(self, partition: int) -> str:
        """The version through which everything submitted stands in the Redis `run_id`, or newer values of it; "" if
        nothing does, and from a loss until what came before `refilled` is written."""
        return self._writer.ledger.acknowledged(partition)

    def pending_entities(self) -> int:
        """Scores that wait to be written."""
        return self._writer.inbox.rows + len(self._writer.backlog)

    def busy(self) -> bool:
        """Whether so many wait that what isn't urgent should wait as well. Not while Redis is away: nobody waits for
        that."""
        return self.problem is None and self.pending_entities() > LINE_SCORES

    def heartbeat(
        self,
        partition: int,
        *,
        version: str,
        at: float,
        as_of: float | None,
        behind_seconds: float,
        owner: str,
        counted_from: int | None = None,
        scoring: str | None = None,
    ) -> None:
        """The partition lives, as of `at` (epoch seconds). To be called about once a second.

        For `scorer verify`: `counted_from`, the source offset that counting began at, and the hash of the scoring file.
        """
        beat = {
            "v": version,
            "at": at,
            "as_of": as_of,
            "behind_seconds": behind_seconds,
            "owner": owner,
            "counted_from": counted_from,
            "scoring": scoring,
        }
        self._writer.presence.beat(partition, _json(beat).decode())
        self._work.set()

    def benchmark(
        self,
        model: str,
        kind: Kind,
        peers: str = "all",
        *,
        raw: float | None,
        population: int,
        version: int,
        computed_at: float,
        exact: bool,
        steepness: float | None = None,
    ) -> None:
        """The benchmark in force of a model, a kind and a peer group (percent-encoded, or `all`).

        A `raw` of None: warming up, or the group has its parent's. `steepness`: what `auto` came to, else None.
        """
        key = f"{self._namespace}:benchmark:{model}:{kind.label}:{peers}"
        figures = {
            "raw": raw,
            "population": population,
            "version": version,
            "computed_at": computed_at,
            "exact": exact,
        }
        if steepness is not None:
            figures["steepness"] = steepness
        self._writer.note_benchmark(key, _json(figures).decode())
        self._work.set()

    def kpis(self, kind: str, entity_id: str, version: str, body: str) -> None:
        """The KPIs of a segment or of the product; an older version never overwrites a newer one."""
        self._writer.note_kpis(kpi_key(self._namespace, kind, entity_id), kpi_value(version, body))
        self._work.set()

    async def _run(self) -> None:
        failures = 0
        backoff = EqualJitterBackoff(base=0.05, cap=2.0)
        while True:
            self._work.clear()
            try:
                more = await self._writer.round(last=self._stopping)
            except AWAY as error:
                failures += 1
                await self._away(error, backoff.compute(failures))
                continue
            if self.problem is not None:
                _log.info("redis is back", redis=self._writer.link.name, pending_entities=self.pending_entities())
            failures, self.problem = 0, None
            if not more:
                if self._stopping and not self._work.is_set():
                    return
                await self._work_within(self._writer.seconds_to_ranking())

    async def _away(self, error: BaseException, delay_seconds: float) -> None:
        """Waits before the next try; what comes meanwhile is rendered, so that only the newest values are kept."""
        if self.problem is None:
            _log.warning("redis is away: scoring goes on", redis=self._writer.link.name, error=str(error))
        self.problem = f"SCORER_REDIS_URL={self._writer.link.name}: {error}"
        with contextlib.suppress(*AWAY):
            await self._writer.link.disconnect()
        until = _now() + delay_seconds
        while (left := until - _now()) > 0:
            self._work.clear()
            self._writer.render()
            if self._writer.inbox:
                await asyncio.sleep(0)
            else:
                await self._work_within(left)

    async def _work_within(self, seconds: float | None) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            async with asyncio.timeout(seconds):
                await self._work.wait()


def _now() -> float:
    return asyncio.get_running_loop().time()
