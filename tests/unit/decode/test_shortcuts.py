"""Corners in which a shortcut could say something else than the careful reading does."""

import json
from typing import Any

import pytest

from scorer.core.decode import Decoder
from scorer.core.decode.input_rules import DEFAULT_RULES
from scorer.core.decode.record_reader import RecordReader
from tests.payloads import BINARY, CLOUD_EVENT, NATIVE, POSTHOG_EXPORT, SEGMENT_GROUP, SEGMENT_TRACK, SNOWPLOW
from tests.property.test_formats import expected, told

_WITHOUT_ENTITY = {name: value for name, value in SNOWPLOW.items() if not name.endswith("_account_1")}
_ENTITY = [{"account_id": "other"}]
_TIMES = {"sentAt": "2024-02-10T05:00:00Z", "receivedAt": "2024-02-10T04:00:00Z"}
_UNTIMED = {name: value for name, value in SEGMENT_TRACK.items() if name not in _TIMES}


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


CORNERS: dict[str, Any] = {
    "a batch's times correct a call's clock": {"batch": [_UNTIMED], **_TIMES},
    "one of a batch's times, one of the call's": {"batch": [{**_UNTIMED, "sentAt": _TIMES["sentAt"]}], **_TIMES},
    "a call's null goes before a batch's time": {"batch": [{**_UNTIMED, "sentAt": None}], **_TIMES},
    "a call's null account goes before a batch's": {
        "batch": [{**SEGMENT_TRACK, "context": {"groupId": None}}, {**SEGMENT_TRACK, "context": None}],
        "context": {"groupId": "all"},
    },
    "a batch's bad account": {"batch": [{**SEGMENT_TRACK, "context": {}}], "context": {"groupId": "\x7f"}},
    "a batch's account that is none": {"batch": [SEGMENT_TRACK], "context": {"groupId": 7}},
    "a batch's context that is none": {"batch": [SEGMENT_TRACK], "context": "x"},
    "a batch too deep because of a call": {"batch": [{**SEGMENT_TRACK, "x": deep(499)}]},
    "a batch as deep as may be": {"batch": [{**SEGMENT_TRACK, "x": deep(497)}]},
    "a batch too deep around its calls": {"batch": [SEGMENT_TRACK], "x": deep(500)},
    "a batch of another format": {"batch": [SEGMENT_TRACK], "distinct_id": None},
    "a batch with a type": {"batch": [SEGMENT_TRACK], "type": "track", "event": "x"},
    "a call of another format": {**SEGMENT_TRACK, "specversion": None},
    "a call with PostHog's sign within": {**SEGMENT_TRACK, "properties": {"distinct_id": "d"}},
    "a call whose name is none": {**SEGMENT_TRACK, "type": "page", "name": "", "properties": {"name": 7}},
    "a call with three times, one of them none": {**SEGMENT_TRACK, "sentAt": "soon"},
    "a call with a time after the year 9999": {
        **SEGMENT_TRACK,
        "receivedAt": "9999-12-31T23:59:59Z",
        "sentAt": "1970-01-01T00:00:00Z",
    },
    "a call before 1973 by its corrected time": {**SEGMENT_TRACK, "receivedAt": "1972-01-01T00:00:00Z"},
    "traits of a call of another format": {**SEGMENT_GROUP, "event_name": None},
    "traits of a call with PostHog's sign within": {**SEGMENT_GROUP, "properties": {"distinct_id": "d"}},
    "traits of a call with the sign of no format": {"type": "group", "user_id": "u", "traits": {"plan": "pro"}},
    "traits of a call that is native": {**SEGMENT_GROUP, **NATIVE},
    "traits of an account that is no id": {**SEGMENT_GROUP, "groupId": "\x7f"},
    "traits of no account": {**SEGMENT_GROUP, "groupId": ""},
    "traits that are no object": {**SEGMENT_GROUP, "traits": [1]},
    "traits of null": {**SEGMENT_GROUP, "traits": None},
    "traits of every kind": {
        **SEGMENT_GROUP,
        "traits": {"a": 2**70, "b": "\ud800", "c": [], "d": None, "": 1, "e": 1e-7, "f": True},
    },
    "traits too deep": {**SEGMENT_GROUP, "traits": {"a": deep(500)}},
    "two accounts' entities": {**_WITHOUT_ENTITY, "contexts_a_account_1": _ENTITY, "contexts_b_account_2": _ENTITY},
    "an empty entity before another": {**_WITHOUT_ENTITY, "contexts_a_account_1": [], "contexts_b_account_1": _ENTITY},
    "an entity of null": {**_WITHOUT_ENTITY, "contexts_a_account_1": None},
    "an entity that is no list": {**_WITHOUT_ENTITY, "contexts_a_account_1": {"id": "x"}},
    "an entity's name as a value": {**_WITHOUT_ENTITY, "page_title": "contexts_a_account_1"},
    "an entity's mark in an event's name": {**SNOWPLOW, "event_name": "delete_account_clicked"},
    "an entity's mark alone": {**_WITHOUT_ENTITY, "_account_": _ENTITY},
    "an entity without a vendor": {**_WITHOUT_ENTITY, "contexts_account_1": _ENTITY},
    "an entity within an object": {**_WITHOUT_ENTITY, "x": {"contexts_a_account_1": _ENTITY}},
    "Snowplow with PostHog's sign": {**SNOWPLOW, "properties": {"distinct_id": "d"}},
    "a native account record with Snowplow's sign": {**SNOWPLOW, "event": None, "type": "account"},
    "a cloud event of the type account": {**CLOUD_EVENT, "type": "account"},
    "a cloud event that is native": {**CLOUD_EVENT, **NATIVE},
    "a cloud event of an older version": {**CLOUD_EVENT, "specversion": "0.3"},
    "groups twice": {**POSTHOG_EXPORT, "properties": {"$groups": {}}, "$groups": {"company": "c"}},
    "groups of null": {**POSTHOG_EXPORT, "properties": {"$groups": None}, "$groups": {"company": "c"}},
    "a group that is a number": {**POSTHOG_EXPORT, "properties": {"$groups": {"company": 7}}},
}


