"""Starting, failing and stopping: always in bounded time, and a failure never commits."""

import asyncio
import time
from datetime import timedelta

import pytest

from scorer.embedded.broker import EmbeddedBroker
from scorer.stream import app as stream_app
from scorer.stream import transport
from scorer.stream.broker_errors import Refused, Unreachable
from scorer.stream.ports import Chunk
from tests.servers import KafkaServer
from tests.stream_worker import (
    ALL,
    CountingOwner,
    Ledger,
    counted_once,
    produce_everywhere,
    worker,
)
from tests.topic_making import make_topic


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


def test_a_worker_that_is_cut_off_flushes_nothing(kafka: KafkaServer, namespace: str) -> None:
    async def run() -> None:
        await make_topic(kafka.bootstrap, namespace, 4)
        await produce_everywhere(kafka.bootstrap, namespace, 100)
        owner = CountingOwner(Ledger())
        with pytest.raises(asyncio.CancelledError):
            async with worker(kafka.bootstrap, namespace, owner) as work:
                await owner.until(lambda: owner.ledger.total() == 400)
                work.running.cancel()
                await asyncio.wait([work.running], timeout=20)
        assert owner.revocations == []
        assert work.failures == []

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
