"""Native records: what is read, what is refused, why, and in what words."""

import json
import math
from typing import Any

import msgpack
import pytest

from scorer.core.decode.loose import MAX_DEPTH
from scorer.core.events import MAX_RECORD_BYTES, EventColumns, Reason, Reject
from tests.decoding import decode

USUAL: dict[str, Any] = {
    "event_id": "0f5b",
    "event": "report_exported",
    "user_id": "u1",
    "account_id": "acme",
    "ts": "2026-01-02T03:04:05.678Z",
    "value": 2.5,
}
USUAL_MS = 1767323045678


def as_json(**changes: Any) -> bytes:
    return json.dumps({**USUAL, **changes}).encode()


def as_msgpack(**changes: Any) -> bytes:
    packed: bytes = msgpack.packb({**USUAL, **changes})
    return packed


def as_utf8_json(**changes: Any) -> bytes:
    return json.dumps({**USUAL, **changes}, ensure_ascii=False).encode()


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in USUAL.items() if name not in names}


def usable(record: bytes) -> EventColumns:
    columns, rejects = decode([record])
    assert rejects == []
    assert len(columns) == 1
    return columns


def refused(record: bytes | None) -> Reject:
    columns, rejects = decode([record])
    assert len(columns) == 0
    (reject,) = rejects
    assert reject.index == 0
    return reject


def rows(columns: EventColumns) -> list[tuple[Any, ...]]:
    return list(
        zip(
            columns.index.tolist(),
            columns.event,
            columns.user_id,
            columns.account_id,
            columns.event_id,
            columns.ts_ms.tolist(),
            columns.value.tolist(),
            strict=True,
        )
    )


@pytest.mark.parametrize("encode", [as_json, as_msgpack])
def test_a_record_becomes_a_row(encode: Any) -> None:
    assert rows(usable(encode())) == [(0, "report_exported", "u1", "acme", "0f5b", USUAL_MS, 2_500_000)]


def test_the_columns_have_the_types_they_promise() -> None:
    columns = usable(as_json())
    assert str(columns.index.dtype) == "int32"
    assert str(columns.ts_ms.dtype) == str(columns.value.dtype) == "int64"


def test_no_records_make_empty_columns() -> None:
    columns, rejects = decode([])
    assert (len(columns), rejects, columns.ts_ms.shape, columns.value.shape) == (0, [], (0,), (0,))


@pytest.mark.parametrize("absent", [without("account_id", "event_id", "value"), None])
@pytest.mark.parametrize("encode", [lambda fields: json.dumps(fields).encode(), msgpack.packb])
def test_optional_fields_may_be_absent_or_null(absent: dict[str, Any] | None, encode: Any) -> None:
    fields = absent or {**USUAL, "account_id": None, "event_id": None, "value": None}
    assert rows(usable(encode(fields))) == [(0, "report_exported", "u1", None, "", USUAL_MS, 1_000_000)]


def test_white_space_around_json_is_fine() -> None:
    assert len(usable(b" \r\n\t" + as_json() + b"\n")) == 1


def test_fields_of_others_are_ignored_whatever_they_hold() -> None:
    text = as_json()[:-1]
    for extra in (b'{"a":[1]}', b'"\xff"', b'"\\ud800"', b"NaN", b"1e999", b"9" * 5000, b'"a\\u0000b"'):
        assert rows(usable(text + b',"extra":' + extra + b"}")) == rows(usable(as_json()))


def test_of_a_doubled_key_the_last_counts() -> None:
    for first in (b'"x"', b"null", b"7"):
        assert usable(b'{"user_id":' + first + b"," + as_json()[1:]).user_id == ["u1"]


def test_a_bad_record_costs_itself_only() -> None:
    records = [as_json(), None, as_msgpack(user_id="u2"), b"{", as_json(ts=0), as_json(value=-1), as_json(user_id="é")]
    columns, rejects = decode(records)
    assert columns.index.tolist() == [0, 2, 4, 6]
    assert columns.user_id == ["u1", "u2", "u1", "é"]
    assert columns.ts_ms.tolist() == [USUAL_MS, USUAL_MS, 0, USUAL_MS]
    assert [(reject.index, reject.reason) for reject in rejects] == [
        (1, Reason.EMPTY),
        (3, Reason.NOT_JSON),
        (5, Reason.BAD_VALUE),
    ]


def test_every_record_of_a_large_chunk_is_checked() -> None:
    records = [as_json()] * 1200
    for row in (0, 499, 500, 1199):
        chunk = [*records[:row], as_utf8_json(user_id="\x7f"), *records[row + 1 :]]
        columns, rejects = decode(chunk)
        assert [(reject.index, reject.reason) for reject in rejects] == [(row, Reason.BAD_ID)]
        assert columns.index.tolist() == [other for other in range(1200) if other != row]


