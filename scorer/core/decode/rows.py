"""The rows of a chunk while its records are read: one a record, or one for each call of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scorer.core.decode.native_record import UNREAD, NativeRecord
from scorer.core.decode.segment import Shared
from scorer.core.decode.typed_segment import Batch, SkewedRecord


@dataclass(slots=True)
class Parsed:
    """Row by row the bytes and fields; which rows hold `UNREAD`, which have a time to be corrected.

    `index` and `call`: the record of each row, and its place in a batch; None while each record is one row.
    `of_batches`: rows that are calls to be read with care, as they are written, and what their batch says of all.
    """

    readable: Sequence[bytes] = field(default_factory=list)
    records: list[NativeRecord] = field(default_factory=list)
    odd: set[int] = field(default_factory=set)
    skewed: dict[int, SkewedRecord] = field(default_factory=dict)
    index: NDArray[np.int32] | None = None
    call: NDArray[np.int32] | None = None
    of_batches: dict[int, tuple[bytes, Shared]] = field(default_factory=dict)


class Rows:
    """Grows row by row, for so many records."""

    def __init__(self, count: int) -> None:
        self._rows_of = np.ones(count, np.int64)
        self.readable: list[bytes] = []
        self.records: list[NativeRecord] = []
        self._batches: list[tuple[int, Batch]] = []
        self._odd: set[int] = set()
        self._skewed: dict[int, SkewedRecord] = {}

    def add(self, fields: NativeRecord | None, readable: bytes) -> None:
        """The next row; None is to be read with care."""
        if fields is None:
            self._odd.add(len(self.records))
            fields, readable = UNREAD, b""
        elif type(fields) is SkewedRecord:
            self._skewed[len(self.records)] = fields
        self.records.append(fields)
        self.readable.append(readable)

    def add_batch(self, index: int, batch: Batch) -> None:
        """A row for each call of the record at `index`."""
        self._batches.append((len(self.records), batch))
        self._rows_of[index] = len(batch.calls)
        for fields, raw in zip(batch.read(), batch.calls, strict=True):
            self.add(fields, raw)

    def parsed(self) -> Parsed:
        parsed = Parsed(self.readable, self.records, self._odd, self._skewed)
        if self._batches:
            parsed.index = np.repeat(np.arange(len(self._rows_of), dtype=np.int32), self._rows_of)
            parsed.call = np.full(len(self.records), -1, np.int32)
            for start, batch in self._batches:
                parsed.call[start : start + len(batch.calls)] = np.arange(len(batch.calls))
                parsed.of_batches |= {start + call: (raw, batch.shared) for call, raw in enumerate(batch.calls)}
        return parsed
