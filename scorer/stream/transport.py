"""Faust's aiokafka transport, with chunks in place of records.

The consumer's thread takes chunks out of aiokafka's buffers (fetching.py); the consumer hands them one by one to
Faust's conductor, which puts them into the agent's queue. Taken away from Faust, because it would lose data
(FAUST.md, sections 2 and 3): seeking, committing, acks, recovery, filtering by its own idea of active partitions.
What remains of it decides nothing: a chunk that it drops (at a rebalance, at the end) is of a release that is over.
"""

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError, KafkaConnectionError, KafkaError
from faust import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage, EventT, Message
from faust.types.transports import TPorTopicSet
from mode import Service, ServiceT

from scorer.stream.broker_errors import Refused, Unanswered, Unreachable
from scorer.stream.broker_link import say_why
from scorer.stream.ports import Chunk

if TYPE_CHECKING:
    from scorer.stream.app import StreamApp

_FETCH_SECONDS = 1.0
_RETRY_SECONDS = 0.5
_WATCH_SECONDS = 1.0
_LEAVE_SECONDS = 3.0


class ChunkSchema(Schema[None, Chunk]):
    """No codec touches a chunk."""

    def compile(self, app: AppT, **_: Any) -> Any:
        async def decode(message: Message, *, propagate: bool = False) -> EventT[Any]:
            return app.create_event(None, message.value, message.headers, message)

        return decode


class ChunkThread(driver.AIOKafkaConsumerThread):
    """The consumer's thread, with a consumer of our own settings."""

    app: "StreamApp"

    async def on_start(self) -> None:
        self._consumer = self._create_consumer(loop=self.thread_loop)
        self.time_started = time.monotonic()
        await self._start_patiently(self._consumer)
        self.app.fetching.consumer = self._consumer
        self.app.flow.attach(self.thread_loop)

    async def _start_patiently(self, consumer: AIOKafkaConsumer) -> None:
        """An unreachable broker isn't a failure until `broker_patience` is over; one that refuses us is."""
        deadline = time.monotonic() + self.app.options.broker_patience.total_seconds()
        try:
            while not await self._reached(consumer):
                if self.should_stop or time.monotonic() > deadline:
                    raise Unreachable(f"SCORER_BROKERS={self.app.options.connection.bootstrap} can't be reached")
                await self.sleep(_RETRY_SECONDS)
        except BaseException:
            await consumer.stop()
            raise

    async def _reached(self, consumer: AIOKafkaConsumer) -> bool:
        try:
            await consumer.start()
        except KafkaConnectionError:
            with suppress(Unanswered):
                await say_why(self.app.options.connection)
            return False
        return True

    def _start_thread(self) -> None:
        """What the thread died of has been told to the app (`crash`); nobody catches it here."""
        try:
            super()._start_thread()
        except (Exception, asyncio.CancelledError):
            self.set_shutdown()  # else who stops it waits for a minute

    def _stopped_set(self) -> None:
        with suppress(RuntimeError):  # the loop of a thread that died is closed
            super()._stopped_set()

    def on_crash(self, msg: str, *fmt: Any, **kwargs: Any) -> None:
        """Logged by `crash`; the stock method prints it too."""

    async def on_thread_stop(self) -> None:
        self.app.flow.detach()
        if self._consumer is not None:
            await self._leave(self._consumer)
        await super().on_thread_stop()

    async def _leave(self, consumer: AIOKafkaConsumer) -> None:
        """Leave the group. A join on its way is answered only when all members have joined: cut it off then."""
        stopping = asyncio.create_task(consumer.stop())
        await asyncio.wait([stopping], timeout=_LEAVE_SECONDS)
        await consumer._client.close()
        # what it ended with is no news: aiokafka's own `stop` raises if a fetch has just failed
        await asyncio.gather(stopping, return_exceptions=True)

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        self._assignor = self.app.assignor
        return AIOKafkaConsumer(
            **self.app.options.consumer_settings(), partition_assignment_strategy=[self.app.assignor]
        )

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.app.fetching.hold_all()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self.app.fetching.hold_all()
        await super().on_partitions_assigned(assigned, generation_id)

    def close(self) -> None:
        """Nothing: the stock method closes the client from the wrong loop. `on_thread_stop` does it in this one."""


class ChunkConsumer(driver.Consumer):
    """Delivers chunks to the agent; commits and seeks nothing by itself."""

    app: "StreamApp"

    def _new_consumer_thread(self) -> ChunkThread:
        return ChunkThread(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Fetch and deliver until stopped. A chunk is dropped only if its release is over."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                for chunk in await self._fetch():
                    await self._deliver(chunk)
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except Exception as error:
            await self._fail(error)

    @Service.task
    async def _watch_group(self) -> None:
        """Also before the first assignment and during rebalances, when nobody fetches: else a silent stall."""
        while not self.should_stop:
            await self.sleep(_WATCH_SECONDS)
            try:
                await self.app.flow.check_group()
            except ConsumerStoppedError:
                continue  # not connected yet, or not any more
            except Exception as error:
                await self._fail(error)

    async def _fail(self, error: Exception) -> None:
        if self.app.should_stop:
            return
        if isinstance(error, KafkaError) and not isinstance(error, ConsumerStoppedError):
            refused = Refused(f"{error!r}{self._hint()}", topic=self.app.options.input_topic)
            refused.__cause__ = error
            error = refused
        await self.app.fail(error)

    def _hint(self) -> str:
        if self.app.options.instance is None:
            return ""
        return f" (does another worker run as {self.app.options.instance!r} too?)"

    async def _fetch(self) -> list[Chunk]:
        if not await self._flow_resumed():
            return []
        chunks: dict[TP, list[Chunk]] = await self.app.flow.fetch(_FETCH_SECONDS)
        return [chunk for _, chunk in self.scheduler.iterate(chunks)]

    async def _deliver(self, chunk: Chunk) -> None:
        """Wait for room in the agent's queue (the back-pressure); give up if a rebalance begins."""
        if not await self._flow_resumed() or not self.app.flow.is_current(chunk):
            return
        tp = TP(self.app.options.input_topic, chunk.partition)
        await self.wait_first(self.callback(self._to_message(tp, chunk)), self.suspend_flow.wait())

    async def _flow_resumed(self) -> bool:
        """False if the consumer stops first."""
        while not self.flow_active:
            if (await self.wait(self.can_resume_flow)).stopped:  # type: ignore[arg-type]
                return False
        return True

    def _to_message(self, tp: TP, record: Chunk) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.to_offset - 1,
            0.0,
            0,
            [],
            None,
            record,  # type: ignore[arg-type]
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """The owner first: its flush in progress still has the partitions, and may commit."""
        self.stop_flow()
        await self.app.on_revoked(revoked)
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        """Nothing: the owner seeks, to its state's position (`Flow.release`)."""

    async def commit(self, topics: TPorTopicSet | None = None, start_new_transaction: bool = True) -> bool:
        """Nothing: only the owner commits, what its journal holds (`Flow.commit`)."""
        return False

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: `_deliver` waits."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing: `_deliver` waits."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: it reports a partition that is held, and counts commits that aren't its own."""


class ChunkTransport(driver.Transport):
    """Kafka, in chunks."""

    Consumer = ChunkConsumer
