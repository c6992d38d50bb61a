"""Shortcuts for whole, usual records of other formats: read by type at C speed, to what a native one would be.

Rule 1: a shortcut says what `RecordReader` says, or nothing: whatever it isn't sure of raises one of CANT_READ.
Rule 2: it proves by itself that the record is of its format. Fields by which another format would be told first are
  `Absent`: that they are there at all makes the record odd.
Rule 3: only JSON. Other formats in msgpack are read with care, as are calls that tell traits: there are few.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, defstruct, field
from msgspec.json import Decoder as JsonDecoder

from scorer.core.decode.input_rules import InputFormat, InputRules
from scorer.core.decode.native_record import NativeRecord, NonEmpty, read_native
from scorer.core.decode.snowplow import in_utc

Shortcut = Callable[[bytes], NativeRecord]

Absent = Annotated[int, Meta(gt=0, lt=0)]
"""The type of a field that must not be there: nothing is of it, and a default isn't checked."""

Time = str | int | float | None

_LEARNED_FIELDS: Final = 100


class Odd(ValueError):
    """A record to be read with care."""


class SkewedRecord(NativeRecord, gc=False):
    """`ts` by a client's clock, and when it sent by its clock and the server's: what corrects it."""

    received: str = ""
    sent: str = ""


class _Context(Struct, gc=False, rename="camel"):
    group_id: str | None = None


class _Properties(Struct, gc=False):
    value: float | None = None
    name: Any = None
    distinct_id: None = None


class _Segment(Struct, gc=False, rename="camel"):
    type: Literal["track", "page", "screen"]
    event: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    message_id: str | None = None
    group_id: str | None = None
    name: Any = None
    timestamp: Time = None
    received_at: str | None = None
    sent_at: str | None = None
    original_timestamp: str | None = None
    context: _Context | None = None
    properties: _Properties | None = None
    native_user: Absent = field(default=0, name="user_id")
    ts: None = None
    specversion: Absent = 0
    distinct_id: Absent = field(default=0, name="distinct_id")
    event_name: Absent = field(default=0, name="event_name")
    derived_tstamp: Absent = field(default=0, name="derived_tstamp")
    collector_tstamp: Absent = field(default=0, name="collector_tstamp")


class _Data(Struct, gc=False):
    value: float | None = None


class _CloudEvent(Struct, gc=False):
    specversion: Literal["1.0"]
    type: NonEmpty
    subject: NonEmpty
    time: str | int | float
    account: NonEmpty | None = None
    source: str | None = None
    id: str | None = None
    data: _Data | None = None
    ts: None = None


class _Grouped(Struct, gc=False):
    groups: dict[str, Any] | None = field(default=None, name="$groups")


class _PostHog(Struct, gc=False):
    event: NonEmpty
    distinct_id: NonEmpty
    timestamp: str | int | float
    uuid: str | None = None
    properties: _Grouped | None = None
    groups: dict[str, Any] | None = field(default=None, name="$groups")
    ts: None = None
    specversion: Absent = 0


class _Entity(Struct, gc=False):
    account_id: str | None = None
    id: str | None = None


_segment: Final = JsonDecoder(_Segment).decode
_cloud_event: Final = JsonDecoder(_CloudEvent).decode
_posthog: Final = JsonDecoder(_PostHog).decode


def shortcuts(rules: InputRules) -> dict[InputFormat, Shortcut]:
    """One a format."""
    return {
        InputFormat.NATIVE: read_native,
        InputFormat.SEGMENT: read_segment,
        InputFormat.CLOUDEVENTS: read_cloud_event,
        InputFormat.POSTHOG: PostHogReader(rules.posthog_group).read,
        InputFormat.SNOWPLOW: SnowplowReader(rules.snowplow_entity).read,
    }


def guess(record: bytes) -> InputFormat:
    """Whose a record most likely is. A wrong guess costs time only."""
    if b'"specversion"' in record:
        return InputFormat.CLOUDEVENTS
    if b'"distinct_id"' in record:
        return InputFormat.POSTHOG
    if b'"derived_tstamp"' in record:
        return InputFormat.SNOWPLOW
    if b'"messageId"' in record or b'"userId"' in record or b'"anonymousId"' in record:
        return InputFormat.SEGMENT
    return InputFormat.NATIVE


