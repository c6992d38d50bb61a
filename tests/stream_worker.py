"""A Faust worker of the real transport with an owner that counts, for tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from scorer.stream.app import StreamApp, StreamOptions, build_app, run_app, stop_app
from scorer.stream.connection import Connection
from scorer.stream.ports import Chunk, Flow


@dataclass
class Ledger:
    """What outlives a worker, as a journal does: per partition the position, and the offsets counted up to it."""

    positions: dict[int, int] = field(default_factory=dict)
    counted: dict[int, list[int]] = field(default_factory=dict)

    def total(self) -> int:
        return sum(len(offsets) for offsets in self.counted.values())


class CountingOwner:
    """Counts each record of the partitions it holds; fails on any hole, doubling or chunk out of its turn."""

    flow: Flow

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.tokens: dict[int, int] = {}
        self.assignments: list[frozenset[int]] = []
        self.revocations: list[frozenset[int]] = []
        self.chunks: list[Chunk] = []
        self.stale_chunks = 0
        self.changed = asyncio.Condition()

    async def assigned(self, partitions: frozenset[int]) -> None:
        self.assignments.append(partitions)
        self.tokens.clear()
        for partition in partitions:
            self.release(partition)
        await self._notify()

    async def revoked(self, partitions: frozenset[int]) -> None:
        self.revocations.append(partitions)
        for partition in partitions:
            self.tokens.pop(partition, None)
            await self.flow.commit(partition, self.ledger.positions.get(partition, 0))
        await self._notify()

    async def process(self, chunk: Chunk) -> None:
        if self.tokens.get(chunk.partition) != chunk.token:
            self.stale_chunks += 1
            return
        position = self.ledger.positions.get(chunk.partition, 0)
        if chunk.from_offset != position or chunk.to_offset <= position:
            raise AssertionError(f"a chunk from {chunk.from_offset} to {chunk.to_offset} at position {position}")
        if len(chunk.offsets) and not position <= chunk.offsets[0] <= chunk.offsets[-1] < chunk.to_offset:
            raise AssertionError(f"offsets {chunk.offsets} outside of {position} to {chunk.to_offset}")
        if not len(chunk.offsets) == len(chunk.timestamps_ms) == len(chunk.values):
            raise AssertionError("columns of unequal length")
        self.ledger.counted.setdefault(chunk.partition, []).extend(chunk.offsets.tolist())
        self.ledger.positions[chunk.partition] = chunk.to_offset
        self.chunks.append(chunk)
        await self._notify()

    def position(self, partition: int) -> int | None:
        return self.ledger.positions.get(partition)

    def journaled(self, partition: int) -> int | None:
        return self.ledger.positions.get(partition)

    def release(self, partition: int) -> None:
        self.tokens[partition] = self.flow.release(partition, self.ledger.positions.setdefault(partition, 0))

    def hold(self, partition: int) -> None:
        self.tokens.pop(partition, None)
        self.flow.hold(partition)

    async def until(self, condition: Callable[[], bool], seconds: float = 40.0) -> None:
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(condition)

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()


ALL = frozenset(range(4))


def counted_once(ledger: Ledger, count: int, partitions: Iterable[int] = ALL) -> None:
    """Each record of logs without transactions or holes."""
    assert ledger.counted == {partition: list(range(count)) for partition in partitions}
    assert ledger.positions == dict.fromkeys(partitions, count)


@dataclass
class Worker:
    """A worker in this process; `failures` is what `on_fatal` was called with."""

    app: StreamApp
    owner: Any
    failures: list[BaseException]
    running: asyncio.Task[None]

    @property
    def flow(self) -> Flow:
        return self.app.flow

    async def stop(self) -> None:
        await stop_app(self.app)
        await self.running


@asynccontextmanager
async def worker(bootstrap: str, namespace: str, owner: Any, **options: Any) -> AsyncIterator[Worker]:
    """A worker on the topic that is named like the namespace; stopped in the end, its failure raised."""
    failures: list[BaseException] = []
    settings = StreamOptions(
        connection=Connection((bootstrap,)),
        namespace=namespace,
        input_topic=namespace,
        on_fatal=failures.append,
        **options,
    )
    app, owner.flow = build_app(settings, owner)
    running = asyncio.create_task(run_app(app))
    work = Worker(app, owner, failures, running)
    try:
        yield work
    finally:
        await work.stop()


async def delete_records(bootstrap: str, topic: str, before: dict[int, int]) -> None:
    """What retention does, now: the log of each partition starts there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        wanted = {TopicPartition(topic, p): RecordsToDelete(before_offset=offset) for p, offset in before.items()}
        await admin.delete_records(wanted)
    finally:
        await admin.close()


@asynccontextmanager
async def producer(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(bootstrap_servers=bootstrap, **options)
    try:
        await client.start()
        yield client
    finally:
        await client.stop()


async def produce(client: AIOKafkaProducer, topic: str, partition: int, count: int, batch: int = 500) -> int:
    """Append so many records; returns the offset after the last."""
    end = 0
    for start in range(0, count, batch):
        builder = client.create_batch()
        for i in range(start, min(start + batch, count)):
            builder.append(key=None, value=b"value-%d" % i, timestamp=None)
        builder.close()
        size = builder.record_count()
        landed = await (await client.send_batch(builder, topic, partition=partition))
        end = landed.offset + size
    return end


async def produce_everywhere(bootstrap: str, topic: str, count: int, partitions: Iterable[int] = range(4)) -> None:
    async with producer(bootstrap) as client:
        await asyncio.gather(*(produce(client, topic, partition, count) for partition in partitions))


async def log_starts(bootstrap: str, topic: str, partitions: int) -> dict[int, int]:
    """The first offset that each partition still holds."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        found = await consumer.beginning_offsets([TopicPartition(topic, each) for each in range(partitions)])
        return {tp.partition: offset for tp, offset in found.items()}
