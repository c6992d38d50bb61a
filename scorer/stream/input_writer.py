"""Events and account records written into the input topic, each where Kafka's default partitioner would put it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import NamedTuple

from scorer.core.events import Headers
from scorer.core.partitioner import partition_of
from scorer.stream.broker_errors import TooLarge
from scorer.stream.broker_link import BrokerLink
from scorer.stream.connection import Connection
from scorer.stream.record_write import Outgoing, RecordWriter, batches
from scorer.stream.topics import input_partitions

# Well below the 1 MiB that a topic takes unless told otherwise; what takes less gets smaller batches.
_BATCH_BYTES = 500_000
_LONGEST_RECORD_BYTES = 1_048_576


class Keyed(NamedTuple):
    """A record's key, the account's id or, where there is none, the user's, and what it holds."""

    key: str
    value: bytes | None
    headers: Headers = ()


@asynccontextmanager
async def open_input(
    connection: Connection, topic: str, *, patience: float, first_patience: float | None = None
) -> AsyncIterator["InputWriter"]:
    """A writer of the topic. `patience`: seconds that an unreachable broker is waited for, per batch; `first_patience`:
    until it is open, if not as long.

    Raises NoSuchTopic, Unreachable, Refused.
    """
    first = patience if first_patience is None else first_patience
    await input_partitions(connection, topic, patience=first)  # writing to a missing topic could create it
    link = BrokerLink(connection, topic, patience=first, client_id="scorer-input")
    await link.start()
    try:
        writer = await RecordWriter.open(link, _LONGEST_RECORD_BYTES)
        link.wait_for(patience)
        yield InputWriter(link, writer)
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
        for key, value, headers in records:
            by_partition.setdefault(self._partition_of(key), []).append(Outgoing(value, key.encode(), headers))
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
