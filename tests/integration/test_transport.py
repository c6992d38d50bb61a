"""The chunked transport on real brokers: every record once, nothing committed but what the owner commits."""

import asyncio
import random
import time
from datetime import timedelta
from typing import Any

import pytest

from scorer.embedded.broker import EmbeddedBroker
from scorer.stream import app as stream_app
from scorer.stream import transport
from scorer.stream.broker_errors import Refused, Unreachable
from scorer.stream.fetching import PositionLost
from scorer.stream.ports import Chunk
from tests.servers import KafkaServer
from tests.stream_worker import (
    CountingOwner,
    Ledger,
    delete_records,
    produce,
    produce_everywhere,
    producer,
    worker,
)
from tests.topic_making import make_topic

ALL = frozenset(range(4))


def counted_once(ledger: Ledger, count: int, partitions: frozenset[int] = ALL) -> None:
    """Each record of logs without transactions or holes."""
    assert ledger.counted == {partition: list(range(count)) for partition in partitions}
    assert ledger.positions == dict.fromkeys(partitions, count)


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


def test_a_second_worker_that_joins_and_leaves_takes_over_where_the_first_stood(
    kafka: KafkaServer, namespace: str
) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 4)
        ledger = Ledger()
        first, second = CountingOwner(ledger), CountingOwner(ledger)
        producing = asyncio.create_task(_produce_slowly(kafka.bootstrap, namespace, 40))
        session = {"session_timeout": timedelta(seconds=3), "chunk_records": 500}
        async with worker(kafka.bootstrap, namespace, first, **session):
            await first.until(lambda: ledger.total() > 1_000)
            async with worker(kafka.bootstrap, namespace, second, **session):
                await second.until(lambda: len(second.chunks) > 5)
                await first.until(lambda: len(first.assignments) > 1)
                assert first.assignments[-1] | second.assignments[-1] == ALL
                assert not first.assignments[-1] & second.assignments[-1]
                assert len(first.assignments[-1]) == 2
                await asyncio.sleep(0.5)
            assert second.revocations[-1] == second.assignments[-1]
            await producing
            await first.until(lambda: ledger.total() == 4 * 40 * 500)
            assert first.assignments[-1] == ALL
        counted_once(ledger, 40 * 500)

    asyncio.run(run())


async def _produce_slowly(bootstrap: str, topic: str, batches: int) -> None:
    async with producer(bootstrap) as client:
        for _ in range(batches):
            await asyncio.gather(*(produce(client, topic, partition, 500) for partition in ALL))
            await asyncio.sleep(0.1)


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


def test_only_the_owner_commits_and_only_what_it_says(kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 4)
        await produce_everywhere(kafka.bootstrap, namespace, 1_000)
        owner = CountingOwner(Ledger())
        async with worker(kafka.bootstrap, namespace, owner) as work:
            await owner.until(lambda: owner.ledger.total() == 4_000)
            await work.app.consumer.commit()  # what Faust does every few seconds
            assert [await work.flow.committed(partition) for partition in ALL] == [None] * 4
            assert await work.flow.commit(1, 321)
            assert await work.flow.committed(1) == 321
            assert await work.flow.generation_accepted()
            assert not await work.flow.commit(9, 1)  # not ours
            owner.revoked = _stay_silent  # type: ignore[method-assign]
        async with worker(kafka.bootstrap, namespace, owner) as work:
            await owner.until(lambda: len(owner.assignments) == 2)
            assert [await work.flow.committed(partition) for partition in sorted(ALL)] == [None, 321, None, None]

    asyncio.run(run())


async def _stay_silent(partitions: frozenset[int]) -> None: ...


def test_offsets_are_found_by_time(kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 1)
        async with producer(kafka.bootstrap) as client:
            for second in range(5):
                await client.send_and_wait(namespace, b"x", partition=0, timestamp_ms=1_700_000_000_000 + second * 1000)
        owner = CountingOwner(Ledger())
        async with worker(kafka.bootstrap, namespace, owner) as work:
            await owner.until(lambda: owner.ledger.total() == 5)
            assert await work.flow.offset_at(0, 0) == 0
            assert await work.flow.offset_at(0, 1_700_000_001_500) == 2
            assert await work.flow.offset_at(0, 1_700_000_009_000) == 5

    asyncio.run(run())


