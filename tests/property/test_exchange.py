"""The exchange, whatever is read when: it comes to rest at the naive benchmark of every peer group (SCORING 2.2).

Two workers over topics in memory. Any of them may send of any partition, as owner or as a zombie with what it knew
long ago; records of different topic partitions are read in any order; workers restart on the compacted topics.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scorer.core.benchmark import EVERYONE, Benchmark
from scorer.core.benchmark_summary import Summary
from scorer.core.model import BenchmarkRule, Curve, Kind, Model, Scoring, Weight
from scorer.core.peer_shares import Lineages, peer_shares
from scorer.stream.connection import Connection
from scorer.stream.exchange import Exchange
from scorer.stream.topics import TopicNames
from tests import oracle

MODEL = Model(
    "m",
    (Kind.USER,),
    30,
    {"a": Weight(1.0)},
    benchmark=BenchmarkRule(75.0, min_population=3, peers=("plan", "region")),
    curve=Curve(steepness=None),
)
INITIAL = replace(MODEL, benchmark=replace(MODEL.benchmark, initial=7.0))
GROUPS = (EVERYONE, "plan=a", "plan=b", "plan=a,region=x", "plan=a,region=y", "plan=b,region=x")
PARTITIONS = 3
NEVER = -1
RAW_VALUES = 9
"""So that some benchmarks are exact and some aren't."""

Members = dict[str, list[float]]
"""Raw scores by the group that their entities are directly in."""


@contextmanager
def small_sizes() -> Iterator[None]:
    with (
        patch("scorer.core.benchmark_summary.RAW_VALUES", RAW_VALUES),
        patch("scorer.core.benchmark_merge.RAW_VALUES", RAW_VALUES),
        patch("scorer.core.benchmark_merge.AT_ONCE", 2),
        patch("scorer.core.benchmark_summary.PART_BYTES", 60),
        patch("scorer.stream.exchange.SEND_BYTES", 200),
        patch("scorer.stream.exchange.CompactedTopic", Reading),
    ):
        yield


PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)
"""Explaining a failure takes minutes here."""


@dataclass
class Topic:
    """A compacted topic of three partitions: each a list of (offset, key, value)."""

    logs: list[list[tuple[int, bytes, bytes]]] = field(default_factory=lambda: [[], [], []])
    offsets: Iterator[int] = field(default_factory=count)

    def __len__(self) -> int:
        return sum(map(len, self.logs))

    def append(self, key: bytes, value: bytes) -> None:
        self.logs[sum(key) % len(self.logs)].append((next(self.offsets), key, value))

    def compact(self) -> None:
        for at, log in enumerate(self.logs):
            last = {key: offset for offset, key, _ in log}
            self.logs[at] = [record for record in log if last[record[1]] == record[0]]


class Reading:
    """`CompactedTopic` over a `Topic`, read as far as `read` says."""

    def __init__(
        self, connection: Any, topic: Any, on_record: Callable[[bytes, bytes | None], None], *, patience: float
    ) -> None:
        self.topic: Topic = topic
        self._on_record = on_record
        self._positions = [0] * len(self.topic.logs)

    async def publish_many(self, records: list[tuple[bytes, bytes]]) -> None:
        for key, value in records:
            self.topic.append(key, value)
            await asyncio.sleep(0)

    def read(self, partition: int, most: int) -> bool:
        """Take the next records of a partition; whether there were any."""
        position = self._positions[partition]
        ahead = [record for record in self.topic.logs[partition] if record[0] >= position][:most]
        for offset, key, value in ahead:
            self._on_record(key, value)
            self._positions[partition] = offset + 1
        return bool(ahead)


class Clock:
    by_events = False

    def wall_ms(self) -> int:
        return int(datetime(2026, 11, 22, tzinfo=UTC).timestamp() * 1000)

    def saw_event(self, event_ms: int) -> None:
        pass


@dataclass
class Worker:
    exchange: Exchange
    summaries: Reading
    benchmarks: Reading
    in_force: dict[str, Benchmark]

    def read_all(self) -> bool:
        reads = [each.read(at, 1_000_000) for each in (self.summaries, self.benchmarks) for at in range(3)]
        return any(reads)


