"""Records to columns, a chunk at a time (INTERFACES 4).

Nothing is looked at record by record that can be looked at for the whole chunk: typed readers, one comprehension
a column, checks and times in numpy. A record that doesn't pass, or that these checks can't judge, is odd: it alone is
read again by `RecordReader`, which is the rule that this path is a shortcut to. Account records are always odd: there
are few, and events pay nothing for them. Headers are looked at only where a record has some and is no native event.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import numpy as np

from scorer.core.decode import cloudevents, identifiers, timestamps, values
from scorer.core.decode.faults import FaultFound
from scorer.core.decode.input_rules import DEFAULT_RULES, InputFormat, InputRules
from scorer.core.decode.loose import MSGPACK_MAP, SHALLOW_BYTES, rows_perhaps_deep
from scorer.core.decode.native_record import CANT_READ, UNREAD, NativeRecord, read_json, read_msgpack, read_native
from scorer.core.decode.record_reader import Calls, Outcome, RecordReader
from scorer.core.decode.rows import Parsed, Rows
from scorer.core.decode.settling import settled
from scorer.core.decode.typed import Shortcut, guess, read_binary, shortcuts
from scorer.core.decode.typed_paths import moved_native
from scorer.core.decode.typed_segment import Batch, SkewedRecord, read_traits
from scorer.core.events import MAX_ID_BYTES, MAX_RECORD_BYTES, EventColumns, Headers, Int64s, Reject

_BLOCK: Final = 500
"""Records joined at once: a whole chunk, joined, is so large that its memory goes back to the system each time."""

_BLOCK_BYTES: Final = 200_000

_DOUBT: Final = 8
"""Records behind a change of formats of which it is asked first whose they are: it costs less than a wrong try."""

NO_HEADERS: Final[Mapping[int, Headers]] = {}


class Decoder:
    """Reads chunks of records by the rules of one deployment."""

    def __init__(self, rules: InputRules = DEFAULT_RULES) -> None:
        self._reader = RecordReader(rules)
        self._shortcuts = shortcuts(rules)
        self._detects = rules.format is InputFormat.AUTO
        self._first = InputFormat.NATIVE if self._detects else rules.format
        self._may_be_binary = rules.format in cloudevents.BINARY_FORMATS
        self._may_be_batch = rules.format in (InputFormat.AUTO, InputFormat.SEGMENT)
        self._may_tell_traits = self._may_be_batch and not rules.paths
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
        odd = parsed.odd
        columns = EventColumns(
            index=np.arange(len(records), dtype=np.int32) if parsed.index is None else parsed.index,
            event=[record.event for record in parsed.records],
            user_id=[record.user_id for record in parsed.records],
            account_id=[record.account_id for record in parsed.records],
            event_id=[record.event_id or "" for record in parsed.records],
            ts_ms=timestamps.epoch_ms_column([record.ts for record in parsed.records]),
            value=values.micro_column([record.value for record in parsed.records]),
            call=parsed.call,
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
        self, row: int, parsed: Parsed, records: Sequence[bytes | None], headers: Mapping[int, Headers]
    ) -> Outcome | Calls:
        if row in parsed.of_batches:
            return self._reader.read_call(*parsed.of_batches[row])
        index = row if parsed.index is None else int(parsed.index[row])
        record = records[index]
        if self._may_tell_traits and record and b'"traits"' in record and index not in headers:
            try:
                return read_traits(record)
            except FaultFound as found:
                return found.fault
            except CANT_READ:
                pass
        return self._reader.read(records[index], headers.get(index, ()))

    def _parse(self, records: Sequence[bytes | None], headers: Mapping[int, Headers]) -> Parsed:
        if self._all_with_care:
            return Parsed([b""] * len(records), [UNREAD] * len(records), set(range(len(records))))
        if self._first is InputFormat.NATIVE:
            read = self._read_native
            try:
                return Parsed(records, [read(record) for record in records])  # type: ignore[arg-type]
            except CANT_READ:
                pass
        rows = Rows(len(records))
        form, doubt = self._first, 0
        shortcut = self._shortcut(form, b"")
        keep, keep_bytes = rows.records.append, rows.readable.append
        for index, record in enumerate(records):
            tried = None
            if record and not doubt and (not headers or index not in headers):
                try:
                    fields = shortcut(record)
                except CANT_READ:
                    tried = None if shortcut is read_msgpack else form
                else:
                    if type(fields) is NativeRecord:  # `rows.add`, without a call for each record
                        keep(fields)
                        keep_bytes(record)
                    else:
                        rows.add(fields, record)
                    continue
            if self._may_be_binary and index in headers and cloudevents.is_binary(headers[index]):
                rows.add(*self._read_binary(record, headers[index]))
                continue
            if not record:
                rows.add(None, b"")
                continue
            found = self._other(index, record, tried, rows)
            doubt = _DOUBT if found is not form else max(doubt - 1, 0)
            form, shortcut = found, self._shortcut(found, record)
        return rows.parsed()

    def _shortcut(self, form: InputFormat, record: bytes | None) -> Shortcut:
        """For records like this one: of the native format one that knows the encoding, for it is the faster."""
        if form is not InputFormat.NATIVE:
            return self._shortcuts[form]
        packed = record and record[0] in MSGPACK_MAP and self._read_native is read_json
        return read_msgpack if packed else self._read_native

    def _other(self, index: int, record: bytes, tried: InputFormat | None, rows: Rows) -> InputFormat:
        """A record that the shortcut of the format `tried` can't read; returns whose it seems to be."""
        form = guess(record) if self._detects else self._first
        fields = None
        if form is not tried or record[0] in MSGPACK_MAP:
            with suppress(*CANT_READ):
                fields = self._shortcuts[form](record)
        if fields is None and self._may_be_batch and b'"batch"' in record:
            with suppress(*CANT_READ):
                rows.add_batch(index, Batch(record))
                return form
        rows.add(fields, record)
        return form

    def _read_binary(self, record: bytes | None, headers: Headers) -> tuple[NativeRecord | None, bytes]:
        try:
            if self._detects and record and _may_be_native(record):
                return read_native(record), record
            return read_binary(headers, record)
        except CANT_READ:
            return None, b""


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
