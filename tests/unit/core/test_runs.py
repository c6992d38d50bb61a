"""Runs: what is taken from one and put together of several, against plain dicts."""

from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.cells import MAX_TYPES, SATURATED, Cells, cell_keys
from scorer.core.events import MICRO
from scorer.core.joining import beside, joined, summed_up
from scorer.core.runs import NO_RUN, Run, in_parts, run_of

Cell = tuple[int, int, int]
Naive = dict[Cell, int]


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> Iterator[None]:
    with patch("scorer.core.joining.PIECE_CELLS", 5):
        yield


def run(cells: Naive, expired: int = 0) -> Run:
    keys = sorted(cells)
    rows, buckets, types = (np.array([key[at] for key in keys], np.int64) for at in range(3))
    values = np.array([cells[key] for key in keys], np.int64)
    return run_of(Cells(cell_keys(rows, buckets, types), values)).since(expired)


def shown(cells: Naive, expired: int) -> Naive:
    return {cell: value for cell, value in cells.items() if cell[1] >= expired}


def listed(cells: Cells) -> Naive:
    keys = zip(cells.rows.tolist(), cells.buckets.tolist(), cells.types.tolist(), strict=True)
    found = dict(zip(keys, cells.values.tolist(), strict=True))
    assert len(found) == len(cells)
    return found


def sums(*parts: Naive) -> Naive:
    together: Naive = {}
    for cells in parts:
        for cell, value in cells.items():
            together[cell] = min(together.get(cell, 0) + value, SATURATED)
    return together


def cells_of(rows: st.SearchStrategy[int]) -> st.SearchStrategy[Naive]:
    buckets = st.integers(0, 9) | st.just(2**20 + 5)
    values = st.integers(1, 2**32 - 1).map(lambda n: n * MICRO) | st.integers(0, 9) | st.just(SATURATED)
    whole = st.integers(1, 9).map(lambda n: n * MICRO)
    keys = st.tuples(rows, buckets, st.integers(0, 2) | st.just(MAX_TYPES - 1))
    return st.dictionaries(keys, whole, max_size=25) | st.dictionaries(keys, values, max_size=25)


rows = st.integers(0, 9)
bounds = st.integers(0, 11)


@given(cells_of(rows), bounds, st.sets(rows).map(sorted), st.integers(1, 12))
def test_what_is_read_of_a_run_is_what_has_not_expired(cells: Naive, expired: int, some: list[int], size: int) -> None:
    of, naive = run(cells, expired), shown(cells, expired)
    assert listed(of.cells()) == naive
    assert listed(of.written_anew().cells()) == naive
    assert len(of.written_anew()) == of.shown() == len(naive)
    assert of.holding().tolist() == sorted({row for row, _, _ in naive})
    assert listed(of.of_rows(np.array(some, np.int64)).cells()) == {c: v for c, v in naive.items() if c[0] in some}
    assert listed(of.of_span(2, 7).copy().cells()) == {c: v for c, v in naive.items() if 2 <= c[0] < 7}
    standing = [sum(cell[0] == row for cell in cells) for row in some]
    assert of.lengths(np.array(some, np.int64)).tolist() == standing
    pieces = list(of.cut(size))
    assert sums(*(listed(piece.cells()) for piece in pieces)) == naive
    assert sum(len(set(piece.rows.tolist())) for piece in pieces) == len(of.rows)
    slices = [of.part(slice(at, at + size)) for at in range(0, len(of), size)]
    assert sums(*(listed(part) for part in slices)) == naive


@given(cells_of(rows), bounds, cells_of(rows), bounds)
def test_two_runs_are_joined_to_their_sum(large: Naive, gone: int, small: Naive, gone_of_small: int) -> None:
    before = run(large, gone), run(small, gone_of_small)
    expected = sums(shown(large, gone), shown(small, gone_of_small))
    both = joined(*before)
    assert listed(both.cells()) == expected
    assert (np.diff(both.rows) > 0).all()
    assert listed(summed_up(before).cells()) == expected
    again = joined(both.since(5), run({(4, 1, 1): MICRO}))
    assert listed(again.cells()) == sums(shown(expected, 5), {(4, 1, 1): MICRO})


@given(cells_of(st.integers(0, 3)), bounds, cells_of(st.integers(4, 6)), bounds, cells_of(st.integers(7, 9)), bounds)
def test_runs_that_follow_each_other_stand_beside_each_other(
    first: Naive, gone: int, second: Naive, gone_then: int, third: Naive, gone_last: int
) -> None:
    together = beside([run(first, gone), run(second, gone_then), run(third, gone_last)])
    assert listed(together.cells()) == shown(first, gone) | shown(second, gone_then) | shown(third, gone_last)


@given(st.lists(st.tuples(cells_of(rows), bounds), max_size=5), st.integers(1, 30))
def test_parts_hold_every_cell_of_every_run(runs: list[tuple[Naive, int]], most: int) -> None:
    parts = list(in_parts([run(*each) for each in runs], most))
    assert all(0 < len(part) <= most for part in parts)
    held = sorted((key, value) for part in parts for key, value in zip(part.keys, part.values, strict=True))
    expected = [run(*each).cells() for each in runs]
    assert held == sorted((key, value) for each in expected for key, value in zip(each.keys, each.values, strict=True))


@pytest.mark.parametrize(("most", "size", "more"), [(2**8 - 1, 1, 2), (2**16 - 1, 2, 4), (2**32 - 1, 4, 8)])
def test_whole_counts_take_as_few_bytes_as_the_largest_needs(most: int, size: int, more: int) -> None:
    largest = run({(1, 20_000, 3): most * MICRO, (2, 20_029, 3): MICRO})
    assert (largest.unit, largest.counts.itemsize, largest.places.itemsize) == (MICRO, size, 4)
    for one, other in ((largest, run({(1, 20_000, 3): MICRO})), (run({(1, 20_000, 3): MICRO}), largest)):
        grown = joined(one, other)
        assert (grown.unit, grown.counts.itemsize) == (1 if more == 8 else MICRO, more)
        assert listed(grown.cells()) == {(1, 20_000, 3): (most + 1) * MICRO, (2, 20_029, 3): MICRO}


def test_a_large_count_beside_small_ones_is_kept() -> None:
    small, large = run({(1, 20_000, 3): 200 * MICRO}), run({(2, 20_000, 3): 70_000 * MICRO})
    for one, other in ((small, large), (large, small)):
        assert listed(joined(one, other).cells()) == {(1, 20_000, 3): 200 * MICRO, (2, 20_000, 3): 70_000 * MICRO}


def test_nothing_is_a_run() -> None:
    assert listed(NO_RUN.cells()) == {}
    assert all(each is NO_RUN for each in (NO_RUN.since(3), beside([]), beside([NO_RUN, NO_RUN]), summed_up([])))
    assert [len(each) for each in (NO_RUN.of_span(0, 9), NO_RUN.of_rows(np.array([3])), joined(NO_RUN, NO_RUN))] == [
        0
    ] * 3
