"""All partitions of a worker: what Faust tells of assignments goes to their drivers."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import nan

from scorer.core.benchmark import Benchmark
from scorer.core.partition import PartitionState
from scorer.quantities import counted
from scorer.stream.owned_partition import OwnedPartition
from scorer.stream.ports import Chunk, Flow
from scorer.stream.publishing_budget import PublishingBudget
from scorer.stream.workplace import Workplace

_log = logging.getLogger(__name__)

REDIS_PATIENCE_SECONDS = 6.0
SETTLE_SECONDS = 8.0
CENSUS_SECONDS = 5.0


class Stalled(Exception):
    """A worker whose input doesn't go on without an error: only a restart can help."""


class Owners:
    """`scorer.stream.ports.Partitions`, and the benchmark exchange of the partitions that stand.

    `on_fatal` is called with what a partition can't go on after.
    """

    def __init__(
        self,
        place: Workplace,
        on_fatal: Callable[[BaseException], None],
        *,
        benchmark_seconds: float,
        stalled_after_seconds: float,
    ) -> None:
        self._place = place
        self._on_fatal = on_fatal
        self._benchmark_seconds = benchmark_seconds
        self._stalled_after_seconds = stalled_after_seconds
        self._flow: Flow | None = None
        self._owned: dict[int, OwnedPartition] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._in_group = False
        self._scores = 0
        self._scores_due = 0.0
        self._budget = PublishingBudget(self._scores_here, time.monotonic)

    def attach(self, flow: Flow) -> None:
        self._flow = flow

    # ---- what Faust calls

    async def assigned(self, partitions: frozenset[int]) -> None:
        """Claim every partition of the assignment anew; whose journal nobody wrote to meanwhile keeps its state."""
        if self._flow is None:
            raise RuntimeError("no flow is attached")
        self._in_group = True
        for partition in set(self._owned) - partitions:
            await self._leave(partition)
        for partition in sorted(partitions):
            await self._end_task(partition)
            if partition not in self._owned:
                self._owned[partition] = OwnedPartition(
                    partition, self._place, self._flow, _random_number, self._budget
                )
            self._tasks[partition] = asyncio.create_task(self._run(self._owned[partition]), name=f"own {partition}")
        _log.info("assigned: %s", sorted(partitions))

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Flush what there is of these. What isn't done when Faust gives up waiting is abandoned."""
        owned = [self._owned[partition] for partition in sorted(partitions) if partition in self._owned]
        for each in owned:
            if each.phase != "running":  # a restore under way isn't worth waiting for
                await self._end_task(each.partition)
        await asyncio.gather(*(each.pause() for each in owned))

    async def process(self, chunk: Chunk) -> None:
        owned = self._owned.get(chunk.partition)
        if owned is not None:
            await owned.process(chunk)

    def position(self, partition: int) -> int | None:
        owned = self._owned.get(partition)
        return owned.owner.state.position if owned is not None and owned.owner.state is not None else None

    def journaled(self, partition: int) -> int | None:
        """Nothing for Faust to commit: each flush commits for itself."""
        return None

    # ---- what the sinks and the service call

    def lost_by_redis(self, partitions: frozenset[int]) -> None:
        for partition in partitions & set(self._owned):
            self._owned[partition].lost_by_redis()

    def written_to_redis(self, partition: int, version: str) -> None:
        if partition in self._owned:
            self._owned[partition].written_to_redis(version)

    def not_ready(self) -> list[str]:
        """Why the worker isn't ready, as sentences."""
        if not self._in_group:
            return ["the group has assigned nothing yet"]
        reasons = [f"partition {p}: {each.phase}" for p, each in self._owned.items() if each.phase != "running"]
        behind = [
            f"partition {p} is catching up: {_to_go(each.lag())}"
            for p, each in self._owned.items()
            if each.phase == "running" and not each.caught_up
        ]
        return reasons + behind

    async def settle(self) -> None:
        """At a clean end: flush, wait for Redis, and journal that it has everything.

        What isn't done in time is abandoned: whoever owns the partition next does it again.
        """
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self.revoked(frozenset(self._owned))
                await asyncio.gather(*(each.settle_redis(REDIS_PATIENCE_SECONDS) for each in self._owned.values()))
        except TimeoutError:
            _log.warning(
                "the last flush took more than %s s: abandoned, the journal holds what came before", SETTLE_SECONDS
            )

    async def stop(self) -> None:
        for partition in list(self._owned):
            await self._leave(partition)

    async def exchange(self) -> None:
        """Send summaries and merge benchmarks: every interval, when a partition has caught up, and when all of them
        have come to another bucket. Runs for ever."""
        while True:
            caught_up, bucket = self._caught_up(), self._settled_bucket()
            due = time.monotonic() + self._benchmark_seconds
            await self._exchange_once()
            while time.monotonic() < due and self._caught_up() <= caught_up and self._settled_bucket() <= bucket:
                await asyncio.sleep(min(0.1, self._benchmark_seconds))

    def _caught_up(self) -> set[int]:
        return {partition for partition, each in self._standing() if each.caught_up}

    def _settled_bucket(self) -> int:
        """The newest bucket that the raw scores of all partitions here are of."""
        states = (each.owner.state for _, each in self._standing())
        return min((state.passes.settled_bucket for state in states if state is not None), default=-1)

    async def _exchange_once(self) -> None:
        """All summaries first: the merger takes its own worker's partitions as they are now."""
        exchange = self._place.exchange
        for partition, each in list(self._standing()):
            state, epoch = each.owner.state, each.owner.ledger.epoch
            if state is not None and state.passes.settled:
                await exchange.send(epoch, state.passes.summaries(each.caught_up))
                if state.board is not None and state.board.totals is not None and each.caught_up:
                    await exchange.send_kpis(epoch, partition, state.board.totals, state.event_ms)
        for partition, each in list(self._standing()):
            if partition == 0:
                await exchange.merge(each.owner.ledger.epoch, self._place.partitions)

    def _scores_here(self) -> int:
        """As of the last second: with many partitions, each asking often, counting would cost more than it's worth."""
        if time.monotonic() >= self._scores_due:
            states = (each.owner.state for each in self._owned.values())
            rows = sum(len(state.roster) for state in states if state is not None)
            self._scores = rows * len(self._place.scoring.models)
            self._scores_due = time.monotonic() + 1.0
        return self._scores

    async def census(self) -> None:
        """Keep the gauges of who stands where, and see that the work goes on. Runs for ever."""
        while True:
            await self._count_entities()
            age = self.commit_age_seconds()
            if age > self._stalled_after_seconds:
                self._on_fatal(Stalled(f"nothing was committed for {age:.0f} s though the input has more"))
            await asyncio.sleep(CENSUS_SECONDS)

    async def _count_entities(self) -> None:
        """In steps: of a million rows a column takes several ms. Who leaves meanwhile isn't counted."""
        metrics = self._place.metrics
        scores: dict[tuple[str, str, str], int] = {}
        entities: dict[tuple[str, str], int] = {}
        for partition, each in list(self._standing()):
            state = each.owner.state
            if state is None:
                continue
            for model, kind, states, bands in state.passes.population():
                for band, count in bands.items():
                    at = (model.name, kind.label, band)
                    scores[at] = scores.get(at, 0) + count
                if model is self._place.scoring.models[0]:
                    for name, count in states.items():
                        entities[kind.label, name] = entities.get((kind.label, name), 0) + count
                await asyncio.sleep(0)
            for model, kind, values in state.passes.scores():
                if self._owned.get(partition) is each:  # else its series have ended
                    metrics.score_distribution.replace(partition, model.name, kind.label, values)
                await asyncio.sleep(0)
            if self._owned.get(partition) is each:
                metrics.dedupe_seconds.labels(str(partition)).set(each.dedupe_seconds())
                metrics.consumer_lag_records.labels(self._place.input_topic, str(partition)).set(each.lag() or 0)
        metrics.scores.clear()  # what isn't there any more isn't 0: somebody else counts it now
        metrics.entities.clear()
        for (model_name, label, band), count in scores.items():
            metrics.scores.labels(model_name, label, band).set(count)
        for (label, name), count in entities.items():
            metrics.entities.labels(label, name).set(count)

    def benchmark_changed(self, benchmark: Benchmark, raw: float | None) -> None:
        """`raw` is in force now; None while the model is warming up, or the group has its parent's."""
        labels = (benchmark.model, benchmark.kind.label, benchmark.peers)
        self._place.metrics.benchmark_raw.labels(*labels).set(nan if raw is None else raw)

    def benchmark_age_seconds(self) -> float:
        """Since the oldest benchmark in force was computed; 0 while there is none."""
        computed = [benchmark.computed_at for benchmark in self._place.exchange.benchmarks()]
        return max(0.0, self._place.clock.wall_ms() / 1000 - min(computed)) if computed else 0.0

    def commit_age_seconds(self) -> float:
        """Since the last commit of the partition that has waited longest; 0 where there is nothing to commit."""
        ages = [time.monotonic() - each.last_progress for _, each in self._standing() if each.lag()]
        return max(ages, default=0.0)

    def _standing(self) -> Iterator[tuple[int, OwnedPartition]]:
        for partition, each in list(self._owned.items()):
            if each.phase == "running" and isinstance(each.owner.state, PartitionState):
                yield partition, each

    async def _run(self, owned: OwnedPartition) -> None:
        try:
            await owned.run()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            _log.error("partition %s stops: %s", owned.partition, error)
            self._on_fatal(error)

    async def _leave(self, partition: int) -> None:
        await self._end_task(partition)
        self._owned.pop(partition).drop()
        self._place.scores.forget(partition)
        self._place.metrics.forget_partition(self._place.input_topic, partition)

    async def _end_task(self, partition: int) -> None:
        task = self._tasks.pop(partition, None)
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _random_number() -> int:
    return secrets.randbits(62)


def _to_go(lag: int | None) -> str:
    return "how far is not known yet" if lag is None else f"{counted(lag, 'record')} to go"