class World:
    """`epochs` of each partition by worker: the greater one's owns it, and one below 0 never did since it started.

    `members` of each partition is the truth.
    """

    def __init__(self, model: Model, members: list[Members]) -> None:
        self.scoring = Scoring(86_400, ("a",), (model,))
        self.model = model
        self.summaries, self.benchmarks = Topic(), Topic()
        self.workers = [self.new_worker(), self.new_worker()]
        self.epochs = [[1, NEVER] for _ in range(PARTITIONS)]
        self.members = list(members)
        self.version = 1_000

    def new_worker(self) -> Worker:
        in_force: dict[str, Benchmark] = {}

        def on_benchmark(benchmark: Benchmark) -> None:
            in_force[benchmark.peers] = benchmark

        def on_kpis(kind: str, entity_id: str, version: str, body: str, kpis: dict[str, Any]) -> None:
            raise AssertionError("the scoring file asks for no KPIs")

        names = cast(TopicNames, _Names(self.summaries, self.benchmarks))
        exchange = Exchange(
            cast(Connection, None), names, self.scoring, cast(Any, Clock()), on_benchmark, on_kpis, patience=1.0
        )
        reading = (cast(Reading, exchange._summary_topic), cast(Reading, exchange._benchmark_topic))
        return Worker(exchange, *reading, in_force)

    def owner(self, partition: int) -> int:
        return int(np.argmax(self.epochs[partition]))

    async def send(self, worker: int, partition: int, members: Members) -> None:
        epoch = self.epochs[partition][worker]
        if epoch == NEVER:
            return
        await self.workers[worker].exchange.send(epoch, shares(self.model, partition, members))

    async def rest(self) -> None:
        """The owners work until nothing is news any more."""
        for _ in range(12):
            before = len(self.summaries) + len(self.benchmarks)
            while any(worker.read_all() for worker in self.workers):
                pass
            for partition in range(PARTITIONS):
                await self.send(self.owner(partition), partition, self.members[partition])
            merger = self.owner(0)
            await self.workers[merger].exchange.merge(self.epochs[0][merger], PARTITIONS)
            if before == len(self.summaries) + len(self.benchmarks):
                return
        raise AssertionError("the exchange doesn't come to rest")


@dataclass
class _Names:
    summaries: Topic
    benchmarks: Topic


def shares(model: Model, partition: int, members: Members) -> Iterator[Summary]:
    lineages = Lineages()
    lineages.follow(GROUPS)
    flat = [(GROUPS.index(group), raw) for group, raws in members.items() for raw in raws]
    codes = np.array([code for code, _ in flat], np.int64)
    raws = np.array([raw for _, raw in flat], np.float64)
    return peer_shares(Summary(model.name, model.hash, Kind.USER, partition, True, 0), raws, codes, lineages)


# ---- the naive benchmark


def inside(group: str, outer: str) -> bool:
    return outer == EVERYONE or group == outer or group.startswith(outer + ",")


def naive(world: World, group: str) -> tuple[float | None, float, bool]:
    """(benchmark, steepness, exact) of a group: its own, else its parent's, in the end the initial."""
    everyone = [(of, raw) for members in world.members for of, raws in members.items() for raw in raws]
    rule = world.model.benchmark
    traits = [] if group == EVERYONE else group.split(",")
    for length in range(len(traits), -1, -1):
        outer = ",".join(traits[:length]) or EVERYONE
        raws = [raw for of, raw in everyone if inside(of, outer)]
        if len(raws) >= rule.min_population:
            benchmark = oracle.percentile(raws, rule.percentile)
            return benchmark, oracle.auto_steepness(oracle.percentile(raws, 50), benchmark), len(raws) <= RAW_VALUES
    return rule.initial, 3.0, True


def check(world: World, worker: Worker) -> None:
    bases = worker.exchange.bases(world.model, Kind.USER, GROUPS)
    for group, basis in zip(GROUPS, bases, strict=True):
        benchmark, steepness, exact = naive(world, group)
        if benchmark is None:
            assert basis.benchmark is None
            assert basis.population == sum(len(raws) for members in world.members for raws in members.values())
            continue
        assert basis.benchmark == pytest.approx(benchmark, rel=1e-12 if exact else 5e-4)
        assert basis.steepness == pytest.approx(steepness, rel=1e-9 if exact else 0.1)
    told = worker.in_force
    for group in GROUPS:
        own = [raw for members in world.members for of, raws in members.items() if inside(of, group) for raw in raws]
        if group in told:
            assert told[group].population == len(own)
            assert (told[group].raw is None) == (len(own) < world.model.benchmark.min_population)
        else:
            assert group != EVERYONE
            assert len(own) < world.model.benchmark.min_population
    versions = [benchmark.version for benchmark in told.values()]
    assert len(set(versions)) == len(versions)


# ---- what happens

