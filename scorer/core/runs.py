"""A run of cells, sorted and without repeats, in half the memory of its keys and values.

Cells of one row share it: a row stands once, with where its cells start. A cell is then its bucket (from the run's
lowest) and type in 32 bits, and its count in as few of 8, 16 or 32 bits as all counts of the run fit in, where they are
whole units. What doesn't fit takes 64 bits. A run is never changed once made.

Cells of buckets before `first` have expired: nobody is shown them, and they go when the run is written anew. It is 0
where there can't be any.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.cells import MAX_TYPES, ROW_SHIFT, TYPE_BITS, Cells
from scorer.core.events import MICRO, Int64s

_32_BITS = 1 << 32
_NARROW = tuple(np.dtype(f"u{size}") for size in (1, 2, 4))
_BELOW_ROW = (1 << ROW_SHIFT) - 1


@dataclass(frozen=True, slots=True)
class Run:
    """`rows` ascending, each once; row i has the cells starts[i]..starts[i+1]-1; counts are in `unit` * 1e-6."""

    rows: NDArray[np.int32]
    starts: NDArray[np.int32]
    low: int
    places: NDArray[Any]
    counts: NDArray[Any]
    unit: int
    first: int = 0

    def __len__(self) -> int:
        """How many cells stand here, expired ones too."""
        return len(self.places)

    # ---- what is shown

    @property
    def has_expired(self) -> bool:
        """Whether there may be cells that have expired."""
        return self.first > 0

    def shown(self) -> int:
        """How many cells have not expired."""
        return int(np.count_nonzero(self.places >= self._bound)) if self.has_expired else len(self)

    def holding(self) -> NDArray[np.int32]:
        """The rows that have a cell which has not expired."""
        if not self.has_expired:
            return self.rows
        newest = self.places[self.starts[1:] - 1]
        return self.rows[newest >= self._bound]

    def cells(self) -> Cells:
        """All of them."""
        plain = self.plain()
        return Cells(plain.keys, plain.values * self.unit)

    def plain(self) -> Cells:
        """All of them, their counts in the run's own unit."""
        return self._plain(np.repeat(self.rows, np.diff(self.starts)), slice(None))

    def part(self, part: slice) -> Cells:
        """Those of a slice of all that stand here."""
        at = np.arange(len(self))[part]
        plain = self._plain(self.rows[np.searchsorted(self.starts, at, side="right") - 1], part)
        return Cells(plain.keys, plain.values * self.unit)

    def _plain(self, rows: NDArray[np.int32], part: slice) -> Cells:
        keys: Int64s = rows.astype(np.int64)
        keys <<= ROW_SHIFT
        keys += self.places[part]
        keys += self.low
        counts = self.counts[part].astype(np.int64)
        if self.has_expired:
            shown = np.flatnonzero(self.places[part] >= self._bound)
            keys, counts = keys[shown], counts[shown]
        return Cells(keys, counts)

    @property
    def _bound(self) -> int:
        return (self.first << TYPE_BITS) - self.low

    # ---- runs of some of it

    def of_span(self, first: int, stop: int) -> "Run":
        """The cells of rows first..stop-1. Shares memory."""
        low, high = np.searchsorted(self.rows, (first, stop)).tolist()
        return self.between(low, high)

    def of_rows(self, rows: Int64s) -> "Run":
        """The cells of some rows, given in ascending order, each once. May share memory."""
        if not len(rows) or not len(self):
            return NO_RUN
        if int(rows[-1]) - int(rows[0]) + 1 == len(rows):
            return self.of_span(int(rows[0]), int(rows[-1]) + 1)
        found = np.searchsorted(self.rows, rows)
        found = found[self.rows[np.minimum(found, len(self.rows) - 1)] == rows]
        if not len(found):
            return NO_RUN
        low, high = int(found[0]), int(found[-1]) + 1
        if high - low == len(found):
            return self.between(low, high)
        start = self.starts[found]
        lengths = self.starts[found + 1] - start
        starts = starts_of(lengths)
        at = np.repeat(start - starts[:-1], lengths)
        at += np.arange(len(at), dtype=np.int32)
        return replace(self, rows=self.rows[found], starts=starts, places=self.places[at], counts=self.counts[at])

    def lengths(self, rows: Int64s) -> Int64s:
        """How many cells of each of some rows stand here, expired ones too."""
        lengths = np.zeros(len(rows), np.int64)
        if len(self):
            found = np.searchsorted(self.rows, rows)
            found[found == len(self.rows)] = 0
            here = self.rows[found] == rows
            lengths[here] = np.diff(self.starts)[found[here]]
        return lengths

    def between(self, low: int, high: int) -> "Run":
        """The cells of the run's own rows low..high-1, by their index. Shares memory."""
        if high <= low:
            return NO_RUN
        if (low, high) == (0, len(self.rows)):
            return self
        start, stop = self.starts[[low, high]].tolist()
        starts = self.starts[low : high + 1] - self.starts[low]
        return Run(
            self.rows[low:high],
            starts,
            self.low,
            self.places[start:stop],
            self.counts[start:stop],
            self.unit,
            self.first,
        )

    def cut(self, cells: int) -> Iterator["Run"]:
        """All of it, in pieces of whole rows of about so many cells. They share memory."""
        if len(self) <= cells:
            yield self
            return
        edges = np.searchsorted(self.starts, np.arange(0, len(self), cells))
        edges = np.unique(np.append(edges, len(self.rows))).tolist()
        for low, high in pairwise(edges):
            yield self.between(low, high)

    def copy(self) -> "Run":
        """The same in memory of its own: a small piece mustn't keep a large run alive."""
        rows, places, counts = self.rows.copy(), self.places.copy(), self.counts.copy()
        return replace(self, rows=rows, places=places, counts=counts)

    # ---- expiry

    def since(self, bucket: int) -> "Run":
        """The same without the buckets before `bucket`, in constant time."""
        expires = len(self) and bucket > self.first and bucket << TYPE_BITS > self.low
        return replace(self, first=bucket) if expires else self

    def written_anew(self) -> "Run":
        """The same without its expired cells; they cost no memory any more."""
        if self._bound <= 0:
            return replace(self, first=0)
        keep = self.places >= self._bound
        lengths = np.diff(starts_of(keep)[self.starts])
        held = lengths > 0
        places = self.places[keep] - self.places.dtype.type(self._bound)
        low = self.first << TYPE_BITS
        starts = starts_of(lengths[held])
        return Run(self.rows[held], starts, low, places, self.counts[keep], self.unit) if len(places) else NO_RUN


