"""What the settings say of the input: a fixed format, fields that stand elsewhere, what is an account."""

import json
from collections.abc import Mapping
from typing import Any

import msgpack
import pytest

from scorer.core.decode import Decoder, InputFormat, InputRules
from scorer.core.decode.record_reader import RecordReader
from scorer.core.events import EventColumns, Reason, Reject
from tests import payloads
from tests.property.test_formats import expected, told

OF_FORMAT: dict[InputFormat, dict[str, Any]] = {
    InputFormat.NATIVE: payloads.NATIVE,
    InputFormat.SEGMENT: payloads.SEGMENT_TRACK,
    InputFormat.CLOUDEVENTS: payloads.CLOUD_EVENT,
    InputFormat.POSTHOG: payloads.POSTHOG_EXPORT,
    InputFormat.SNOWPLOW: payloads.SNOWPLOW,
}
FIXED = list(OF_FORMAT)


def read(rules: InputRules, *records: Mapping[str, Any]) -> tuple[EventColumns, list[Reject]]:
    return Decoder(rules).decode([json.dumps(record).encode() for record in records])


@pytest.mark.parametrize("format_", FIXED)
def test_a_fixed_format_reads_its_own_and_refuses_every_other_by_the_settings_name(format_: InputFormat) -> None:
    columns, rejects = read(InputRules(format_), *OF_FORMAT.values())
    own = FIXED.index(format_)
    assert columns.index.tolist() == [own]
    assert columns.user_id == read(InputRules(), OF_FORMAT[format_])[0].user_id
    assert [(each.index, each.reason) for each in rejects] == [
        (at, Reason.UNKNOWN_FORMAT) for at in range(len(FIXED)) if at != own
    ]
    assert all(f"SCORER_INPUT_FORMAT={format_} reads no other format" in each.detail for each in rejects)


@pytest.mark.parametrize("format_", FIXED)
def test_a_fixed_format_refuses_what_is_of_none(format_: InputFormat) -> None:
    _, (reject,) = read(InputRules(format_), {"x": 1})
    if format_ is InputFormat.NATIVE:
        assert (reject.reason, "event is missing" in reject.detail) == (Reason.MISSING_FIELD, True)
    else:
        assert reject.reason == Reason.UNKNOWN_FORMAT
        assert f"the record has the fields ['x']; SCORER_INPUT_FORMAT={format_}" in reject.detail


def test_with_a_fixed_format_nothing_else_in_a_record_matters() -> None:
    both = {**payloads.SEGMENT_TRACK, **payloads.NATIVE, "specversion": "1.0"}
    assert read(InputRules(), both)[0].event_id == ["e-1"]
    assert read(InputRules(InputFormat.SEGMENT), both)[0].event_id == [payloads.SEGMENT_TRACK["messageId"]]


def test_fields_that_stand_elsewhere_are_found_by_their_paths() -> None:
    paths = {"event": ("what",), "user_id": ("properties", "actor", "id"), "ts": ("at",), "value": ("n",)}
    paths |= {"account_id": ("org", "id"), "event_id": ("key",)}
    record: dict[str, Any] = {
        "what": "opened",
        "properties": {"actor": {"id": "ann"}},
        "at": 1,
        "n": 2,
        "org": {"id": "acme"},
        "key": "k",
    }
    for value in (json.dumps(record).encode(), msgpack.packb(record)):
        columns, rejects = Decoder(InputRules(paths=paths)).decode([value])
        assert rejects == []
        assert (columns.event, columns.user_id, columns.account_id) == (["opened"], ["ann"], ["acme"])
        assert (columns.event_id, columns.ts_ms.tolist(), columns.value.tolist()) == (["k"], [1000], [2_000_000])


@pytest.mark.parametrize("format_", FIXED)
@pytest.mark.parametrize("fixed", [True, False])
def test_a_path_goes_before_the_formats_own_place(format_: InputFormat, fixed: bool) -> None:
    record: dict[str, Any] = {**OF_FORMAT[format_], "deep": {"er": {"id": "moved"}}}
    rules = InputRules(format_ if fixed else InputFormat.AUTO, {"account_id": ("deep", "er", "id")})
    columns, _ = read(rules, record)
    assert columns.account_id == ["moved"]
    assert columns.user_id == read(InputRules(), OF_FORMAT[format_])[0].user_id


