"""A header whose name is no UTF-8 costs nobody anything.

Kafka takes any bytes for the name of a record's header, aiokafka only UTF-8: one such record ends each fetch that holds
it with a UnicodeDecodeError, and no worker ever gets past it. So a fetched batch is kept at hand, and one that can't be
read is read once more, in Python, with the bytes of such a name replaced.

Private API of aiokafka, as in `fast_records.py`, and held to the pinned version by the same contract test.
"""

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH = struct.Struct(">i")
_LENGTH_AT, _BATCH_AT = 8, 12  # behind the base offset; what the length counts begins behind the length


def take_any_header_name() -> None:
    """For every consumer of this process."""
    fetcher.MemoryRecords = KeptRecords


class KeptRecords:
    """What aiokafka's `MemoryRecords` is, of batches that can be read twice."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._stock = MemoryRecords(data)
        self._end = 0

    def size_in_bytes(self) -> int:
        size: int = self._stock.size_in_bytes()
        return size

    def has_next(self) -> bool:
        there: bool = self._stock.has_next()
        return there

    def next_batch(self) -> "KeptBatch | None":
        batch = self._stock.next_batch()
        if batch is None:
            return None
        start = self._end
        (length,) = _LENGTH.unpack_from(self._data, start + _LENGTH_AT)
        self._end = start + _BATCH_AT + length
        return KeptBatch(batch, self._data[start : self._end])


class KeptBatch:
    """A batch as aiokafka's C extension reads it (`stock`), which `forgiving` reads again."""

    def __init__(self, stock: Any, data: memoryview) -> None:
        self.stock = stock
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stock, name)

    def __next__(self) -> Any:
        return next(self.stock)

    def __iter__(self) -> Iterator[Any]:
        passed = -1
        try:
            for record in self.stock:
                passed = record.offset
                yield record
        except UnicodeDecodeError:
            yield from (record for record in self.forgiving() if record.offset > passed)

    def forgiving(self) -> Iterator[Any]:
        """All its records."""
        batch = iter(_DefaultRecordBatchPy(self._data))  # which decompresses it
        batch._buffer = _Forgiving(batch._buffer)
        yield from batch


class _Forgiving(bytearray):
    """Bytes that can always be decoded."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Forgiving(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)
