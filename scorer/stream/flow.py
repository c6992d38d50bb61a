"""`Flow`: what the owner of the states may ask of fetching and of the group, from the main thread."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError

from scorer.stream import group_member
from scorer.stream.fetching import Fetching
from scorer.stream.ports import Chunk

T = TypeVar("T")


class KafkaFlow:
    """`scorer.stream.ports.Flow`. Every answer comes from the consumer's thread.

    Questions and commits wait as long as the broker can't be reached; an answer that says no raises aiokafka's
    `KafkaError`, and after the consumer has stopped everything raises `ConsumerStoppedError`.
    """

    def __init__(self, topic: str, fetching: Fetching) -> None:
        self._topic = topic
        self._fetching = fetching
        self._tokens = count(1)
        self._current: dict[int, int] = {}
        self._thread_loop: asyncio.AbstractEventLoop | None = None

    def attach(self, thread_loop: asyncio.AbstractEventLoop) -> None:
        """The consumer runs, in this loop."""
        self._thread_loop = thread_loop

    def detach(self) -> None:
        """The consumer is about to stop."""
        self._thread_loop = None
        self._current.clear()

    def is_current(self, chunk: Chunk) -> bool:
        """Whether the chunk is of its partition's last release."""
        return self._current.get(chunk.partition) == chunk.token

    def release(self, partition: int, offset: int) -> int:
        """Fetch from here on; returns the new token.

        It lasts until `hold` or the next rebalance: every assignment starts with all partitions held, those that
        stay included. May be called inside `Partitions.assigned`. A partition that isn't assigned (any more) brings
        no chunk.
        """
        token = next(self._tokens)
        self._current[partition] = token
        self._in_thread(self._fetching.release, partition, offset, token)
        return token

    def hold(self, partition: int) -> None:
        """Stop fetching and drop what is buffered."""
        self._current.pop(partition, None)
        self._in_thread(self._fetching.hold, partition)

    def hold_all(self) -> None:
        """The same for every partition; Faust's side calls this at a rebalance and at the end."""
        self._current.clear()
        self._in_thread(self._fetching.hold_all)

    async def fetch(self, timeout_seconds: float) -> dict[TopicPartition, list[Chunk]]:
        """What has been fetched of the released partitions (for the consumer)."""
        return await self._ask(self._fetching.chunks(timeout_seconds))

    async def check_group(self) -> None:
        """Raises if the group can't be kept (for the consumer)."""
        await self._ask(self._fetching.check_group())

    async def commit(self, partition: int, offset: int) -> bool:
        """Commit the group's offset; False if the group refused or the partition isn't ours."""
        return await self._ask(group_member.commit(self._consumer(), self._tp(partition), offset))

    async def generation_accepted(self) -> bool:
        """Whether the group's coordinator has accepted this worker's current generation."""
        return await self._ask(group_member.generation_accepted(self._consumer()))

    def end_offset(self, partition: int) -> int | None:
        """The last stable offset, as the last fetch said."""
        return self._fetching.end_offset(partition)

    async def log_start(self, partition: int) -> int:
        """The first offset that the broker still holds."""
        tp = self._tp(partition)
        offsets: dict[TopicPartition, int] = await self._ask(self._consumer().beginning_offsets([tp]))
        return offsets[tp]

    async def log_end(self, partition: int) -> int:
        """The last stable offset: the offset after the last record, as long as no transaction is open."""
        return await self._ask(group_member.log_end(self._consumer(), self._tp(partition)))

    async def offset_at(self, partition: int, timestamp_ms: int) -> int:
        """The first offset at or after a broker timestamp; the log's end if there is none."""
        return await self._ask(group_member.offset_at(self._consumer(), self._tp(partition), timestamp_ms))

    async def committed(self, partition: int) -> int | None:
        """The group's committed offset, None if there is none."""
        offset: int | None = await self._ask(self._consumer().committed(self._tp(partition)))
        return offset

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)

    def _consumer(self) -> Any:
        if self._fetching.consumer is None or self._thread_loop is None:
            raise ConsumerStoppedError
        return self._fetching.consumer

    async def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        try:
            if self._thread_loop is None:
                raise ConsumerStoppedError
            answer = asyncio.run_coroutine_threadsafe(question, self._thread_loop)
        except (ConsumerStoppedError, RuntimeError):  # the loop is closed
            question.close()
            raise ConsumerStoppedError from None
        try:
            return await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ConsumerStoppedError from None  # the thread has ended with the question open

    def _in_thread(self, order: Callable[..., None], *arguments: Any) -> None:
        """Orders are carried out in their order, before any later question is answered."""
        if self._thread_loop is not None:
            with suppress(RuntimeError):  # the loop has just been closed: nothing is fetched any more
                self._thread_loop.call_soon_threadsafe(order, *arguments)
