"""What a restore costs, in a process of its own: `python -m tests.perf.restoring BROKERS NAMESPACE SCORING_FILE`.

The worker's own steps (`Owner.own`) against the real journal, for every partition: first from the journal as the
worker left it, then a snapshot is forced, then again from that. Prints one line of JSON. No worker may own the
namespace's partitions meanwhile, and none can go on with a state that it held before.
"""

import asyncio
import gc
import json
import secrets
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

import uvloop

from scorer import scoring_file
from scorer.core.journal import steps
from scorer.core.journal.owner import Identity, Owner
from scorer.core.journal.restore import LogRecord
from scorer.core.journal.steps import Steps
from scorer.core.model import Scoring
from scorer.core.partition import PartitionState
from scorer.stream.connection import Connection
from scorer.stream.journal_log import JournalLog, Record
from tests.perf.producing import PARTITIONS

_DEDUPE_IDS = 1_000_000


class Restorer:
    """The driver of one partition's `Owner`, on the real journal and on nothing else."""

    def __init__(self, log: JournalLog, scoring: Scoring, partition: int) -> None:
        self._log, self._partition = log, partition
        self.entry_bytes = 0
        self._reader: AsyncGenerator[list[Record], None] | None = None
        self._ahead: deque[Record] = deque()

        def empty() -> PartitionState:
            return PartitionState(scoring, partition, PARTITIONS, _DEDUPE_IDS)

        identity = Identity.of("bench", scoring)
        # the snapshot goes out whole with the first flush
        self.owner = Owner(
            empty, identity, lambda: secrets.randbits(62), snapshot_floor_bytes=0, parts_a_flush=1_000_000
        )

    @property
    def state(self) -> PartitionState:
        if self.owner.state is None:
            raise RuntimeError(f"partition {self._partition} doesn't stand")
        return self.owner.state

    async def perform(self, flow: Steps) -> None:
        answer: Any = None
        while True:
            try:
                answer = await self._do(flow.send(answer))
            except StopIteration as end:
                if not end.value:
                    raise RuntimeError(f"partition {self._partition}: somebody else owns it") from None
                return

    async def _do(self, step: steps.Step) -> Any:
        match step:
            case steps.Append(value):
                landed = await self._log.append(self._partition, value)
                return steps.Landed(landed.offset, landed.timestamp_ms)
            case steps.Bounds():
                return (await self._log.bounds(self._partition))[0]
            case steps.Read(start, stop):
                return await self._read(start, stop)
            case steps.Trim(before):
                return await self._log.trim(self._partition, before)
            case _:
                raise RuntimeError(f"a restore of a filled journal takes no such step: {step}")

    async def _read(self, start: int, stop: int) -> list[LogRecord]:
        if self._reader is None:
            self._reader = self._log.read(self._partition, start, stop)
        while not self._ahead:
            try:
                self._ahead.extend(await anext(self._reader))
            except StopAsyncIteration:
                return []
        await asyncio.sleep(0)  # as the worker does
        record = self._ahead.popleft()
        self.entry_bytes += len(record.value)
        return [LogRecord(record.offset, record.timestamp_ms, record.value)]


async def _restored(log: JournalLog, scoring: Scoring) -> tuple[float, list[Restorer]]:
    """CPU seconds of restoring every partition."""
    gc.collect()
    restorers = [Restorer(log, scoring, partition) for partition in range(PARTITIONS)]
    began = time.process_time()
    for restorer in restorers:
        await restorer.perform(restorer.owner.own())
    return time.process_time() - began, restorers


async def measure(bootstrap: str, namespace: str, scoring_path: str) -> dict[str, float]:
    gc.set_threshold(200_000, 20, 20)
    scoring = scoring_file.load(scoring_path)
    log = JournalLog(Connection((bootstrap,)), f"{namespace}-journal", patience=60.0)
    await log.start()
    try:
        from_journal, restorers = await _restored(log, scoring)
        figures = {"journal_cpu": from_journal, "journal_bytes": sum(each.entry_bytes for each in restorers)}
        figures["events"] = sum(each.state.position or 0 for each in restorers)
        began = time.process_time()
        for each in restorers:  # the first entry after a restore says what time it is, so there is one
            await each.perform(each.owner.flush(redis_through="", redis_id=""))
        figures["snapshot_cpu"] = time.process_time() - began
        cells = sum(len(each.state.counts.all()) for each in restorers)
        rows = sum(len(each.state.roster) for each in restorers)
        del restorers, each
        from_snapshot, restorers = await _restored(log, scoring)
        if sum(len(each.state.counts.all()) for each in restorers) != cells:
            raise RuntimeError("the snapshot doesn't hold the state that it was made of")
        figures["snapshot_bytes"] = sum(each.entry_bytes for each in restorers)
        return {**figures, "from_snapshot_cpu": from_snapshot, "cells": cells, "rows": rows}
    finally:
        await log.stop()


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(*sys.argv[1:4]))))
