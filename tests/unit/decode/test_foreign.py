"""Records as the public specifications of Segment, CloudEvents, PostHog and Snowplow show them."""

import json
from typing import Any

import msgpack
import pytest

from scorer.core.decode.segment import corrected_ms
from scorer.core.events import MICRO, AccountTraits, Reason
from tests.decoding import decode
from tests.oracle_input import as_native, counted, is_account_record, told

TRACK = {
    "anonymousId": "23adfd82-aa0f-45a7-a756-24f2a7a4c895",
    "context": {"library": {"name": "analytics.js", "version": "2.11.1"}, "groupId": "acme", "ip": "108.0.78.21"},
    "event": "Course Clicked",
    "integrations": {},
    "messageId": "ajs-f8ca1e4de5024d9430b3928bd8ac6b96",
    "properties": {"title": "Intro to Analytics", "value": 2.5},
    "receivedAt": "2015-12-12T19:11:01.266Z",
    "sentAt": "2015-12-12T19:11:01.169Z",
    "timestamp": "2015-12-12T19:11:01.249Z",
    "type": "track",
    "userId": "AiUGstSDIg",
    "originalTimestamp": "2015-12-12T19:11:01.152Z",
}
PAGE = {**TRACK, "type": "page", "event": None, "name": "Home", "userId": None}
GROUP = {
    "messageId": "m",
    "type": "group",
    "userId": "AiUGstSDIg",
    "groupId": "0e8c78ea9d97a7b8185e8632",
    "timestamp": "2015-02-23T22:28:55.111Z",
    "traits": {"name": "Initech", "employees": 329, "plan": "enterprise", "address": {"city": "Austin"}},
}
IDENTIFY = {
    "type": "identify",
    "userId": "97980cfea0067",
    "context": {"groupId": "acme"},
    "timestamp": "2015-02-23T22:28:55.111Z",
    "traits": {"name": "Peter Gibbons", "email": "peter@example.com", "plan": "premium", "logins": 5},
}
ALIAS = {"type": "alias", "previousId": "old", "userId": "new", "timestamp": "2015-02-23T22:28:55.111Z"}
CLOUD = {
    "specversion": "1.0",
    "type": "com.example.someevent",
    "source": "/mycontext",
    "subject": "ann",
    "id": "C234-1234-1234",
    "time": "2018-04-05T17:31:00Z",
    "account": "acme",
    "datacontenttype": "application/json",
    "data": {"appinfoA": "abc", "value": 3},
}
POSTHOG = {
    "uuid": "0190a1b2-0000-7000-8000-000000000001",
    "event": "user_signed_up",
    "distinct_id": "user-1",
    "timestamp": "2020-08-16T09:03:11.913767Z",
    "properties": {"$groups": {"company": "company_id_in_your_db", "project": "p"}},
}
POSTHOG_GROUP = {
    "event": "$groupidentify",
    "distinct_id": "groups_setup_id",
    "properties": {"$group_type": "company", "$group_key": "acme", "$group_set": {"plan": "pro", "subs": [1]}},
}
SNOWPLOW = {
    "app_id": "angry-birds",
    "platform": "web",
    "event": "page_view",
    "event_name": "page_view",
    "event_id": "c6ef3124-b53a-4b13-a233-0088f79dcbcb",
    "user_id": "jon.doe@email.com",
    "collector_tstamp": "2013-11-26T00:02:05Z",
    "derived_tstamp": "2013-11-26T00:03:57.886Z",
    "contexts_org_schema_web_page_1": [{"genre": "blog"}],
    "contexts_com_acme_account_1": [{"id": "acme"}],
}
EVENTS: dict[str, tuple[dict[str, Any], tuple[object, ...]]] = {
    "segment track": (TRACK, ("Course Clicked", "AiUGstSDIg", "acme", TRACK["messageId"], 1449947461249, 2_500_000)),
    "segment page": (
        PAGE,
        ("Viewed Home Page", TRACK["anonymousId"], "acme", TRACK["messageId"], 1449947461249, 2_500_000),
    ),
    "segment screen without a name": (
        {"type": "screen", "userId": "u", "groupId": "g", "timestamp": "1970-01-01T00:00:01Z"},
        ("Loaded a Screen", "u", "g", "", 1000, MICRO),
    ),
    "cloudevents": (
        CLOUD,
        ("com.example.someevent", "ann", "acme", "/mycontext C234-1234-1234", 1522949460000, 3 * MICRO),
    ),
    "posthog": (
        POSTHOG,
        ("user_signed_up", "user-1", "company_id_in_your_db", POSTHOG["uuid"], 1597568591913, MICRO),
    ),
    "snowplow": (
        SNOWPLOW,
        ("page_view", "jon.doe@email.com", "acme", SNOWPLOW["event_id"], 1385424237886, MICRO),
    ),
    "snowplow, an older SDK's time": (
        {**SNOWPLOW, "derived_tstamp": "2013-11-26 00:03:57.886"},
        ("page_view", "jon.doe@email.com", "acme", SNOWPLOW["event_id"], 1385424237886, MICRO),
    ),
}
TRAITS: dict[str, tuple[dict[str, Any], tuple[str | None, dict[str, str]]]] = {
    "group": (GROUP, (str(GROUP["groupId"]), {"name": "Initech", "employees": "329", "plan": "enterprise"})),
    "identify": (IDENTIFY, ("acme", {"plan": "premium", "logins": "5"})),
    "identify without an account": ({**IDENTIFY, "context": {}}, (None, {})),
    "alias": (ALIAS, (None, {})),
    "posthog group": (POSTHOG_GROUP, ("acme", {"plan": "pro"})),
}
encodings = pytest.mark.parametrize("encode", [lambda fields: json.dumps(fields).encode(), msgpack.packb])


