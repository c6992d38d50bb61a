"""The steps of the core's `Owner`, done on Kafka and handed to Redis."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from aiokafka.errors import ConsumerStoppedError

from scorer.core.journal import steps
from scorer.core.journal.restore import LogRecord
from scorer.stream.broker_errors import Trimmed
from scorer.stream.journal_log import Record
from scorer.stream.ports import Flow
from scorer.stream.workplace import Workplace

_log = logging.getLogger(__name__)

SKEW_SECONDS = 60


class ClockSkew(Exception):
    """The worker's clock and the broker's are too far apart to own a partition."""


class StepPerformer:
    """Does the steps of one partition's flows.

    `on_progress` is told in words how far a restore is.
    """

    def __init__(self, partition: int, place: Workplace, flow: Flow, on_progress: Callable[[str], None]) -> None:
        self.partition = partition
        self._place = place
        self._flow = flow
        self._on_progress = on_progress
        self._reader: AsyncGenerator[list[Record], None] | None = None
        self._read_ahead: deque[Record] = deque()
        self.last_commit = time.monotonic()
        """When the group's offset was last committed."""
        self.trims = 0
        """How often the journal was trimmed: each time a snapshot was complete."""

    async def perform(self, flow: steps.Steps) -> bool:
        """Do a flow's steps to its end; returns what it ends with. If it is cut short, the state must be dropped."""
        answer: Any = None
        try:
            while True:
                try:
                    step = flow.send(answer)
                except StopIteration as end:
                    return bool(end.value)
                answer = await self._do(step)
        finally:
            flow.close()
            await self._close_reader()

    async def _do(self, step: steps.Step) -> Any:
        place = self._place
        match step:
            case steps.Append(value):
                began_ms = place.clock.wall_ms()
                landed = await place.log.append(self.partition, value)
                place.metrics.journal_bytes.inc(len(value))
                self._check_clock(landed.timestamp_ms, began_ms)
                return steps.Landed(landed.offset, landed.timestamp_ms)
            case steps.Publish(version, batches, alerts, kpis):
                for batch in batches:
                    place.scores.submit(batch)
                for of_kpis in kpis:
                    place.scores.submit(of_kpis)
                if alerts:
                    place.scores.submit_alerts(self.partition, version, [alert for _, alert in alerts])
            case steps.SendAlerts(alerts):
                await place.alerts.write(alerts)
            case steps.SendDeadLetters(letters):
                await place.letters.write(letters)
            case steps.Commit(position):
                with suppress(ConsumerStoppedError):
                    await self._flow.commit(self.partition, position)
                self.last_commit = time.monotonic()
            case steps.Bounds():
                return (await place.log.bounds(self.partition))[0]
            case steps.Read(start, stop):
                return await self._read(start, stop)
            case steps.Trim(before):
                await place.log.trim(self.partition, before)
                self.trims += 1
            case steps.MayClaim():
                return await self.may_claim()
            case steps.ResolveStart():
                return await self._resolve_start()
        return None

    def _check_clock(self, timestamp_ms: int, began_ms: int) -> None:
        """By the broker's time of an append that began at `began_ms`; how long its answer took proves nothing."""
        ahead_ms = max(began_ms - timestamp_ms, 0) or min(self._place.clock.wall_ms() - timestamp_ms, 0)
        skew = ahead_ms / 1000
        if timestamp_ms >= 0 and abs(skew) > SKEW_SECONDS:
            raise ClockSkew(
                f"this worker's clock is {skew:+.0f} s off the broker's: at most {SKEW_SECONDS} s are allowed. "
                f"Synchronise the clocks (NTP) of both"
            )

    async def _read(self, start: int, stop: int) -> list[LogRecord] | steps.Trimmed:
        """The next journal record: one at a time, so that nothing holds the loop for long."""
        self._on_progress(f"restoring: at record {start} of {stop} in its journal")
        if self._reader is None:
            self._reader = self._place.log.read(self.partition, start, stop)
            self._read_ahead.clear()
        try:
            while not self._read_ahead:
                self._read_ahead.extend(await anext(self._reader))
        except StopAsyncIteration:
            return []
        except Trimmed as trimmed:
            await self._close_reader()
            return steps.Trimmed(trimmed.log_start)
        await asyncio.sleep(0)
        record = self._read_ahead.popleft()
        return [LogRecord(record.offset, record.timestamp_ms, record.value)]

    async def _close_reader(self) -> None:
        if self._reader is not None:
            await self._reader.aclose()
            self._reader = None

    async def may_claim(self) -> bool:
        """Whether the group's coordinator has accepted this worker's current generation."""
        with suppress(ConsumerStoppedError):
            return await self._flow.generation_accepted()
        return False

    async def _resolve_start(self) -> int:
        """Where to read from the first time, or after the journal was lost: all that the input still holds."""
        flow, start = self._flow, self._place.start
        committed = await flow.committed(self.partition)
        if committed is not None:
            _log.warning(
                "partition %s: its journal is empty, though the group had read up to %s: the journal was lost. "
                "Counting anew from what the input still holds",
                self.partition,
                committed,
            )
            return await flow.log_start(self.partition)
        if start == "latest":
            return await flow.log_end(self.partition)
        if isinstance(start, timedelta):
            since_ms = self._place.clock.wall_ms() - int(start.total_seconds() * 1000)
            return await flow.offset_at(self.partition, max(since_ms, 0))  # to Kafka a negative time means something
        return await flow.log_start(self.partition)