def read_segment(record: bytes) -> NativeRecord:
    """A `track`, `page` or `screen`."""
    call = _segment(record)
    properties, context = call.properties, call.context
    event = call.event if call.type == "track" else _view(call, properties)
    user = call.user_id or call.anonymous_id
    account = (context.group_id if context is not None else None) or call.group_id or None
    value = 1.0 if properties is None else properties.value
    if not event or not user:
        raise Odd
    original, received, sent = call.original_timestamp, call.received_at, call.sent_at
    if original is not None and received is not None and sent is not None:
        return SkewedRecord(event, user, original, account, call.message_id, value, received, sent)
    if call.timestamp is None:
        raise Odd
    return NativeRecord(event, user, call.timestamp, account, call.message_id, value)


def _view(call: _Segment, properties: _Properties | None) -> str:
    name = call.name
    if name is None or name == "":
        name = None if properties is None else properties.name
    if name is None or name == "":
        return f"Loaded a {call.type.capitalize()}"
    if not isinstance(name, str):
        raise Odd
    return f"Viewed {name} {call.type.capitalize()}"


def read_cloud_event(record: bytes) -> NativeRecord:
    """A structured one."""
    event = _cloud_event(record)
    if event.type == "account":  # without an `event` it may be a native account record
        raise Odd
    event_id = f"{event.source} {event.id}" if event.source and event.id else None
    value = 1.0 if event.data is None else event.data.value
    return NativeRecord(event.type, event.subject, event.time, event.account, event_id, value)


class PostHogReader:
    """Events with the group of one type as their account."""

    def __init__(self, group_type: str) -> None:
        self._group_type = group_type

    def read(self, record: bytes) -> NativeRecord:
        event = _posthog(record)
        if event.event == "$groupidentify":
            raise Odd
        groups = None if event.properties is None else event.properties.groups
        if groups is None:
            groups = event.groups
        account = None if groups is None else groups.get(self._group_type)
        if account is not None and not isinstance(account, str):
            raise Odd
        return NativeRecord(event.event, event.distinct_id, event.timestamp, account or None, event.uuid)


class SnowplowReader:
    """Events with the entity of one name as their account.

    Its field is named by vendor and version too: each such name that is met gets a type of its own.
    """

    def __init__(self, entity: str) -> None:
        name = re.escape(entity.encode())
        self._mark = b"_" + entity.encode() + b"_"
        self._field = re.compile(rb'"(contexts_[^"\\]+_' + name + rb'_[0-9]+)"')
        self._typed: dict[str, Callable[[bytes], Any]] = {}
        self._last = ""
        self._last_quoted = b""
        self._without = _snowplow_reader(self._mark.decode())  # a field that isn't there

    def read(self, record: bytes) -> NativeRecord:
        if b"\\u00" in record:  # a name may be written with escapes, and then isn't seen
            raise Odd
        marks = record.count(self._mark)
        if marks > 1:  # several entities of that name, or it is only part of something else
            raise Odd
        event = (self._with_account(record) if marks else self._without)(record)
        entities = event.entities
        account = (entities[0].account_id or entities[0].id or None) if entities else None
        return NativeRecord(event.event_name, event.user_id, in_utc(event.derived_tstamp), account, event.event_id)

    def _with_account(self, record: bytes) -> Callable[[bytes], Any]:
        if not self._last or self._last_quoted not in record:
            found = self._field.search(record)
            if found is None:
                raise Odd
            if len(self._typed) >= _LEARNED_FIELDS:
                self._typed.clear()
            self._last = found[1].decode("utf-8", "surrogateescape")
            self._last_quoted = found[0]
            if self._last not in self._typed:
                self._typed[self._last] = _snowplow_reader(self._last)
        return self._typed[self._last]


def _snowplow_reader(entity_field: str) -> Callable[[bytes], Any]:
    fields: list[Any] = [
        ("event", str),
        ("event_name", NonEmpty),
        ("user_id", NonEmpty),
        ("derived_tstamp", str),
        ("event_id", str | None, None),
        ("properties", None, None),
        ("ts", None, None),
        ("specversion", Absent, 0),
        ("distinct_id", Absent, 0),
        ("entities", list[_Entity] | None, None),
    ]
    rename = {"entities": entity_field}
    return JsonDecoder(defstruct("Snowplow", fields, rename=rename, gc=False)).decode