def starts_of(lengths: NDArray[Any]) -> NDArray[np.int32]:
    """Where each of some rows' cells start, and where the last one's end."""
    starts = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=starts[1:])
    return starts


def run_of(cells: Cells) -> Run:
    """The run of sorted cells."""
    units = cells.values // MICRO
    if (units * MICRO == cells.values).all():
        return packed(cells.keys, units, MICRO)
    return packed(cells.keys, cells.values, 1)


def packed(keys: Int64s, counts: NDArray[Any], unit: int) -> Run:
    """The run of sorted keys and their counts in `unit` * 1e-6."""
    if not len(keys):
        return NO_RUN
    row = (keys >> ROW_SHIFT).astype(np.int32)
    starts = np.concatenate([[0], np.flatnonzero(row[1:] != row[:-1]) + 1, [len(keys)]]).astype(np.int32)
    places = keys & _BELOW_ROW
    low = int(places.min()) // MAX_TYPES * MAX_TYPES
    places -= low
    if places.max() < _32_BITS:
        places = places.astype(np.uint32)
    if unit == MICRO:
        narrow = narrowest(int(counts.max()))
        counts, unit = (counts.astype(narrow), unit) if narrow is not None else (counts * MICRO, 1)
    return Run(row[starts[:-1]], starts, low, places, counts, unit)


def narrowest(most: int) -> np.dtype[Any] | None:
    """What counts of whole units, at most so many, stand in; None if it takes more than 32 bits."""
    return next((narrow for narrow in _NARROW if most >> 8 * narrow.itemsize == 0), None)


def in_parts(runs: Iterable[Run], most: int) -> Iterator[Cells]:
    """What is shown of some runs, in parts of at most so many cells; short runs stand together, in no order."""
    some: list[Cells] = []
    for run in runs:
        for at in range(0, len(run), most):
            cells = run.part(slice(at, at + most))
            if sum(map(len, some)) + len(cells) > most:
                yield _together(some)
                some = []
            some.append(cells)
    if any(map(len, some)):
        yield _together(some)


def _together(parts: list[Cells]) -> Cells:
    return Cells(np.concatenate([part.keys for part in parts]), np.concatenate([part.values for part in parts]))


NO_RUN = Run(np.empty(0, np.int32), np.zeros(1, np.int32), 0, np.empty(0, np.uint32), np.empty(0, np.uint8), MICRO)
