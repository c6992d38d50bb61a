"""Counts are sums: of any order, chunking and merging."""

import random
from collections import defaultdict
from unittest.mock import patch

import numpy as np
import pytest

from scorer.core.cells import MAX_TYPES, SATURATED, Cells, cell_keys
from scorer.core.counts import Counts
from scorer.core.events import MICRO

Cell = tuple[int, int, int]


def add(counts: Counts, cells: list[tuple[Cell, int]]) -> None:
    rows, buckets, types = (np.array([cell[at] for cell, _ in cells], np.int64) for at in range(3))
    counts.add(cell_keys(rows, buckets, types), np.array([value for _, value in cells], np.int64))


def listed(cells: Cells) -> dict[Cell, int]:
    keys = zip(cells.rows.tolist(), cells.buckets.tolist(), cells.types.tolist(), strict=True)
    found = dict(zip(keys, cells.values.tolist(), strict=True))
    assert len(found) == len(cells)
    assert (np.diff(cells.keys) > 0).all()
    return found


@pytest.fixture(autouse=True)
def settles_often() -> object:
    with patch("scorer.core.counts._SETTLE_AT", 16):
        yield


def test_a_key_holds_the_largest_row_bucket_and_type() -> None:
    minute_in_2090 = 3_786_912_000 // 60
    counts = Counts()
    add(counts, [((30_000_000, minute_in_2090, MAX_TYPES - 1), 1), ((0, 0, 0), 2)])
    assert listed(counts.all()) == {(0, 0, 0): 2, (30_000_000, minute_in_2090, MAX_TYPES - 1): 1}


@pytest.mark.parametrize("start", range(20))
def test_any_order_and_chunking_gives_a_naive_sum(start: int) -> None:
    chance = random.Random(start)
    amount = [lambda: chance.randrange(4) * MICRO, lambda: chance.randrange(9), lambda: 10**15][: 1 + start % 3]
    far = [0, 2**20, 2**26 - 9][: 1 + start % 2 * 2]  # buckets that need more than 32 bits beside each other
    events = [
        ((chance.randrange(9), chance.randrange(5) + chance.choice(far), chance.randrange(3)), chance.choice(amount)())
        for _ in range(300)
    ]
    naive: dict[Cell, int] = defaultdict(int)
    counts = Counts()
    at = 0
    while at < len(events):
        step = chance.randrange(1, 40)
        add(counts, events[at : at + step])
        for cell, value in events[at : at + step]:
            naive[cell] += value
        at += step
        rows = np.array(sorted(chance.sample(range(10), 4)), np.int64)
        assert listed(counts.of_rows(rows)) == {cell: v for cell, v in naive.items() if cell[0] in rows}
        assert listed(counts.of_span(2, 6)) == {cell: v for cell, v in naive.items() if 2 <= cell[0] < 6}
    over_runs: dict[Cell, int] = defaultdict(int)
    for run in counts.runs():
        for cell, value in listed(run.cells()).items():
            over_runs[cell] += value
        parts = [run.part(slice(first, first + 7)) for first in range(0, len(run), 7)]
        assert np.concatenate([part.keys for part in parts]).tolist() == run.cells().keys.tolist()
        assert np.concatenate([part.values for part in parts]).tolist() == run.cells().values.tolist()
    assert over_runs == naive
    assert listed(counts.all()) == naive
    counts.expire(3)
    assert listed(counts.all()) == {cell: value for cell, value in naive.items() if cell[1] >= 3}


def test_a_count_of_zero_is_a_cell() -> None:
    counts = Counts()
    add(counts, [((1, 2, 3), 0)])
    assert listed(counts.all()) == {(1, 2, 3): 0}


def test_nothing_has_no_cells() -> None:
    counts = Counts()
    counts.add(np.empty(0, np.int64), np.empty(0, np.int64))
    counts.expire(5)
    assert len(counts) == len(counts.all()) == len(counts.of_span(0, 9)) == len(counts.of_rows(np.array([3]))) == 0


def test_a_run_is_never_changed_once_made() -> None:
    counts = Counts()
    add(counts, [((1, 1, 1), 5), ((2, 1, 1), 6)])
    before = counts.runs()
    copies = [(run.cells().keys, run.cells().values) for run in before]
    add(counts, [((1, 1, 1), 5), ((1, 0, 1), 7)])
    counts.all()
    counts.expire(1)
    for run, (keys, values) in zip(before, copies, strict=True):
        assert (run.cells().keys == keys).all()
        assert (run.cells().values == values).all()


@pytest.mark.parametrize("sizes", [[2, 40], [40, 2], [1] * 42, [21, 21]])
def test_a_sum_that_is_too_large_stays_at_the_largest_in_any_chunking(sizes: list[int]) -> None:
    almost = SATURATED // 20  # 42 of them pass it twice
    counts = Counts()
    for size in sizes:
        add(counts, [((7, 1, 1), almost)] * size + [((8, 1, 1), 1)] * size)
        counts.settle()
    assert listed(counts.all()) == {(7, 1, 1): SATURATED, (8, 1, 1): 42}


def test_a_sum_just_below_the_largest_is_exact() -> None:
    counts = Counts()
    add(counts, [((7, 1, 1), SATURATED - 3), ((7, 1, 1), 2)])
    assert listed(counts.all()) == {(7, 1, 1): SATURATED - 1}
    add(counts, [((7, 1, 1), 2)])
    assert listed(counts.all()) == {(7, 1, 1): SATURATED}
