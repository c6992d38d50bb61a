"""Fetching the input, inside the consumer's thread: from aiokafka's buffers to chunks.

Rules:
1. Nothing is fetched from a partition that wasn't released (`release`) since its assignment. A release belongs to
   one assignment object of aiokafka: a rebalance, even one that gives the same partition back, ends it.
2. A chunk continues where the one before it (of the same token) ended: `from_offset` is aiokafka's own position before
   the records were taken, `to_offset` the one after, so that both cover aborted, control and compacted records.
3. A position is never reset. One that is out of range stops the worker (`PositionLost`).

Everything here runs in the consumer's thread: aiokafka's objects belong to its event loop.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError
from numpy.typing import NDArray

from scorer.stream.broker_errors import BrokerError
from scorer.stream.fast_records import RawPartitionRecords
from scorer.stream.header_names import take_any_header_name
from scorer.stream.ports import Chunk
from scorer.stream.record_headers import headers_by_place

_CHUNKS_AT_ONCE = 4
"""Full chunks taken in one go: the thread holds the interpreter while it takes them."""

_EXPLAIN_SECONDS = 10.0


class PositionLost(BrokerError):
    """The log no longer holds the position of a partition's state: going on would lose events without a word.

    `log_start` and `log_end` are None if the broker didn't say in time.
    """

    def __init__(self, topic: str, partition: int, position: int, log_start: int | None, log_end: int | None) -> None:
        self.log_start, self.log_end = log_start, log_end
        if log_end is not None and position > log_end:
            cause = "behind the log's end: the topic was recreated, or it was cut"
        else:
            cause = "before the log's start: the topic's retention has removed events that weren't counted"
        super().__init__(
            f"position {position} is {cause} (log start {log_start}, log end {log_end})",
            topic=topic,
            partition=partition,
            offset=position,
        )


@dataclass(frozen=True, slots=True)
class _Release:
    assignment: Any
    token: int


class Fetching:
    """What is released, and the chunks of it. `consumer` is set once, when it has started."""

    def __init__(self, topic: str, chunk_records: int, *, raw_records: bool) -> None:
        take_any_header_name()
        self._topic = topic
        self._chunk_records = chunk_records
        self._raw_records = raw_records
        self._releases: dict[TopicPartition, _Release] = {}
        self.consumer: AIOKafkaConsumer | None = None

    def release(self, partition: int, offset: int, token: int) -> None:
        """Seek there and fetch, if the partition is (still) assigned; its chunks carry `token` from now on."""
        tp = TopicPartition(self._topic, partition)
        assignment = self._assignment_of(tp)
        if assignment is None:
            return
        consumer = self._started()
        self._releases[tp] = _Release(assignment, token)
        consumer.seek(tp, offset)  # drops what is buffered, and what is on its way
        consumer.resume(tp)

    def hold(self, partition: int) -> None:
        """Stop fetching; what is buffered is never delivered."""
        tp = TopicPartition(self._topic, partition)
        self._releases.pop(tp, None)
        if self._assignment_of(tp) is not None:
            self._started().pause(tp)

    def hold_all(self) -> None:
        """At a rebalance and at the end: nothing more is delivered of what was released."""
        self._releases.clear()
        consumer = self._started()
        for tp in consumer.assignment():
            consumer.pause(tp)

    async def chunks(self, timeout_seconds: float) -> dict[TopicPartition, list[Chunk]]:
        """What has been fetched, waiting for it up to the timeout.

        Raises `PositionLost`, `ConsumerStoppedError`, and what aiokafka raises when the broker says no.
        """
        consumer = self._started()
        fetcher, subscriptions = consumer._fetcher, consumer._subscription
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError()
        subscriptions._fetch_count += 1  # as `fetch_context` does, which doesn't undo it on an exception
        try:
            chunks = self._take_ready()
            if not chunks:
                await self._wait_for_fetch(fetcher, timeout_seconds)
                chunks = self._take_ready()
            return chunks
        except OffsetOutOfRangeError as error:
            raise await self._position_lost(error) from error
        finally:
            subscriptions._fetch_count -= 1
            subscriptions._last_fetch_ended = time.monotonic()

    async def _wait_for_fetch(self, fetcher: Any, timeout_seconds: float) -> None:
        waiter = fetcher._create_fetch_waiter()
        await asyncio.wait([waiter], timeout=timeout_seconds)
        if waiter.done():
            waiter.result()  # the coordinator's errors come this way
        else:
            waiter.cancel()

    def _take_ready(self) -> dict[TopicPartition, list[Chunk]]:
        chunks: dict[TopicPartition, list[Chunk]] = {}
        records_left = self._chunk_records * _CHUNKS_AT_ONCE
        buffers = self._started()._fetcher._records
        for tp in list(buffers):
            release = self._releases.get(tp)
            if release is None or self._assignment_of(tp) is not release.assignment:
                continue
            if not isinstance(buffers[tp], FetchResult):
                if chunks:
                    break  # the error comes with the next call
                self._pop(tp).check_raise()
            chunk = self._take(tp, release.token)
            if chunk is None:
                continue
            chunks[tp] = [chunk]
            records_left -= len(chunk.values)
            if records_left <= 0:
                break
        return chunks

    def _take(self, tp: TopicPartition, token: int) -> Chunk | None:
        """One chunk of a partition's buffer; None if it is of another position or brought nothing."""
        fetcher = self._started()._fetcher
        result = fetcher._records[tp]
        if not result.check_assignment(tp) or not result.has_more():
            self._pop(tp)
            return None
        if self._raw_records and not isinstance(result._partition_records, RawPartitionRecords):
            result._partition_records = RawPartitionRecords.of(result._partition_records)
        from_offset = result._partition_records.next_fetch_offset
        records = self._take_records(result)
        to_offset = result._assignment.state_value(tp).position
        if result.has_more():
            fetcher._records.move_to_end(tp)  # the others first, next time
        else:
            self._pop(tp)
        if to_offset == from_offset:
            return None
        return _chunk(tp.partition, token, from_offset, to_offset, records)

    def _take_records(self, result: FetchResult) -> list[Any]:
        """The next records, aiokafka's position moved behind them."""
        if not self._raw_records:
            stock: list[Any] = result.getall(self._chunk_records)
            return stock
        fetched: RawPartitionRecords = result._partition_records
        records = fetched.take(self._chunk_records)
        result._update_position()
        if fetched.exhausted:
            result._partition_records = None
        return records

    def _pop(self, tp: TopicPartition) -> Any:
        """Take a partition's buffer away, so that aiokafka fetches on."""
        fetcher = self._started()._fetcher
        result = fetcher._records.pop(tp)
        fetcher._notify(fetcher._wait_consume_future)
        return result

    async def _position_lost(self, error: OffsetOutOfRangeError) -> PositionLost:
        ((tp, position),) = error.args[0].items()
        consumer = self._started()
        log_start = log_end = None
        try:
            async with asyncio.timeout(_EXPLAIN_SECONDS):
                log_start = (await consumer.beginning_offsets([tp]))[tp]
                log_end = (await consumer.end_offsets([tp]))[tp]
        except (KafkaError, TimeoutError):
            pass  # the position is lost all the same
        return PositionLost(tp.topic, tp.partition, position, log_start, log_end)

    async def check_group(self) -> None:
        """Raises what the group's coordinator refused (no authorization, a fenced name): aiokafka just waits then."""
        self._started()._coordinator.check_errors()

    def end_offset(self, partition: int) -> int | None:
        """The last stable offset as last fetched; any thread may ask."""
        tp = TopicPartition(self._topic, partition)
        assignment = self._assignment_of(tp)
        if assignment is None:
            return None
        state = assignment.state_value(tp)
        end: int | None = state.highwater if state.lso is None or state.lso < 0 else state.lso
        return end

    def _assignment_of(self, tp: TopicPartition) -> Any:
        """aiokafka's assignment now in force, None if the partition isn't in it."""
        if self.consumer is None or self.consumer._subscription.subscription is None:
            return None
        assignment = self.consumer._subscription.subscription.assignment
        if assignment is None or not assignment.active or tp not in assignment.tps:
            return None
        return assignment

    def _started(self) -> AIOKafkaConsumer:
        if self.consumer is None:
            raise ConsumerStoppedError("the consumer hasn't started")
        return self.consumer


def _chunk(partition: int, token: int, from_offset: int, to_offset: int, records: list[Any]) -> Chunk:
    count = len(records)
    return Chunk(
        partition=partition,
        token=token,
        from_offset=from_offset,
        to_offset=to_offset,
        offsets=_offsets(records),
        timestamps_ms=np.fromiter([record.timestamp for record in records], np.int64, count),
        values=[record.value for record in records],
        headers=headers_by_place(records),
    )


def _offsets(records: list[Any]) -> NDArray[np.int64]:
    if records and records[-1].offset - records[0].offset == len(records) - 1:
        return np.arange(records[0].offset, records[-1].offset + 1, dtype=np.int64)
    return np.fromiter([record.offset for record in records], np.int64, len(records))
