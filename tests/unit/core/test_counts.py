"""Counts are sums: of any order, chunking and merging; what has expired is gone at once, and nothing else."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.cells import MAX_TYPES, SATURATED, Cells, cell_keys
from scorer.core.counts import Counts
from scorer.core.events import MICRO
from scorer.core.runs import Run
from scorer.core.sheets import Sheet

Cell = tuple[int, int, int]
ROWS = 12


def add(counts: Counts, cells: list[tuple[Cell, int]]) -> None:
    rows, buckets, types = (np.array([cell[at] for cell, _ in cells], np.int64) for at in range(3))
    counts.add(cell_keys(rows, buckets, types), np.array([value for _, value in cells], np.int64))


def listed(cells: Cells) -> dict[Cell, int]:
    keys = zip(cells.rows.tolist(), cells.buckets.tolist(), cells.types.tolist(), strict=True)
    found = dict(zip(keys, cells.values.tolist(), strict=True))
    assert len(found) == len(cells)
    assert (np.diff(cells.keys) > 0).all()
    return found


def read(sheet: Sheet) -> dict[Cell, int]:
    """A sheet by its runs: what stands over the base replaces its rows."""
    by_row: dict[int, dict[Cell, int]] = {}
    for run in sheet.runs():
        by_row |= {row: {} for row in run.rows.tolist()}
        for cell, value in listed(run.cells()).items():
            by_row[cell[0]][cell] = value
    found = {cell: value for of_row in by_row.values() for cell, value in of_row.items()}
    assert listed(sheet.cells()) == found
    return found


def total(runs: Iterable[Run]) -> dict[Cell, int]:
    found: dict[Cell, int] = defaultdict(int)
    for run in runs:
        for cell, value in listed(run.cells()).items():
            found[cell] = min(found[cell] + value, SATURATED)
    return dict(found)


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Iterator[None]:
    sizes = {
        "counts._SETTLE_AT": 16,
        "counts.BLOCK_CELLS": 24,
        "blocks.BLOCK_CELLS": 24,
        "blocks._MOST_RUNS": 3,
        "joining.PIECE_CELLS": 7,
        "sheets.PIECE_CELLS": 7,
    }
    with ExitStack() as stack:
        for name, size in sizes.items():
            stack.enter_context(patch(f"scorer.core.{name}", size))
        yield


class Naive:
    """A dict of cells. Expiry takes what is there, and nothing that comes later."""

    def __init__(self) -> None:
        self.cells: dict[Cell, int] = {}

    def add(self, cells: list[tuple[Cell, int]]) -> None:
        for cell, value in cells:
            self.cells[cell] = min(self.cells.get(cell, 0) + value, SATURATED)

    def expire(self, first_bucket: int) -> None:
        self.cells = {cell: value for cell, value in self.cells.items() if cell[1] >= first_bucket}

    def of(self, rows: Iterable[int]) -> dict[Cell, int]:
        some = set(rows)
        return {cell: value for cell, value in self.cells.items() if cell[0] in some}


cells = st.tuples(
    st.integers(0, ROWS - 1),
    st.integers(0, 9) | st.just(2**20 + 5) | st.just(2**26 - 9),  # far apart: more than 32 bits
    st.integers(0, 2) | st.just(MAX_TYPES - 1),
)
values = st.integers(0, 4).map(lambda n: n * MICRO) | st.integers(0, 9) | st.sampled_from([10**15, SATURATED // 3])
whole = st.integers(0, 4).map(lambda n: n * MICRO)
near = st.tuples(st.integers(0, ROWS - 1), st.integers(0, 9), st.integers(0, 2))
chunks = st.lists(st.tuples(near, whole), min_size=1, max_size=40) | st.lists(
    st.tuples(cells, values), min_size=1, max_size=40
)
spans = st.tuples(st.integers(0, ROWS), st.integers(0, ROWS)).map(sorted)
steps = st.lists(
    st.tuples(st.just("add"), chunks)
    | st.tuples(st.just("expire"), st.integers(0, 12))
    | st.tuples(st.just("rows"), st.sets(st.integers(0, ROWS)).map(sorted))
    | st.tuples(st.just("span"), spans)
    | st.tuples(st.just("freeze"), st.none()),
    max_size=30,
)


@given(steps)
def test_counts_are_those_of_a_naive_dict_whatever_is_done_in_between(steps: list[tuple[str, object]]) -> None:
    counts, naive = Counts(), Naive()
    frozen: list[tuple[tuple[Run, ...], dict[Cell, int]]] = []
    for step in steps:
        match step:
            case ("add", list(chunk)):
                add(counts, chunk)
                naive.add(chunk)
            case ("expire", int(first_bucket)):
                counts.expire(first_bucket)
                naive.expire(first_bucket)
            case ("rows", list(rows)):
                assert read(counts.of_rows(np.array(rows, np.int64))) == naive.of(rows)
            case ("span", [int(first), int(stop)]):
                assert read(counts.of_span(first, stop)) == naive.of(range(first, stop))
                held = np.flatnonzero(counts.rows_held(first, stop)) + first
                assert set(held.tolist()) == {row for row, _, _ in naive.of(range(first, stop))}
            case _:
                frozen.append((counts.runs(), dict(naive.cells)))
    assert listed(counts.all()) == naive.cells
    assert len(counts) >= len(naive.cells)
    for runs, as_it_was in frozen:
        assert total(runs) == as_it_was


@given(st.lists(chunks, max_size=20), st.sets(st.integers(0, ROWS)).map(sorted), st.integers(1, 60))
def test_steps_cover_all_rows_and_are_bounded_by_what_the_rows_hold(
    added: list[list[tuple[Cell, int]]], rows: list[int], most: int
) -> None:
    counts, naive = Counts(), Naive()
    for chunk in added:
        add(counts, chunk)
        naive.add(chunk)
    left, seen = np.array(rows, np.int64), []
    while len(left):
        step = counts.step(left, most)
        assert len(step)
        assert len(step) == 1 or len(naive.of(step.tolist())) <= most + 40  # those that wait don't count
        seen += step.tolist()
        left = left[len(step) :]
    assert seen == rows


def test_a_key_holds_the_largest_row_bucket_and_type() -> None:
    minute_in_2090 = 3_786_912_000 // 60
    counts = Counts()
    add(counts, [((30_000_000, minute_in_2090, MAX_TYPES - 1), 1), ((0, 0, 0), 2)])
    assert listed(counts.all()) == {(0, 0, 0): 2, (30_000_000, minute_in_2090, MAX_TYPES - 1): 1}


@pytest.mark.parametrize("start", range(6))
def test_many_cells_in_any_order_and_chunking_give_a_naive_sum(start: int) -> None:
    chance = random.Random(start)
    events = [
        ((chance.randrange(400), chance.randrange(30), chance.randrange(3)), chance.randrange(1, 4) * MICRO)
        for _ in range(4_000)
    ]
    counts, naive = Counts(), Naive()
    at = 0
    while at < len(events):
        step = chance.randrange(1, 400)
        add(counts, events[at : at + step])
        naive.add(events[at : at + step])
        at += step
        rows = sorted(chance.sample(range(400), 50))
        assert read(counts.of_rows(np.array(rows, np.int64))) == naive.of(rows)
    for first_bucket in range(0, 31, 2):
        counts.expire(first_bucket)
        naive.expire(first_bucket)
        assert read(counts.of_span(0, 400)) == naive.cells
        add(counts, [((7, first_bucket, 1), MICRO)])
        naive.add([((7, first_bucket, 1), MICRO)])
    assert listed(counts.all()) == naive.cells


def test_what_has_expired_leaves_the_memory() -> None:
    counts = Counts()
    add(counts, [((row, bucket, 1), MICRO) for row in range(100) for bucket in range(10)])
    for first_bucket in range(1, 11):
        counts.expire(first_bucket)
        for _ in range(100):  # each brings a block or two in order
            counts.of_span(0, 0)
        held = 100 * (10 - first_bucket)
        assert len(counts) == held
        assert sum(map(len, counts.runs())) <= held * 8 / 7


def test_an_older_cell_that_is_added_after_an_expiry_stays_until_the_next() -> None:
    counts = Counts()
    for value in (1, 2):
        add(counts, [((row, 3, 0), value) for row in range(20)])
        counts.expire(5)
    add(counts, [((row, 3, 0), 4) for row in range(20)])
    counts.expire(2)
    assert listed(counts.all()) == {(row, 3, 0): 4 for row in range(20)}
    counts.expire(4)
    assert listed(counts.all()) == {}


def test_a_count_of_zero_is_a_cell() -> None:
    counts = Counts()
    add(counts, [((1, 2, 3), 0)])
    assert listed(counts.all()) == {(1, 2, 3): 0}


def test_nothing_has_no_cells() -> None:
    counts = Counts()
    counts.add(np.empty(0, np.int64), np.empty(0, np.int64))
    counts.expire(5)
    none = np.empty(0, np.int64)
    sheets = [counts.of_span(0, 9), counts.of_span(3, 3), counts.of_rows(np.array([3])), counts.of_rows(none)]
    assert [len(counts), len(counts.all()), *(len(sheet.cells()) for sheet in sheets)] == [0] * 6
    assert not counts.rows_held(0, 9).any()
    assert counts.step(np.array([3, 5]), 1).tolist() == [3, 5]
    assert counts.step(none, 1).tolist() == []


def test_a_row_with_very_many_cells_stays_whole() -> None:
    counts, naive = Counts(), Naive()
    for at in range(10):
        chunk = [((row, bucket, at), MICRO) for row in (3, 4) for bucket in range(10)]
        add(counts, chunk)
        naive.add(chunk)
        assert read(counts.of_span(0, 9)) == naive.cells


def test_a_run_is_never_changed_once_made() -> None:
    counts = Counts()
    add(counts, [((row, 1, 1), row) for row in range(30)])
    before = counts.runs()
    columns = [(run.rows, run.starts, run.places, run.counts) for run in before]
    copies = [tuple(column.copy() for column in of_run) for of_run in columns]
    for at in range(9):
        add(counts, [((row, at, 1), 7) for row in range(at, 30, 2)])
        counts.expire(at // 2)
        counts.all()
    for of_run, copy in zip(columns, copies, strict=True):
        assert all((column == as_it_was).all() for column, as_it_was in zip(of_run, copy, strict=True))


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
