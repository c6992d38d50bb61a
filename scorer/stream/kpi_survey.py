"""When the KPIs of a partition are brought up to date: some steps with each flush, for scores don't wait for them."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from scorer.core.partition import PartitionState

STEPS_A_FLUSH = 10
"""Of about 20 ms each."""


class KpiSurvey:
    """One survey every `interval`, of the state that stands."""

    def __init__(self, interval: timedelta) -> None:
        self._seconds = interval.total_seconds()
        self._due = 0.0
        self._state: PartitionState | None = None
        self._steps: Iterator[None] | None = None

    async def go_on(self, state: PartitionState) -> None:
        """Some steps, if there is something to do. A state that fails within one is in pieces."""
        if state.board is None or state.passes.unfinished:
            return
        if self._state is not state:
            self._state, self._steps, self._due = state, None, 0.0
        if self._steps is None:
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + self._seconds
                self._steps = state.survey()
            elif state.board.untold:  # all of them, if readers lost what they had
                self._steps = state.tell_kpis()
        done = 0
        for _ in islice(self._steps or (), STEPS_A_FLUSH):
            done += 1
            await asyncio.sleep(0)
        if done < STEPS_A_FLUSH:
            self._steps = None
