"""The input read without a group, for whoever only looks: what is committed, from given offsets to the end of now."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from scorer.core.events import Headers
from scorer.stream.broker_errors import Trimmed, Unanswered
from scorer.stream.broker_link import say_why
from scorer.stream.connection import Connection
from scorer.stream.header_names import take_any_header_name
from scorer.stream.patience import Patience
from scorer.stream.record_headers import headers_by_place
from scorer.stream.topics import input_partitions

T = TypeVar("T")

_WAIT_MS = 200
_RECORDS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Records:
    """Some records of a partition, in order. `position` is behind them, and behind what holds no record.

    `headers`, by place among them, are those of the records that have any.
    """

    partition: int
    timestamps_ms: list[int]
    values: list[bytes | None]
    headers: Mapping[int, Headers]
    position: int


@asynccontextmanager
async def open_reader(connection: Connection, topic: str, *, patience: float) -> AsyncIterator["InputReader"]:
    """A reader of the topic. `patience`: seconds that an unreachable broker is waited for, per question.

    Raises NoSuchTopic, Unreachable, Refused.
    """
    partitions = await input_partitions(connection, topic, patience=patience)
    take_any_header_name()
    consumer = AIOKafkaConsumer(
        **connection.client_kwargs("scorer-input-reader"),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    reader = InputReader(consumer, connection, topic, partitions, patience)
    try:
        await reader.start()
        yield reader
    finally:
        await consumer.stop()


class InputReader:
    """Every question raises Unreachable when the patience is over, or Refused."""

    def __init__(
        self, consumer: AIOKafkaConsumer, connection: Connection, topic: str, partitions: int, patience: float
    ) -> None:
        self._consumer = consumer
        self._connection = connection
        self._topic = topic
        self._patience = patience
        self.partitions = partitions

    async def start(self) -> None:
        await self._insist(self._consumer.start)
        await asyncio.sleep(0)  # aiokafka can't stop a task that hasn't begun

    async def log_starts(self, partitions: Collection[int]) -> dict[int, int]:
        """The first offset that each still holds."""
        return await self._by_partition(self._consumer.beginning_offsets, partitions)

    async def log_ends(self, partitions: Collection[int]) -> dict[int, int]:
        """The offset behind the last record that is committed, of each."""
        return await self._by_partition(self._consumer.end_offsets, partitions)

    async def offsets_at(self, partitions: Collection[int], timestamp_ms: int) -> dict[int, int | None]:
        """The first offset of each with a broker timestamp from then on; None where there is no such record."""
        times = {self._at(partition): timestamp_ms for partition in partitions}
        found = await self._insist(lambda: self._consumer.offsets_for_times(times))
        there = {tp: at for tp, at in found.items() if at is not None and at.timestamp >= 0}  # Tansu: -1 for None
        return {at.partition: there[at].offset if at in there else None for at in times}

    async def first_timestamp_ms(self, partition: int, offset: int, end: int) -> int | None:
        """The broker timestamp of the first record from `offset` on, None if there is none before `end`."""
        async for records in self.read({partition: offset}, {partition: end}, at_once=1):
            if records.timestamps_ms:
                return records.timestamps_ms[0]
        return None

    async def read(
        self, positions: Mapping[int, int], ends: Mapping[int, int], at_once: int = _RECORDS_AT_ONCE
    ) -> AsyncIterator[Records]:
        """What is committed, from `positions` to `ends`; a little beyond, if it is there already.

        Raises Trimmed if what is to be read is deleted meanwhile.
        """
        left = {self._at(p): end for p, end in ends.items() if positions[p] < end}
        if not left:
            return
        self._consumer.assign(list(left))
        for tp in left:
            self._consumer.seek(tp, positions[tp.partition])
        while left:
            found = await self._insist(lambda: self._fetch(left, at_once))
            for tp, (position, records) in found.items():
                timestamps_ms, values = [r.timestamp for r in records], [r.value for r in records]
                yield Records(tp.partition, timestamps_ms, values, headers_by_place(records), position)
                if position >= left[tp]:
                    del left[tp]
                    self._consumer.pause(tp)

    async def _fetch(
        self, wanted: Collection[TopicPartition], at_once: int
    ) -> dict[TopicPartition, tuple[int, list[Any]]]:
        """The next records and the position behind them, of partitions that went on."""
        before = {tp: await self._consumer.position(tp) for tp in wanted}
        try:
            records = await self._consumer.getmany(timeout_ms=_WAIT_MS, max_records=at_once)
        except OffsetOutOfRangeError as error:
            ((tp, offset),) = error.args[0].items()
            start = (await self._consumer.beginning_offsets([tp]))[tp]
            raise Trimmed(topic=tp.topic, partition=tp.partition, offset=offset, log_start=start) from error
        after = {tp: await self._consumer.position(tp) for tp in wanted}
        moved = {tp: (after[tp], records.get(tp, [])) for tp in wanted if after[tp] > before[tp]}
        if not moved:
            raise Unanswered("the broker sends no records")
        return moved

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)

    async def _by_partition(
        self, ask: Callable[[list[TopicPartition]], Awaitable[dict[TopicPartition, int]]], partitions: Collection[int]
    ) -> dict[int, int]:
        found = await self._insist(lambda: ask([self._at(partition) for partition in partitions]))
        return {tp.partition: offset for tp, offset in found.items()}

    async def _insist(self, action: Callable[[], Awaitable[T]]) -> T:
        async def attempt() -> T:
            try:
                return await action()
            except KafkaError as error:
                await say_why(self._connection)
                raise Unanswered(repr(error)) from error

        return await Patience(self._patience, self._connection.bootstrap).insist(attempt)
