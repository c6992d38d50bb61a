"""The input's side of a verification: where to begin, and to read on to the end of now."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from scorer.stream.input_reader import InputReader
from scorer.verifying.heartbeats import Heartbeats
from scorer.verifying.input import Recount
from scorer.verifying.reach import Reach

ReadOn = Callable[[int, int], None]
"""Told how many offsets there are to read, and how many of them were."""


@dataclass
class Now:
    """What time it is for scoring. `clock` is SCORER_CLOCK: `wall`, `event`, or an instant."""

    clock: str | datetime
    heartbeats: Heartbeats

    def now_ms(self) -> int:
        return self.heartbeats.newest_event_ms() if self.clock == "event" else self.worker_ms()

    def worker_ms(self) -> int:
        """What an event's time is judged against, besides its record's timestamp."""
        return wall_ms() if isinstance(self.clock, str) else int(self.clock.timestamp() * 1000)


@dataclass
class Reading:
    """Some partitions, from their first record that may count. `since_ms`: older records can't."""

    reader: InputReader
    recount: Recount
    now: Now
    on_progress: ReadOn
    reach: dict[int, Reach] = field(default_factory=dict)
    complete: set[int] = field(default_factory=set)
    """Partitions of which everything that a worker ever took is read."""
    _positions: dict[int, int] = field(default_factory=dict)

    async def begin(self, partitions: Collection[int], since_ms: int) -> None:
        """Find where to begin."""
        beats = self.now.heartbeats.read()
        starts, ends = await self.reader.log_starts(partitions), await self.reader.log_ends(partitions)
        young = await self.reader.offsets_at(partitions, since_ms)
        for partition in sorted(partitions):
            start, end = starts[partition], ends[partition]
            counted_from = beats.get(partition, {}).get("counted_from")
            oldest_ms = await self.reader.first_timestamp_ms(partition, start, end) if start else None
            reach = Reach(start, counted_from, wall_ms() if oldest_ms is None else oldest_ms)
            first_young = young[partition]
            self.reach[partition] = reach
            self._positions[partition] = max(reach.begin, end if first_young is None else first_young)
            if reach.complete and self._positions[partition] == reach.begin:
                self.complete.add(partition)

    async def on(self, *, settling: bool = False) -> None:
        """Read to the end of now. `settling`: the documents to come must hold all of it."""
        positions = self._positions
        ends = await self.reader.log_ends(positions.keys())
        total = sum(max(0, end - positions[partition]) for partition, end in ends.items())
        done = 0
        self.on_progress(total, done)
        if settling:
            self.recount.settle()
        async for records in self.reader.read(dict(positions), ends):
            self.recount.take(records, self.now.worker_ms())
            if settling:
                self.recount.settle()
            done += records.position - positions[records.partition]
            positions[records.partition] = records.position
            self.on_progress(total, min(done, total))


def wall_ms() -> int:
    return time.time_ns() // 1_000_000
