"""The journal on real brokers: Apache Kafka, and Tansu, which can neither recognise repeats nor trim."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.protocol.produce import ProduceRequest

from scorer.embedded.broker import EmbeddedBroker
from scorer.embedded.child import free_port
from scorer.stream.broker_errors import Refused, TooLarge, Trimmed, Truncated, Unanswered, Unreachable
from scorer.stream.connection import Connection
from scorer.stream.journal_log import JournalLog, Record
from scorer.stream.record_write import UNKNOWN
from tests.servers import KafkaServer
from tests.topic_making import make_topic, open_sockets

Server = KafkaServer | EmbeddedBroker
Story = Callable[[JournalLog], Awaitable[None]]


@pytest.fixture(params=["kafka", "tansu"])
def server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    return server


def connection_to(server: Server) -> Connection:
    return Connection((server.bootstrap,))


def on_journal(server: Server, topic: str, story: Story, *, patience: float = 20.0, fetch_bytes: int = 8 << 20) -> None:
    """Run the story on a new journal of two partitions."""

    async def run() -> None:
        await make_topic(server.bootstrap, topic, 2, message_timestamp_type="LogAppendTime", retention_ms="-1")
        log = JournalLog(connection_to(server), topic, patience=patience, fetch_bytes=fetch_bytes)
        await log.start()
        try:
            await story(log)
        finally:
            await log.stop()

    asyncio.run(run())


async def records_of(log: JournalLog, partition: int, start: int, end: int | None = None) -> list[Record]:
    return [record async for batch in log.read(partition, start, end) for record in batch]


async def values_of(log: JournalLog, partition: int) -> list[bytes]:
    return [record.value for record in await records_of(log, partition, 0)]


class LostAnswers:
    """Lets produce requests through to the broker and loses the answers of the first `count`."""

    def __init__(self, log: JournalLog, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        self._ask = log._writing.ask_leader
        self._left = count
        self.forever = False
        self.lost = asyncio.Event()
        monkeypatch.setattr(log._writing, "ask_leader", self)

    async def __call__(self, partition: int, request: Any) -> Any:
        answer = await self._ask(partition, request)
        if isinstance(request, ProduceRequest) and self._left:
            self._left -= 1
            self.lost.set()
            if self.forever:
                await asyncio.Event().wait()
            raise Unanswered("the answer was lost", in_doubt=True)
        return answer


def test_each_append_lands_right_behind_the_last_one_of_its_partition(server: Server, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        landed = [await log.append(0, b"%d" % number) for number in range(5)]
        assert [each.offset for each in landed] == [0, 1, 2, 3, 4]
        assert (await log.append(1, b"other")).offset == 0
        assert await log.bounds(0) == (0, 5)
        assert await log.bounds(1) == (0, 1)
        records = await records_of(log, 0, 0)
        assert [record.value for record in records] == [b"0", b"1", b"2", b"3", b"4"]
        assert [(each.offset, each.timestamp_ms) for each in records] == [(e.offset, e.timestamp_ms) for e in landed]

    on_journal(server, namespace, story)


def test_appends_at_the_same_time_keep_one_place_each(server: Server, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        values = [b"%d" % number for number in range(40)]
        landed = await asyncio.gather(*(log.append(number % 2, value) for number, value in enumerate(values)))
        found = {(p, record.offset): record.value for p in (0, 1) for record in await records_of(log, p, 0)}
        assert {(number % 2, each.offset): values[number] for number, each in enumerate(landed)} == found

    on_journal(server, namespace, story)


def test_a_read_ends_exactly_at_its_end(server: Server, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        for number in range(10):
            await log.append(0, b"%d" % number)
        assert [record.offset for record in await records_of(log, 0, 3, 7)] == [3, 4, 5, 6]
        assert await records_of(log, 0, 10) == []
        assert await records_of(log, 1, 0) == []

    on_journal(server, namespace, story)


def test_a_read_starts_and_ends_in_the_middle_of_what_the_broker_stores_as_one(server: Server, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=server.bootstrap)
        await producer.start()
        try:
            batch = producer.create_batch()
            for number in range(6):
                batch.append(key=None, value=b"%d" % number, timestamp=None)
            await (await producer.send_batch(batch, namespace, partition=0))
        finally:
            await producer.stop()
        assert [record.value for record in await records_of(log, 0, 2, 5)] == [b"2", b"3", b"4"]

    on_journal(server, namespace, story)


def test_large_entries_come_back_whole_over_several_fetches(server: Server, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        values = [os.urandom(900_000) for _ in range(5)]
        for value in values:
            await log.append(0, value)
        batches = [batch async for batch in log.read(0, 0)]
        assert [record.value for batch in batches for record in batch] == values
        assert len(batches) > 1

    on_journal(server, namespace, story, fetch_bytes=2_000_000)


def test_what_the_broker_can_is_found_out_without_breaking_anything(
    kafka: KafkaServer, tansu: EmbeddedBroker, namespace: str
) -> None:
    async def on_kafka(log: JournalLog) -> None:
        assert (log.idempotent, log.can_trim, log.partitions) == (True, True, 2)

    async def on_tansu(log: JournalLog) -> None:
        assert (log.idempotent, log.can_trim, log.partitions) == (False, False, 2)
        assert (await log.append(0, b"works")).offset == 0
        with pytest.raises(RuntimeError, match="can't trim"):
            await log.trim(0, 1)

    on_journal(kafka, namespace, on_kafka)
    on_journal(tansu, namespace, on_tansu)


def test_a_repeat_after_a_lost_answer_is_recognised_and_its_place_known(
    kafka: KafkaServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(log: JournalLog) -> None:
        await log.append(0, b"a")
        LostAnswers(log, monkeypatch, 2)
        assert (await log.append(0, b"b")).offset == 1
        assert (await log.append(0, b"c")).offset == 2
        records = await records_of(log, 0, 0)
        assert [record.value for record in records] == [b"a", b"b", b"c"]

    on_journal(kafka, namespace, story)


def test_without_idempotence_a_repeat_has_no_known_place(
    tansu: EmbeddedBroker, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(log: JournalLog) -> None:
        await log.append(0, b"a")
        LostAnswers(log, monkeypatch, 1)
        assert (await log.append(0, b"b")).offset == UNKNOWN
        assert await values_of(log, 0) == [b"a", b"b", b"b"]
        assert (await log.append(0, b"c")).offset == 3

    on_journal(tansu, namespace, story)


def test_an_append_after_a_cancelled_one_is_not_taken_for_its_repeat(
    kafka: KafkaServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(log: JournalLog) -> None:
        await log.append(0, b"a")
        answers = LostAnswers(log, monkeypatch, 1)
        answers.forever = True
        cancelled = asyncio.create_task(log.append(0, b"b"))
        await answers.lost.wait()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert (await log.append(0, b"c")).offset == 2
        assert await values_of(log, 0) == [b"a", b"b", b"c"]

    on_journal(kafka, namespace, story)


def test_a_forgotten_sequence_is_begun_anew(
    kafka: KafkaServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(log: JournalLog) -> None:
        """What the broker answers then is what it answers to a number that it doesn't expect."""
        assert log._writer is not None
        log._writer._producers[0].next += 5

    async def story(log: JournalLog) -> None:
        await log.append(0, b"a")
        forget(log)
        assert (await log.append(0, b"b")).offset == 1
        forget(log)
        ask = log._writing.ask_leader
        doubts = iter([Unanswered("the connection broke", in_doubt=True)])

        async def doubtful(partition: int, request: Any) -> Any:
            for doubt in doubts:
                raise doubt
            return await ask(partition, request)

        monkeypatch.setattr(log._writing, "ask_leader", doubtful)
        # The first try may have landed under the lost sequence, so that this might be its repeat.
        assert (await log.append(0, b"c")).offset == UNKNOWN
        assert (await log.append(0, b"d")).offset == 3

    on_journal(kafka, namespace, story)


