"""Records read straight from the leader, without a group: one fetch, and where the log starts and ends."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords

from scorer.stream.broker_answers import OFFSET_OUT_OF_RANGE, judge
from scorer.stream.broker_errors import Damaged, Unanswered
from scorer.stream.broker_link import BrokerLink

_CONSUMER = -1  # the replica id of somebody who is no replica
_READ_UNCOMMITTED = 0
_LOG_START, _LOG_END = -2, -1  # instead of a timestamp
MAX_WAIT_MS = 500


class OutOfRange(Exception):
    """The position is not in the log."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """`records` have `offset`, `timestamp`, `key`, `value` (aiokafka's own, made in C). `position` is behind the last
    one, and behind what holds no record (control batches, compacted ones); `log_end` is the high watermark."""

    records: list[Any]
    position: int
    log_end: int


async def log_bounds(link: BrokerLink, partition: int) -> tuple[int, int]:
    """(first offset that the log still holds, offset after the last). One try: raises Unanswered or Refused."""
    start, end = await asyncio.gather(_offset(link, partition, _LOG_START), _offset(link, partition, _LOG_END))
    return start, end


async def _offset(link: BrokerLink, partition: int, timestamp: int) -> int:
    request = OffsetRequest(_CONSUMER, _READ_UNCOMMITTED, [(link.topic, [(partition, timestamp)])])
    answer = await link.ask_leader(partition, request)
    _, code, *_, offset = answer.topics[0][1][0]
    judge(code, topic=link.topic, partition=partition)
    return int(offset)


async def fetch(
    link: BrokerLink, partition: int, position: int, *, max_bytes: int, max_wait_ms: int = MAX_WAIT_MS
) -> Fetched:
    """What follows the position; the broker waits up to `max_wait_ms` for a record. The answer may hold none.

    One try. Raises OutOfRange, Unanswered, Refused, Damaged. A batch larger than `max_bytes` comes whole, alone.
    """
    wanted = [(partition, position, max_bytes)]
    answer = await link.ask_leader(
        partition, FetchRequest(max_wait_ms, 1, max_bytes, _READ_UNCOMMITTED, [(link.topic, wanted)])
    )
    for _, partitions in answer.topics or ():
        for _, code, log_end, *_, batches in partitions:
            if code == OFFSET_OUT_OF_RANGE:
                raise OutOfRange(position)
            judge(code, topic=link.topic, partition=partition, offset=position)
            return _unpack(link.topic, partition, position, log_end, batches)
    raise Unanswered(f"{link.topic}-{partition}@{position}: the broker's answer has no records")


def _unpack(topic: str, partition: int, position: int, log_end: int, buffer: bytes) -> Fetched:
    records: list[Any] = []
    start = position
    batches = MemoryRecords(buffer)
    while batches.has_next():
        batch = batches.next_batch()
        if not batch.validate_crc():
            raise Damaged("a batch of records fails its checksum", topic=topic, partition=partition, offset=position)
        if not batch.is_control_batch:
            # A batch may begin before the position: it is stored, and sent, whole.
            records += [record for record in batch if record.offset >= position]
        position = max(position, batch.next_offset)
    if buffer and position == start:
        raise Unanswered(f"{topic}-{partition}@{start}: the broker sent only a part of a batch")
    return Fetched(records, position, log_end)
