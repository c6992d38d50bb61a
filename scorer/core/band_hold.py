"""Bands that change only after a score has stayed past their bound for a model's `hold` (SCORING 4).

Rule 1: `next_bands` says where the score wants to be. A row that wants to leave its band upward (downward) keeps it
    until it has wanted so for `hold` by now, and goes where it then wants to be.
Rule 2: a score that wants to stay, or to the other side, begins anew; one that wants further to the same side doesn't.
Rule 3: from no band, from `inactive`, and to either, a band changes at once, and nothing is pending any more. So it
    does at a silent score (the first one, the first computed benchmark): its band must not be news later.
Rule 4: time alone changes no band: a row that is due must be judged again.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Int64s
from scorer.core.sparse_rows import Records, SparseRows
from scorer.core.standing import INACTIVE_CODE, NO_BAND

Codes = NDArray[np.int8]

PENDING = np.dtype([("row", "<i4"), ("direction", "i1"), ("since_ms", "<i8")])
"""A row whose score is past a bound of its band: above (1) or below (-1). It stands in the journal: never change it."""


@dataclass(frozen=True, slots=True)
class HoldChange:
    """What is pending of some rows now, and which of them have nothing pending any more."""

    pending: Records
    ended: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.pending) + len(self.ended)

    @property
    def size(self) -> int:
        """An upper bound of its bytes in a journal entry."""
        return 32 + PENDING.itemsize * len(self.pending) + 4 * len(self.ended)

    def parts(self, rows: int) -> list["HoldChange"]:
        """What is pending in pieces of at most so many rows."""
        none = np.empty(0, np.int32)
        return [HoldChange(self.pending[at : at + rows], none) for at in range(0, len(self.pending), rows)]

    def pack(self) -> list[bytes]:
        return [self.pending.tobytes(), self.ended.astype("<i4").tobytes()]

    @classmethod
    def unpack(cls, packed: list[Any]) -> "HoldChange":
        pending, ended = packed
        return cls(np.frombuffer(pending, PENDING), np.frombuffer(ended, "<i4").astype(np.int32))


class BandHold:
    """The rows of one model whose bands are about to change: few of many."""

    def __init__(self, hold_ms: int) -> None:
        self.hold_ms = hold_ms
        self._pending = SparseRows(np.zeros((), PENDING))

    def __len__(self) -> int:
        """How many rows are pending."""
        return len(self._pending)

    def held(
        self, rows: Int64s, before: Codes, wanted: Codes, silent: NDArray[np.bool_], now_ms: int
    ) -> tuple[Codes, HoldChange]:
        """The bands that `rows` (all different, ascending) have now, and what to `apply` once they are theirs.

        `wanted`: what `next_bands` makes of `before`, the inactive marked.
        """
        leaves = (wanted != before) & _is_band(before) & _is_band(wanted) & ~silent
        ours = self._among(rows)
        if not self.hold_ms or not (len(ours) or leaves.any()):
            return wanted, HoldChange(np.empty(0, PENDING), rows[ours].astype(np.int32))
        at = np.union1d(ours, np.flatnonzero(leaves))
        entries = self._pending.of(rows[at])
        direction = np.where(leaves[at], np.sign(wanted[at] - before[at]), 0).astype(np.int8)
        entries["since_ms"][direction != entries["direction"]] = now_ms
        entries["direction"] = direction
        waits = (direction != 0) & (now_ms - entries["since_ms"] < self.hold_ms)
        band = wanted.copy()
        band[at[waits]] = before[at[waits]]
        ended = np.intersect1d(at[~waits], ours, assume_unique=True)
        return band, HoldChange(entries[waits], rows[ended].astype(np.int32))

    def apply(self, change: HoldChange) -> None:
        if len(change.ended):
            self._pending.drop(change.ended)
        self._pending.put(change.pending)

    def forget(self, rows: Int64s) -> None:
        self._pending.drop(rows)

    def due(self, now_ms: int) -> Int64s:
        """The rows whose hold has run out, ascending."""
        records = self._pending.records
        return records["row"][records["since_ms"] + self.hold_ms <= now_ms].astype(np.int64)

    def columns(self) -> HoldChange:
        """All that is pending, as a change (for a snapshot). Later changes don't reach it."""
        return HoldChange(self._pending.records.copy(), np.empty(0, np.int32))

    def _among(self, rows: Int64s) -> Int64s:
        """Which of `rows`, as indexes, have something pending."""
        pending = self._pending.rows.astype(np.int64)
        place = np.searchsorted(rows, pending)
        inside = place < len(rows)
        found = place[inside]
        ours: Int64s = found[rows[found] == pending[inside]]
        return ours


def _is_band(codes: Codes) -> NDArray[np.bool_]:
    named: NDArray[np.bool_] = (codes != NO_BAND) & (codes != INACTIVE_CODE)
    return named
