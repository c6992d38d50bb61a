"""When the events were written whose scores are on their way to readers: a sample of bounded size."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from scorer.core.events import Int64s

KEPT = 100_000
"""Times kept of a worker's partition at most: of more, every second one goes, of those to come too."""


class Latencies:
    """Broker timestamps, epoch ms, of events counted, then of those whose scores were published with a version."""

    def __init__(self) -> None:
        self._counted: list[Int64s] = []
        self._published: deque[tuple[str, Int64s]] = deque()
        self._kept = 0
        self._stride = 1

    def __len__(self) -> int:
        return self._kept

    def counted(self, times_ms: Int64s) -> None:
        """These events are in the state; the next pass scores them."""
        if not self._kept:
            self._stride = 1
        self._counted.append(times_ms[:: self._stride])
        self._kept += len(self._counted[-1])
        self._bound()

    def take(self) -> list[Int64s]:
        """Those that a pass which begins now will score: for `published`, or to be `put_back`."""
        taken, self._counted = self._counted, []
        self._kept -= sum(map(len, taken))
        return taken

    def put_back(self, taken: list[Int64s]) -> None:
        """The pass was left before their scores were told: the next one tells them."""
        self._counted = taken + self._counted
        self._kept += sum(map(len, taken))
        self._bound()

    def published(self, version: str, taken: list[Int64s]) -> None:
        """Their scores leave as this version."""
        if taken:
            times_ms = np.concatenate(taken)
            self._published.append((version, times_ms))
            self._kept += len(times_ms)
            self._bound()

    def readable(self, version: str) -> Iterator[Int64s]:
        """Those whose scores can be read now: everything up to a version can."""
        while self._published and self._published[0][0] <= version:
            times_ms = self._published.popleft()[1]
            self._kept -= len(times_ms)
            yield times_ms

    def _bound(self) -> None:
        while self._kept > KEPT:
            self._stride *= 2
            self._counted = [np.concatenate(self._counted)[::2]] if self._counted else []
            published = list(self._published)[:: 2 if len(self._published) > KEPT // 2 else 1]
            self._published = deque((version, times_ms[::2]) for version, times_ms in published)
            self._kept = sum(map(len, self._counted)) + sum(len(times_ms) for _, times_ms in self._published)