def test_a_static_member_that_restarts_gets_its_partitions_back_and_moves_nothing(
    kafka: KafkaServer, namespace: str
) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 4)
        await produce_everywhere(kafka.bootstrap, namespace, 1_000)
        ledger = Ledger()
        stays, restarts = CountingOwner(ledger), CountingOwner(ledger)
        session = {"session_timeout": timedelta(seconds=6)}
        async with worker(kafka.bootstrap, namespace, stays, instance="one", **session):
            async with worker(kafka.bootstrap, namespace, restarts, instance="two", **session):
                await stays.until(lambda: len(stays.assignments[-1:] and stays.assignments[-1]) == 2)
                await restarts.until(lambda: bool(restarts.assignments) and len(restarts.assignments[-1]) == 2)
            moved, mine = len(stays.assignments), restarts.assignments[-1]
            await produce_everywhere(kafka.bootstrap, namespace, 1_000)
            started = time.monotonic()
            again = CountingOwner(ledger)
            async with worker(kafka.bootstrap, namespace, again, instance="two", **session):
                await again.until(lambda: len(again.assignments) == 1)
                assert time.monotonic() - started < 5.0  # not after the session's 6 s
                assert again.assignments == [mine]
                assert len(stays.assignments) == moved
                await again.until(lambda: ledger.total() == 8_000)
        counted_once(ledger, 2_000)

    asyncio.run(run())


def test_a_worker_whose_place_was_taken_can_neither_commit_nor_claim(kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 4)
        await produce_everywhere(kafka.bootstrap, namespace, 100)
        ledger = Ledger()
        zombie, heir = CountingOwner(ledger), CountingOwner(Ledger())
        answers: list[bool] = []

        slow_heartbeat = {"session_timeout": timedelta(seconds=30), "instance": "same"}
        async with worker(kafka.bootstrap, namespace, zombie, **slow_heartbeat) as old:

            async def ask_the_zombie(partitions: frozenset[int]) -> None:
                answers.append(await heir.flow.generation_accepted())
                answers.append(await heir.flow.commit(0, 2))
                answers.append(await old.flow.commit(0, 1))  # hears of it here, and joins again
                answers.append(await old.flow.generation_accepted())
                await CountingOwner.assigned(heir, partitions)

            heir.assigned = ask_the_zombie  # type: ignore[method-assign]
            heir.revoked = _stay_silent  # type: ignore[method-assign]  # a refused commit would make it join again
            await zombie.until(lambda: ledger.total() == 400)
            async with worker(kafka.bootstrap, namespace, heir, **slow_heartbeat):
                await heir.until(lambda: len(heir.assignments) > 0)
        assert answers[:4] == [True, True, False, False]

    asyncio.run(run())


class _FailingOwner(CountingOwner):
    async def process(self, chunk: Chunk) -> None:
        if len(self.chunks) == 3:
            raise ZeroDivisionError("a bug")
        await super().process(chunk)


def test_an_owner_that_fails_stops_the_worker_without_a_commit(kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 4)
        await produce_everywhere(kafka.bootstrap, namespace, 5_000)
        owner = _FailingOwner(Ledger())
        with pytest.raises(ZeroDivisionError):
            async with worker(kafka.bootstrap, namespace, owner, chunk_records=100) as work:
                await asyncio.wait([work.running], timeout=20)
        assert [type(failure) for failure in work.failures] == [ZeroDivisionError]
        assert len(owner.chunks) == 3
        assert owner.revocations == []
        fresh = CountingOwner(Ledger())
        async with worker(kafka.bootstrap, namespace, fresh) as work:
            await fresh.until(lambda: fresh.ledger.total() == 20_000)
            assert [await work.flow.committed(partition) for partition in ALL] == [None] * 4

    asyncio.run(run())


class _HangingOwner(CountingOwner):
    async def revoked(self, partitions: frozenset[int]) -> None:
        await super().revoked(partitions)
        await asyncio.Event().wait()


def test_a_flush_that_hangs_holds_up_a_stop_for_a_bounded_time(
    kafka: KafkaServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_app, "_REVOKE_SECONDS", 0.5)

    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 4)
        owner = _HangingOwner(Ledger())
        async with worker(kafka.bootstrap, namespace, owner) as work:
            await owner.until(lambda: len(owner.assignments) > 0)
            started = time.monotonic()
            await work.stop()
            assert 0.5 <= time.monotonic() - started < 3.0
        assert work.failures == []

    asyncio.run(run())


