"""Columns of events and standings as the bytes that a journal entry holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.dedupe import Hashes
from scorer.core.events import MICRO, Int64s
from scorer.core.standing import Standing, StandingChange


@dataclass(frozen=True, slots=True)
class Counted:
    """Events as they are counted: the user's row, bucket, type code, value (1e-6), id hash, time (epoch ms)."""

    rows: Int64s
    buckets: Int64s
    types: Int64s
    values: Int64s
    hashes: Hashes
    ts_ms: Int64s

    def __len__(self) -> int:
        return len(self.rows)

    def columns(self) -> tuple[NDArray[Any], ...]:
        return (self.rows, self.buckets, self.types, self.values, self.hashes, self.ts_ms)


def joined(pieces: Sequence[Counted]) -> Counted:
    if len(pieces) == 1:
        return pieces[0]
    return Counted(*map(np.concatenate, zip(*(piece.columns() for piece in pieces), strict=True)))


def pack_counted(events: Counted) -> dict[str, Any]:
    """Columns in few bytes: offsets from the smallest where they fit, left out where all are alike."""
    packed: dict[str, Any] = {"r": events.rows.astype("<u4").tobytes()}
    packed["b"] = _pack_offsets(events.buckets)
    packed["t"] = _pack_offsets(events.types)
    packed["s"] = _pack_offsets(events.ts_ms)
    if (events.values != MICRO).any():
        packed["v"] = _pack_offsets(events.values)
    if events.hashes.any():
        packed["h"] = events.hashes.astype("<u8").tobytes()
    return packed


def unpack_counted(packed: dict[str, Any]) -> Counted:
    rows = np.frombuffer(packed["r"], "<u4").astype(np.int64)
    n = len(rows)
    values = _unpack_offsets(packed["v"], n) if "v" in packed else np.full(n, MICRO, np.int64)
    hashes = np.frombuffer(packed["h"], "<u8") if "h" in packed else np.zeros(n, np.uint64)
    return Counted(
        rows,
        _unpack_offsets(packed["b"], n),
        _unpack_offsets(packed["t"], n),
        values,
        hashes,
        _unpack_offsets(packed["s"], n),
    )


def _pack_offsets(column: Int64s) -> list[Any]:
    """[smallest, width in bytes, offsets from it]; width 0 where all are alike."""
    low = int(column.min())
    span = int(column.max()) - low
    if span == 0:
        return [low, 0, b""]
    width = next(width for width in (1, 2, 4, 8) if span < 1 << (8 * width))
    return [low, width, (column - low).astype(f"<u{width}").tobytes()]


def _unpack_offsets(packed: list[Any], n: int) -> Int64s:
    low, width, data = packed
    if width == 0:
        return np.full(n, low, np.int64)
    column: Int64s = np.frombuffer(data, f"<u{width}").astype(np.int64)
    column += low
    return column


_STANDING_TYPES = {"score": "<f8", "raw": "<f8", "basis": "<u4", "band": "i1", "previous": "i1", "state": "i1"}


def pack_standing(change: StandingChange) -> list[Any]:
    columns = [getattr(change, name).astype(dtype).tobytes() for name, dtype in _STANDING_TYPES.items()]
    return [change.model, change.rows.astype("<u4").tobytes(), *columns]


def unpack_standing(packed: list[Any]) -> StandingChange:
    model, rows, *columns = packed
    arrays: dict[str, NDArray[Any]] = {
        name: np.frombuffer(data, dtype) for (name, dtype), data in zip(_STANDING_TYPES.items(), columns, strict=True)
    }
    arrays["basis"] = arrays["basis"].astype(np.int64)
    if tuple(arrays) != Standing.COLUMNS:
        raise RuntimeError("the journal's standing columns and the state's are not the same")
    return StandingChange(model, np.frombuffer(rows, "<u4").astype(np.int32), **arrays)
