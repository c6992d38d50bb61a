"""One native record, read with care: the rule for every record, and the words for the one that can't be used.

Rule 1: a record with `event`, `user_id` and `ts` is native, whatever else it holds. Only where one of them is missing
  is it asked whether the record is of another format.
Rule 2: what a field that isn't ours holds never costs the record, as long as the record can be read at all. So the
  loose readers take NaN, lone surrogates and broken UTF-8, which then count against the field that has them.
Rule 3: of a key that occurs twice, the last counts.
Rule 4: deeper than MAX_DEPTH is refused, long before the interpreter's stack decides, which depends on the caller.
"""

import json
from collections.abc import Mapping
from reprlib import Repr
from typing import Annotated, Any, Final, NamedTuple

import msgpack
from msgspec import Meta, MsgspecError, Struct
from msgspec.json import Decoder as JsonDecoder
from msgspec.msgpack import Decoder as MsgpackDecoder

from scorer.core.decode import identifiers, timestamps, values
from scorer.core.decode.foreign import foreign_format
from scorer.core.events import MAX_RECORD_BYTES, MICRO, Reason

NonEmpty = Annotated[str, Meta(min_length=1)]


class NativeRecord(Struct, gc=False):
    """The fields of a native record, of the right types, not yet checked. gc=False: it can't be part of a cycle."""

    event: NonEmpty
    user_id: NonEmpty
    ts: str | int | float
    account_id: NonEmpty | None = None
    event_id: NonEmpty | None = None
    value: float | None = 1.0


class CheckedRecord(NamedTuple):
    """A usable record, as `EventColumns` holds it."""

    event: str
    user_id: str
    account_id: str | None
    event_id: str
    ts_ms: int
    value: int


class Fault(NamedTuple):
    """Why a record can't be used."""

    reason: Reason
    detail: str


