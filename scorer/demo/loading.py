"""The past, a day at a time: the next day is written when the last one is counted, scored and in Redis.

All at once, the worker would jump from the first day to the last, and days between would close without a score.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from scorer.core.partitioner import partition_of
from scorer.demo.board import Board
from scorer.demo.reading import Reading
from scorer.demo.servers import INPUT_TOPIC, NAMESPACE, PARTITIONS, Servers
from scorer.embedded.records import Day, Record
from scorer.embedded.traffic import History
from scorer.stream.input_writer import InputWriter, Keyed

_PROBE_SECONDS = 0.01


class Loading:
    """Loads a history into a topic that was empty before. `on_day` is called after each day."""

    def __init__(self, servers: Servers, writer: InputWriter, board: Board, reading: Reading) -> None:
        self._servers = servers
        self._writer = writer
        self._board = board
        self._reading = reading
        self._written: Counter[int] = Counter()

    async def load(self, history: History, on_day: Callable[[Day], None]) -> None:
        """Raises BrokerError, RedisError, and ServerDidNotStart if the worker ends."""
        async with AsyncExitStack() as stack:
            admin = AIOKafkaAdminClient(**self._servers.connection.client_kwargs("scorer-demo"))
            stack.push_async_callback(admin.close)
            await admin.start()
            for day in history.past():
                await self._write(day.records)
                await self._scored(admin)
                await self._reading.look()
                on_day(day)

    async def _write(self, records: Sequence[Record]) -> None:
        self._written.update(partition_of(record.key, PARTITIONS) for record in records)
        self._board.sent += len(records)
        await self._writer.write(Keyed(record.key, record.value) for record in records)

    async def _scored(self, admin: AIOKafkaAdminClient) -> None:
        """Waits for the group's commits, which follow a scoring pass and its journal entry, and for Redis."""
        partitions = [TopicPartition(INPUT_TOPIC, partition) for partition in self._written]
        while True:
            committed = await admin.list_consumer_group_offsets(NAMESPACE, partitions=partitions)
            if all(committed[each].offset >= self._written[each.partition] for each in partitions):
                break
            await self._probe_again()
        while await self._reading.count():
            await self._probe_again()

    async def _probe_again(self) -> None:
        self._servers.check()
        await asyncio.sleep(_PROBE_SECONDS)
