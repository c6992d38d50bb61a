"""Records written one batch at a time per partition, each awaited, with its place in the log.

Rule 1: a place is reported only if the broker said it. After a try of unknown outcome it is UNKNOWN, unless the
        producer is idempotent: then the broker recognises the repeat and answers with the first one's place.
Rule 2: a sequence number is used for one batch only. When a write is given up or cancelled, its batch may still land;
        were the number used again, the broker would take the next batch for a repeat and drop it. So a producer id
        whose last write has no known end is thrown away. Ids are per partition, so that this concerns no other.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import errors
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from scorer.core.events import Headers
from scorer.stream.broker_answers import judge
from scorer.stream.broker_errors import TooLarge, Unanswered, Unreachable, Unsupported
from scorer.stream.broker_link import BrokerLink
from scorer.stream.patience import Patience

UNKNOWN = -1

_ALL_REPLICAS = -1
_MAGIC = 2
# Below the client's own timeout (connection.py), so that a broker that waits for its replicas says so itself.
_REPLICAS_TIMEOUT_MS = 20_000
BATCH_OVERHEAD = 61
_RECORD_OVERHEAD = 21
_NO_LIMIT = 1 << 30
_SEQUENCE_LOST = {
    errors.OutOfOrderSequenceNumber.errno,
    errors.UnknownProducerId.errno,
    errors.InvalidProducerIdMapping.errno,
}
_TRANSACTION_TIMEOUT_MS = 60_000  # asked for with every producer id, unused without transactions


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to write. A value of None is a tombstone."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()

    @property
    def size(self) -> int:
        """Bytes in a batch, at most."""
        size = DefaultRecordBatchBuilder.size_of(self.key, self.value, list(self.headers))
        return int(size) + _RECORD_OVERHEAD


@dataclass(frozen=True, slots=True)
class Landed:
    """Where the first record of a batch landed; UNKNOWN (-1) if that can't be told. `timestamp_ms` is the broker's
    (LogAppendTime), or the one sent if the broker gives none."""

    offset: int
    timestamp_ms: int


class _SequenceLost(Exception):
    """The broker has forgotten the producer id (it expired, or its records were trimmed); nothing was written."""


@dataclass(slots=True)
class _Producer:
    """An identity of ours on one partition, and the sequence number of its next record."""

    id: int
    epoch: int
    next: int = 0


_NOBODY = _Producer(-1, -1, -1)


async def _new_producer_id(link: BrokerLink) -> tuple[int, int]:
    """(id, epoch), one try. Raises Unanswered or Refused."""
    answer = await link.ask_any(InitProducerIdRequest(None, _TRANSACTION_TIMEOUT_MS))
    judge(answer.error_code, topic=link.topic)
    return answer.producer_id, answer.producer_epoch


def batches(records: Iterable[Outgoing], max_bytes: int) -> Iterator[list[Outgoing]]:
    """The records in order, cut into batches of at most `max_bytes`; a larger record goes alone."""
    batch: list[Outgoing] = []
    size = BATCH_OVERHEAD
    for record in records:
        if batch and size + record.size > max_bytes:
            yield batch
            batch, size = [], BATCH_OVERHEAD
        batch.append(record)
        size += record.size
    if batch:
        yield batch


class RecordWriter:
    """`idempotent`: whether the broker hands out producer ids. A batch above `max_bytes` isn't even sent."""

    def __init__(self, link: BrokerLink, *, idempotent: bool, max_bytes: int) -> None:
        self.idempotent = idempotent
        self._link = link
        self._max_bytes = max_bytes
        self._producers: dict[int, _Producer] = {}
        self._turns: dict[int, asyncio.Lock] = {}

    @staticmethod
    async def open(link: BrokerLink, max_bytes: int) -> "RecordWriter":
        """On a link that is started; idempotent where the broker can. Raises Unreachable, Refused."""
        return RecordWriter(link, idempotent=await _hands_out_producer_ids(link), max_bytes=max_bytes)

    async def write(self, partition: int, records: Sequence[Outgoing]) -> Landed:
        """Write one batch, all of it or nothing. Raises Unreachable, Refused, TooLarge.

        A cancelled write may still land; so may one that ended with Unreachable and `in_doubt`.
        """
        async with self._turns.setdefault(partition, asyncio.Lock()):
            try:
                landed = await self._write(partition, records)
            except BaseException:
                self._producers.pop(partition, None)  # rule 2
                raise
            if landed.offset == UNKNOWN:
                self._producers.pop(partition, None)
            elif self.idempotent:
                self._producers[partition].next += len(records)
            return landed

    async def _write(self, partition: int, records: Sequence[Outgoing]) -> Landed:
        patience = self._link.patience()
        in_doubt = False  # an earlier try may have landed
        recognised = self.idempotent  # and the broker would know this one as its repeat
        batch, sent_ms = await self._batch(partition, records, patience)
        while True:
            try:
                offset, at_ms = await patience.attempt(lambda batch=batch: self._produce(partition, batch))  # type: ignore[misc]
            except Unreachable as error:
                error.in_doubt = True
                raise
            except _SequenceLost:
                recognised = not in_doubt
                del self._producers[partition]
                batch, sent_ms = await self._batch(partition, records, patience)
            except Unanswered as error:
                in_doubt = in_doubt or error.in_doubt
                await self._pause(patience, error, in_doubt)
            else:
                break
        if in_doubt and not recognised:
            offset = UNKNOWN
        return Landed(offset, at_ms if at_ms >= 0 else sent_ms)

    async def _pause(self, patience: Patience, cause: Unanswered, in_doubt: bool) -> None:
        try:
            await self._link.pause(patience, cause)
        except Unreachable as error:
            error.in_doubt = in_doubt
            raise

    async def _batch(self, partition: int, records: Sequence[Outgoing], patience: Patience) -> tuple[bytes, int]:
        """The bytes of the batch, and its time in ms."""
        producer = await self._producer(partition, patience) if self.idempotent else _NOBODY
        builder = DefaultRecordBatchBuilder(_MAGIC, 0, 0, producer.id, producer.epoch, producer.next, _NO_LIMIT)
        timestamp: Any = None  # the builder's clock gives the first one; all records of a batch have the same
        for index, record in enumerate(records):
            timestamp = builder.append(index, timestamp, record.key, record.value, list(record.headers)).timestamp
        batch = builder.build()
        if len(batch) > self._max_bytes:
            message = f"a batch of {len(batch)} bytes is more than the {self._max_bytes} that are ever sent"
            raise TooLarge(message, topic=self._link.topic, partition=partition)
        return batch, timestamp

    async def _producer(self, partition: int, patience: Patience) -> _Producer:
        if partition not in self._producers:
            ids = await self._link.insist(lambda: _new_producer_id(self._link), patience)
            self._producers[partition] = _Producer(*ids)
        return self._producers[partition]

    async def _produce(self, partition: int, batch: bytes) -> tuple[int, int]:
        request = ProduceRequest(None, _ALL_REPLICAS, _REPLICAS_TIMEOUT_MS, [(self._link.topic, [(partition, batch)])])
        answer = await self._link.ask_leader(partition, request)
        _, code, offset, timestamp_ms, *_ = answer.topics[0][1][0]
        if code == errors.DuplicateSequenceNumber.errno:
            return UNKNOWN, -1  # landed, too long ago for the broker to know where
        if code in _SEQUENCE_LOST:
            raise _SequenceLost
        judge(code, topic=self._link.topic, partition=partition)
        return offset, timestamp_ms


async def _hands_out_producer_ids(link: BrokerLink) -> bool:
    """Whether the broker knows idempotent producers. Raises Unreachable, or Refused (unauthorised).

    Tansu (0.6) lists `InitProducerId` among its versions, but answers "unknown server error".
    """
    request = InitProducerIdRequest(None, _TRANSACTION_TIMEOUT_MS)

    async def ask() -> bool:
        answer = await link.ask_any(request)
        if answer.error_code == errors.UnknownError.errno:
            return False
        judge(answer.error_code, topic=link.topic)
        return True

    try:
        # Asked again if the answer is no: Kafka may fail so for a moment, and would then be used without for good
        return await link.insist(ask) or await link.insist(ask)
    except Unsupported:
        return False