def test_a_stop_that_hangs_is_reported_by_the_watchdog(
    kafka: KafkaServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_app, "_REVOKE_SECONDS", 1.0)

    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 4)
        owner = _HangingOwner(Ledger())
        options = {"stop_timeout": timedelta(seconds=0.3)}
        async with worker(kafka.bootstrap, namespace, owner, **options) as work:
            await owner.until(lambda: len(owner.assignments) > 0)
            await work.stop()
        assert [type(failure) for failure in work.failures] == [stream_app.StopTimedOut]

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


def test_a_broker_that_goes_away_is_waited_for(own_kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(own_kafka.bootstrap, namespace, 4)
        await produce_everywhere(own_kafka.bootstrap, namespace, 2_000)
        own_kafka.kill()
        owner = CountingOwner(Ledger())
        async with worker(own_kafka.bootstrap, namespace, owner, chunk_records=100) as work:
            await asyncio.sleep(1.0)
            await asyncio.to_thread(own_kafka.restart)
            await owner.until(lambda: owner.ledger.total() == 8_000)
            own_kafka.kill()
            committing = asyncio.create_task(work.flow.commit(0, 2_000))
            await asyncio.sleep(2.0)
            assert not committing.done()
            await asyncio.to_thread(own_kafka.restart)
            await produce_everywhere(own_kafka.bootstrap, namespace, 500)
            await owner.until(lambda: owner.ledger.total() == 10_000)
            assert isinstance(await committing, bool)
            assert work.failures == []
        counted_once(owner.ledger, 2_500)

    asyncio.run(run())


def test_a_worker_that_waits_for_its_broker_can_be_stopped(namespace: str) -> None:
    async def run() -> None:
        async with worker("127.0.0.1:1", namespace, CountingOwner(Ledger())) as work:
            await asyncio.sleep(0.7)
            started = time.monotonic()
            await work.stop()
            assert time.monotonic() - started < 2.0
            assert work.failures == []

    asyncio.run(run())


def test_a_worker_that_waits_for_the_group_can_be_stopped(
    tansu: EmbeddedBroker, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_LEAVE_SECONDS", 0.5)

    async def run() -> None:
        await make_topic(tansu.bootstrap, namespace, 4)
        owner = CountingOwner(Ledger())
        async with worker(tansu.bootstrap, namespace, owner) as work:
            await asyncio.sleep(0.7)  # Tansu keeps a first join waiting for 5 s
            started = time.monotonic()
            await work.stop()
            assert time.monotonic() - started < 2.0
            assert work.failures == []
        assert owner.assignments == []

    asyncio.run(run())


def test_a_group_that_refuses_the_worker_stops_it(kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 4)
        too_short = {"session_timeout": timedelta(milliseconds=600)}
        with pytest.raises(Refused, match="InvalidSessionTimeout"):
            async with worker(kafka.bootstrap, namespace, CountingOwner(Ledger()), **too_short) as work:
                await asyncio.wait([work.running], timeout=20)
        assert [type(failure) for failure in work.failures] == [Refused]

    asyncio.run(run())


def test_a_broker_that_hangs_holds_up_a_stop_for_a_bounded_time(
    own_kafka: KafkaServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_app, "_REVOKE_SECONDS", 0.5)
    monkeypatch.setattr(transport, "_LEAVE_SECONDS", 0.5)

    async def run() -> None:
        await make_topic(own_kafka.bootstrap, namespace, 4)
        owner = CountingOwner(Ledger())
        async with worker(own_kafka.bootstrap, namespace, owner) as work:
            await owner.until(lambda: len(owner.assignments) > 0)
            own_kafka.pause()
            started = time.monotonic()
            await work.stop()
            assert time.monotonic() - started < 5.0
            own_kafka.resume()
        assert work.failures == []

    asyncio.run(run())


def test_a_broker_that_never_comes_stops_the_start(namespace: str) -> None:
    async def run() -> None:
        options = {"broker_patience": timedelta(seconds=1)}
        with pytest.raises(Unreachable):
            async with worker("127.0.0.1:1", namespace, CountingOwner(Ledger()), **options) as work:
                await asyncio.wait([work.running], timeout=20)

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
