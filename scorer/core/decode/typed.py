"""Shortcuts for whole, usual records of other formats: read by type at C speed, to what a native one would be.

Rule 1: a shortcut says what `RecordReader` says, or nothing: whatever it isn't sure of raises one of CANT_READ.
Rule 2: it proves by itself that the record is of its format. Fields by which another format would be told first are
  `Absent`: that they are there at all makes the record odd.
Rule 3: only JSON. Other formats in msgpack are read with care.
"""

import re
from collections.abc import Callable
from typing import Any, Final, Literal

from msgspec import Struct, defstruct, field
from msgspec.json import Decoder as JsonDecoder

from scorer.core.decode.input_rules import InputFormat, InputRules
from scorer.core.decode.native_record import Absent, NativeRecord, NonEmpty, Odd, read_native
from scorer.core.decode.snowplow import in_utc
from scorer.core.decode.typed_segment import read_segment
from scorer.core.events import Headers

Shortcut = Callable[[bytes], NativeRecord]

_LEARNED_FIELDS: Final = 100
_MAY_OPEN_AN_OBJECT: Final = b"{ \t\r\n"


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


_cloud_event: Final = JsonDecoder(_CloudEvent).decode
_data: Final = JsonDecoder(_Data).decode
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


def read_cloud_event(record: bytes) -> NativeRecord:
    """A structured one."""
    event = _cloud_event(record)
    if event.type == "account":  # without an `event` it may be a native account record
        raise Odd
    event_id = f"{event.source} {event.id}" if event.source and event.id else None
    value = 1.0 if event.data is None else event.data.value
    return NativeRecord(event.type, event.subject, event.time, event.account, event_id, value)


def read_binary(headers: Headers, data: bytes | None) -> tuple[NativeRecord, bytes]:
    """A binary one, and all that it is made of in one text, as which it is checked."""
    attributes: dict[str, Any] = dict(headers)
    if attributes.get("ce_specversion") != b"1.0" or None in attributes.values():
        raise Odd
    event, user = attributes.get("ce_type"), attributes.get("ce_subject")
    ts, account = attributes.get("ce_time"), attributes.get("ce_account")
    if not event or not user or not ts or account == b"":
        raise Odd
    source, own_id = attributes.get("ce_source"), attributes.get("ce_id")
    event_id = f"{source.decode()} {own_id.decode()}" if source and own_id else None
    value = _data(data).value if data and data[0] in _MAY_OPEN_AN_OBJECT else 1.0
    who = None if account is None else account.decode()
    # Behind a backslash: what headers hold isn't escaped, as what an escape may stand for has to be looked for.
    text = b"\\".join([*attributes.values(), data or b""])
    return NativeRecord(event.decode(), user.decode(), ts.decode(), who, event_id, value), text


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
        self._mark = b"_" + entity.encode() + b"_"
        self._field = re.compile(rb'"(contexts_[^"\\]+' + re.escape(self._mark) + rb'[0-9]+)"')
        self._typed: dict[str, Callable[[bytes], Any]] = {}
        self._without = _snowplow_reader(self._mark.decode())  # read where there is no such field
        self._last: Callable[[bytes], Any] | None = None

    def read(self, record: bytes) -> NativeRecord:
        if b"\\" in record and b"\\u00" in record:  # a name may be written with escapes, and then isn't seen
            raise Odd
        marks = record.count(self._mark)
        if marks > 1:  # several entities of that name, or it is only part of something else
            raise Odd
        event = (self._last or self._learned(record))(record) if marks else self._without(record)
        if marks and event.entities is None:
            event = self._learned(record)(record)
        entities = event.entities
        account = (entities[0].account_id or entities[0].id or None) if entities else None
        return NativeRecord(event.event_name, event.user_id, in_utc(event.derived_tstamp), account, event.event_id)

    def _learned(self, record: bytes) -> Callable[[bytes], Any]:
        found = self._field.search(record)
        if found is None:
            raise Odd
        name = found[1].decode()
        if name not in self._typed:
            if len(self._typed) >= _LEARNED_FIELDS:
                self._typed.clear()
            self._typed[name] = _snowplow_reader(name)
        self._last = self._typed[name]
        return self._typed[name]


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
    return JsonDecoder(defstruct("Snowplow", fields, rename={"entities": entity_field}, gc=False)).decode