@encodings
@pytest.mark.parametrize("name", EVENTS)
def test_an_event_of_each_format_becomes_the_canonical_one(name: str, encode: Any) -> None:
    record, expected = EVENTS[name]
    columns, rejects = decode([encode(record)])
    assert not rejects
    numbers = int(columns.ts_ms[0]), int(columns.value[0])
    assert (columns.event[0], columns.user_id[0], columns.account_id[0], columns.event_id[0], *numbers) == expected


@encodings
@pytest.mark.parametrize("name", TRAITS)
def test_traits_are_the_accounts_they_name(name: str, encode: Any) -> None:
    record, expected = TRAITS[name]
    columns, rejects = decode([encode(record)])
    assert (len(columns), rejects) == (0, [])
    assert columns.traits == (AccountTraits(0, *expected),)


@pytest.mark.parametrize("record", [record for record, _ in [*EVENTS.values(), *TRAITS.values()]])
def test_the_oracle_says_the_same(record: dict[str, Any]) -> None:
    columns, _ = decode([json.dumps(record).encode()])
    native = as_native(record)
    if native is None:
        assert columns.traits[0].account_id is None
    elif is_account_record(native):
        assert told(native) == (columns.traits[0].account_id, columns.traits[0].traits)
    else:
        said = counted(native)
        assert (said.event, said.user, said.account) == (columns.event[0], columns.user_id[0], columns.account_id[0])
        assert (said.event_id or "", said.ts_ms, said.micros) == (
            columns.event_id[0],
            columns.ts_ms[0],
            columns.value[0],
        )


def test_formats_mix_in_one_chunk_with_native_events() -> None:
    native = b'{"event":"e","user_id":"u","ts":1}'
    columns, rejects = decode([native, json.dumps(TRACK).encode(), b"{}", json.dumps(GROUP).encode(), native])
    assert columns.index.tolist() == [0, 1, 4]
    assert [record.index for record in columns.traits] == [3]
    assert [reject.index for reject in rejects] == [2]


def test_a_clients_clock_is_corrected_by_when_it_sent() -> None:
    assert corrected_ms(31_909, 31_581, 31_577) == 31_905
    skewed = {**TRACK, "timestamp": "2000-01-01T00:00:00Z"}
    skewed |= {
        field: f"2019-07-31T07:51:{second}Z"
        for field, second in zip(
            ("receivedAt", "sentAt", "originalTimestamp"), ("31.909", "31.581", "31.577"), strict=True
        )
    }
    columns, _ = decode([json.dumps(skewed).encode()])
    assert int(columns.ts_ms[0]) % 60_000 == 31_905


@pytest.mark.parametrize(
    ("record", "reason", "detail"),
    [
        ({**TRACK, "type": "delete"}, Reason.UNKNOWN_FORMAT, "type is 'delete'"),
        ({**TRACK, "sentAt": "soon"}, Reason.BAD_TIMESTAMP, "sentAt is 'soon'"),
        ({**TRACK, "sentAt": None, "timestamp": None}, Reason.MISSING_FIELD, "timestamp is missing"),
        ({**TRACK, "properties": {"value": "2"}}, Reason.BAD_TYPE, "properties.value is '2'"),
        ({**GROUP, "groupId": None}, Reason.MISSING_FIELD, "groupId is missing"),
        ({**GROUP, "groupId": 7}, Reason.BAD_TYPE, "groupId is 7"),
        ({**CLOUD, "specversion": "0.3"}, Reason.UNKNOWN_FORMAT, "allowed is 1.0"),
        ({**CLOUD, "subject": None}, Reason.MISSING_FIELD, "subject is missing; type, subject, time are required"),
        ({**POSTHOG, "distinct_id": 7}, Reason.BAD_TYPE, "distinct_id is 7"),
        ({**SNOWPLOW, "user_id": None}, Reason.MISSING_FIELD, "user_id is missing"),
    ],
)
def test_a_refusal_speaks_in_the_formats_own_names(record: dict[str, Any], reason: Reason, detail: str) -> None:
    columns, (reject,) = decode([json.dumps(record).encode()])
    assert not len(columns)
    assert (reject.reason, detail in reject.detail) == (reason, True), reject.detail


@pytest.mark.parametrize(
    "found", [7, 1.5, True, "", "\x00", "\ud800", [], [[]], {}, {"company": []}, [{"id": 7}], None]
)
@pytest.mark.parametrize("record", [TRACK, PAGE, GROUP, IDENTIFY, ALIAS, CLOUD, POSTHOG, POSTHOG_GROUP, SNOWPLOW])
def test_whatever_a_field_holds_costs_that_record_only(record: dict[str, Any], found: Any) -> None:
    nested = [(outer, inner) for outer, held in record.items() if isinstance(held, dict) for inner in held]
    broken = [{**record, name: found} for name in record]
    broken += [{**record, outer: {**record[outer], inner: found}} for outer, inner in nested]
    columns, rejects = decode([json.dumps(each).encode() for each in broken])
    indexes = columns.index.tolist() + [told.index for told in columns.traits] + [reject.index for reject in rejects]
    assert sorted(indexes) == list(range(len(broken)))
