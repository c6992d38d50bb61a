"""Events written into the input topic, each where Kafka's default partitioner would put it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient

from scorer.core.partitioner import partition_of
from scorer.stream.broker_errors import BrokerError, TooLarge, Unanswered
from scorer.stream.broker_link import BrokerLink, say_why
from scorer.stream.connection import Connection
from scorer.stream.patience import Patience
from scorer.stream.record_write import Outgoing, RecordWriter, batches

# Well below the 1 MiB that a topic takes unless told otherwise; what takes less gets smaller batches.
_BATCH_BYTES = 500_000
_LONGEST_RECORD_BYTES = 1_048_576

Keyed = tuple[str, bytes]
"""A record's key, the account's id or, where there is none, the user's, and its value."""


class NoSuchTopic(BrokerError):
    """The input topic isn't there, and a writer must not decide how many partitions it has."""


@asynccontextmanager
async def open_input(connection: Connection, topic: str, *, patience: float) -> AsyncIterator["InputWriter"]:
    """A writer of the topic. `patience`: seconds that an unreachable broker is waited for, per batch.

    Raises NoSuchTopic, Unreachable, Refused.
    """
    await _check_topic(connection, topic, Patience(patience, connection.bootstrap))
    link = BrokerLink(connection, topic, patience=patience, client_id="scorer-input")
    await link.start()
    try:
        yield InputWriter(link, await RecordWriter.open(link, _LONGEST_RECORD_BYTES))
    finally:
        await link.stop()


class InputWriter:
    """One topic's writer, on a link that is started."""

    def __init__(self, link: BrokerLink, writer: RecordWriter) -> None:
        self._writer = writer
        self._partition_of = lru_cache(1_000_000)(lambda key: partition_of(key, link.partitions))

    async def write(self, records: Iterable[Keyed]) -> None:
        """Write all of them, those with one key in their order; acknowledged by all replicas in sync on return.

        Raises Unreachable, Refused: some may then have been written.
        """
        by_partition: dict[int, list[Outgoing]] = {}
        for key, value in records:
            by_partition.setdefault(self._partition_of(key), []).append(Outgoing(value, key.encode()))
        writes = [self._write(partition, outgoing) for partition, outgoing in by_partition.items()]
        # each to its end, so that none is still under way when a failure is told
        for outcome in await asyncio.gather(*writes, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _write(self, partition: int, records: list[Outgoing]) -> None:
        for batch in batches(records, _BATCH_BYTES):
            await self._deliver(partition, batch)

    async def _deliver(self, partition: int, batch: Sequence[Outgoing]) -> None:
        try:
            await self._writer.write(partition, batch)
        except TooLarge:
            if len(batch) == 1:
                raise
            middle = len(batch) // 2
            await self._deliver(partition, batch[:middle])
            await self._deliver(partition, batch[middle:])


async def _check_topic(connection: Connection, topic: str, patience: Patience) -> None:
    """A missing topic is told by its absence from all of them: naming it could create it."""
    client = AIOKafkaAdminClient(**connection.client_kwargs("scorer-input"))

    async def names() -> set[str]:
        try:
            await client.start()
            return {found["topic"] for found in await client.describe_topics()}
        except errors.KafkaError as error:
            await say_why(connection)
            raise Unanswered(repr(error)) from error

    try:
        there = await patience.insist(names)
    finally:
        await client.close()
    if topic not in there:
        raise NoSuchTopic(f"there is no topic {topic}: start a worker, which creates it, or create it yourself")