@pytest.mark.parametrize("record", [None, b"", b" \n"])
def test_a_record_without_a_value_is_empty(record: bytes | None) -> None:
    assert refused(record).reason == Reason.EMPTY


@pytest.mark.parametrize(
    "record",
    [
        b"hello",
        b"\x00\x01",
        b'{"event":',
        b"\xef\xbb\xbf" + as_json(),
        as_json() + b"x",
        as_json()[:-1] + b",}",
        as_json().replace(b"u1", b"u\n1"),
        as_msgpack()[:-1],
        as_msgpack() + b"\x00",
        b"\x81\x80\x80",
        b"\xdf\xff\xff\xff\xff",
        b"\x93\x01\x02\x03",
    ],
)
def test_a_record_that_cant_be_read_is_not_json(record: bytes) -> None:
    reject = refused(record)
    assert reject.reason == Reason.NOT_JSON
    assert "neither a JSON object nor a msgpack map" in reject.detail


@pytest.mark.parametrize("record", [b"[1]", b'"a"', b"12", b"null", b"true", b" [] ", b"NaN"])
def test_json_that_is_no_object_is_told_from_no_json(record: bytes) -> None:
    assert refused(record).reason == Reason.NOT_AN_OBJECT


@pytest.mark.parametrize("name", ["event", "user_id", "ts"])
def test_a_missing_field_is_named(name: str) -> None:
    absent = refused(json.dumps(without(name)).encode())
    null = refused(as_json(**{name: None}))
    assert absent.reason == null.reason == Reason.MISSING_FIELD
    assert absent.detail == f"{name} is missing; event, user_id, ts are required"
    assert null.detail == f"{name} is null; event, user_id, ts are required"


@pytest.mark.parametrize("encode", [as_json, as_msgpack])
@pytest.mark.parametrize("name", ["event", "user_id", "account_id", "event_id"])
@pytest.mark.parametrize("found", [7, True, 1.5, ["a"], {"a": 1}])
def test_an_id_that_is_no_string_is_a_bad_type(encode: Any, name: str, found: Any) -> None:
    reject = refused(encode(**{name: found}))
    assert reject.reason == Reason.BAD_TYPE
    assert reject.detail == f"{name} is {found!r}; allowed is a string"


@pytest.mark.parametrize("encode", [as_json, as_utf8_json, as_msgpack])
@pytest.mark.parametrize("name", ["event", "user_id", "account_id", "event_id"])
@pytest.mark.parametrize(
    "found", ["", "a\x00", "\x1fa", "a\nb", "\x7f", "é\x80", "é\x7f", "\x9f", "x" * 513, "é" * 257, "😀" * 129]
)
def test_an_id_is_1_to_512_bytes_without_control_characters(encode: Any, name: str, found: str) -> None:
    neighbour = encode()
    columns, rejects = decode([neighbour, encode(**{name: found}), neighbour])
    assert columns.index.tolist() == [0, 2]
    (reject,) = rejects
    assert (reject.index, reject.reason) == (1, Reason.BAD_ID)
    assert reject.detail.startswith(f"{name} is ")
    assert reject.detail.endswith("allowed is 1 to 512 bytes of UTF-8 without control characters")


@pytest.mark.parametrize("encode", [as_json, as_utf8_json, as_msgpack])
@pytest.mark.parametrize("name", ["event", "user_id", "account_id", "event_id"])
@pytest.mark.parametrize("text", ["/:%", " ", "\xa0", "~", "用户", "x" * 512, "é" * 256, "😀" * 128, '"\\'])
def test_any_script_and_punctuation_makes_an_id(encode: Any, name: str, text: str) -> None:
    assert getattr(usable(encode(**{name: text})), name) == [text]


@pytest.mark.parametrize("broken", [b'"\\ud800"', b'"a\\udc00b"', b'"\xff"', b'"\xed\xa0\x80"', b'"\xc3"'])
def test_an_id_that_is_no_utf8_is_a_bad_id(broken: bytes) -> None:
    assert refused(as_json().replace(b'"u1"', broken)).reason == Reason.BAD_ID
    assert refused(as_json().replace(b'"2026-01-02T03:04:05.678Z"', broken)).reason == Reason.BAD_TIMESTAMP


def test_a_msgpack_id_that_is_no_utf8_is_a_bad_id() -> None:
    assert refused(as_msgpack().replace(b"\xa2u1", b"\xa2u\xff")).reason == Reason.BAD_ID


