"""Records to columns, a chunk at a time (INTERFACES 4).

Nothing is looked at record by record that can be looked at for the whole chunk: typed readers, one comprehension
a column, checks and times in numpy. A record that doesn't pass, or that these checks can't judge, is odd: it alone is
read again by `RecordReader`, which is the rule that this path is a shortcut to. Account records are always odd: there
are few, and events pay nothing for them. Headers are looked at only where a record has some and is no native event.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from scorer.core.decode import cloudevents, identifiers, timestamps, values
from scorer.core.decode.input_rules import DEFAULT_RULES, InputFormat, InputRules
from scorer.core.decode.loose import MSGPACK_MAP, SHALLOW_BYTES, rows_perhaps_deep
from scorer.core.decode.native_record import CANT_READ, UNREAD, NativeRecord, read_json, read_native
from scorer.core.decode.record_reader import Calls, Outcome, RecordReader
from scorer.core.decode.segment import Shared
from scorer.core.decode.settling import settled
from scorer.core.decode.typed import Shortcut, guess, read_binary, shortcuts
from scorer.core.decode.typed_paths import moved_native
from scorer.core.decode.typed_segment import Batch, SkewedRecord
from scorer.core.events import MAX_ID_BYTES, MAX_RECORD_BYTES, EventColumns, Headers, Int64s, Reject

_BLOCK: Final = 500
"""Records joined at once: a whole chunk, joined, is so large that its memory goes back to the system each time."""

_BLOCK_BYTES: Final = 200_000

_DOUBT: Final = 8
"""Records behind a change of formats of which it is asked first whose they are: it costs less than a wrong try."""

NO_HEADERS: Final[Mapping[int, Headers]] = {}


@dataclass(slots=True)
class _Parsed:
    """Row by row the bytes and fields; which rows hold `UNREAD`, which have a time to be corrected.

    `index` and `call`: the record of each row, and its place in a batch; None while each record is one row.
    `of_batches`: rows that are calls to be read with care, as they are written, and what their batch says of all.
    """

    readable: Sequence[bytes] = field(default_factory=list)
    records: list[NativeRecord] = field(default_factory=list)
    odd: set[int] = field(default_factory=set)
    skewed: dict[int, SkewedRecord] = field(default_factory=dict)
    index: list[int] | None = None
    call: list[int] | None = None
    of_batches: dict[int, tuple[bytes, Shared]] = field(default_factory=dict)


class Decoder:
    """Reads chunks of records by the rules of one deployment."""

    def __init__(self, rules: InputRules = DEFAULT_RULES) -> None:
        self._reader = RecordReader(rules)
        self._shortcuts = shortcuts(rules)
        self._detects = rules.format is InputFormat.AUTO
        self._first = InputFormat.NATIVE if self._detects else rules.format
        self._may_be_binary = rules.format in cloudevents.BINARY_FORMATS
        self._may_be_batch = rules.format in (InputFormat.AUTO, InputFormat.SEGMENT)
        self._read_native: Shortcut = read_json
        self._all_with_care = bool(rules.paths)
        moved = moved_native(rules.paths) if rules.paths and rules.format is InputFormat.NATIVE else None
        if moved is not None:
            self._all_with_care = False
            self._read_native = self._shortcuts[InputFormat.NATIVE] = moved

    def decode(
        self, records: Sequence[bytes | None], headers: Mapping[int, Headers] = NO_HEADERS
    ) -> tuple[EventColumns, list[Reject]]:
        """A chunk's usable events and account records, in their order, and what can't be used, in its.

        `headers` are, by place in the chunk, those of the records that have any. Never raises for what a record holds;
        a record's outcome doesn't depend on its neighbours.
        """
        parsed = self._parse(records, headers)
        odd, call = parsed.odd, parsed.call
        count = len(parsed.records)
        columns = EventColumns(
            index=np.arange(count, dtype=np.int32) if parsed.index is None else np.array(parsed.index, np.int32),
            event=[record.event for record in parsed.records],
            user_id=[record.user_id for record in parsed.records],
            account_id=[record.account_id for record in parsed.records],
            event_id=[record.event_id or "" for record in parsed.records],
            ts_ms=timestamps.epoch_ms_column([record.ts for record in parsed.records]),
            value=values.micro_column([record.value for record in parsed.records]),
            call=None if call is None else np.array(call, np.int32),
        )
        if parsed.skewed:
            _correct(columns.ts_ms, parsed.skewed)
        odd.update(np.flatnonzero(columns.ts_ms == timestamps.INVALID).tolist())
        odd.update(np.flatnonzero(columns.value == values.INVALID).tolist())
        odd.update(_odd_by_bytes(parsed.readable, columns))
        if not odd:
            return columns, []
        return settled(columns, {row: self._with_care(row, parsed, records, headers) for row in sorted(odd)})

    def calls(self, value: bytes | None) -> list[bytes] | None:
        """The calls of a batch, each as a record of its own; None for what is no batch, or one that can't be read."""
        return self._reader.calls(value)

    def _with_care(
        self, row: int, parsed: _Parsed, records: Sequence[bytes | None], headers: Mapping[int, Headers]
    ) -> Outcome | Calls:
        if row in parsed.of_batches:
            return self._reader.read_call(*parsed.of_batches[row])
        index = row if parsed.index is None else parsed.index[row]
        return self._reader.read(records[index], headers.get(index, ()))

    def _parse(self, records: Sequence[bytes | None], headers: Mapping[int, Headers]) -> _Parsed:
        if self._all_with_care:
            return _Parsed([b""] * len(records), [UNREAD] * len(records), set(range(len(records))))
        if self._first is InputFormat.NATIVE:
            try:
                return _Parsed(records, [self._read_native(record) for record in records])  # type: ignore[arg-type]
            except CANT_READ:
                pass
        form, doubt = self._first, 0
        rows = _Rows()
        for index, record in enumerate(records):
            if self._may_be_binary and index in headers and cloudevents.is_binary(headers[index]):
                rows.add(index, *self._read_binary(record, headers[index]))
                continue
            fields = None
            if record:
                before = guess(record) if doubt else form
                fields, found = self._read(record, before)
                doubt = _DOUBT if found is not form else max(doubt - 1, 0)
                form = found
            if fields is None and record and self._may_be_batch and b'"batch"' in record:
                try:
                    rows.add_batch(index, Batch(record))
                    continue
                except CANT_READ:
                    pass
            rows.add(index, fields, record or b"")
        return rows.parsed()

    def _read(self, record: bytes, form: InputFormat) -> tuple[NativeRecord | None, InputFormat]:
        """What a shortcut reads, and whose it was; first is tried `form`."""
        try:
            return self._shortcuts[form](record), form
        except CANT_READ:
            pass
        if self._detects and (guessed := guess(record)) is not form:
            try:
                return self._shortcuts[guessed](record), guessed
            except CANT_READ:
                pass
        return None, form

    def _read_binary(self, record: bytes | None, headers: Headers) -> tuple[NativeRecord | None, bytes]:
        try:
            if self._detects and record and _may_be_native(record):
                return read_native(record), record
            return read_binary(headers, record)
        except CANT_READ:
            return None, b""


