"""What a member of the group may ask and commit, inside the consumer's thread."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import OffsetAndMetadata

_RETRY_SECONDS = 0.1
_FETCH_END_MS = 100
"""Kafka answers a fetch of no bytes at once; Tansu, given no time, answers with nothing."""


async def commit(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> bool:
    """Commit the group's offset; False if this worker is no longer the partition's owner to the group.

    Waits as long as the broker can't be reached. Raises KafkaError if it says no for another reason.
    """
    if consumer._coordinator.generation < 0:
        return False  # thrown out: without a generation this would be a commit that nobody checks
    try:
        await consumer.commit({tp: OffsetAndMetadata(offset, "")})
    except (CommitFailedError, IllegalStateError):
        return False
    return True


async def generation_accepted(consumer: AIOKafkaConsumer) -> bool:
    """Ask the coordinator with a heartbeat, until it can be reached. False while the group rebalances."""
    coordinator = consumer._coordinator
    while coordinator.generation >= 0 and not coordinator._rejoin_needed_fut.done():
        await coordinator.ensure_coordinator_known()
        if await coordinator._do_heartbeat():
            return not coordinator._rejoin_needed_fut.done()
        await asyncio.sleep(_RETRY_SECONDS)  # unreachable; a refusal ends the loop: it resets the generation
    return False


async def log_end(consumer: AIOKafkaConsumer, tp: TopicPartition) -> int:
    """The last stable offset, asked of the broker.

    By a fetch at the end that ListOffsets gives: Tansu's lies within the last batch (measured), a fetch's doesn't.
    """
    listed: int = (await consumer.end_offsets([tp]))[tp]
    leader = consumer._client.cluster.leader_for_partition(tp)
    wanted = [(tp.topic, [(tp.partition, listed, 1)])]
    response = await consumer._client.send(leader, FetchRequest(_FETCH_END_MS, 0, 1, READ_COMMITTED, wanted))
    for _, partitions in response.topics:
        for _, error_code, high_water, *rest in partitions:
            if not error_code:
                stable = rest[0] if len(rest) > 1 else -1
                return max(listed, stable if stable >= 0 else high_water)
    return listed


async def offset_at(consumer: AIOKafkaConsumer, tp: TopicPartition, timestamp_ms: int) -> int:
    """The first offset at or after a broker timestamp; the log's end if there is none."""
    found = (await consumer.offsets_for_times({tp: timestamp_ms}))[tp]
    if found is None or found.timestamp < 0:  # Tansu says it so
        return await log_end(consumer, tp)
    return int(found.offset)
