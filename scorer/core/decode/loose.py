"""A record's bytes to its fields, read as generously as it goes: the careful path's reader.

Rule 1: what a field that isn't ours holds never costs the record, as long as the record can be read at all. So NaN,
  lone surrogates and broken UTF-8 are taken, and then count against the field that has them.
Rule 2: of a key that occurs twice, the last counts.
Rule 3: deeper than MAX_DEPTH is refused, long before the interpreter's stack decides, which depends on the caller.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgpack
import numpy as np

from scorer.core.decode.faults import FaultFound, shown
from scorer.core.events import MAX_RECORD_BYTES, Reason

MSGPACK_MAP: Final = frozenset([*range(0x80, 0x90), 0xDE, 0xDF])
"""First bytes of a msgpack map; no JSON text begins with one."""

MAX_DEPTH: Final = 500
"""Levels of nesting a record may have."""

SHALLOW_BYTES: Final = 512
"""A readable record up to this length is less than MAX_DEPTH deep, whatever it holds."""

_SHALLOW_JSON_BYTES: Final = 2 * MAX_DEPTH + 1
"""Likewise, of JSON that could be read: each level takes two bytes."""

_ROWS_AT_ONCE: Final = 64
_MAX_INT_DIGITS: Final = 400
_WHITE_SPACE: Final = b" \t\r\n"
_NO_MSGPACK_CONTAINER: Final = bytes(code for code in range(256) if not (0x80 <= code <= 0x9F or 0xDC <= code <= 0xDF))


def readable(value: bytes | None) -> bytes:
    """The bytes of a record that holds something, isn't too large and isn't too deep. Raises FaultFound."""
    if not value or not value.strip(_WHITE_SPACE):
        raise FaultFound(Reason.EMPTY, "the record has no value")
    check_size(len(value))
    if may_be_deep(value) and _depth(anything(value)) > MAX_DEPTH:
        raise _too_deep()
    return value


def check_size(size: int) -> None:
    """Raises FaultFound if a record has too many bytes."""
    if size > MAX_RECORD_BYTES:
        raise FaultFound(Reason.TOO_LARGE, f"the record has {size} bytes; allowed are {MAX_RECORD_BYTES}")


def fields_of(value: bytes) -> Mapping[Any, Any]:
    """Of a `readable` record. Raises FaultFound."""
    fields = anything(value)
    if not isinstance(fields, dict):
        raise FaultFound(Reason.NOT_AN_OBJECT, f"the record is {shown(fields)}; allowed is an object")
    return fields


def bytes_of(fields: Mapping[Any, Any], like: bytes) -> bytes:
    """Fields that were read from `like` as a record of their own, in the same encoding."""
    if like[0] in MSGPACK_MAP:
        packed: bytes = msgpack.packb(fields, unicode_errors="surrogateescape")
        return packed
    try:
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can write
        return json.dumps(fields, separators=(",", ":")).encode()


def json_or_none(value: bytes | None) -> Any:
    """What a JSON text of any kind holds; None where it is none, or one that is too deep."""
    if not value or value[0] in MSGPACK_MAP:
        return None
    try:
        found = anything(value)
    except FaultFound:
        return None
    return None if may_be_deep(value) and _depth(found) > MAX_DEPTH else found


def levels_opened(value: bytes) -> int:
    """How often a JSON text opens a level, or has a string that looks like it."""
    return value.count(b"{") + value.count(b"[")


def may_be_deep(value: bytes) -> bool:
    """Whether a record could be more than MAX_DEPTH deep: it has that many bytes that may open a level."""
    if len(value) <= SHALLOW_BYTES:
        return False
    if value[0] in MSGPACK_MAP:
        return len(value.translate(None, _NO_MSGPACK_CONTAINER)) > MAX_DEPTH
    return levels_opened(value) > MAX_DEPTH


def rows_perhaps_deep(records: Sequence[bytes]) -> list[int]:
    """The rows of records that could be read which could be more than MAX_DEPTH deep."""
    found: list[int] = []
    long = [row for row, record in enumerate(records) if len(record) > _SHALLOW_JSON_BYTES]
    for start in range(0, len(long), _ROWS_AT_ONCE):
        rows = long[start : start + _ROWS_AT_ONCE]
        codes = np.frombuffer(b"".join([records[row] for row in rows]), np.uint8)
        opening = np.flatnonzero((codes | 0x20) == ord("{"))  # [ is { without that bit
        ends = np.cumsum([len(records[row]) for row in rows])
        levels = np.diff(np.searchsorted(opening, ends), prepend=0)
        found += [rows[at] for at in np.flatnonzero(levels > MAX_DEPTH).tolist()]
    packed = (row for row, record in enumerate(records) if len(record) > SHALLOW_BYTES and record[0] in MSGPACK_MAP)
    return found + [row for row in packed if may_be_deep(records[row])]


def anything(value: bytes) -> Any:
    """What a text of any kind holds. Raises FaultFound."""
    try:
        if value[0] in MSGPACK_MAP:
            return msgpack.unpackb(value, unicode_errors="surrogateescape", strict_map_key=False)
        return json.loads(value.decode("utf-8", "surrogateescape"), parse_int=_int)
    except (RecursionError, msgpack.StackError):
        raise _too_deep() from None
    except (ValueError, TypeError) as error:  # TypeError: a msgpack map keyed by a list
        begins = shown(value[:100])
        detail = f"neither a JSON object nor a msgpack map ({error}); it begins with {begins}"
        raise FaultFound(Reason.NOT_JSON, detail) from None


def _int(digits: str) -> float:
    """Python refuses to read very long ints; as floats they are infinite, and out of every range."""
    return int(digits) if len(digits) <= _MAX_INT_DIGITS else float(digits)


def _depth(root: Any) -> int:
    level, depth = [root], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _too_deep() -> FaultFound:
    return FaultFound(Reason.NOT_JSON, f"the record is nested more than {MAX_DEPTH} levels deep")
