"""The Faust app of a worker: composed, started and stopped here.

app, flow = build_app(options, partitions)     inside a running event loop
await run_app(app)     runs until stopped (returns) or failed (raises why); beside other services
await stop_app(app)    hold the input, let the owner finish its flush, leave the group; bounded
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import faust
from faust import streams
from faust.app.base import BootStrategy
from faust.sensors.base import Sensor
from faust.types import TP, StreamT

from scorer.stream.connection import Connection
from scorer.stream.fetching import Fetching
from scorer.stream.flow import KafkaFlow
from scorer.stream.ports import Chunk, Partitions
from scorer.stream.table import TABLE_NAME, JournalTable, JournalTables
from scorer.stream.transport import ChunkSchema, ChunkTransport

_log = logging.getLogger(__name__)
_REVOKE_SECONDS = 5.0


class StopTimedOut(Exception):
    """The worker didn't stop in time: what hangs is abandoned, nothing is lost (the journal stands)."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What the Faust side of a worker needs to know, resolved.

    `on_fatal` is called with what the worker can't go on after, before anything else happens: in production it ends the
    process at once. It may be called from another thread (the watchdog's), and more than once. `instance` makes the
    worker a static member of the group; `queued_chunks` is what waits between fetching and counting.
    """

    connection: Connection
    namespace: str
    input_topic: str
    on_fatal: Callable[[BaseException], None]
    instance: str | None = None
    session_timeout: timedelta = timedelta(seconds=10)
    broker_patience: timedelta = timedelta(minutes=5)
    stop_timeout: timedelta = timedelta(seconds=20)
    chunk_records: int = 5_000
    queued_chunks: int = 8
    fetch_bytes: int = 1024 * 1024
    raw_records: bool = True

    def consumer_settings(self) -> dict[str, Any]:
        """aiokafka's arguments of the worker's consumer."""
        session_ms = int(self.session_timeout.total_seconds() * 1000)
        rebalance_ms = max(session_ms, 15_000)  # the others' heartbeat, and their flush on revocation
        return {
            **self.connection.client_kwargs(self.namespace),
            "group_id": self.namespace,
            "group_instance_id": self.instance,
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "isolation_level": "read_committed",
            "check_crcs": False,
            "max_partition_fetch_bytes": self.fetch_bytes,
            # short: a partition released meanwhile waits for the fetch on its way
            "fetch_max_wait_ms": 250,
            "session_timeout_ms": session_ms,
            "heartbeat_interval_ms": min(session_ms // 6, 3_000),
            "rebalance_timeout_ms": rebalance_ms,
            "request_timeout_ms": rebalance_ms + 15_000,  # a join is answered after the rebalance timeout at the latest
            "max_poll_interval_ms": 1_000_000,
        }


class NoMonitor(Sensor):
    """Counts nothing: metrics are the product's own, per chunk."""


class _ConsumerOnly(BootStrategy):
    """No producer of Faust's: what a worker writes, it writes and awaits itself."""

    enable_kafka_producer = False


class StreamApp(faust.App):
    """A Faust app that knows the owner of the partitions' states."""

    BootStrategy = _ConsumerOnly

    options: StreamOptions
    partitions: Partitions
    fetching: Fetching
    flow: KafkaFlow
    failure: BaseException | None = None
    stopping: asyncio.Task[None] | None = None

    async def on_assigned(self, assigned: Iterable[TP]) -> None:
        """Tell the owner of its partitions, all of them held until it releases them."""
        self.flow.hold_all()
        try:
            await self.partitions.assigned(self._of_input(assigned))
        except Exception as error:
            await self.fail(error)

    async def on_revoked(self, revoked: Iterable[TP]) -> None:
        """Let the owner finish or abandon its flush, while it may still commit."""
        self.flow.hold_all()
        partitions = self._of_input(revoked)
        if not partitions or self.failure is not None:
            return
        try:
            async with asyncio.timeout(_REVOKE_SECONDS):
                await self.partitions.revoked(partitions)
        except TimeoutError:
            _log.warning("the flush took more than %s s: abandoned, the partitions go", _REVOKE_SECONDS)
        except Exception as error:
            await self.fail(error)

    async def process(self, chunks: StreamT[Chunk]) -> None:
        """The agent: hand on each chunk. Nothing of a chunk that failed is ever committed."""
        async for chunk in chunks:
            if self.failure is not None or not self.flow.is_current(chunk):
                continue
            try:
                await self.partitions.process(chunk)
            except Exception as error:
                await self.fail(error)
                await asyncio.Event().wait()  # until the agent is cancelled: an agent that returns is started anew

    async def fail(self, error: BaseException) -> None:
        """Stop without a commit; `run_app` raises the first failure if `on_fatal` comes back."""
        self.failure = self.failure or error
        self.flow.hold_all()
        self.options.on_fatal(error)
        await self.crash(error)

    async def on_stop(self) -> None:
        """A clean stop is a revocation of everything: the last flush is journaled and committed."""
        if self._assignment:
            await self.on_revoked(self._assignment)
        await super().on_stop()

    def _create_directories(self) -> None:
        """None: a worker keeps nothing on disk."""

    def on_rebalance_return(self) -> None:
        """Nothing: it counts rebalances for a monitor, and warns of ours, which end inside their callback."""

    async def stop_once(self) -> None:
        """Stop; whoever asks waits for the same stop."""
        if self.stopping is None:
            self.stopping = asyncio.create_task(self._stop_watched(), name="stop of the stream")
        await asyncio.shield(self.stopping)

    async def _stop_watched(self) -> None:
        """By a thread, for what hangs may hold the event loop."""
        seconds = self.options.stop_timeout.total_seconds()
        error = StopTimedOut(f"the stream didn't stop within {seconds:g} s")
        watchdog = threading.Timer(seconds, self.options.on_fatal, [error])
        watchdog.daemon = True
        watchdog.start()
        try:
            await self.stop()
        finally:
            watchdog.cancel()

    def _of_input(self, tps: Iterable[TP]) -> frozenset[int]:
        return frozenset(tp.partition for tp in tps if tp.topic == self.options.input_topic)


def build_app(options: StreamOptions, partitions: Partitions) -> tuple[StreamApp, KafkaFlow]:
    """The app and the `Flow` for the owner; call it inside the event loop that will run it."""
    if getattr(streams, "_CStreamIterator", None) is None:
        # the stream in Python acknowledges events of a generation that is over
        raise RuntimeError("faust-streaming is installed without its Cython streams: install a wheel of it")
    app = StreamApp(options.namespace, **_faust_settings(options))
    app.options = options
    app.partitions = partitions
    app.fetching = Fetching(options.input_topic, options.chunk_records, raw_records=options.raw_records)
    app.flow = KafkaFlow(options.input_topic, app.fetching)
    app.finalize()
    app.transport = ChunkTransport(app.conf.broker_consumer, app)
    app.Table(TABLE_NAME)
    # acks are off: nobody reads them, and Faust would remember each of them for ever
    topic = app.topic(options.input_topic, schema=ChunkSchema(), acks=False, maxsize=options.queued_chunks)
    app.agent(topic, name=f"{options.namespace}.count")(app.process)
    return app, app.flow


def _faust_settings(options: StreamOptions) -> dict[str, Any]:
    return {
        "env_prefix": "SCORER_NOT_FAUST_",  # else Faust takes settings from the environment
        "broker": "kafka://localhost",  # unused: the consumer is made of `consumer_settings`
        "broker_session_timeout": options.session_timeout.total_seconds(),
        "broker_commit_interval": 3600.0,
        "producer_request_timeout": 30.0,
        "store": "memory://",
        "Table": JournalTable,
        "TableManager": JournalTables,
        "Monitor": NoMonitor,
        "table_standby_replicas": 0,
        "recovery_consistency_check": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "stream_wait_empty": False,
        "stream_buffer_maxsize": options.queued_chunks,
        # a member that comes back on another host gets its old assignment, and Faust compares this with its own
        "canonical_url": "http://worker",
        "web_enabled": False,
        "worker_redirect_stdouts": False,
    }


async def run_app(app: StreamApp) -> None:
    """Start and run, in the running loop; returns when stopped, raises what it failed with.

    Cancelled, it stops without telling the owner: nothing more is flushed or committed.
    Installs no signal handlers, doesn't touch logging and never exits the process.
    """
    reason: BaseException | None = None
    try:
        await app.maybe_start()
        await app.wait_until_stopped()
        reason = app.failure or app.crash_reason
    except asyncio.CancelledError as error:
        if app.stopping is None:
            app.failure = app.failure or error  # cut off, not stopped: no last flush
        raise
    except Exception:
        if app.stopping is None:
            raise  # else it was stopped before it had started
    finally:
        await stop_app(app)
    if reason is not None:
        raise reason


async def stop_app(app: StreamApp) -> None:
    """Stop cleanly; `on_fatal` is called with `StopTimedOut` from a thread of its own if that takes too long."""
    await app.stop_once()
