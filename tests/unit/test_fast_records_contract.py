"""`RawPartitionRecords`, `KeptRecords` and `Fetching` lean on private parts of aiokafka: this holds them to the pinned
version."""

import inspect
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import aiokafka
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import (
    READ_COMMITTED,
    READ_UNCOMMITTED,
    Fetcher,
    FetchError,
    FetchResult,
    PartitionRecords,
)
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment, SubscriptionState
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import (
    DefaultRecordBatch,
    DefaultRecordBatchBuilder,
    _DefaultRecordBatchBuilderPy,
    _DefaultRecordBatchPy,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from scorer.stream.fast_records import RawPartitionRecords
from scorer.stream.header_names import KeptRecords, take_any_header_name
from tests.bad_input import BROKEN_NAME

TP = TopicPartition("events", 3)
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
ABORT, COMMIT = 0, 1
_CONTROL_BIT = 0x20


@dataclass(frozen=True)
class Batch:
    """What a batch of a log is made of. `hole` records at its end were compacted away."""

    records: int
    codec: str = "none"
    producer: int = -1
    transactional: bool = False
    control: int | None = None
    hole: int = 0


def log_of(batches: Sequence[Batch], start: int = 0) -> bytes:
    """The bytes of a log, as a broker sends them."""
    log, offset = b"", start
    for batch in batches:
        log += _batch_bytes(batch, offset)
        offset += batch.records + batch.hole
    return log


def _batch_bytes(batch: Batch, base_offset: int) -> bytes:
    builder = DefaultRecordBatchBuilder(2, CODECS[batch.codec], batch.transactional, batch.producer, 0, 0, 1 << 24)
    for i in range(batch.records):
        offset = base_offset + i
        key = struct.pack(">hh", 0, batch.control) if batch.control is not None else b"key-%d" % offset
        value = None if offset % 7 == 3 else b"value-%d" % offset
        assert builder.append(i, 1_700_000_000_000 + offset, key, value, [("h", b"%d" % offset)]) is not None
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, base_offset)
    attributes, last_delta = struct.unpack_from(">hi", raw, 21)
    if batch.control is not None:
        attributes |= _CONTROL_BIT
    struct.pack_into(">hi", raw, 21, attributes, last_delta + batch.hole)
    return bytes(raw)


def partition_records(log: bytes, *, position: int = 0, aborted: Any = None, isolation: int = READ_COMMITTED) -> Any:
    return PartitionRecords(TP, KeptRecords(log), aborted, position, None, None, False, isolation)


def stock(log: bytes, **options: Any) -> tuple[list[tuple[Any, ...]], int]:
    """The records and the position after them, by aiokafka's own iteration."""
    fetched = partition_records(log, **options)
    records = [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in fetched]
    return records, fetched.next_fetch_offset


def raw(log: bytes, most: int, **options: Any) -> tuple[list[tuple[Any, ...]], int]:
    """The same by `take`, so many at a time."""
    fetched = RawPartitionRecords.of(partition_records(log, **options))
    records: list[tuple[Any, ...]] = []
    while not fetched.exhausted:
        before = fetched.next_fetch_offset
        taken = fetched.take(most)
        assert len(taken) <= most
        assert all(before <= record.offset < fetched.next_fetch_offset for record in taken)
        records += [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in taken]
    return records, fetched.next_fetch_offset


def test_the_pinned_version_is_the_one_that_was_read() -> None:
    assert aiokafka.__version__ == "0.14.0"


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("most", [1, 7, 100, 1_000])
def test_records_of_every_codec_are_taken_in_pieces_of_any_size(codec: str, most: int) -> None:
    log = log_of([Batch(100, codec), Batch(1, codec), Batch(250, codec)], start=40)
    records, position = raw(log, most, position=40)
    assert (records, position) == stock(log, position=40)
    assert len(records) == 351
    assert position == 391


@pytest.mark.parametrize("position", [0, 1, 50, 99, 100, 137, 199, 200])
def test_a_position_in_the_middle_of_the_log_skips_what_comes_before_it(position: int) -> None:
    log = log_of([Batch(100), Batch(100, "zstd")])
    records, end = raw(log, 30, position=position)
    assert [record[0] for record in records] == list(range(position, 200))
    assert end == 200
    if position < 100:  # the stock position goes back at the end of a batch that is wholly below it
        assert (records, end) == stock(log, position=position)


def test_an_aborted_transaction_is_skipped_and_its_offsets_are_passed() -> None:
    log = log_of(
        [
            Batch(10),
            Batch(10, producer=5, transactional=True),
            Batch(10, producer=6, transactional=True),
            Batch(1, producer=5, transactional=True, control=ABORT),
            Batch(1, producer=6, transactional=True, control=COMMIT),
            Batch(10, producer=5, transactional=True),
            Batch(1, producer=5, transactional=True, control=ABORT),
        ]
    )
    aborted = [(5, 10), (5, 32)]
    records, end = raw(log, 4, aborted=aborted)
    assert [record[0] for record in records] == [*range(10), *range(20, 30)]
    assert end == 43
    assert (records, end) == stock(log, aborted=aborted)


def test_a_fetch_of_nothing_but_aborted_records_moves_the_position() -> None:
    log = log_of([Batch(10, producer=5, transactional=True), Batch(1, producer=5, transactional=True, control=ABORT)])
    fetched = RawPartitionRecords.of(partition_records(log, aborted=[(5, 0)]))
    assert fetched.take(100) == []
    assert fetched.exhausted
    assert fetched.next_fetch_offset == 11


