"""A topic that is only written: each batch acknowledged by all replicas in sync."""

import asyncio
from collections.abc import Iterable, Sequence

from aiokafka.partitioner import murmur2

from scorer.stream.broker_link import BrokerLink
from scorer.stream.connection import Connection
from scorer.stream.record_write import Outgoing, RecordWriter, batches


class TopicWriter:
    """`max_bytes`: of a batch; `patience`: seconds that an unreachable broker is waited for, per batch."""

    def __init__(
        self, connection: Connection, topic: str, *, max_bytes: int, patience: float, client_id: str = "scorer"
    ) -> None:
        self.topic = topic
        self._link = BrokerLink(connection, topic, patience=patience, client_id=client_id)
        self._max_bytes = max_bytes
        self._writer: RecordWriter | None = None

    async def start(self) -> None:
        """Connect. Raises Unreachable, Refused."""
        try:
            await self._link.start()
            self._writer = await RecordWriter.open(self._link, self._max_bytes)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        await self._link.stop()

    @property
    def partitions(self) -> int:
        return self._link.partitions

    async def write(self, partition: int, batch: Sequence[Outgoing]) -> None:
        """Write one batch, all of it or nothing. Raises Unreachable, Refused, TooLarge."""
        if self._writer is None:
            raise RuntimeError(f"the writer of {self.topic} isn't started")
        await self._writer.write(partition, batch)

    async def write_keyed(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write all of them, each where every Kafka client would put its key; those with one key in their order.

        Raises Unreachable, Refused, TooLarge: some may then have been written, as they may if it is cancelled.
        """
        by_partition: dict[int, list[Outgoing]] = {}
        for key, value in records:
            partition = (murmur2(key) & 0x7FFFFFFF) % self.partitions
            by_partition.setdefault(partition, []).append(Outgoing(value, key))
        writes = [self._write_all(partition, outgoing) for partition, outgoing in by_partition.items()]
        # each to its end, so that none is still under way when a failure is told
        for outcome in await asyncio.gather(*writes, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _write_all(self, partition: int, records: list[Outgoing]) -> None:
        for batch in batches(records, self._max_bytes):
            await self.write(partition, batch)
