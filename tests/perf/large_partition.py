"""One partition with 1,000,000 users: what it costs to sum everyone anew, and how long single steps hold the loop.

36 cells a user (12 types on 3 days of 30), 20 users an account, whose cells are theirs together; events come in random
order, in chunks of 5,000. Everything is CPU time: on a shared machine the clock shows the others.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scorer.core.cells import cell_keys
from scorer.core.events import MICRO, Int64s
from scorer.core.fold import Fold
from scorer.core.model import Kind, Model, Weight
from scorer.core.score import CellView, Floats, RawScorer
from scorer.core.scoring_pass import SLICE_CELLS, SLICE_ROWS
from scorer.core.snapshot import freeze

USERS, ACCOUNT_USERS, TYPES, ACTIVE_DAYS, WINDOW, CHUNK = 1_000_000, 20, 12, 3, 30, 5_000
TODAY = 20_029
DAYS = 5

Result = TypeVar("Result")


@dataclass
class Steps:
    """CPU seconds of the steps of one kind."""

    seconds: list[float] = field(default_factory=list)

    def time(self, step: Callable[[], Result]) -> Result:
        began = time.process_time()
        result = step()
        self.seconds.append(time.process_time() - began)
        return result

    @property
    def total(self) -> float:
        return sum(self.seconds)

    @property
    def longest_ms(self) -> float:
        return 1_000 * max(self.seconds)


class LargePartition:
    """Accounts stand in the first rows."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(1)
        self.fold = Fold(1)
        accounts = USERS // ACCOUNT_USERS
        self.fold.roster.enter_restored(
            [(row, f"account-{row}") for row in range(accounts)],
            [(accounts + user, user % accounts, f"user-{user}") for user in range(USERS)],
        )
        self.fold.fit()
        types = {f"type_{code}": code for code in range(TYPES)}
        weights = {name: Weight(1.0 + code) for name, code in types.items()}
        kinds = (Kind.USER, Kind.ACCOUNT)
        models = [Model("plain", kinds, WINDOW, weights), Model("recent", kinds, WINDOW, weights, half_life=14.0)]
        self.scorers = [RawScorer(model, types) for model in models]
        self.raw = [np.zeros(len(self.fold.roster)) for _ in models]

    def past(self) -> Iterator[tuple[Int64s, Int64s, int]]:
        """Rows, buckets and type of events, a chunk at a time."""
        days = TODAY - WINDOW + 1 + self._rng.integers(0, WINDOW, (USERS, ACTIVE_DAYS))
        for occasion in range(ACTIVE_DAYS * TYPES):
            for users in np.split(self._rng.permutation(USERS), USERS // CHUNK):
                yield self._rows(users), days[users, occasion // TYPES], occasion % TYPES

    def day(self, bucket: int) -> Iterator[tuple[Int64s, Int64s, int]]:
        """Each type occurs to another tenth of the users: 72 in 100 have events."""
        for code in range(TYPES):
            for users in np.split(self._rng.permutation(USERS)[: USERS // 10], USERS // 10 // CHUNK):
                yield self._rows(users), np.full(CHUNK, bucket), code

    def _rows(self, users: Int64s) -> Int64s:
        return users + USERS // ACCOUNT_USERS

    def count(self, events: Iterator[tuple[Int64s, Int64s, int]]) -> Steps:
        """As `Fold.count` does with the counts."""
        steps, counts, ones = Steps(), self.fold.counts, np.full(CHUNK, MICRO)
        for rows, buckets, code in events:
            for of in (rows, self.fold.roster.parent[rows]):
                keys = cell_keys(of, buckets, np.full(CHUNK, code))
                steps.time(lambda keys=keys: counts.add(keys, ones))  # type: ignore[misc]
        return steps

    def close(self, bucket: int) -> tuple[Steps, Steps]:
        """As a pass does when a bucket closes: (what is done at once, the slices of the walk)."""
        counts, rows = self.fold.counts, len(self.fold.roster)
        at_once, walk, at = Steps(), Steps(), 0
        at_once.time(lambda: counts.expire(bucket - WINDOW + 1))
        for raw in self.raw:
            raw[:] = np.nan
        while at < rows:
            at = walk.time(lambda at=at: self._sum(at, bucket))  # type: ignore[misc]
        return at_once, walk

    def _sum(self, first: int, bucket: int) -> int:
        """Sum a slice; returns where the next one starts."""
        counts, kind = self.fold.counts, self.fold.roster.kind
        rows = np.arange(first, min(first + SLICE_ROWS // len(self.scorers), len(self.fold.roster)))
        rows = counts.step(rows, SLICE_CELLS // len(self.scorers))
        stop = int(rows[-1]) + 1
        counts.rows_held(first, stop)
        for run in counts.of_rows(rows).runs():
            view = CellView.of(run, kind, bucket)
            for scorer, raw in zip(self.scorers, self.raw, strict=True):
                worth, active = scorer.score(view)
                raw[view.rows] = np.where(active, worth, np.nan)
        return stop

    def freeze(self) -> tuple[Steps, Steps]:
        """(the freeze, its bodies)."""
        at_once, bodies = Steps(), Steps()
        frozen = at_once.time(lambda: freeze(self.fold))
        while bodies.time(lambda: next(frozen, None)) is not None:
            pass
        return at_once, bodies

    def bytes_a_cell(self) -> float:
        runs = self.fold.counts.runs()
        columns: list[NDArray[np.generic]] = [c for r in runs for c in (r.rows, r.starts, r.places, r.counts)]
        return sum(column.nbytes for column in columns) / len(self.fold.counts)

    def mean_raw(self) -> Floats:
        """Of each model: to see that something was summed."""
        return np.array([float(np.nanmean(raw)) for raw in self.raw])


def run() -> None:
    partition = LargePartition()
    adds = partition.count(partition.past())
    events = USERS * ACTIVE_DAYS * TYPES
    cells = len(partition.fold.counts)
    print(f"{USERS:,} users in one partition, {cells / 1e6:.1f} million cells of {partition.bytes_a_cell():.1f} bytes")
    print(
        f"count    {adds.total / events * 1e6:6.2f} us an event in the counts alone; longest {adds.longest_ms:.0f} ms"
    )
    _report("first", partition, TODAY)
    _report("at rest", partition, TODAY)
    for bucket in range(TODAY + 1, TODAY + 1 + DAYS):
        adds = partition.count(partition.day(bucket - 1))
        _report(f"day {bucket - TODAY}", partition, bucket)
        print(f"         longest of counting that day {adds.longest_ms:.0f} ms")
    at_once, bodies = partition.freeze()
    print(
        f"freeze   {at_once.longest_ms:.0f} ms at once, longest body {bodies.longest_ms:.0f} ms of {bodies.total:.1f} s"
    )
    print(f"         {partition.bytes_a_cell():.1f} bytes a cell; means {partition.mean_raw().round(1).tolist()}")


def _report(name: str, partition: LargePartition, bucket: int) -> None:
    at_once, walk = partition.close(bucket)
    each = (at_once.total + walk.total) / len(partition.scorers)
    print(f"{name:8} {each:6.2f} s a model (2) to sum everyone; at once {at_once.longest_ms:.0f} ms", end="")
    print(f", longest slice {walk.longest_ms:.0f} ms")


if __name__ == "__main__":
    run()
