"""CloudEvents whose attributes are a record's headers."""

import json

import pytest

from scorer.core.decode import Decoder, InputFormat, InputRules
from scorer.core.events import MAX_RECORD_BYTES, MICRO, EventColumns, Headers, Reason, Reject
from tests.payloads import BINARY, CLOUD_EVENT, NATIVE

HEADERS: Headers = [*BINARY, ("ce_account", b"acme")]


def read(
    value: bytes | None, headers: Headers = HEADERS, format_: InputFormat = InputFormat.AUTO
) -> tuple[EventColumns, list[Reject]]:
    return Decoder(InputRules(format_)).decode([value], {0: headers})


def without(name: str) -> Headers:
    return [header for header in HEADERS if header[0] != name]


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        (b'{"value":2.5,"other":[1]}', 2_500_000),
        (b"{}", MICRO),
        (b"", MICRO),
        (None, MICRO),
        (b"\x00\x00avro", MICRO),
        (b"\x81\xa5value\x02", MICRO),
        (b'"text"', MICRO),
        (b'{"value":null}', MICRO),
        (b"[" * 60_000, MICRO),
    ],
)
@pytest.mark.parametrize("format_", [InputFormat.AUTO, InputFormat.CLOUDEVENTS])
def test_headers_say_what_happened_and_the_value_how_much(
    value: bytes | None, micros: int, format_: InputFormat
) -> None:
    columns, rejects = read(value, format_=format_)
    assert rejects == []
    assert (columns.event, columns.user_id, columns.account_id, columns.event_id) == (
        ["com.example.someevent"],
        ["ann"],
        ["acme"],
        ["/mycontext/subcontext 1234-1234-1234"],
    )
    assert (columns.ts_ms.tolist(), columns.value.tolist()) == ([1522900584000], [micros])


def test_without_an_account_it_is_the_users_own() -> None:
    assert read(b"", BINARY)[0].account_id == [None]


@pytest.mark.parametrize(
    ("headers", "value", "reason", "detail"),
    [
        (without("ce_subject"), b"", Reason.MISSING_FIELD, "ce_subject is missing; ce_type, ce_subject, ce_time"),
        (without("ce_time"), b"", Reason.MISSING_FIELD, "ce_time is missing"),
        ([*without("ce_time"), ("ce_time", b"noon")], b"", Reason.BAD_TIMESTAMP, "ce_time is 'noon'"),
        ([*HEADERS, ("ce_subject", b"a\x00")], b"", Reason.BAD_ID, "ce_subject is"),
        ([*HEADERS, ("ce_subject", b"a\xff")], b"", Reason.BAD_ID, "ce_subject is"),
        ([*HEADERS, ("ce_specversion", b"0.3")], b"", Reason.UNKNOWN_FORMAT, "specversion is '0.3'"),
        (HEADERS, b'{"value":"2"}', Reason.BAD_TYPE, "data.value is '2'"),
        (HEADERS, b" " * MAX_RECORD_BYTES, Reason.TOO_LARGE, "allowed are 131072"),
    ],
)
def test_a_refusal_names_the_header(headers: Headers, value: bytes, reason: Reason, detail: str) -> None:
    columns, (reject,) = read(value, headers)
    assert not len(columns)
    assert (reject.reason, detail in reject.detail) == (reason, True), reject.detail


def test_a_structured_event_is_its_value_whatever_its_headers_say() -> None:
    headers = [*without("content-type"), ("Content-Type", b"Application/CloudEvents+json; charset=UTF-8")]
    columns, _ = read(json.dumps(CLOUD_EVENT).encode(), headers)
    assert columns.event_id == ["/mycontext C234-1234-1234"]


def test_a_whole_native_event_is_native_whatever_its_headers_say() -> None:
    for value in (json.dumps(NATIVE).encode(), json.dumps({**NATIVE, "extra": float("nan")}).encode()):
        assert read(value)[0].event_id == ["e-1"]
    assert read(value, format_=InputFormat.CLOUDEVENTS)[0].event_id == ["/mycontext/subcontext 1234-1234-1234"]


@pytest.mark.parametrize("format_", [InputFormat.NATIVE, InputFormat.SEGMENT, InputFormat.POSTHOG])
def test_with_another_format_fixed_headers_are_no_event(format_: InputFormat) -> None:
    assert len(read(b"{}", format_=format_)[1]) == 1


def test_headers_of_tracing_change_nothing() -> None:
    headers: Headers = [("traceparent", b"00-4bf9"), ("ce_id", b"1"), ("x", None)]
    assert read(json.dumps(NATIVE).encode(), headers)[0].user_id == ["ann"]
    assert read(b"{}", headers)[1][0].reason == Reason.MISSING_FIELD


def test_only_the_record_with_headers_is_read_by_them() -> None:
    columns, rejects = Decoder().decode([b"x", b"x", json.dumps(NATIVE).encode()], {1: HEADERS})
    assert ([each.index for each in rejects], columns.index.tolist()) == ([0], [1, 2])
