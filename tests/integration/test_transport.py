"""The chunked transport on real brokers: every record once, nothing committed but what the owner commits."""

import asyncio
import random
import time
from datetime import timedelta
from typing import Any

import pytest

from scorer.embedded.broker import EmbeddedBroker
from scorer.stream.fetching import PositionLost
from scorer.stream.ports import Chunk
from tests.servers import KafkaServer
from tests.stream_worker import (
    CountingOwner,
    Ledger,
    counted_once,
    delete_records,
    produce,
    produce_everywhere,
    producer,
    worker,
)
from tests.topic_making import make_topic


@pytest.mark.parametrize("raw_records", [True, False])
def test_every_record_is_delivered_once_across_holds_releases_and_seeks(
    kafka: KafkaServer, namespace: str, raw_records: bool
) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 4)
        owner = CountingOwner(Ledger())
        options = {"raw_records": raw_records, "chunk_records": 300, "fetch_bytes": 20_000}
        async with worker(kafka.bootstrap, namespace, owner, **options):
            producing = asyncio.create_task(produce_everywhere(kafka.bootstrap, namespace, 20_000))
            disturbing = asyncio.create_task(_disturb(owner))
            await owner.until(lambda: owner.ledger.total() == 80_000)
            disturbing.cancel()
            await producing
        counted_once(owner.ledger, 20_000)
        assert owner.stale_chunks == 0  # the transport drops them itself
        assert max(len(chunk.values) for chunk in owner.chunks) <= 300
        assert owner.chunks[0].values[0] == b"value-0"
        assert time.time() * 1000 - 60_000 < owner.chunks[0].timestamps_ms[0] < time.time() * 1000 + 1_000

    asyncio.run(run())


async def _disturb(owner: CountingOwner) -> None:
    """Hold, release, and seek to where the state stands anyway, while chunks are under way."""
    await owner.until(lambda: len(owner.assignments) > 0)
    choices = random.Random(7)
    while True:
        partition = choices.randrange(4)
        if partition in owner.tokens and choices.random() < 0.5:
            owner.hold(partition)
        else:
            owner.release(partition)
        await asyncio.sleep(choices.choice([0.0, 0.001, 0.01, 0.03]))


@pytest.mark.parametrize("raw_records", [True, False])
def test_the_position_passes_aborted_transactions_and_reaches_the_end_of_the_log(
    kafka: KafkaServer, namespace: str, raw_records: bool
) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 1)
        async with producer(kafka.bootstrap, transactional_id=namespace) as client:
            async with client.transaction():
                await produce(client, namespace, 0, 700)
            await client.begin_transaction()
            await produce(client, namespace, 0, 800)
            await client.abort_transaction()
        owner = CountingOwner(Ledger())
        async with worker(kafka.bootstrap, namespace, owner, raw_records=raw_records) as work:
            await owner.until(lambda: owner.ledger.positions.get(0) == 1_502)
            assert owner.ledger.counted[0] == list(range(700))
            assert await work.flow.log_end(0) == work.flow.end_offset(0) == 1_502
            assert await work.flow.log_start(0) == 0
        assert owner.chunks[-1].to_offset == 1_502

    asyncio.run(run())


def test_an_open_transaction_is_waited_for(kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 1)
        owner = CountingOwner(Ledger())
        async with (
            producer(kafka.bootstrap, transactional_id=namespace) as writer,
            producer(kafka.bootstrap) as plain,
            worker(kafka.bootstrap, namespace, owner) as work,
        ):
            await produce(plain, namespace, 0, 10)
            await writer.begin_transaction()
            await produce(writer, namespace, 0, 10)
            await produce(plain, namespace, 0, 10)
            await owner.until(lambda: owner.ledger.total() == 10)
            assert await work.flow.log_end(0) == 10
            await writer.commit_transaction()
            await owner.until(lambda: owner.ledger.positions[0] == 31)
        assert owner.ledger.counted[0] == list(range(30))

    asyncio.run(run())


