"""What becomes of payloads as the formats' documentation shows them."""

import json
from typing import Any

import pytest

from scorer.core.events import MICRO, Reason
from tests import payloads
from tests.decoding import decode

EVENTS: dict[str, tuple[str, str, str | None, str, str, float]] = {
    "segment track event": (
        "Course Clicked", "97980cfea0067", "12345", "022bb90c-0000-11e4-8dfc-aa07a5b093db",
        "2024-02-10T04:08:31.905Z", 2.5,
    ),
    "segment page event": (
        "Viewed Home Page", "97980cfea0067", "12345", "022bb90c-0000-11e4-8dfc-aa07a5b093db",
        "2024-02-10T04:08:31.905Z", 1,
    ),
    "segment screen event": (
        "Viewed Orders Screen", "5a0b1c2d3e4f", "12345", "022bb90c-0000-11e4-8dfc-aa07a5b093db",
        "2024-02-10T04:08:31.905Z", 1,
    ),
    "cloudevents event": (
        "com.example.someevent", "ann", "acme", "/mycontext C234-1234-1234", "2018-04-05T17:31:00Z", 1,
    ),
    "posthog export event": (
        "user_signed_up", "user-1", "id:5", "0190a1b2-0000-7000-8000-000000000001", "2024-02-16T09:03:11.913Z", 1,
    ),
    "posthog capture": ("report created", "user-2", "id:5", "", "2024-02-16T09:03:11Z", 1),
    "snowplow event without an account": (
        "link_click", "jon.doe@example.com", None, "c6ef3124-b53a-4b13-a233-0088f79dcbcb", "2024-01-26T00:03:57.886Z",
        1,
    ),
    "snowplow event": (
        "link_click", "jon.doe@example.com", "acme", "c6ef3124-b53a-4b13-a233-0088f79dcbcb",
        "2024-01-26T00:03:57.886Z", 1,
    ),
}  # fmt: skip
TRAITS: dict[str, tuple[str | None, dict[str, str]]] = {
    "segment identify": ("12345", {"plan": "premium", "logins": "5"}),
    "segment group": (
        "0e8c78ea9d97",
        {"name": "Initech", "industry": "Technology", "employees": "329", "plan": "enterprise", "total billed": "830"},
    ),
    "segment alias": (None, {}),
    "posthog group": ("id:5", {"company_name": "Awesome Inc.", "employees": "11"}),
}


@pytest.mark.parametrize("name", EVENTS)
def test_a_published_event_is_read_as_it_is_meant(name: str) -> None:
    columns, rejects = decode([json.dumps(payloads.EVERY_PAYLOAD[name]).encode()])
    (native,), _ = decode([json.dumps({**payloads.NATIVE, "ts": EVENTS[name][4]}).encode()])[0].ts_ms, None
    assert rejects == []
    event, user, account, event_id, _, value = EVENTS[name]
    assert (columns.event, columns.user_id, columns.account_id) == ([event], [user], [account])
    assert (columns.event_id, columns.ts_ms[0], columns.value[0]) == ([event_id], native, value * MICRO)


@pytest.mark.parametrize("name", TRAITS)
def test_a_published_call_that_tells_traits_is_read_as_it_is_meant(name: str) -> None:
    columns, rejects = decode([json.dumps(payloads.EVERY_PAYLOAD[name]).encode()])
    assert (rejects, len(columns)) == ([], 0)
    assert [(told.account_id, told.traits) for told in columns.traits] == [TRAITS[name]]


@pytest.mark.parametrize("name", ["cloudevents, binary data", "cloudevents, xml", "cloudevents, json"])
def test_a_cloud_event_that_names_nobody_is_a_dead_letter_and_with_a_subject_counts_one(name: str) -> None:
    payload: dict[str, Any] = payloads.EVERY_PAYLOAD[name]
    (reject,) = decode([json.dumps(payload).encode()])[1]
    assert (reject.reason, reject.detail) == (
        Reason.MISSING_FIELD,
        "subject is missing; type, subject, time are required",
    )
    columns, _ = decode([json.dumps({**payload, "subject": "ann"}).encode()])
    assert (columns.user_id, columns.value.tolist()) == (["ann"], [MICRO])


def test_of_the_published_batch_the_call_with_a_time_that_is_none_is_refused() -> None:
    columns, rejects = decode([json.dumps(payloads.SEGMENT_BATCH).encode()])
    assert (columns.event, columns.user_id, columns.index.tolist()) == (["Song Played"], ["019mr8mf4r"], [0])
    assert [(told.call, told.account_id) for told in columns.traits] == [(0, None), (2, None)]
    assert [(each.index, each.call, each.reason) for each in rejects] == [(0, 3, Reason.BAD_TIMESTAMP)]