def test_records_compacted_away_at_the_end_of_a_batch_are_passed() -> None:
    log = log_of([Batch(10, hole=90), Batch(0, hole=50), Batch(5, hole=1)])
    for most in (1, 5, 10, 11, 1_000):
        records, end = raw(log, most)
        assert end == 156
        assert (records, end) == stock(log)


def test_a_record_that_fails_its_checksum_stops() -> None:
    log = bytearray(log_of([Batch(3)]))
    log[-1] ^= 0xFF
    fetched = PartitionRecords(TP, KeptRecords(bytes(log)), None, 0, None, None, True, READ_COMMITTED)
    with pytest.raises(CorruptRecordException):
        RawPartitionRecords.of(fetched).take(10)


def broken_log(codec: str, broken: Collection[int], records: int = 100) -> bytes:
    """One batch; the header of some records has a name that is no UTF-8."""
    builder = _DefaultRecordBatchBuilderPy(2, CODECS[codec], False, -1, 0, 0, 1 << 24)
    for i in range(records):
        name = BROKEN_NAME if i in broken else "h"
        assert builder.append(
            i, 1_700_000_000_000 + i, b"key-%d" % i, b"value-%d" % i, [(name, b"%d" % i), ("a", None)]
        )
    return bytes(builder.build())


def test_aiokafka_alone_cant_read_a_header_whose_name_is_no_utf8() -> None:
    with pytest.raises(UnicodeDecodeError):
        list(DefaultRecordBatch(bytearray(broken_log("none", [3]))))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("broken", [{0}, {50, 51}, {99}, set(range(100))])
@pytest.mark.parametrize("most", [1, 7, 1_000])
def test_a_header_whose_name_is_no_utf8_costs_nobody_anything(codec: str, broken: set[int], most: int) -> None:
    log = broken_log(codec, broken)
    for records, end in (raw(log, most), stock(log)):
        assert end == 100
        assert [record[:4] for record in records] == [
            (i, 1_700_000_000_000 + i, b"key-%d" % i, b"value-%d" % i) for i in range(100)
        ]
        names = [record[4][0][0] for record in records]
        assert names == ["\ufffd\ufffdx" if i in broken else "h" for i in range(100)]
        assert [record[4][1] for record in records] == [("a", None)] * 100
    records, _ = raw(log, most, position=51)
    assert [record[0] for record in records] == list(range(51, 100))


def test_every_consumer_of_the_process_takes_such_a_name() -> None:
    take_any_header_name()
    assert fetcher.MemoryRecords is KeptRecords
    assert "MemoryRecords(part_data[-1])" in inspect.getsource(Fetcher)
    assert '.decode("utf-8")' in inspect.getsource(_DefaultRecordBatchPy)
    assert "self._buffer" in inspect.getsource(_DefaultRecordBatchPy._maybe_uncompress)


data_batches = st.builds(
    Batch,
    records=st.integers(1, 9),
    codec=st.sampled_from(["none", "lz4"]),
    producer=st.sampled_from([-1, 5, 6]),
    transactional=st.booleans(),
    hole=st.integers(0, 3),
)
# a marker is one record of a producer, never compressed
markers = st.builds(
    Batch,
    records=st.just(1),
    producer=st.sampled_from([5, 6]),
    transactional=st.just(True),
    control=st.sampled_from([ABORT, COMMIT]),
)
batches = st.lists(st.one_of(data_batches, data_batches, markers), max_size=8)


@given(
    batches,
    st.integers(0, 11),
    st.integers(1, 12),
    st.lists(st.tuples(st.sampled_from([5, 6]), st.integers(0, 40)), max_size=4),
    st.sampled_from([READ_COMMITTED, READ_UNCOMMITTED]),
)
def test_take_gives_what_the_stock_iteration_gives(
    log: list[Batch], position: int, most: int, aborted: list[tuple[int, int]], isolation: int
) -> None:
    assume(not log or position < log[0].records + log[0].hole)  # see above
    options = {"position": position, "aborted": aborted, "isolation": isolation}
    records, end = raw(log_of(log), most, **options)
    expected, expected_end = stock(log_of(log), **options)
    assert records == expected
    assert end == expected_end


def test_what_fetching_uses_of_aiokafka_is_there() -> None:
    assert list(inspect.signature(PartitionRecords.__init__).parameters)[1:] == [
        "tp",
        "records",
        "aborted_transactions",
        "fetch_offset",
        "key_deserializer",
        "value_deserializer",
        "check_crcs",
        "isolation_level",
    ]
    for owner, names in {
        FetchResult: ["check_assignment", "has_more", "getall", "_update_position"],
        FetchError: ["check_raise"],
        Fetcher: ["_create_fetch_waiter", "_notify"],
        SubscriptionState: ["fetch_context", "assigned_partitions"],
        Assignment: ["active", "tps", "state_value"],
        GroupCoordinator: ["check_errors", "ensure_coordinator_known", "_do_heartbeat"],
    }.items():
        assert [name for name in names if not hasattr(owner, name)] == []
    fetcher = inspect.getsource(Fetcher.__init__)
    assert "self._records = collections.OrderedDict()" in fetcher
    assert "self._wait_consume_future" in fetcher
    assert "_fetch_count" in inspect.getsource(SubscriptionState.fetch_context)
    assert "_rejoin_needed_fut" in inspect.getsource(GroupCoordinator.request_rejoin)
