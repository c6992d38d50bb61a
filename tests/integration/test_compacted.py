"""A compacted topic as a shared table, on real brokers."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from scorer.embedded.broker import EmbeddedBroker
from scorer.stream.broker_errors import TooLarge, Unreachable
from scorer.stream.compacted import CompactedTopic
from scorer.stream.connection import Connection
from tests.servers import KafkaServer
from tests.topic_making import all_records, make_topic

Server = KafkaServer | EmbeddedBroker
PATIENCE = 20.0


@pytest.fixture(params=["kafka", "tansu"])
def server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    return server


class Table:
    """What a reader has been told, and an event for what is waited for."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes | None] = {}
        self._changed = asyncio.Event()

    def on_record(self, key: bytes, value: bytes | None) -> None:
        self.rows[key] = value
        self._changed.set()

    async def until(self, key: bytes, value: bytes | None) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.rows.get(key, b"nothing yet") != value:
                self._changed.clear()
                await self._changed.wait()


class Started:
    """A reader and writer with its table, stopped at the end."""

    def __init__(self, server: Server, topic: str, patience: float = PATIENCE) -> None:
        self.table = Table()
        self.topic = CompactedTopic(Connection((server.bootstrap,)), topic, self.table.on_record, patience=patience)

    async def __aenter__(self) -> "Started":
        await self.topic.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.topic.stop()


def on_topic(
    server: Server, name: str, story: Callable[[], Awaitable[None]], partitions: int = 1, **settings: str
) -> None:
    async def run() -> None:
        await make_topic(server.bootstrap, name, partitions, cleanup_policy="compact", **settings)
        await story()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left

    asyncio.run(run())


def test_what_was_there_at_the_start_is_delivered_before_it_has_caught_up(server: Server, namespace: str) -> None:
    async def story() -> None:
        async with Started(server, namespace) as writer:
            await writer.topic.publish_many([(b"k%d" % (n % 100), b"v%d" % n) for n in range(1_000)])
        async with Started(server, namespace) as reader:
            await reader.topic.caught_up()
            assert reader.table.rows == {b"k%d" % (n % 100): b"v%d" % n for n in range(900, 1_000)}

    on_topic(server, namespace, story)


def test_an_empty_topic_is_caught_up_at_once(server: Server, namespace: str) -> None:
    async def story() -> None:
        async with Started(server, namespace) as reader, asyncio.timeout(0.4):  # less than one fetch waits
            await reader.topic.caught_up()

    on_topic(server, namespace, story)


def test_later_records_reach_every_reader_and_a_tombstone_deletes(server: Server, namespace: str) -> None:
    async def story() -> None:
        async with Started(server, namespace) as one, Started(server, namespace) as other:
            await one.topic.publish(b"k", b"1")
            await other.table.until(b"k", b"1")
            await other.topic.publish(b"k", b"2")
            await one.table.until(b"k", b"2")
            await one.topic.publish(b"k", None)
            await other.table.until(b"k", None)

    on_topic(server, namespace, story)


def test_a_topic_of_several_partitions_is_read_whole_and_keyed_as_kafka_does(
    kafka: KafkaServer, namespace: str
) -> None:
    async def story() -> None:
        rows = {b"key-%d" % n: b"%d" % n for n in range(50)}
        async with Started(kafka, namespace) as writer:
            await writer.topic.publish_many(list(rows.items()))
            async with Started(kafka, namespace) as reader:
                await reader.topic.caught_up()
                assert reader.table.rows == rows
        placed = {record.key: record.partition for record in await all_records(kafka.bootstrap, namespace)}
        # where Kafka's own console producer puts these keys
        assert {key: placed[key] for key in (b"key-0", b"key-1", b"key-2", b"key-3")} == {
            b"key-0": 1,
            b"key-1": 0,
            b"key-2": 2,
            b"key-3": 2,
        }

    on_topic(kafka, namespace, story, partitions=3)


def test_many_megabytes_are_written_in_batches_that_fit(server: Server, namespace: str) -> None:
    async def story() -> None:
        rows = [(b"%d" % n, bytes([n]) * 400_000) for n in range(12)]
        async with Started(server, namespace) as started:
            await started.topic.publish_many(rows)
            await started.table.until(*rows[-1])
            assert started.table.rows == dict(rows)

    on_topic(server, namespace, story, max_message_bytes="1048576")


def test_a_record_too_large_is_refused(kafka: KafkaServer, namespace: str) -> None:
    async def story() -> None:
        async with Started(kafka, namespace) as started:
            with pytest.raises(TooLarge):
                await started.topic.publish(b"k", bytes(2_000_000))
            await started.topic.publish(b"k", b"fits")
            await started.table.until(b"k", b"fits")

    on_topic(kafka, namespace, story)


def test_a_reader_that_fails_says_why_to_whoever_waits(kafka: KafkaServer, namespace: str) -> None:
    def broken(key: bytes, value: bytes | None) -> None:
        raise ZeroDivisionError(key)

    async def story() -> None:
        async with Started(kafka, namespace) as writer:
            await writer.topic.publish(b"k", b"v")
        reader = CompactedTopic(Connection((kafka.bootstrap,)), namespace, broken, patience=PATIENCE)
        await reader.start()
        for waiting in (reader.caught_up(), reader.failed()):
            with pytest.raises(ZeroDivisionError):
                await waiting
        await reader.stop()

    on_topic(kafka, namespace, story)


def test_an_outage_is_waited_out_and_one_too_long_is_said(own_kafka: KafkaServer, namespace: str) -> None:
    async def story() -> None:
        async with Started(own_kafka, namespace, 60.0) as patient, Started(own_kafka, namespace, 0.5) as impatient:
            await patient.topic.publish(b"k", b"1")
            await impatient.table.until(b"k", b"1")
            own_kafka.kill()
            write = asyncio.create_task(patient.topic.publish(b"k", b"2"))
            with pytest.raises(Unreachable):
                await impatient.topic.failed()
            await asyncio.to_thread(own_kafka.restart)
            await write
            await patient.table.until(b"k", b"2")
            assert impatient.table.rows == {b"k": b"1"}

    on_topic(own_kafka, namespace, story)
