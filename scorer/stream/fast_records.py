"""aiokafka's records as its C extension makes them, without a `ConsumerRecord` each.

aiokafka spends most of a fetch on wrapping each record in Python. `RawPartitionRecords` does what the stock
`PartitionRecords` does with a fetched partition (aborted transactions, control batches, CRCs, compacted batches), but
takes the records of a batch at C speed and as they are: with `offset`, `timestamp`, `key`, `value` and `headers`.

Private API of aiokafka, so: used in one place (`fetching.py`), checked against the pinned version by
tests/unit/test_fast_records_contract.py, and switched off by `StreamOptions(raw_records=False)`.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException


class RawPartitionRecords(PartitionRecords):  # type: ignore[misc]
    """One fetched partition; `take` moves `next_fetch_offset` as the stock iteration does."""

    @classmethod
    def of(cls, stock: PartitionRecords) -> "RawPartitionRecords":
        """Take over what was fetched, its records being `KeptRecords` (`header_names.py`).

        `stock` must not have been iterated yet, and not be afterwards.
        """
        stock._records_iterator = None  # it refers to `stock`: a cycle that would keep the fetched bytes
        return cls(
            stock._tp,
            stock._records,
            stock._aborted_transactions,
            stock.next_fetch_offset,
            None,
            None,
            stock._check_crcs,
            stock._isolation_level,
        )

    next_fetch_offset: int

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._records_iterator = None  # the stock iteration isn't ours
        self._batch: Any = None
        self._rest: Iterator[Any] = iter(())
        self.exhausted = False

    def take(self, most: int) -> list[Any]:
        """At most so many records; fewer, or none, once `exhausted`.

        Raises aiokafka's `CorruptRecordException`, or `UnsupportedCodecError` without the codec of a batch.
        """
        taken: list[Any] = []
        while len(taken) < most:
            if self._batch is None and not self._open_batch():
                self.exhausted = True
                break
            wanted = most - len(taken)
            try:
                part = list(islice(self._rest, wanted))
            except UnicodeDecodeError:  # a header's name
                self._rest = self._batch.forgiving()
                continue
            ended = len(part) < wanted
            if part and part[0].offset < self.next_fetch_offset:
                # a batch comes whole, even if the position is in its middle
                part = [record for record in part if record.offset >= self.next_fetch_offset]
            if ended:
                self._pass(self._batch)
                self._batch = None
            elif part:
                self.next_fetch_offset = part[-1].offset + 1
            taken += part
        return taken

    def _open_batch(self) -> bool:
        """Go to the next batch that holds records for us; False at the end of what was fetched."""
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if self._is_aborted(batch) or batch.is_control_batch:
                self._pass(batch)
                continue
            self._batch = batch
            self._rest = islice(batch.stock, None)  # a batch refuses a second `iter`
            return True
        return False

    def _pass(self, batch: Any) -> None:
        """To the batch's own end: records at its end may have been compacted away. Never back, as the stock does."""
        self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)

    def _is_aborted(self, batch: Any) -> bool:
        if self._isolation_level != READ_COMMITTED or batch.producer_id is None:
            return False
        self._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and self._contains_abort_marker(batch):
            # the broker may report an abort marker of a producer that aborted nothing here
            self._aborted_producers.discard(batch.producer_id)
        return batch.is_transactional and batch.producer_id in self._aborted_producers
