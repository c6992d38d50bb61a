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
from scorer.core.decode.loose import SHALLOW_BYTES, may_be_deep
from scorer.core.decode.native_record import CANT_READ, UNREAD, NativeRecord, read_json
from scorer.core.decode.record_reader import RecordReader
from scorer.core.decode.settling import settled
from scorer.core.decode.typed import SkewedRecord, guess, shortcuts
from scorer.core.events import MAX_ID_BYTES, MAX_RECORD_BYTES, EventColumns, Headers, Int64s, Reject

_BLOCK: Final = 500
"""Records joined at once: a whole chunk, joined, is so large that its memory goes back to the system each time."""

NO_HEADERS: Final[Mapping[int, Headers]] = {}


@dataclass(slots=True)
class _Parsed:
    """The records' bytes and fields, row by row; the rows that hold `UNREAD`, those whose time is to be corrected."""

    readable: Sequence[bytes] = field(default_factory=list)
    records: list[NativeRecord] = field(default_factory=list)
    odd: set[int] = field(default_factory=set)
    skewed: dict[int, SkewedRecord] = field(default_factory=dict)


class Decoder:
    """Reads chunks of records by the rules of one deployment."""

    def __init__(self, rules: InputRules = DEFAULT_RULES) -> None:
        self._reader = RecordReader(rules)
        self._shortcuts = shortcuts(rules)
        self._detects = rules.format is InputFormat.AUTO
        self._first = InputFormat.NATIVE if self._detects else rules.format
        self._may_be_binary = rules.format in cloudevents.BINARY_FORMATS
        self._by_paths = bool(rules.paths)

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
            index=np.arange(len(parsed.records), dtype=np.int32),
            event=[record.event for record in parsed.records],
            user_id=[record.user_id for record in parsed.records],
            account_id=[record.account_id for record in parsed.records],
            event_id=[record.event_id or "" for record in parsed.records],
            ts_ms=timestamps.epoch_ms_column([record.ts for record in parsed.records]),
            value=values.micro_column([record.value for record in parsed.records]),
        )
        if parsed.skewed:
            _correct(columns.ts_ms, parsed.skewed)
        odd.update(np.flatnonzero(columns.ts_ms == timestamps.INVALID).tolist())
        odd.update(np.flatnonzero(columns.value == values.INVALID).tolist())
        odd.update(_odd_by_bytes(parsed.readable, columns))
        if not odd:
            return columns, []
        return settled(columns, {row: self._reader.read(records[row], headers.get(row, ())) for row in sorted(odd)})

    def calls(self, value: bytes | None) -> list[bytes] | None:
        """The calls of a batch, each as a record of its own; None for what is no batch, or one that can't be read."""
        return self._reader.calls(value)

    def _parse(self, records: Sequence[bytes | None], headers: Mapping[int, Headers]) -> _Parsed:
        if self._by_paths:
            return _Parsed([b""] * len(records), [UNREAD] * len(records), set(range(len(records))))
        if self._first is InputFormat.NATIVE:
            try:
                return _Parsed(records, [read_json(record) for record in records])  # type: ignore[arg-type]
            except CANT_READ:
                pass
        parsed, readable = _Parsed(), []
        form = self._first
        for row, record in enumerate(records):
            fields = None
            if record:
                if self._may_be_binary and row in headers and cloudevents.is_binary(headers[row]):
                    fields = self._read(record, InputFormat.NATIVE, guesses=False)[0] if self._detects else None
                else:
                    fields, form = self._read(record, form, guesses=self._detects)
            if fields is None:
                parsed.odd.add(row)
            elif type(fields) is SkewedRecord:
                parsed.skewed[row] = fields
            parsed.records.append(fields or UNREAD)
            readable.append(record if record and fields is not None else b"")
        parsed.readable = readable
        return parsed

    def _read(self, record: bytes, form: InputFormat, *, guesses: bool) -> tuple[NativeRecord | None, InputFormat]:
        """What a shortcut reads, and whose it was; first is tried `form`, that of the record before."""
        try:
            return self._shortcuts[form](record), form
        except CANT_READ:
            pass
        if guesses and (guessed := guess(record)) is not form:
            try:
                return self._shortcuts[guessed](record), guessed
            except CANT_READ:
                pass
        return None, form


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
        odd.update(row for row, record in enumerate(readable) if len(record) > MAX_RECORD_BYTES or may_be_deep(record))
    if longest > MAX_ID_BYTES:  # no id takes more bytes than its record
        odd.update(_odd_ids(columns, identifiers.rows_too_long))
    if not _all_plain_json(readable):
        odd.update(_odd_ids(columns, identifiers.rows_with_controls))
    return odd


def _all_plain_json(readable: Sequence[bytes]) -> bool:
    """Whether no string of these records can hold a control character.

    JSON holds C0 only escaped, behind a backslash (the reader refuses it raw); C1 is beyond ASCII, as is the start
    of a msgpack map.
    """
    blocks = (b"".join(readable[start : start + _BLOCK]) for start in range(0, len(readable), _BLOCK))
    return all(text.isascii() and b"\\" not in text and b"\x7f" not in text for text in blocks)


def _odd_ids(columns: EventColumns, find: Callable[[Sequence[str]], list[int]]) -> set[int]:
    accounts = [account_id or "" for account_id in columns.account_id]
    return {row for ids in (columns.event, columns.user_id, accounts, columns.event_id) for row in find(ids)}
