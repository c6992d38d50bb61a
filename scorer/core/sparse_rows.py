"""A table that holds something for few of many rows: a structured array, sorted by its field `row`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Int64s

Records = NDArray[np.void]


class SparseRows:
    """Records by row, one at most for each. `blank` (a record, shape ()) is what the other rows have.

    A look-up costs the logarithm of what is held; putting a new row in copies all that is held.
    """

    def __init__(self, blank: Records) -> None:
        self._blank = blank
        self.records: Records = np.empty(0, blank.dtype)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def rows(self) -> NDArray[np.int32]:
        """The rows that have a record, ascending."""
        rows: NDArray[np.int32] = self.records["row"]
        return rows

    def of(self, rows: Int64s) -> Records:
        """A copy of the records of `rows`, in their order."""
        found = np.full(len(rows), self._blank)
        found["row"] = rows
        if len(self.records):
            place, held = self._places(rows)
            found[held] = self.records[place[held]]
        return found

    def put(self, records: Records) -> None:
        """Take up records of rows that are all different; they replace what was held of these rows."""
        if not len(records):
            return
        place, held = self._places(records["row"])
        if held.any():
            self.records[place[held]] = records[held]
        fresh = records[~held]
        if len(fresh):
            fresh = fresh[np.argsort(fresh["row"])]
            self.records = np.insert(self.records, np.searchsorted(self.rows, fresh["row"]), fresh)

    def drop(self, rows: NDArray[Any]) -> Records:
        """Let the records of `rows` go; returns those that there were."""
        place, held = self._places(rows) if len(self.records) else (rows, np.zeros(len(rows), np.bool_))
        if not held.any():
            return self.records[:0]
        gone = self.records[place[held]]
        self.records = np.delete(self.records, place[held])
        return gone

    def _places(self, rows: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Where each row's record stands or would stand, and whether it is there."""
        keys = np.ascontiguousarray(self.rows)
        place = np.searchsorted(keys, rows.astype(keys.dtype))
        held: NDArray[np.bool_] = np.zeros(len(rows), np.bool_)
        inside = np.flatnonzero(place < len(keys))
        held[inside] = keys[place[inside]] == rows[inside]
        return place, held
