"""A compacted topic as a shared table: everybody reads all of it, from the beginning and on, without a group.

`scorer-summaries` and `scorer-benchmarks` are such. A record may be delivered more than once, and compaction keeps the
last write, not the greatest: a reader compares the version that each value carries.
"""

import asyncio
from collections.abc import Callable, Sequence

from scorer.stream.broker_errors import Unanswered
from scorer.stream.broker_link import BrokerLink
from scorer.stream.connection import Connection
from scorer.stream.record_fetch import MAX_WAIT_MS, Fetched, OutOfRange, fetch, log_bounds
from scorer.stream.topic_writer import TopicWriter

MAX_BATCH_BYTES = 1_048_576
# One batch of records is handed over without a break in the event loop: so it stays small.
FETCH_BYTES = 1_048_576

OnRecord = Callable[[bytes, bytes | None], None]


class CompactedTopic:
    """Reads in the background and calls `on_record(key, value)`; a value of None deletes the key.

    `patience`: seconds that an unreachable broker is waited for, per request. What ends the reading is raised by
    `caught_up` and `failed`: Unreachable, Refused, Damaged, or what `on_record` raised.
    """

    def __init__(self, connection: Connection, topic: str, on_record: OnRecord, *, patience: float) -> None:
        self._reading = BrokerLink(connection, topic, patience=patience, client_id="scorer-compacted-read")
        self._writing = TopicWriter(
            connection, topic, max_bytes=MAX_BATCH_BYTES, patience=patience, client_id="scorer-compacted-write"
        )
        self._on_record = on_record
        self._followers: list[asyncio.Task[None]] = []
        self._behind: set[int] = set()
        self._caught_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Connect and begin to read. Raises Unreachable, Refused."""
        try:
            await self._reading.start()
            await self._writing.start()
            bounds = [await self._bounds(partition) for partition in range(self._reading.partitions)]
        except BaseException:
            await self.stop()
            raise
        self._behind = {partition for partition, (start, end) in enumerate(bounds) if start < end}
        self._note_caught_up()
        for partition, (start, end) in enumerate(bounds):
            follower = asyncio.create_task(self._follow(partition, start, end))
            follower.add_done_callback(self._note_end)
            self._followers.append(follower)

    async def stop(self) -> None:
        for follower in self._followers:
            follower.cancel()
        await asyncio.gather(*self._followers, return_exceptions=True)
        self._followers.clear()
        await self._reading.stop()
        await self._writing.stop()

    async def caught_up(self) -> None:
        """Wait until everything that was there at the start has been delivered. Raises what ended the reading."""
        await asyncio.shield(self._caught_up)

    async def failed(self) -> None:
        """Wait until the reading ends by itself, and raise why."""
        await asyncio.shield(self._failed)

    async def publish(self, key: bytes, value: bytes | None) -> None:
        """Write one record, acknowledged by all replicas in sync. Raises Unreachable, Refused, TooLarge."""
        await self.publish_many([(key, value)])

    async def publish_many(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write many, in order for each key. If it raises, or is cancelled, some may have been written."""
        await self._writing.write_keyed(records)

    async def _bounds(self, partition: int) -> tuple[int, int]:
        return await self._reading.insist(lambda: log_bounds(self._reading, partition))

    async def _follow(self, partition: int, position: int, end_at_start: int) -> None:
        # The broker answers one request after the other on a connection: all partitions together wait MAX_WAIT_MS.
        wait_ms = max(MAX_WAIT_MS // self._reading.partitions, 1)
        while True:
            fetched = await self._fetch(partition, position, wait_ms)
            for record in fetched.records:
                if record.key is not None:
                    self._on_record(record.key, record.value)
            position = fetched.position
            if position >= end_at_start and partition in self._behind:
                self._behind.discard(partition)
                self._note_caught_up()

    async def _fetch(self, partition: int, position: int, wait_ms: int) -> Fetched:
        async def attempt() -> Fetched:
            try:
                return await fetch(self._reading, partition, position, max_bytes=FETCH_BYTES, max_wait_ms=wait_ms)
            except OutOfRange as error:
                # Deleted from under us, or recreated: read what there is from its beginning, repeats do no harm.
                start, end = await log_bounds(self._reading, partition)
                if start <= position <= end:
                    raise Unanswered(f"the broker contradicts itself on offset {position}") from error
                return Fetched([], start, end)

        return await self._reading.insist(attempt)

    def _note_caught_up(self) -> None:
        if not self._behind and not self._caught_up.done():
            self._caught_up.set_result(None)

    def _note_end(self, follower: asyncio.Task[None]) -> None:
        if follower.cancelled():
            return
        error = follower.exception()
        for future in (self._caught_up, self._failed):
            if error is not None and not future.done():
                future.set_exception(error)
                future.exception()  # marks it as seen: asyncio would complain if nobody ever waited