def test_a_position_before_the_logs_start_stops_the_worker_and_says_where(kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 4)
        await produce_everywhere(kafka.bootstrap, namespace, 1_000)
        await delete_records(kafka.bootstrap, namespace, {2: 600})
        owner = CountingOwner(Ledger({2: 500}))
        with pytest.raises(PositionLost) as stopped:
            async with worker(kafka.bootstrap, namespace, owner) as work:
                await asyncio.wait([work.running], timeout=20)
        lost = stopped.value
        assert work.failures == [lost]
        assert (lost.topic, lost.partition, lost.offset, lost.log_start, lost.log_end) == (namespace, 2, 500, 600, 1000)
        assert "retention" in str(lost)
        assert owner.revocations == []
        assert 2 not in owner.ledger.counted

    asyncio.run(run())


def test_a_position_behind_the_logs_end_stops_the_worker(kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 1)
        await produce_everywhere(kafka.bootstrap, namespace, 100, [0])
        with pytest.raises(PositionLost, match="recreated") as stopped:
            async with worker(kafka.bootstrap, namespace, CountingOwner(Ledger({0: 101}))) as work:
                await asyncio.wait([work.running], timeout=20)
        assert (stopped.value.offset, stopped.value.log_start, stopped.value.log_end) == (101, 0, 100)

    asyncio.run(run())


def test_a_retention_jump_in_mid_run_stops_the_worker(kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 1)
        owner = CountingOwner(Ledger())
        with pytest.raises(PositionLost):
            async with worker(kafka.bootstrap, namespace, owner) as work:
                await produce_everywhere(kafka.bootstrap, namespace, 100, [0])
                await owner.until(lambda: owner.ledger.total() == 100)
                owner.hold(0)
                await produce_everywhere(kafka.bootstrap, namespace, 100, [0])
                await delete_records(kafka.bootstrap, namespace, {0: 150})
                owner.release(0)
                await asyncio.wait([work.running], timeout=20)
        assert owner.ledger.positions == {0: 100}

    asyncio.run(run())


class _BlockedOwner(CountingOwner):
    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.room = asyncio.Event()

    async def process(self, chunk: Chunk) -> None:
        await self.room.wait()
        await super().process(chunk)


def test_an_owner_without_room_slows_the_fetch(kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 1)
        await produce_everywhere(kafka.bootstrap, namespace, 20_000, [0])
        owner = _BlockedOwner(Ledger())
        options = {"chunk_records": 100, "queued_chunks": 4, "fetch_bytes": 4_000}
        async with worker(kafka.bootstrap, namespace, owner, **options) as work:
            await owner.until(lambda: len(owner.assignments) > 0)
            await asyncio.sleep(2.0)
            consumer: Any = work.app.fetching.consumer
            (state,) = [consumer._subscription.subscription.assignment.state_value(tp) for tp in consumer.assignment()]
            assert 0 < state.position < 5_000
            owner.room.set()
            await owner.until(lambda: owner.ledger.total() == 20_000)
        counted_once(owner.ledger, 20_000, frozenset([0]))

    asyncio.run(run())


def test_a_worker_counts_on_the_embedded_broker(tansu: EmbeddedBroker, namespace: str) -> None:
    async def run() -> None:
        await make_topic(tansu.bootstrap, namespace, 4)
        await produce_everywhere(tansu.bootstrap, namespace, 3_000)
        owner = CountingOwner(Ledger())
        session = {"session_timeout": timedelta(seconds=6)}
        async with worker(tansu.bootstrap, namespace, owner, **session) as work:
            started = time.monotonic()
            await owner.until(lambda: owner.ledger.total() == 12_000)
            assert time.monotonic() - started < 10.0
            assert [await work.flow.log_end(p) for p in range(4)] == [3_000] * 4
            assert await work.flow.offset_at(0, 4_000_000_000_000) == 3_000
            assert await work.flow.generation_accepted()
            assert await work.flow.commit(0, 3_000)
            assert await work.flow.committed(0) == 3_000
        counted_once(owner.ledger, 3_000)

    asyncio.run(run())
