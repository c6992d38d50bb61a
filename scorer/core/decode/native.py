"""Native records, a chunk at a time (INTERFACES 4).

Nothing is looked at record by record that can be looked at for the whole chunk: a typed reader, one comprehension
a column, checks and times in numpy. A record that doesn't pass, or that these checks can't judge, is odd: it alone is
read again by `read_record`, which is the rule that this path is a shortcut to. Account records are always odd: there
are few, and events pay nothing for them.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from scorer.core.decode import identifiers, timestamps, values
from scorer.core.decode.account_record import CheckedTraits
from scorer.core.decode.faults import Fault
from scorer.core.decode.native_record import (
    CANT_READ,
    MSGPACK_MAP,
    SHALLOW_BYTES,
    NativeRecord,
    may_be_deep,
    read_json,
    read_msgpack,
    read_record,
)
from scorer.core.events import MAX_ID_BYTES, MAX_RECORD_BYTES, AccountTraits, EventColumns, Reject

_UNREAD = NativeRecord(event="-", user_id="-", ts="1970-01-01T00:00:00.000Z")
"""Stands in the columns for a record that has yet to be read on its own."""

_BLOCK = 500
"""Records joined at once: a whole chunk, joined, is so large that its memory goes back to the system each time."""


def decode(records: Sequence[bytes | None]) -> tuple[EventColumns, list[Reject]]:
    """A chunk's usable events and account records, in their order, and the records that can't be used, in theirs.

    Never raises for what a record holds; a record's outcome doesn't depend on its neighbours.
    """
    readable, parsed, odd = _parse(records)
    columns = EventColumns(
        index=np.arange(len(parsed), dtype=np.int32),
        event=[record.event for record in parsed],
        user_id=[record.user_id for record in parsed],
        account_id=[record.account_id for record in parsed],
        event_id=[record.event_id or "" for record in parsed],
        ts_ms=timestamps.epoch_ms_column([record.ts for record in parsed]),
        value=values.micro_column([record.value for record in parsed]),
    )
    odd.update(np.flatnonzero(columns.ts_ms == timestamps.INVALID).tolist())
    odd.update(np.flatnonzero(columns.value == values.INVALID).tolist())
    odd.update(_odd_by_bytes(readable, columns))
    return _settle(records, columns, odd) if odd else (columns, [])


def _parse(records: Sequence[bytes | None]) -> tuple[Sequence[bytes], list[NativeRecord], set[int]]:
    """The records' bytes and fields, row by row, and the rows that hold `_UNREAD`."""
    try:
        return records, [read_json(record) for record in records], set()  # type: ignore[arg-type,return-value]
    except CANT_READ:
        pass
    readable: list[bytes] = []
    parsed: list[NativeRecord] = []
    odd: set[int] = set()
    for row, record in enumerate(records):
        try:
            fields = read_msgpack(record) if record and record[0] in MSGPACK_MAP else read_json(record)  # type: ignore[arg-type]
        except CANT_READ:
            readable.append(b"")
            parsed.append(_UNREAD)
            odd.add(row)
        else:
            readable.append(record)  # type: ignore[arg-type]
            parsed.append(fields)
    return readable, parsed, odd


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


def _settle(records: Sequence[bytes | None], columns: EventColumns, odd: set[int]) -> tuple[EventColumns, list[Reject]]:
    """Reads the odd rows one by one: puts the usable into the columns, takes the others out."""
    rejects: list[Reject] = []
    traits: list[AccountTraits] = []
    usable = np.ones(len(columns), dtype=np.bool_)
    for row in sorted(odd):
        outcome = read_record(records[row])
        if isinstance(outcome, Fault):
            usable[row] = False
            rejects.append(Reject(row, outcome.reason, outcome.detail))
            continue
        if isinstance(outcome, CheckedTraits):
            usable[row] = False
            traits.append(AccountTraits(row, outcome.account_id, outcome.traits))
            continue
        columns.event[row] = outcome.event
        columns.user_id[row] = outcome.user_id
        columns.account_id[row] = outcome.account_id
        columns.event_id[row] = outcome.event_id
        columns.ts_ms[row] = outcome.ts_ms
        columns.value[row] = outcome.value
    return (_taken(columns, usable, traits), rejects) if rejects or traits else (columns, rejects)


def _taken(columns: EventColumns, usable: NDArray[np.bool_], traits: list[AccountTraits]) -> EventColumns:
    kept = usable.tolist()
    return EventColumns(
        index=columns.index[usable],
        event=list(compress(columns.event, kept)),
        user_id=list(compress(columns.user_id, kept)),
        account_id=list(compress(columns.account_id, kept)),
        event_id=list(compress(columns.event_id, kept)),
        ts_ms=columns.ts_ms[usable],
        value=columns.value[usable],
        traits=tuple(traits),
    )
