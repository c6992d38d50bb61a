"""The worker as a member of its group: who owns what, who may commit."""

import asyncio
import time
from datetime import timedelta

from tests.servers import KafkaServer
from tests.stream_worker import (
    ALL,
    CountingOwner,
    Ledger,
    counted_once,
    produce,
    produce_everywhere,
    producer,
    worker,
)
from tests.topic_making import make_topic


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
        first_ms = time.time_ns() // 1_000_000 - 60_000  # older than its retention the broker may delete them
        async with producer(kafka.bootstrap) as client:
            for second in range(5):
                await client.send_and_wait(namespace, b"x", partition=0, timestamp_ms=first_ms + second * 1000)
        owner = CountingOwner(Ledger())
        async with worker(kafka.bootstrap, namespace, owner) as work:
            await owner.until(lambda: owner.ledger.total() == 5)
            assert await work.flow.offset_at(0, 0) == 0
            assert await work.flow.offset_at(0, first_ms + 1500) == 2
            assert await work.flow.offset_at(0, first_ms + 9000) == 5

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