class _FaultFound(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(reason, detail)


read_json: Final = JsonDecoder(NativeRecord).decode
read_msgpack: Final = MsgpackDecoder(NativeRecord).decode

CANT_READ: Final = (MsgspecError, ValueError, TypeError, RecursionError)
"""What the typed readers raise: broken text, a wrong type, broken UTF-8, None, nesting."""

MSGPACK_MAP: Final = frozenset([*range(0x80, 0x90), 0xDE, 0xDF])
"""First bytes of a msgpack map; no JSON text begins with one."""

MAX_DEPTH: Final = 500
"""Levels of nesting a record may have."""

SHALLOW_BYTES: Final = 512
"""A readable record up to this length is less than MAX_DEPTH deep, whatever it holds."""

_REQUIRED: Final = ("event", "user_id", "ts")
_MAX_INT_DIGITS: Final = 400
_WHITE_SPACE: Final = b" \t\r\n"
_NO_MSGPACK_CONTAINER: Final = bytes(code for code in range(256) if not (0x80 <= code <= 0x9F or 0xDC <= code <= 0xDF))

_shown = Repr()
_shown.maxstring = _shown.maxother = _shown.maxlong = 100
_shown.maxlevel = 2


def read_record(value: bytes | None) -> CheckedRecord | Fault:
    """One record of any bytes, to a usable record or the reason why it isn't one."""
    try:
        return _checked(_fields(value))
    except _FaultFound as found:
        return found.fault


def may_be_deep(value: bytes) -> bool:
    """Whether a record could be more than MAX_DEPTH deep: it has that many bytes that may open a level."""
    if len(value) <= SHALLOW_BYTES:
        return False
    if value[0] in MSGPACK_MAP:
        return len(value.translate(None, _NO_MSGPACK_CONTAINER)) > MAX_DEPTH
    return value.count(b"{") + value.count(b"[") > MAX_DEPTH


def _fields(value: bytes | None) -> Mapping[Any, Any]:
    if not value or not value.strip(_WHITE_SPACE):
        raise _FaultFound(Reason.EMPTY, "the record has no value")
    if len(value) > MAX_RECORD_BYTES:
        raise _FaultFound(Reason.TOO_LARGE, f"the record has {len(value)} bytes; allowed are {MAX_RECORD_BYTES}")
    if may_be_deep(value) and _depth(_loosely(value)) > MAX_DEPTH:
        raise _too_deep()
    try:
        record = read_msgpack(value) if value[0] in MSGPACK_MAP else read_json(value)
    except CANT_READ:
        fields = _loosely(value)
        if not isinstance(fields, dict):
            raise _FaultFound(Reason.NOT_AN_OBJECT, f"the record is {_show(fields)}; allowed is an object") from None
        return fields
    return {name: getattr(record, name) for name in NativeRecord.__struct_fields__}


def _loosely(value: bytes) -> Any:
    """Whatever the record holds, read as generously as it goes."""
    try:
        if value[0] in MSGPACK_MAP:
            return msgpack.unpackb(value, unicode_errors="surrogateescape", strict_map_key=False)
        return json.loads(value.decode("utf-8", "surrogateescape"), parse_int=_int)
    except RecursionError:
        raise _too_deep() from None
    except (ValueError, TypeError) as error:  # TypeError: a msgpack map keyed by a list
        begins = _show(value[:100])
        detail = f"neither a JSON object nor a msgpack map ({error}); it begins with {begins}"
        raise _FaultFound(Reason.NOT_JSON, detail) from None


def _int(digits: str) -> float:
    """Python refuses to read very long ints; as floats they are infinite, and out of every range."""
    return int(digits) if len(digits) <= _MAX_INT_DIGITS else float(digits)


def _depth(root: Any) -> int:
    level, depth = [root], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _too_deep() -> _FaultFound:
    return _FaultFound(Reason.NOT_JSON, f"the record is nested more than {MAX_DEPTH} levels deep")


def _checked(fields: Mapping[Any, Any]) -> CheckedRecord:
    missing = next((name for name in _REQUIRED if fields.get(name) is None), None)
    if missing is not None:
        raise _missing(fields, missing)
    account_id, event_id, amount = (fields.get(name) for name in ("account_id", "event_id", "value"))
    return CheckedRecord(
        event=_id("event", fields["event"]),
        user_id=_id("user_id", fields["user_id"]),
        account_id=None if account_id is None else _id("account_id", account_id),
        event_id="" if event_id is None else _id("event_id", event_id),
        ts_ms=_ts_ms(fields["ts"]),
        value=MICRO if amount is None else _micro(amount),
    )


def _missing(fields: Mapping[Any, Any], name: str) -> _FaultFound:
    foreign = foreign_format(fields)
    if foreign is not None:
        return _FaultFound(Reason.UNKNOWN_FORMAT, f"{foreign} can't be read: not yet")
    found = "null" if name in fields else "missing"
    return _FaultFound(Reason.MISSING_FIELD, f"{name} is {found}; {', '.join(_REQUIRED)} are required")


def _id(name: str, text: Any) -> str:
    if not isinstance(text, str):
        raise _refused(Reason.BAD_TYPE, name, text, "a string")
    if not identifiers.is_id(text):
        raise _refused(Reason.BAD_ID, name, text, identifiers.ALLOWED)
    return text


def _ts_ms(ts: Any) -> int:
    if isinstance(ts, bool) or not isinstance(ts, str | int | float):
        raise _refused(Reason.BAD_TYPE, "ts", ts, timestamps.ALLOWED)
    ts_ms = timestamps.epoch_ms(ts)
    if ts_ms == timestamps.INVALID:
        raise _refused(Reason.BAD_TIMESTAMP, "ts", ts, timestamps.ALLOWED)
    return ts_ms


def _micro(amount: Any) -> int:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise _refused(Reason.BAD_TYPE, "value", amount, values.ALLOWED)
    micro = values.micro(amount)
    if micro == values.INVALID:
        raise _refused(Reason.BAD_VALUE, "value", amount, values.ALLOWED)
    return micro


def _refused(reason: Reason, name: str, found: Any, allowed: str) -> _FaultFound:
    return _FaultFound(reason, f"{name} is {_show(found)}; allowed is {allowed}")


def _show(found: Any) -> str:
    return _shown.repr(found)[:100]
