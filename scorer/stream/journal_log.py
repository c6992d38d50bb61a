"""The journal as a log on Kafka: append, read, trim. What the bytes mean is scorer/core/journal's affair."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

from aiokafka import errors
from aiokafka.protocol.admin import DeleteRecordsRequest

from scorer.stream.broker_answers import judge
from scorer.stream.broker_errors import Trimmed, Truncated, Unanswered
from scorer.stream.broker_link import BrokerLink, open_connection
from scorer.stream.connection import Connection
from scorer.stream.record_fetch import Fetched, OutOfRange, fetch, log_bounds
from scorer.stream.record_write import Landed, Outgoing, RecordWriter

__all__ = ["JournalLog", "Landed", "Record"]

MAX_BATCH_BYTES = 1_048_576 + 65_536  # the topic's limit and a margin: the broker's own no is the better message
FETCH_BYTES = 8 * 1_048_576
_TRIM_TIMEOUT_MS = 20_000
# A log that ends too early may be a leader that hasn't heard yet how far its followers are; that takes moments.
_LATE_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Record:
    """One journal record. `timestamp_ms` is the broker's (LogAppendTime)."""

    offset: int
    timestamp_ms: int
    value: bytes


class JournalLog:
    """The journal topic, all partitions. `patience`: seconds that an unreachable broker is waited for, per request."""

    def __init__(self, connection: Connection, topic: str, *, patience: float, fetch_bytes: int = FETCH_BYTES) -> None:
        # Two connections a broker: Kafka answers one request after the other on each, and an append must not wait
        # for the fetches of a restore.
        self._writing = BrokerLink(connection, topic, patience=patience, client_id="scorer-journal-append")
        self._reading = BrokerLink(connection, topic, patience=patience, client_id="scorer-journal-read")
        self._writer: RecordWriter | None = None
        self._fetch_bytes = fetch_bytes
        self._late_end_seconds = min(patience, _LATE_END_SECONDS)
        self.topic = topic
        self.can_trim = False

    @property
    def partitions(self) -> int:
        return self._writing.partitions

    @property
    def idempotent(self) -> bool:
        """Whether the broker recognises a repeated append, so that its place is known all the same."""
        return self._writer is not None and self._writer.idempotent

    async def start(self) -> None:
        """Connect, and find out what the broker can do. Raises Unreachable, Refused."""
        try:
            await self._writing.start()
            await self._reading.start()
            self._writer = await RecordWriter.open(self._writing, MAX_BATCH_BYTES)
            self.can_trim = await _deletes_records(self._writing)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close the connections. Reads and appends under way must have ended."""
        await self._writing.stop()
        await self._reading.stop()

    async def append(self, partition: int, value: bytes) -> Landed:
        """Append one record, acknowledged by all replicas in sync. Its offset is -1 if it can't be told for certain
        that it landed there once: treat that as a gap.

        Raises Unreachable (with `in_doubt`), Refused, TooLarge. An append that was cancelled may still land.
        """
        if self._writer is None:
            raise RuntimeError("the journal log isn't started")
        return await self._writer.write(partition, [Outgoing(value)])

    async def bounds(self, partition: int) -> tuple[int, int]:
        """(first offset that the log holds, offset after the last). Raises Unreachable, Refused."""
        return await self._writing.insist(lambda: log_bounds(self._writing, partition))

    async def read(self, partition: int, start: int, end: int | None = None) -> AsyncGenerator[list[Record], None]:
        """Records of [start, end) in batches of up to 8 MiB, then ends; `end` None: where the log ends now.

        The next batch is fetched while the caller works on one: leave early only through `contextlib.aclosing`.
        Raises Trimmed when `start`, or later the position reached, is no longer in the log; Truncated; Damaged;
        Unreachable; Refused.
        """
        if end is None:
            _, end = await self.bounds(partition)
        if start >= end:
            return
        position = start
        ahead = asyncio.create_task(self._fetch(partition, position, end))
        try:
            while position < end:
                fetched = await ahead
                position = fetched.position
                if position < end:
                    ahead = asyncio.create_task(self._fetch(partition, position, end))
                records = [
                    Record(each.offset, each.timestamp, each.value) for each in fetched.records if each.offset < end
                ]
                if records:
                    yield records
        finally:
            ahead.cancel()
            with suppress(asyncio.CancelledError, Exception):  # whatever it was, nobody waits for it any more
                await ahead

    async def trim(self, partition: int, before: int) -> None:
        """Delete the records below `before`. Raises Unreachable, Refused; RuntimeError if the broker can't."""
        if not self.can_trim:
            raise RuntimeError("this broker can't trim (see can_trim)")
        await self._writing.insist(lambda: self._trim(partition, before))

    async def _trim(self, partition: int, before: int) -> None:
        request = DeleteRecordsRequest([(self.topic, [(partition, before)])], _TRIM_TIMEOUT_MS)
        answer = await self._writing.ask_leader(partition, request)
        (answered,) = answer.to_object()["topics"][0]["partitions"]
        judge(answered["error_code"], topic=self.topic, partition=partition, offset=before)

    async def _fetch(self, partition: int, position: int, end: int) -> Fetched:
        """The next batches from the position on; the position has moved when this returns."""
        give_up_at = asyncio.get_running_loop().time() + self._late_end_seconds
        while True:
            fetched = await self._reading.insist(lambda: self._fetch_once(partition, position))
            if fetched.position > position:
                return fetched
            if asyncio.get_running_loop().time() >= give_up_at:
                raise Truncated(topic=self.topic, partition=partition, offset=end, log_end=fetched.log_end)

    async def _fetch_once(self, partition: int, position: int) -> Fetched:
        try:
            return await fetch(self._reading, partition, position, max_bytes=self._fetch_bytes)
        except OutOfRange as error:
            log_start, log_end = await log_bounds(self._reading, partition)
            if position < log_start:
                raise Trimmed(topic=self.topic, partition=partition, offset=position, log_start=log_start) from error
            if position > log_end:
                raise Truncated(topic=self.topic, partition=partition, offset=position, log_end=log_end) from error
            raise Unanswered(f"{self.topic}-{partition}: the broker contradicts itself on {position}") from error


async def _deletes_records(link: BrokerLink) -> bool:
    """Whether the broker can trim, asked by trimming nothing. Raises Unreachable, Refused.

    Tansu (0.6) lists `DeleteRecords` among its versions, but closes the connection: so it is asked on one of its own,
    and twice, since a real broker may close one just then because it stops.
    """

    async def ask() -> bool:
        connection = await open_connection(link.connection)
        try:
            await connection.send(DeleteRecordsRequest([], _TRIM_TIMEOUT_MS))
            return True
        except errors.IncompatibleBrokerVersion:
            return False
        except errors.KafkaConnectionError:
            return False
        except (errors.KafkaError, TimeoutError) as error:
            raise Unanswered(repr(error)) from error
        finally:
            if closed := connection.close():
                await closed

    return await link.insist(ask) or await link.insist(ask)
