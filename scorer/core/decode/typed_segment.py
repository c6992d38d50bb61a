"""Shortcuts for Segment's calls, alone and in batches: see `typed`, whose rules these keep."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.json import Decoder as JsonDecoder

from scorer.core.decode import identifiers, loose, segment
from scorer.core.decode.account_record import CheckedTraits
from scorer.core.decode.loose import MAX_DEPTH, levels_opened, may_be_deep
from scorer.core.decode.native_record import CANT_READ, Absent, NativeRecord, Odd
from scorer.core.decode.segment import MAX_CALLS, Shared
from scorer.core.events import MAX_RECORD_BYTES

_LEVELS: Final = MAX_DEPTH - 10
_NULLS: Final = (b"", b"null")


class SkewedRecord(NativeRecord, gc=False):
    """`ts` by a client's clock, and when it sent by its clock and the server's: what corrects it."""

    received: str = ""
    sent: str = ""


class _Segment(Struct, gc=False, kw_only=True):
    """What no record of Segment's has."""

    ts: None = None
    specversion: Absent = 0
    distinct_id: Absent = 0
    event_name: Absent = 0
    derived_tstamp: Absent = 0
    collector_tstamp: Absent = 0


class _Context(Struct, gc=False, rename="camel"):
    group_id: str | UnsetType | None = UNSET


class _Properties(Struct, gc=False):
    value: float | None = None
    name: Any = None
    distinct_id: None = None


class _Call(_Segment, gc=False, rename="camel"):
    type: Literal["track", "page", "screen"]
    event: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    message_id: str | None = None
    group_id: str | None = None
    name: Any = None
    timestamp: str | int | float | None = None
    received_at: str | None = None
    sent_at: str | None = None
    original_timestamp: str | None = None
    context: _Context | None = None
    properties: _Properties | None = None


class _TraitsContext(Struct, gc=False, rename="camel"):
    group_id: str | None = None


class _TraitsCall(_Segment, gc=False, rename="camel"):
    type: Literal["identify", "group", "alias"]
    group_id: str | None = None
    context: _TraitsContext | None = None
    traits: Raw = Raw(b"null")
    user_id: str | None = None
    anonymous_id: str | None = None
    message_id: str | None = None
    properties: None = None


class _Batch(_Segment, gc=False, rename="camel"):
    batch: Annotated[list[Raw], Meta(min_length=1, max_length=MAX_CALLS)]
    context: Raw = Raw(b"")
    sent_at: Raw = Raw(b"")
    received_at: Raw = Raw(b"")
    type: Absent = 0
    properties: None = None


_call: Final = JsonDecoder(_Call).decode
_traits_call: Final = JsonDecoder(_TraitsCall).decode
_batch: Final = JsonDecoder(_Batch).decode
_context: Final = JsonDecoder(_Context | None).decode


def read_segment(record: bytes) -> NativeRecord:
    """A `track`, `page` or `screen`."""
    call = _call(record)
    context = call.context
    return _told(call, call.group_id if context is None else context.group_id or call.group_id)


def read_traits(record: bytes) -> CheckedTraits:
    """What an `identify`, `group` or `alias` tells. Raises FaultFound too."""
    if len(record) > MAX_RECORD_BYTES or may_be_deep(record):
        raise Odd
    call = _traits_call(record)
    if call.user_id is None and call.anonymous_id is None and call.message_id is None:
        raise Odd  # with a `user_id` it would be nobody's
    fields = {
        "type": call.type,
        "groupId": call.group_id,
        "context": None if call.context is None else {"groupId": call.context.group_id},
        "traits": loose.anything(bytes(call.traits)),
    }
    told = segment.told(fields)
    if not isinstance(told, CheckedTraits):
        raise Odd
    return told


class Batch:
    """A batch whose calls can be read one by one. Raises one of CANT_READ for any other record."""

    def __init__(self, record: bytes) -> None:
        if len(record) > MAX_RECORD_BYTES:
            raise Odd
        batch = _batch(record)
        self.calls = [bytes(call) for call in batch.batch]
        self.shared = Shared(bytes(batch.context), bytes(batch.received_at), bytes(batch.sent_at))
        self._check_depth(record)
        context = None if self.shared.context in _NULLS else _context(self.shared.context)
        self._group = None if context is None else context.group_id or None
        if self._group is not None and not identifiers.is_id(self._group):
            raise Odd
        self._timed = self.shared.sent_at not in _NULLS or self.shared.received_at not in _NULLS

    def _check_depth(self, record: bytes) -> None:
        """Calls, and all around them, must be so shallow that together they are: each level takes two bytes."""
        around = len(record) - sum(map(len, self.calls))
        if around > 2 * _LEVELS and levels_opened(record) - sum(map(levels_opened, self.calls)) > _LEVELS:
            raise Odd
        if any(len(call) > 2 * _LEVELS and levels_opened(call) > _LEVELS for call in self.calls):
            raise Odd

    def read(self) -> Iterator[NativeRecord | None]:
        """Each call's event; None for a call to be read with care."""
        for raw in self.calls:
            try:
                yield self._read(raw)
            except CANT_READ:
                yield None

    def _read(self, raw: bytes) -> NativeRecord:
        call = _call(raw)
        if self._timed and call.original_timestamp is not None:
            raise Odd  # its clock is corrected by what the batch says
        own = UNSET if call.context is None else call.context.group_id
        return _told(call, (self._group if own is UNSET else own) or call.group_id)


def _told(call: _Call, account: str | None) -> NativeRecord:
    properties = call.properties
    event = call.event if call.type == "track" else _view(call)
    user = call.user_id or call.anonymous_id
    if not event or not user:
        raise Odd
    value = 1.0 if properties is None else properties.value
    original, received, sent = call.original_timestamp, call.received_at, call.sent_at
    if original is not None and received is not None and sent is not None:
        return SkewedRecord(event, user, original, account or None, call.message_id, value, received, sent)
    if call.timestamp is None:
        raise Odd
    return NativeRecord(event, user, call.timestamp, account or None, call.message_id, value)


def _view(call: _Call) -> str:
    name = call.name
    if name is None or name == "":
        name = None if call.properties is None else call.properties.name
    if name is None or name == "":
        return f"Loaded a {call.type.capitalize()}"
    if not isinstance(name, str):
        raise Odd
    return f"Viewed {name} {call.type.capitalize()}"
