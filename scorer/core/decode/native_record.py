"""One native record, read with care: the rule for every record, and the words for the one that can't be used.

Rule 1: a record with `event`, `user_id` and `ts` is native, whatever else it holds. Only where one of them is missing
  is it asked whether the record is of another format. Without an `event`, a `type` of "account" makes it a native
  account record.
Rule 2: what a field that isn't ours holds never costs the record, as long as the record can be read at all. So the
  loose readers take NaN, lone surrogates and broken UTF-8, which then count against the field that has them.
Rule 3: of a key that occurs twice, the last counts.
Rule 4: deeper than MAX_DEPTH is refused, long before the interpreter's stack decides, which depends on the caller.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgpack
from msgspec import Meta, MsgspecError, Struct
from msgspec.json import Decoder as JsonDecoder
from msgspec.msgpack import Decoder as MsgpackDecoder

from scorer.core.decode import timestamps, values
from scorer.core.decode.account_record import CheckedTraits, checked_traits, is_account_record
from scorer.core.decode.faults import Fault, FaultFound, checked_id, refused, shown
from scorer.core.decode.foreign import foreign_reader
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
_OWN_NAMES: Final = {name: name for name in ("event", "user_id", "account_id", "event_id", "ts", "value")}
_MAX_INT_DIGITS: Final = 400
_WHITE_SPACE: Final = b" \t\r\n"
_NO_MSGPACK_CONTAINER: Final = bytes(code for code in range(256) if not (0x80 <= code <= 0x9F or 0xDC <= code <= 0xDF))


def read_record(value: bytes | None) -> CheckedRecord | CheckedTraits | Fault:
    """One record of any bytes, to an event, an account's traits, or the reason why it is neither."""
    try:
        fields = _fields(value)
        if is_account_record(fields):
            return checked_traits(fields)
        reader = foreign_reader(fields) if any(fields.get(name) is None for name in _REQUIRED) else None
        if reader is None:
            return _checked(fields, _OWN_NAMES)
        told = reader(fields)
        return told if isinstance(told, CheckedTraits) else _checked(told.fields, told.names)
    except FaultFound as found:
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
        raise FaultFound(Reason.EMPTY, "the record has no value")
    if len(value) > MAX_RECORD_BYTES:
        raise FaultFound(Reason.TOO_LARGE, f"the record has {len(value)} bytes; allowed are {MAX_RECORD_BYTES}")
    if may_be_deep(value) and _depth(_loosely(value)) > MAX_DEPTH:
        raise _too_deep()
    try:
        record = read_msgpack(value) if value[0] in MSGPACK_MAP else read_json(value)
    except CANT_READ:
        fields = _loosely(value)
        if not isinstance(fields, dict):
            raise FaultFound(Reason.NOT_AN_OBJECT, f"the record is {shown(fields)}; allowed is an object") from None
        return fields
    return {name: getattr(record, name) for name in NativeRecord.__struct_fields__}


def _loosely(value: bytes) -> Any:
    """Whatever the record holds, read as generously as it goes."""
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


def _checked(fields: Mapping[str, Any], names: Mapping[str, str]) -> CheckedRecord:
    missing = next((name for name in _REQUIRED if fields.get(name) is None), None)
    if missing is not None:
        raise _missing(fields, missing, names)
    account_id, event_id, amount = (fields.get(name) for name in ("account_id", "event_id", "value"))
    return CheckedRecord(
        event=checked_id(names["event"], fields["event"]),
        user_id=checked_id(names["user_id"], fields["user_id"]),
        account_id=None if account_id is None else checked_id(names["account_id"], account_id),
        event_id="" if event_id is None else checked_id(names["event_id"], event_id),
        ts_ms=_ts_ms(names["ts"], fields["ts"]),
        value=MICRO if amount is None else _micro(names["value"], amount),
    )


def _missing(fields: Mapping[str, Any], name: str, names: Mapping[str, str]) -> FaultFound:
    # What a format has under two names is missing under both: only a native null is told apart.
    found = "null" if name in fields and names is _OWN_NAMES else "missing"
    required = ", ".join(names[each] for each in _REQUIRED)
    return FaultFound(Reason.MISSING_FIELD, f"{names[name]} is {found}; {required} are required")


def _ts_ms(name: str, ts: Any) -> int:
    if isinstance(ts, bool) or not isinstance(ts, str | int | float):
        raise refused(Reason.BAD_TYPE, name, ts, timestamps.ALLOWED)
    ts_ms = timestamps.epoch_ms(ts)
    if ts_ms == timestamps.INVALID:
        raise refused(Reason.BAD_TIMESTAMP, name, ts, timestamps.ALLOWED)
    return ts_ms


def _micro(name: str, amount: Any) -> int:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise refused(Reason.BAD_TYPE, name, amount, values.ALLOWED)
    micro = values.micro(amount)
    if micro == values.INVALID:
        raise refused(Reason.BAD_VALUE, name, amount, values.ALLOWED)
    return micro