class _Rows:
    """Grows row by row."""

    def __init__(self) -> None:
        self._readable: list[bytes] = []
        self._records: list[NativeRecord] = []
        self._index: list[int] = []
        self._batches: list[tuple[int, Batch]] = []
        self._odd: set[int] = set()
        self._skewed: dict[int, SkewedRecord] = {}

    def add(self, index: int, fields: NativeRecord | None, readable: bytes) -> None:
        """A row of the record at `index`; None is to be read with care."""
        if fields is None:
            self._odd.add(len(self._records))
        elif type(fields) is SkewedRecord:
            self._skewed[len(self._records)] = fields
        self._records.append(UNREAD if fields is None else fields)
        self._readable.append(b"" if fields is None else readable)
        self._index.append(index)

    def add_batch(self, index: int, batch: Batch) -> None:
        """A row for each call."""
        self._batches.append((len(self._records), batch))
        for fields, raw in zip(batch.read(), batch.calls, strict=True):
            self.add(index, fields, raw)

    def parsed(self) -> _Parsed:
        parsed = _Parsed(self._readable, self._records, self._odd, self._skewed)
        if self._batches:
            parsed.index, parsed.call = self._index, [-1] * len(self._index)
            for start, batch in self._batches:
                stop = start + len(batch.calls)
                parsed.call[start:stop] = range(len(batch.calls))
                parsed.of_batches |= {start + call: (raw, batch.shared) for call, raw in enumerate(batch.calls)}
        return parsed


def _may_be_native(record: bytes) -> bool:
    """Of msgpack and of names written with escapes it isn't seen."""
    if record[0] in MSGPACK_MAP or b"\\" in record:
        return True
    return b'"user_id"' in record and b'"ts"' in record


def _correct(ts_ms: Int64s, skewed: Mapping[int, SkewedRecord]) -> None:
    """Correct clients' clocks, of whole rows; INVALID where that gives no time."""
    rows = np.fromiter(skewed, np.int64, len(skewed))
    received = timestamps.epoch_ms_column([record.received for record in skewed.values()])
    sent = timestamps.epoch_ms_column([record.sent for record in skewed.values()])
    original = ts_ms[rows]
    known = np.minimum(np.minimum(received, sent), original) != timestamps.INVALID
    corrected = received - (sent - original)
    fits = known & (corrected >= timestamps.SECONDS_BELOW) & (corrected < timestamps.END_MS)
    ts_ms[rows] = np.where(fits, corrected, timestamps.INVALID)


def _odd_by_bytes(readable: Sequence[bytes], columns: EventColumns) -> Iterable[int]:
    """Rows with a control character in an id, an id that is too long, or a record too long or perhaps too deep."""
    longest = max(map(len, readable), default=0)
    odd: set[int] = set()
    if longest > SHALLOW_BYTES:
        odd.update(row for row, record in enumerate(readable) if len(record) > MAX_RECORD_BYTES)
        odd.update(rows_perhaps_deep(readable))
    if longest > MAX_ID_BYTES:  # no id takes more bytes than its record
        odd.update(_odd_ids(columns, identifiers.rows_too_long))
    if not _all_plain_json(readable, longest):
        odd.update(_odd_ids(columns, identifiers.rows_with_controls))
    return odd


def _all_plain_json(readable: Sequence[bytes], longest: int) -> bool:
    """Whether no string of these records can hold a control character.

    JSON holds C0 only escaped, behind a backslash (the reader refuses it raw); C1 is beyond ASCII, as is the start
    of a msgpack map.
    """
    block = min(_BLOCK, max(_BLOCK_BYTES // max(longest, 1), 1))
    blocks = (b"".join(readable[start : start + block]) for start in range(0, len(readable), block))
    return all(text.isascii() and b"\\" not in text and b"\x7f" not in text for text in blocks)


def _odd_ids(columns: EventColumns, find: Callable[[Sequence[str]], list[int]]) -> set[int]:
    accounts = [account_id or "" for account_id in columns.account_id]
    return {row for ids in (columns.event, columns.user_id, accounts, columns.event_id) for row in find(ids)}