def test_an_entry_too_large_is_refused_and_the_next_one_lands_right_behind(kafka: KafkaServer, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        await log.append(0, b"a")
        for size in (1_060_000, 2_000_000):  # refused by the broker; not even sent
            with pytest.raises(TooLarge, match=f"{namespace}-0: .*") as caught:
                await log.append(0, bytes(size))
            assert (caught.value.topic, caught.value.partition) == (namespace, 0)
        assert (await log.append(0, b"b")).offset == 1

    on_journal(kafka, namespace, story)


def test_a_trimmed_log_starts_later_and_goes_on(kafka: KafkaServer, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        for number in range(5):
            await log.append(0, b"%d" % number)
        await log.trim(0, 3)
        assert await log.bounds(0) == (3, 5)
        with pytest.raises(Trimmed) as caught:
            await records_of(log, 0, 0)
        assert (caught.value.log_start, caught.value.offset) == (3, 0)
        await log.trim(0, 5)
        assert await log.bounds(0) == (5, 5)
        assert (await log.append(0, b"5")).offset == 5
        with pytest.raises(Refused):
            await log.trim(0, 7)

    on_journal(kafka, namespace, story)


def test_a_trim_in_mid_read_is_noticed(kafka: KafkaServer, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        for _ in range(8):
            await log.append(0, bytes(100_000))
        seen: list[int] = []
        with pytest.raises(Trimmed) as caught:
            async with aclosing(log.read(0, 0)) as batches:
                async for batch in batches:
                    seen += [record.offset for record in batch]
                    await log.trim(0, 7)
        assert caught.value.log_start == 7
        assert seen == list(range(len(seen)))
        assert caught.value.offset == len(seen) < 7

    on_journal(kafka, namespace, story, fetch_bytes=150_000)


def test_a_read_ends_although_the_last_offsets_hold_no_record(kafka: KafkaServer, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        await log.append(0, b"a")
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=namespace)
        await producer.start()
        try:
            async with producer.transaction():
                await producer.send_and_wait(namespace, b"b", partition=0)
        finally:
            await producer.stop()
        # offsets: a, b, and the transaction's end, which the broker writes a moment after it has said yes
        assert [record.value for record in await records_of(log, 0, 0, 3)] == [b"a", b"b"]
        assert await log.bounds(0) == (0, 3)

    on_journal(kafka, namespace, story)


def test_a_log_that_ends_too_early_is_said(server: Server, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        await log.append(0, b"a")
        with pytest.raises(Truncated) as caught:
            await records_of(log, 0, 0, 5)
        assert (caught.value.log_end, caught.value.offset) == (1, 5)

    on_journal(server, namespace, story, patience=1.0)


def test_a_position_behind_the_end_is_said_at_once(kafka: KafkaServer, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        await log.append(0, b"a")
        with pytest.raises(Truncated):
            await records_of(log, 0, 4, 5)

    on_journal(kafka, namespace, story)


def test_a_cancelled_read_leaves_no_task_and_no_socket_behind(
    kafka: KafkaServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(log: JournalLog) -> None:
        for _ in range(6):
            await log.append(0, bytes(400_000))
        await records_of(log, 0, 0, 1)
        before = asyncio.all_tasks(), open_sockets()
        ask, got_one, got_stuck = log._reading.ask_leader, asyncio.Event(), asyncio.Event()

        async def only_once(partition: int, request: Any) -> Any:
            if got_one.is_set():
                got_stuck.set()
                await asyncio.Event().wait()
            got_one.set()
            return await ask(partition, request)

        async def read() -> None:
            async with aclosing(log.read(0, 0, 6)) as batches:
                async for _ in batches:
                    await asyncio.Event().wait()

        with monkeypatch.context() as patched:
            patched.setattr(log._reading, "ask_leader", only_once)
            reading = asyncio.create_task(read())
            await got_stuck.wait()  # the fetch ahead, while the reader works on the first batch
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        assert (asyncio.all_tasks(), open_sockets()) == before
        assert len(await records_of(log, 0, 0)) == 6

    on_journal(kafka, namespace, story, fetch_bytes=500_000)


def test_a_read_cancelled_while_it_waits_for_the_broker_leaves_it_usable(kafka: KafkaServer, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        await log.append(0, b"a")
        before = asyncio.all_tasks()
        waiting = asyncio.create_task(records_of(log, 0, 1, 2))  # nothing is there: the broker holds the fetch
        await asyncio.wait({waiting}, timeout=0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert asyncio.all_tasks() == before
        assert [record.value for record in await records_of(log, 0, 0)] == [b"a"]

    on_journal(kafka, namespace, story)


def test_a_broker_that_is_not_there_is_waited_for_and_named() -> None:
    async def story() -> None:
        broker = f"127.0.0.1:{free_port()}"
        log = JournalLog(Connection((broker,)), "journal", patience=0.5)
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unreachable, match=rf"{broker} can't be reached, waited 0\.5 s"):
            await log.start()
        assert asyncio.get_running_loop().time() - began >= 0.5

    asyncio.run(story())


def test_a_missing_topic_is_waited_for_and_not_created(server: Server, namespace: str) -> None:
    async def story() -> None:
        log = JournalLog(connection_to(server), namespace, patience=0.5)
        with pytest.raises(Unreachable, match="UnknownTopicOrPartition"):
            await log.start()
        await make_topic(server.bootstrap, namespace)  # fails if it is there

    asyncio.run(story())


def test_an_outage_is_waited_out_by_appends_and_reads(own_kafka: KafkaServer, namespace: str) -> None:
    async def story(log: JournalLog) -> None:
        await log.append(0, b"a")
        own_kafka.kill()
        append = asyncio.create_task(log.append(0, b"b"))
        read = asyncio.create_task(records_of(log, 0, 0, 2))
        await asyncio.to_thread(own_kafka.restart)
        assert (await append).offset == 1
        assert [record.value for record in await read] == [b"a", b"b"]

    on_journal(own_kafka, namespace, story, patience=60.0)


def test_a_broker_that_hangs_leaves_the_append_in_doubt_and_the_next_one_whole(
    own_kafka: KafkaServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(log: JournalLog) -> None:
        await log.append(0, b"a")
        own_kafka.pause()
        try:
            with pytest.raises(Unreachable) as caught, monkeypatch.context() as patched:
                patched.setattr(log._writing, "_patience_seconds", 1.0)
                await log.append(0, b"b")
            assert caught.value.in_doubt
        finally:
            own_kafka.resume()
        after = await log.append(0, b"c")
        values = await values_of(log, 0)
        assert values in ([b"a", b"b", b"c"], [b"a", b"c"])
        assert after.offset == len(values) - 1

    on_journal(own_kafka, namespace, story, patience=60.0)


def test_what_nobody_answers_is_never_an_answer(
    kafka: KafkaServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unreachable says whether the append may have landed."""

    async def story(log: JournalLog) -> None:
        async def nobody(partition: int, request: Any) -> NoReturn:
            raise Unanswered("no leader")

        monkeypatch.setattr(log._writing, "ask_leader", nobody)
        with pytest.raises(Unreachable, match="last: no leader") as caught:
            await log.append(0, b"a")
        assert not caught.value.in_doubt

    on_journal(kafka, namespace, story, patience=0.3)