def test_a_msgpack_binary_is_no_string() -> None:
    assert refused(as_msgpack(user_id=b"u1")).reason == Reason.BAD_TYPE


@pytest.mark.parametrize("encode", [as_json, as_msgpack])
@pytest.mark.parametrize(
    ("ts", "ms"),
    [
        ("2026-01-02T03:04:05Z", 1767323045000),
        ("2026-01-02t03:04:05z", 1767323045000),
        ("2026-01-02 03:04:05Z", 1767323045000),
        ("2026-01-02T03:04:05.6Z", 1767323045600),
        ("2026-01-02T03:04:05.6789Z", 1767323045678),
        ("2026-01-02T03:04:05.678999999Z", 1767323045678),
        ("2026-01-02T03:04:05." + "9" * 40 + "Z", 1767323045999),
        ("2026-01-02T03:04:05+00:00", 1767323045000),
        ("2026-01-02T03:04:05-00:00", 1767323045000),
        ("2026-01-02T05:34:05.678+02:30", 1767323045678),
        ("2026-01-01T23:04:05.678-04:00", 1767323045678),
        ("2024-02-29T00:00:00Z", 1709164800000),
        ("1969-12-31T23:30:00-01:00", 1800000),
        ("9999-12-31T23:59:59.999Z", 253402300799999),
        ("2016-12-31T23:59:60Z", 1483228799999),
        ("2017-01-01T00:59:60.25+01:00", 1483228799999),
        (0, 0),
        (1767323045, 1767323045000),
        (1767323045.678, 1767323045678),
        (1.0019999, 1001),
        (6.246, 6246),
        (6.2459999999999996, 6245),
        (696977076.1389999, 696977076138),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        (1767323045678, 1767323045678),
        (1767323045678.9, 1767323045678),
        (253402300799999, 253402300799999),
    ],
)
def test_a_time_becomes_epoch_milliseconds(encode: Any, ts: Any, ms: int) -> None:
    assert usable(encode(ts=ts)).ts_ms.tolist() == [ms]


@pytest.mark.parametrize("encode", [as_json, as_msgpack])
@pytest.mark.parametrize(
    "ts",
    [
        "",
        "yesterday",
        "1767323045",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05,6Z",
        "2026-01-02T03:04:05+0000",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+00:60",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:00Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T23:59:60Z",
        "2016-12-31T22:59:60Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "9999-99-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:30:00+01:00",
        "9999-12-31T23:30:00-01:00",
        "9999-12-31T23:59:60Z",
        "2026-01-02T03:04:05Z ",
        "2026-01-02T03:04:05Z\n",
        "\u0662026-01-02T03:04:05Z",
        "٢٠٢٦-01-02T03:04:05Z",
        -1,
        -0.5,
        253402300800000,
        1767323045678901,
        1e300,
        math.nan,
        math.inf,
        -math.inf,
    ],
)
def test_what_is_no_time_is_a_bad_timestamp(encode: Any, ts: Any) -> None:
    reject = refused(encode(ts=ts))
    assert reject.reason == Reason.BAD_TIMESTAMP
    assert reject.detail.startswith("ts is ")
    assert "RFC 3339" in reject.detail


@pytest.mark.parametrize("digits", [b"1" + b"0" * 30, b"9" * 400, b"9" * 5000, b"1e400"])
def test_a_huge_number_is_refused_by_its_field(digits: bytes) -> None:
    assert refused(as_json().replace(b'"2026-01-02T03:04:05.678Z"', digits)).reason == Reason.BAD_TIMESTAMP
    assert refused(as_json().replace(b"2.5", digits)).reason == Reason.BAD_VALUE
    assert refused(as_json().replace(b'"u1"', digits)).reason == Reason.BAD_TYPE


@pytest.mark.parametrize("ts", [True, [1], {"seconds": 1}])
def test_a_time_of_another_type_is_a_bad_type(ts: Any) -> None:
    assert refused(as_json(ts=ts)).reason == refused(as_msgpack(ts=ts)).reason == Reason.BAD_TYPE


def test_a_chunk_may_mix_all_ways_to_write_a_time() -> None:
    times: list[Any] = ["2026-01-02T03:04:05.678Z", 5, "2026-01-02T03:04:05Z", 5.5, "2026-01-02T04:04:05+01:00", 10**40]
    columns, rejects = decode([as_json(ts=ts) for ts in times])
    assert columns.ts_ms.tolist() == [USUAL_MS, 5000, 1767323045000, 5500, 1767323045000]
    assert [reject.index for reject in rejects] == [5]


