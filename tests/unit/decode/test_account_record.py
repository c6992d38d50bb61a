"""Native account records: what is read, what is refused, and in what words."""

import json
import math
from collections.abc import Mapping
from typing import Any

import msgpack
import pytest

from scorer.core.events import MAX_TRAITS, AccountTraits, Reason, Reject
from tests.decoding import decode

EVENT = b'{"event":"a","user_id":"u","ts":0}'


def as_json(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def as_msgpack(fields: Mapping[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(fields)
    return packed


encodings = pytest.mark.parametrize("encode", [as_json, as_msgpack])


def record(**changes: Any) -> dict[str, Any]:
    return {"type": "account", "account_id": "acme", "traits": {}} | changes


def told(value: bytes) -> AccountTraits:
    columns, rejects = decode([value])
    assert (rejects, len(columns)) == ([], 0)
    (found,) = columns.traits
    return found


def refused(value: bytes) -> Reject:
    columns, (reject,) = decode([value])
    assert (columns.traits, len(columns), reject.index) == ((), 0, 0)
    return reject


@encodings
def test_an_account_record_tells_traits(encode: Any) -> None:
    traits = {"plan": "pro", "licenses": 50, "trial": False, "region": None}
    expected = {"plan": "pro", "licenses": "50", "trial": "false", "region": None}
    assert told(encode(record(traits=traits))) == AccountTraits(0, "acme", expected)


def test_account_records_stand_next_to_events_in_their_order() -> None:
    first, second, bad = (as_json(record(account_id=account)) for account in ("a", "b", ""))
    columns, rejects = decode([EVENT, first, bad, EVENT, as_msgpack(record(account_id="c")), second])
    assert columns.index.tolist() == [0, 3]
    assert [(found.index, found.account_id) for found in columns.traits] == [(1, "a"), (4, "c"), (5, "b")]
    assert [(reject.index, reject.reason) for reject in rejects] == [(2, Reason.BAD_ID)]


def test_a_record_with_an_event_is_an_event_whatever_its_type() -> None:
    columns, rejects = decode([b'{"type":"account","account_id":"acme","traits":{},' + EVENT[1:]])
    assert (len(columns), columns.traits, rejects) == (1, (), [])


def test_an_event_of_null_is_none() -> None:
    assert told(as_json(record(event=None, traits={"a": 1}))).traits == {"a": "1"}


@encodings
def test_other_fields_are_ignored(encode: Any) -> None:
    assert told(encode(record(user_id=7, ts="never", value=[1], name={"a": 1}))) == AccountTraits(0, "acme", {})


@encodings
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        ("pro ", "pro "),
        ("é\n", "é\n"),
        ("50", "50"),
        ("x" * 256, "x" * 256),
        ("😀" * 64, "😀" * 64),
        (True, "true"),
        (False, "false"),
        (50, "50"),
        (50.0, "50"),
        (-0.0, "0"),
        (-3.50, "-3.5"),
        (0.1, "0.1"),
        (1e-7, "1e-7"),
        (1e16, "10000000000000000"),
        (2**53 + 1, "9007199254740993"),
        (2**64 - 1, "18446744073709551615"),
        (1e300, "1e300"),
    ],
)
def test_scalars_become_canonical_text(encode: Any, value: Any, text: str) -> None:
    assert told(encode(record(traits={"it": value}))).traits == {"it": text}


def test_a_whole_number_beyond_64_bits_is_the_float_next_to_it() -> None:
    for written in (b"1e22", b"1" + b"0" * 22, b"1" + b"0" * 18 + b"1234"):
        assert told(as_json(record(traits={"it": 7})).replace(b"7", written)).traits == {"it": "1e22"}


@encodings
@pytest.mark.parametrize("value", [[1], [], {"a": 1}, {}])
def test_a_value_that_is_no_scalar_is_a_bad_type(encode: Any, value: Any) -> None:
    reject = refused(encode(record(traits={"good": 1, "plan": value})))
    assert reject.reason == Reason.BAD_TYPE
    allowed = "text of at most 256 bytes, a finite number, true, false or null"
    assert reject.detail == f"the trait 'plan' is {value!r}; allowed is {allowed}"


def test_a_msgpack_binary_is_no_text() -> None:
    assert refused(as_msgpack(record(traits={"plan": b"pro"}))).reason == Reason.BAD_TYPE
    assert refused(as_msgpack(record(traits={b"plan": "pro"}))).detail.startswith("a trait's name is b'plan'")


@encodings
@pytest.mark.parametrize("value", ["x" * 257, "é" * 129, math.nan, math.inf, -math.inf])
def test_a_value_out_of_range_is_a_bad_value(encode: Any, value: Any) -> None:
    reject = refused(encode(record(traits={"plan": value})))
    assert reject.reason == Reason.BAD_VALUE
    assert reject.detail.startswith("the trait 'plan' is ")


@pytest.mark.parametrize("written", [b"1e999", b"9" * 400, b"9" * 5000, b'"\\ud800"', b'"\xff"'])
def test_what_json_can_write_and_no_value_can_be_is_a_bad_value(written: bytes) -> None:
    assert refused(as_json(record(traits={"it": "?"})).replace(b'"?"', written)).reason == Reason.BAD_VALUE


@encodings
@pytest.mark.parametrize("name", ["", "a\x00", "\x7f", "\x85", "x" * 65, "é" * 33])
def test_a_name_is_1_to_64_bytes_without_control_characters(encode: Any, name: str) -> None:
    reject = refused(encode(record(traits={name: 1})))
    assert reject.reason == Reason.BAD_VALUE
    assert reject.detail.endswith("allowed is 1 to 64 bytes of UTF-8 without control characters")


@encodings
@pytest.mark.parametrize("name", [" ", "a=b,c/d%", "用户", "x" * 64, "é" * 32])
def test_any_script_and_punctuation_makes_a_name(encode: Any, name: str) -> None:
    assert told(encode(record(traits={name: 1}))).traits == {name: "1"}


@encodings
def test_a_record_names_64_traits_and_no_more(encode: Any) -> None:
    traits = {f"trait {n}": None if n % 2 else n for n in range(MAX_TRAITS)}
    assert len(told(encode(record(traits=traits))).traits) == 64
    reject = refused(encode(record(traits=traits | {"one more": 1})))
    assert (reject.reason, reject.detail) == (Reason.BAD_VALUE, "traits holds 65 traits; allowed are 64")


@encodings
@pytest.mark.parametrize("name", ["account_id", "traits"])
def test_a_missing_field_is_named(encode: Any, name: str) -> None:
    fields = record()
    null = refused(encode(fields | {name: None}))
    del fields[name]
    absent = refused(encode(fields))
    assert null.reason == absent.reason == Reason.MISSING_FIELD
    assert null.detail == f"{name} is null; account_id and traits are required of an account record"
    assert absent.detail == f"{name} is missing; account_id and traits are required of an account record"


@encodings
@pytest.mark.parametrize("found", ["pro", 7, ["plan"], True])
def test_traits_are_an_object(encode: Any, found: Any) -> None:
    reject = refused(encode(record(traits=found)))
    assert reject.reason == Reason.BAD_TYPE
    assert reject.detail == f"traits is {found!r}; allowed is an object of names and values"


@encodings
@pytest.mark.parametrize(
    ("found", "reason"), [(7, Reason.BAD_TYPE), (["a"], Reason.BAD_TYPE), ("", Reason.BAD_ID), ("a\x00", Reason.BAD_ID)]
)
def test_the_account_is_an_id_as_in_events(encode: Any, found: Any, reason: Reason) -> None:
    assert refused(encode(record(account_id=found))).reason == reason


def test_of_a_doubled_name_the_last_counts() -> None:
    value = b'{"type":"account","account_id":"acme","traits":{"plan":"free","plan":"pro"}}'
    assert told(value).traits == {"plan": "pro"}