def test_nothing_at_a_path_is_nothing_whatever_the_formats_own_place_holds() -> None:
    rules = InputRules(paths={"user_id": ("properties", "actor", "id")})
    _, (reject,) = read(rules, payloads.NATIVE)
    assert reject.reason == Reason.MISSING_FIELD
    assert reject.detail == "properties.actor.id is missing; event, properties.actor.id, ts are required"
    columns, _ = read(
        InputRules(paths={"account_id": ("org",)}), payloads.NATIVE, {**payloads.SEGMENT_TRACK, "org": ""}
    )
    assert columns.account_id == [None, None]


def test_paths_of_a_batchs_calls_begin_at_the_call_and_of_a_binary_event_at_its_attributes() -> None:
    call = {**payloads.SEGMENT_TRACK, "who": {"id": "moved"}}
    rules = InputRules(paths={"user_id": ("who", "id")})
    assert read(rules, {"batch": [call]})[0].user_id == ["moved"]
    rules = InputRules(paths={"user_id": ("data", "who"), "account_id": ("tenant",)})
    headers = {0: [*payloads.BINARY, ("ce_tenant", b"t")]}
    columns, _ = Decoder(rules).decode([b'{"who":"moved"}'], headers)
    assert (columns.user_id, columns.account_id) == (["moved"], ["t"])


def test_account_records_keep_their_own_places() -> None:
    rules = InputRules(paths={"account_id": ("org",), "event": ("what",)})
    columns, rejects = read(
        rules, {"type": "account", "account_id": "acme", "traits": {"plan": "pro"}}, payloads.SEGMENT_GROUP
    )
    assert (rejects, [told.account_id for told in columns.traits]) == ([], ["acme", "0e8c78ea9d97"])
    columns, _ = read(rules, {"type": "account", "what": "account opened", "user_id": "u", "ts": 1})
    assert columns.event == ["account opened"]


def test_the_account_is_the_group_or_entity_that_the_settings_name() -> None:
    rules = InputRules(posthog_group="project", snowplow_entity="tenant")
    tenant = {**payloads.SNOWPLOW, "contexts_io_other_tenant_2": [{"id": "t"}]}
    columns, _ = read(rules, payloads.POSTHOG_EXPORT, payloads.SNOWPLOW, tenant)
    assert columns.account_id == ["p", None, "t"]
    (told,) = read(rules, payloads.POSTHOG_GROUP)[0].traits
    assert told.account_id is None


PATHS: dict[str, tuple[str, ...]] = {"user_id": ("who", "é", "id"), "ts": ("at",), "account_id": ("who", "org")}
WHOLE: dict[str, Any] = {"event": "e", "who": {"é": {"id": "ann"}, "org": "acme"}, "at": 1, "userId": "other"}


def test_a_fixed_native_format_with_fields_elsewhere_takes_a_shortcut(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder(InputRules(InputFormat.NATIVE, PATHS))
    monkeypatch.setattr(RecordReader, "read", lambda *_: pytest.fail("read with care"))
    columns, _ = decoder.decode([json.dumps(WHOLE).encode(), json.dumps({**WHOLE, "value": None}).encode()])
    assert (columns.user_id, columns.account_id, columns.value.tolist()) == (["ann"] * 2, ["acme"] * 2, [1_000_000] * 2)


@pytest.mark.parametrize(
    "changes",
    [
        *({"who": None}, {"who": {"é": {"id": "ann"}}}, {"who": {"é": {"id": ""}}}, {"who": {"é": 7}}, {"who": 7}),
        *({"who": {"é": {"id": "ann"}, "org": ""}}, {"event": None}, {"event": 7}, {"at": None}, {"at": "noon"}),
        *({"value": -1}, {"event_id": "\x7f"}, {"type": "account", "event": None, "account_id": "a", "traits": {}}, {}),
    ],
)
def test_and_says_what_the_careful_reading_says(changes: dict[str, Any]) -> None:
    rules = InputRules(InputFormat.NATIVE, PATHS)
    said = (WHOLE, {**WHOLE, **changes}, payloads.SEGMENT_TRACK, payloads.NATIVE)
    records = [json.dumps(each).encode() for each in said] + [msgpack.packb(each) for each in said * 2]
    assert told(*Decoder(rules).decode(records)) == expected([RecordReader(rules).read(each) for each in records])
