"""Runs put together."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.cells import MAX_ROWS, ROW_SHIFT, SATURATED, TYPE_BITS, summed
from scorer.core.events import MICRO, Int64s
from scorer.core.runs import NO_RUN, Run, narrowest, run_of, starts_of

PIECE_CELLS = 32_768
"""Cells that are worked on at a time. With many more the columns in between leave the processor's own cache, and their
memory comes anew from the operating system: four times slower."""

_32_BITS = 1 << 32


def joined(large: Run, small: Run) -> Run:
    """One run of two."""
    large, small = _expired_alike([large, small])
    if not len(large) or not len(small):
        return large if len(large) else small
    large, small = _alike([large, small])
    pieces = list(large.cut(PIECE_CELLS))
    edges = [0, *(int(piece.rows[0]) for piece in pieces[1:]), MAX_ROWS]
    cuts = pairwise(np.searchsorted(small.rows, edges).tolist())
    return beside([_joined(piece, small.between(*cut)) for piece, cut in zip(pieces, cuts, strict=True)])


def _joined(large: Run, small: Run) -> Run:
    """The small one's cells are looked up in the large one, then spliced in."""
    if not len(small):
        return large
    large, own = _with_rows(large, small.rows)
    keys, small_keys = _keys(np.arange(len(large.rows)), large), _keys(own, small)
    at = np.searchsorted(keys, small_keys)
    known = keys[np.minimum(at, len(large) - 1)] == small_keys
    again, fresh = np.flatnonzero(known), np.flatnonzero(~known)
    sums = large.counts[at[again]].astype(np.int64) + small.counts[again]
    width: np.dtype[Any] | None = np.promote_types(large.counts.dtype, small.counts.dtype)
    if large.unit == MICRO and int(sums.max(initial=0)) > np.iinfo(width).max:
        width = narrowest(int(sums.max()))
    if width is None:
        return _joined(_wide(large), _wide(small))
    counts = large.counts.astype(width)
    counts[at[again]] = np.minimum(sums, SATURATED)
    if not len(fresh):
        return replace(large, counts=counts)
    source = _spliced(at[fresh], len(large))
    places = np.concatenate([large.places, small.places[fresh]]).take(source, mode="clip")
    counts = np.concatenate([counts, small.counts[fresh]]).take(source, mode="clip")
    grown = np.bincount(np.repeat(own, np.diff(small.starts))[fresh], minlength=len(large.rows))
    starts = starts_of(np.diff(large.starts) + grown)
    return Run(large.rows, starts, large.low, places, counts, large.unit, large.first)


def _spliced(at: Int64s, length: int) -> Int64s:
    """Where to take values from, out of `length` old ones and then new ones, to have new value i before old at[i]."""
    new = at + np.arange(len(at))
    source = np.arange(length + len(at))
    source -= np.repeat(np.arange(len(at) + 1), np.diff(new, prepend=0, append=len(source)))
    source[new] = np.arange(length, len(source))
    return source


def _keys(rows: NDArray[np.integer], run: Run) -> Int64s:
    keys: Int64s = np.repeat(rows.astype(np.int64) << ROW_SHIFT, np.diff(run.starts))
    keys += run.places
    return keys


def _with_rows(run: Run, rows: NDArray[np.int32]) -> tuple[Run, Int64s]:
    """The same run with a place for each of some rows, be it without cells; and where those rows stand in it."""
    own = np.searchsorted(run.rows, rows)
    missing = np.flatnonzero(run.rows[np.minimum(own, len(run.rows) - 1)] != rows)
    if not len(missing):
        return run, own
    at = own[missing]
    wider = replace(run, rows=np.insert(run.rows, at, rows[missing]), starts=np.insert(run.starts, at, run.starts[at]))
    return wider, np.searchsorted(wider.rows, rows)


def _expired_alike(runs: Sequence[Run]) -> list[Run]:
    """The same runs, with one bound of what has expired; written anew if that would be wrong for some."""
    first = max(run.first for run in runs)
    if any(run.first != first and run.low < first << TYPE_BITS for run in runs if len(run)):
        return [run.written_anew() for run in runs]
    return [replace(run, first=first) for run in runs]


def _alike(runs: Sequence[Run]) -> list[Run]:
    """The same runs, with places from the same lowest one, and the same unit and types."""
    low, unit = min(run.low for run in runs), min(run.unit for run in runs)
    runs = [run if run.unit == unit else _wide(run) for run in runs]
    return [replace(run, places=places, low=low) for run, places in zip(runs, _from(low, runs), strict=True)]


def _wide(run: Run) -> Run:
    return replace(run, counts=run.counts.astype(np.int64) * run.unit, unit=1)


def summed_up(runs: Sequence[Run]) -> Run:
    """One run of some of about the same length."""
    if len(runs) < 2:
        return runs[0] if runs else NO_RUN
    return run_of(summed([run.cells() for run in runs]))


def beside(runs: Sequence[Run]) -> Run:
    """One run of some that follow each other: each one's rows are above those before."""
    runs = [run for run in runs if len(run)]
    if len(runs) > 1:
        runs = [run for run in _expired_alike(runs) if len(run)]
    if len(runs) < 2:
        return runs[0] if runs else NO_RUN
    runs = _alike(runs)
    starts = starts_of(np.concatenate([np.diff(run.starts) for run in runs]))
    rows = np.concatenate([run.rows for run in runs])
    places = np.concatenate([run.places for run in runs])
    counts = np.concatenate([run.counts for run in runs])
    return Run(rows, starts, runs[0].low, places, counts, runs[0].unit, runs[0].first)


def _from(low: int, runs: Sequence[Run]) -> list[NDArray[Any]]:
    """Places from another lowest one, in 32 bits where all fit."""
    if all(run.low == low for run in runs):
        return [run.places for run in runs]
    if max(int(run.places.max()) + run.low for run in runs) - low < _32_BITS:
        return [run.places + np.uint32(run.low - low) for run in runs]
    return [run.places.astype(np.int64) + (run.low - low) for run in runs]