@pytest.mark.parametrize("name", CORNERS)
@pytest.mark.parametrize("before", [None, SEGMENT_TRACK, SNOWPLOW, NATIVE])
def test_a_shortcut_says_what_the_careful_reading_says(name: str, before: Any) -> None:
    """Behind many of one format, that one's shortcut is tried first."""
    records = [*([json.dumps(before).encode()] * 12 if before else []), json.dumps(CORNERS[name]).encode()]
    reader = RecordReader(DEFAULT_RULES)
    assert told(*Decoder().decode(records)) == expected([reader.read(record) for record in records])


@pytest.mark.parametrize(
    "record",
    [
        json.dumps(SNOWPLOW).encode().replace(b"contexts_com_acme", b"contexts_\\u0063om_acme"),
        json.dumps(SNOWPLOW).encode().replace(b"_account_1", b"_\\u0061ccount_1"),
        json.dumps({"batch": [SEGMENT_TRACK]}).encode().replace(b'"batch"', b'"b\\u0061tch"'),
        json.dumps(SEGMENT_TRACK).encode().replace(b'"type"', b'"event_n\\u0061me":null,"type"'),
        json.dumps(SEGMENT_TRACK).encode()[:-1] + b',"context":{"groupId":"last"},"userId":"last"}',
        json.dumps(SEGMENT_TRACK).encode()[:-1] + b',"context":7}',
        json.dumps(SEGMENT_TRACK).encode()[:-1] + b',"x":NaN}',
        json.dumps(SEGMENT_TRACK).encode().replace(b'"97980cfea0067"', b'"a\\u0000"'),
        json.dumps(SEGMENT_TRACK).encode().replace(b'"97980cfea0067"', b'"a\x7f"'),
        json.dumps(SEGMENT_TRACK).encode() + b" " * 131_072,
    ],
)
def test_names_written_otherwise_are_read_alike(record: bytes) -> None:
    assert told(*Decoder().decode([record])) == expected([RecordReader(DEFAULT_RULES).read(record)])


@pytest.mark.parametrize(
    "value",
    [
        b'{"value":2,"x":' + b"[" * 505 + b"]" * 505 + b"}",
        b'{"value":2,"x":"' + b"[" * 505 + b'"}',
        b'{"value":2,"x":' + b"[" * 300 + b"]" * 300 + b"}",
        b'\xef\xbb\xbf{"value":2}',
        b'{"value":2}{',
        b' \n{"value":2}',
        b'{"v\\u0061lue":2}',
        b'{"value":true}',
        b'{"event":"e","user_id":"u","t\\u0073":1}',
        b'{"event":"e","user_id":"u","ts":1,"value":true}',
    ],
)
def test_a_binary_events_data_is_read_alike(value: bytes) -> None:
    reader = RecordReader(DEFAULT_RULES)
    columns, rejects = Decoder().decode([b"no event", value], {1: BINARY})
    assert told(columns, rejects) == expected([reader.read(b"no event"), reader.read(value, BINARY)])