@pytest.mark.parametrize(
    ("times", "good"),
    [
        (["2026-01-02T03:04:05", ".678Z2026-01-02T03:04:05.678Z"], []),
        (["2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Zjunk.", "2026-01-02T03:04:05"], [0]),
        (["2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z\n2026-01-02T03:04:05.678Z", "x" * 11, "y" * 12], [0]),
    ],
)
def test_a_time_never_reaches_into_its_neighbour(times: list[str], good: list[int]) -> None:
    columns, rejects = decode([as_json(ts=ts) for ts in times])
    assert columns.index.tolist() == good
    assert {reject.reason for reject in rejects} == {Reason.BAD_TIMESTAMP}


@pytest.mark.parametrize("encode", [as_json, as_msgpack])
@pytest.mark.parametrize(
    ("value", "micro"),
    [
        (0, 0),
        (-0.0, 0),
        (0.1, 100_000),
        (0.3, 300_000),
        (1, 1_000_000),
        (1e9, 10**15),
        (10**9, 10**15),
        (999_999_999.999999, 999_999_999_999_999),
        (0.0000005, 0),
        (0.0000015, 2),
        (0.0000025, 2),
        (1.0000005, 1_000_000),
        (1.0000015, 1_000_002),
        (1.00000051, 1_000_001),
        (5e-324, 0),
    ],
)
def test_a_value_is_exact_in_millionths_half_even(encode: Any, value: float, micro: int) -> None:
    assert usable(encode(value=value)).value.tolist() == [micro]


@pytest.mark.parametrize("value", [-1.0, -1e-9, 1e9 + 1, 1e300, math.nan, math.inf, -math.inf])
def test_a_value_out_of_range_is_a_bad_value(value: float) -> None:
    for record in (as_json(value=value), as_msgpack(value=value)):
        reject = refused(record)
        assert reject.reason == Reason.BAD_VALUE
        assert reject.detail == f"value is {value!r}; allowed is a finite number from 0 to 1000000000"


@pytest.mark.parametrize("value", [True, False, "1", [1], {}])
def test_a_value_that_is_no_number_is_a_bad_type(value: Any) -> None:
    assert refused(as_json(value=value)).reason == refused(as_msgpack(value=value)).reason == Reason.BAD_TYPE


def test_a_record_may_have_128_kib_and_no_more() -> None:
    room = MAX_RECORD_BYTES - len(as_json(pad=""))
    assert len(usable(as_json(pad="x" * room))) == 1
    reject = refused(as_json(pad="x" * (room + 1)))
    assert reject.reason == Reason.TOO_LARGE
    assert reject.detail == "the record has 131073 bytes; allowed are 131072"


@pytest.mark.parametrize("depth", [MAX_DEPTH, 60_000])
def test_a_record_nested_too_deep_is_refused(depth: int) -> None:
    for record in (
        as_json()[:-1] + b',"x":' + b"[" * depth + b"]" * depth + b"}",
        b"\x87" + as_msgpack()[1:] + b"\xa1x" + b"\x91" * depth + b"\x01",
        b"[" * depth,
    ):
        assert refused(record).reason == Reason.NOT_JSON


def test_a_record_may_be_nested_deep_and_wide() -> None:
    deep = MAX_DEPTH - 2
    assert len(usable(as_json()[:-1] + b',"x":' + b"[" * deep + b"]" * deep + b"}")) == 1
    assert len(usable(b"\x87" + as_msgpack()[1:] + b"\xa1x" + b"\x91" * deep + b"\x01")) == 1
    assert len(usable(as_json(x=[{}] * 10_000))) == 1
    assert len(usable(as_json(x="[" * 10_000))) == 1


def test_a_native_record_stays_native_whatever_else_it_holds() -> None:
    assert len(usable(as_json(type="track", messageId="m", specversion="1.0", distinct_id="d"))) == 1


def test_an_object_of_no_known_format_lacks_its_first_field() -> None:
    assert refused(b"{}").detail.startswith("event is missing")
    assert refused(b'{"type":["track"]}').reason == Reason.MISSING_FIELD
    assert refused(b"\x81\x01\x02").reason == Reason.MISSING_FIELD


def test_what_was_found_is_shortened_in_the_detail() -> None:
    for changes in (
        {"ts": "x" * 5000},
        {"event": {"a": ["b" * 5000] * 50}},
        {"value": "9" * 5000},
        {"user_id": "x" * 9999},
    ):
        assert len(refused(as_json(**changes)).detail) < 250
    assert len(refused(b"nonsense" * 1000).detail) < 250
