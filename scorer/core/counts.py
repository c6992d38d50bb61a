"""Rolling counts: how much of an event type an entity did in a bucket.

Cells are sparse: an entity costs what it uses.

Rule 1: cells stand in runs, sorted and without repeats, which are never changed once made: a snapshot is a
        reference, not a copy.
Rule 2: counts are integers and only ever added to, so that any order, chunking or merging gives the same state.
Rule 3: nothing takes longer for there being more cells, but for a pass over them that its caller makes. New cells wait
        unsorted, then in young runs of the whole partition, until there are enough to be handed to the blocks of rows;
        each block has a large run and small ones. Blocks are brought in order a few at a time, by who adds and reads.
Rule 4: expired cells are gone at once for whoever looks, and leave the memory before they are an eighth of a block.
        They are those that were held at the time: an older cell that is added later stays.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from scorer.core.blocks import BLOCK_CELLS, Block
from scorer.core.cells import MAX_ROWS, Cells, summed
from scorer.core.events import Int64s
from scorer.core.joining import joined, summed_up
from scorer.core.runs import NO_RUN, Run, run_of
from scorer.core.sheets import Sheet

_SETTLE_AT = 262_144
_RATIO = 4
_TIDIED_PER_ADDED = 8
"""A cell is written anew about five times: more than that, and blocks are brought in order faster than they grow."""

_TIDIED_PER_READ = 2 * BLOCK_CELLS
"""More than a walk over all rows reads in a slice, for blocks are to be in order before it comes to them."""

_TURNS = 4
"""One block in so many lets go of what has expired each time."""

Pick = Callable[[Run], Run]


class Counts:
    """All cells of a partition."""

    def __init__(self) -> None:
        self._recent: list[tuple[Int64s, Int64s]] = []
        self._recent_length = 0
        self._young: list[Run] = []
        self._blocks = [Block(0, NO_RUN)]
        self._untidy: deque[Block] = deque()
        self._expiries = 0

    # ---- adding

    def add(self, keys: Int64s, values: Int64s) -> None:
        """Add values (1e-6) to cells, in any order, keys repeated or not. Keeps the arrays: don't change them."""
        if not len(keys):
            return
        self._recent.append((keys, values))
        self._recent_length += len(keys)
        cells = _TIDIED_PER_ADDED * len(keys)
        if self._recent_length >= _SETTLE_AT:
            self.settle()
            self._tidy(cells - BLOCK_CELLS)  # after so much, mostly nothing
        else:
            self._tidy(cells + BLOCK_CELLS)

    def settle(self) -> None:
        """Bring what was added into sorted runs."""
        if self._recent:
            self._young.append(run_of(summed([Cells(*recent) for recent in self._recent], "quicksort")))
            self._recent, self._recent_length = [], 0
            if sum(map(len, self._young)) >= _SETTLE_AT // 2:
                self._hand_out()
        while len(self._young) > 1 and len(self._young[-1]) * _RATIO >= len(self._young[-2]):
            small = self._young.pop()
            self._young.append(joined(self._young.pop(), small))

    def _hand_out(self) -> None:
        """Give each block its rows' part of the young runs."""
        run, self._young = summed_up(self._young), []
        edges = np.searchsorted(run.rows, [block.row for block in self._blocks]).tolist()
        for block, low, high in zip(self._blocks, edges, [*edges[1:], len(run.rows)], strict=True):
            if low < high:
                part = run.between(low, high)
                block.small.append(part if part is run else part.copy())
                if block.untidy:
                    self._queue(block)

    def _queue(self, block: Block) -> None:
        if not block.waits:
            block.waits = True
            self._untidy.append(block)

    def _tidy(self, cells: int) -> None:
        """Bring blocks in order, about so many cells of them."""
        while cells > 0 and self._untidy:
            block = self._untidy.popleft()
            block.waits = False
            cells -= block.tidy()
            self._split(block)

    def _split(self, block: Block) -> None:
        parts = block.split()
        if len(parts) > 1:
            at = self._at(block.row)
            self._blocks[at : at + 1] = parts

    def expire(self, first_bucket: int) -> None:
        """Let the cells of buckets before `first_bucket` go."""
        self.settle()
        self._hand_out()  # who lets cells expire is about to read them all
        self._expiries += 1
        for place, block in enumerate(self._blocks):
            block.expire(first_bucket, its_turn=(place + self._expiries) % _TURNS == 0)
            if block.small or block.large.has_expired:
                self._queue(block)

    # ---- reading

    def of_span(self, first: int, stop: int) -> Sheet:
        """The cells of rows first..stop-1."""
        self.settle()
        self._tidy(_TIDIED_PER_READ)
        blocks = self._blocks[self._at(first) : self._at(stop - 1) + 1]

        def pick(run: Run) -> Run:
            return run.of_span(first, stop)

        return self._sheet(((block, pick) for block in blocks), pick)

    def of_rows(self, rows: Int64s) -> Sheet:
        """The cells of some rows, given in ascending order, each once."""
        if len(rows) and int(rows[-1]) - int(rows[0]) + 1 == len(rows):
            return self.of_span(int(rows[0]), int(rows[-1]) + 1)
        self.settle()
        self._tidy(_TIDIED_PER_READ)
        return self._sheet(((block, _picking(some)) for block, some in self._by_block(rows)), _picking(rows))

    def _sheet(self, picks: Iterable[tuple[Block, Pick]], of_young: Pick) -> Sheet:
        base, others = [], [of_young(run) for run in self._young]
        for block, pick in picks:
            base.append(pick(block.large))
            others.extend(pick(run) for run in block.small)
        return Sheet.of(base, others)

    def all(self) -> Cells:
        """Every cell."""
        return self.of_span(0, MAX_ROWS).cells()

    def runs(self) -> tuple[Run, ...]:
        """Every cell, as the runs that they stand in; a cell's count is its sum over them."""
        self.settle()
        return (*self._young, *(run for block in self._blocks for run in block.runs()))

    def rows_held(self, first: int, stop: int) -> NDArray[np.bool_]:
        """By row, for rows first..stop-1: whether it has a cell."""
        self.settle()
        held = np.zeros(stop - first, np.bool_)
        blocks = self._blocks[self._at(first) : self._at(stop - 1) + 1]
        for run in (*self._young, *(run for block in blocks for run in block.runs())):
            held[run.of_span(first, stop).holding() - first] = True
        return held

    def step(self, rows: Int64s, cells: int) -> Int64s:
        """The first of some rows, given in ascending order: as many as hold about so many cells, but at least one."""
        lengths = [block.large.lengths(some) for block, some in self._by_block(rows)]
        held = np.cumsum(np.concatenate(lengths)) if lengths else rows
        return rows[: max(int(np.searchsorted(held, cells, side="right")), 1)]

    def __len__(self) -> int:
        """How many cells are held; one that stands in several runs is counted more than once."""
        return sum(run.shown() for run in self.runs())

    def _by_block(self, rows: Int64s) -> Iterator[tuple[Block, Int64s]]:
        """Some rows, given in ascending order, as those of each block."""
        if not len(rows):
            return
        blocks = self._blocks[self._at(int(rows[0])) : self._at(int(rows[-1])) + 1]
        edges = [0, *np.searchsorted(rows, [block.row for block in blocks[1:]]).tolist(), len(rows)]
        for block, low, high in zip(blocks, edges, edges[1:], strict=False):
            if low < high:
                yield block, rows[low:high]

    def _at(self, row: int) -> int:
        """The index of a row's block."""
        return bisect_right(self._blocks, row, key=_first_row) - 1


def _picking(rows: Int64s) -> Pick:
    return lambda run: run.of_rows(rows)


def _first_row(block: Block) -> int:
    return block.row