members = st.dictionaries(
    st.sampled_from(GROUPS), st.lists(st.integers(1, 400).map(lambda n: n / 8), min_size=1, max_size=7), max_size=4
)
which = st.integers(0, PARTITIONS - 1)
Op = tuple[Callable[..., Coroutine[Any, Any, None]], dict[str, Any]]


async def count_events(world: World, partition: int, found: Members) -> None:
    world.members[partition] = found


async def send(world: World, partition: int) -> None:
    await world.send(world.owner(partition), partition, world.members[partition])


async def zombie_sends(world: World, partition: int, found: Members) -> None:
    await world.send(1 - world.owner(partition), partition, found)


async def two_send_at_once(world: World, partition: int, found: Members) -> None:
    await asyncio.gather(send(world, partition), zombie_sends(world, partition, found))


async def merge(world: World, zombie: bool) -> None:
    at = world.owner(0)
    at = 1 - at if zombie else at
    if world.epochs[0][at] == NEVER:
        return
    await world.workers[at].exchange.merge(world.epochs[0][at], PARTITIONS)


async def zombie_publishes(world: World, peers: str, raw: float | None) -> None:
    """What it merged long ago; the write was on its way until now."""
    epoch = world.epochs[0][1 - world.owner(0)]
    if epoch != NEVER:
        version = world.version
        stale = Benchmark("m", world.model.hash, Kind.USER, raw, 99, version, 1, 0.0, peers=peers, steepness=1.0)
        world.benchmarks.append(stale.key, stale.record(epoch, version))
        world.version += 1


async def read(world: World, worker: int, summaries: bool, partition: int, most: int) -> None:
    reading = world.workers[worker]
    (reading.summaries if summaries else reading.benchmarks).read(partition, most)


async def move(world: World, partition: int) -> None:
    other = 1 - world.owner(partition)
    world.epochs[partition][other] = max(world.epochs[partition]) + 1


async def restart(world: World, worker: int, compacts: bool) -> None:
    """What a worker owned it claims anew. It reads the topics from their beginning, in an order of its own."""
    if compacts:
        world.summaries.compact()
        world.benchmarks.compact()
    for epochs in world.epochs:
        epochs[worker] = epochs[worker] + 1 if epochs[worker] == max(epochs) else NEVER
    world.workers[worker] = world.new_worker()


def op(what: Callable[..., Coroutine[Any, Any, None]], **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Op]:
    return st.tuples(st.just(what), st.fixed_dictionaries(arguments))


ops = st.lists(
    op(count_events, partition=which, found=members)
    | op(send, partition=which)
    | op(zombie_sends, partition=which, found=members)
    | op(two_send_at_once, partition=which, found=members)
    | op(merge, zombie=st.booleans())
    | op(zombie_publishes, peers=st.sampled_from(GROUPS), raw=st.none() | st.just(3.5))
    | op(read, worker=st.integers(0, 1), summaries=st.booleans(), partition=st.integers(0, 2), most=st.integers(1, 9))
    | op(move, partition=which)
    | op(restart, worker=st.integers(0, 1), compacts=st.booleans()),
    max_size=20,
)


async def run(world: World, told: list[Op], more: list[Op], seed: int) -> None:
    for what, arguments in told:
        await what(world, **arguments)
    await world.rest()
    for worker in world.workers:
        check(world, worker)
    for what, arguments in more:
        await what(world, **arguments)
    await world.rest()
    for worker in world.workers:
        check(world, worker)
    world.summaries.compact()
    world.benchmarks.compact()
    newcomer, chance = world.new_worker(), random.Random(seed)
    readings = [(each, at) for each in (newcomer.summaries, newcomer.benchmarks) for at in range(3)]
    chance.shuffle(readings)
    for reading, at in readings:
        reading.read(at, 1_000_000)
    check(world, newcomer)
    before = len(world.benchmarks)
    await newcomer.exchange.merge(max(world.epochs[0]) + 1, PARTITIONS)
    assert len(world.benchmarks) == before, "what compaction leaves merges to something else"


@settings(max_examples=100, deadline=None, phases=PHASES)
@given(
    st.sampled_from([MODEL, INITIAL]),
    st.lists(members, min_size=PARTITIONS, max_size=PARTITIONS),
    ops,
    ops,
    st.integers(0, 2**32),
)
def test_the_exchange_comes_to_rest_at_the_naive_benchmark_of_every_group(
    model: Model, at_first: list[Members], told: list[Op], more: list[Op], seed: int
) -> None:
    with small_sizes():
        asyncio.run(run(World(model, at_first), told, more, seed))
