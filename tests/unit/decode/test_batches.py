"""Segment batches: one record of several calls."""

import json
from typing import Any

import msgpack
import pytest

from scorer.core.decode import Decoder
from scorer.core.decode.segment import MAX_CALLS
from scorer.core.events import Reason
from tests.decoding import decode

AT = "2024-02-29T12:00:00Z"


def track(user: str | None = "ann", **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "opened", "userId": user, "timestamp": AT, "context": {"groupId": "acme"}, **more}


def batch(*calls: object, **more: Any) -> bytes:
    return json.dumps({"batch": calls, **more}).encode()


@pytest.mark.parametrize("encode", [lambda fields: json.dumps(fields).encode(), msgpack.packb])
def test_each_call_is_an_event_of_the_one_record_in_order(encode: Any) -> None:
    native = encode({"event": "e", "user_id": "n", "ts": 1})
    group = {"type": "group", "groupId": "acme", "traits": {"plan": "pro"}}
    calls = [track("a", messageId="1"), group, track("b", messageId="2")]
    columns, rejects = decode([native, encode({"batch": calls}), native])
    assert rejects == []
    assert columns.index.tolist() == [0, 1, 1, 2]
    assert columns.user_id == ["n", "a", "b", "n"]
    assert columns.event_id == ["", "1", "2", ""]
    assert [columns.call_of(at) for at in range(4)] == [None, 0, 2, None]
    assert [(told.index, told.call, told.traits) for told in columns.traits] == [(1, 1, {"plan": "pro"})]


def test_a_bad_call_costs_itself_only() -> None:
    columns, rejects = decode(
        [batch(track("a"), track(None), 7, track("b"), {"userId": "x"}, track("c", properties={"value": -1}))]
    )
    assert columns.user_id == ["a", "b"]
    assert [(each.index, each.call, each.reason) for each in rejects] == [
        (0, 1, Reason.MISSING_FIELD),
        (0, 2, Reason.BAD_TYPE),
        (0, 4, Reason.UNKNOWN_FORMAT),
        (0, 5, Reason.BAD_VALUE),
    ]


def test_what_a_batch_says_of_all_calls_is_theirs_and_a_calls_own_goes_before() -> None:
    plain = {key: value for key, value in track().items() if key != "context"}
    shared = {"sentAt": "2024-02-29T13:00:00Z", "receivedAt": "2024-02-29T12:30:00Z"}
    timed = {**plain, "originalTimestamp": "2024-02-29T12:59:00Z"}
    record = batch(plain, track(), {**plain, "context": {"ip": "::1"}}, timed, context={"groupId": "all"}, **shared)
    columns, rejects = decode([record])
    assert rejects == []
    assert columns.account_id == ["all", "acme", "all", "all"]
    assert columns.ts_ms[3] - columns.ts_ms[0] == (29 * 60 + 0) * 1000  # by the server's clock, a minute before 12:30


def test_a_batchs_own_message_id_is_no_calls() -> None:
    """The calls would be repeats of each other."""
    columns, _ = decode([batch(track(), track(messageId="own"), messageId="the batch's")])
    assert columns.event_id == ["", "own"]


@pytest.mark.parametrize(
    ("record", "reason", "detail"),
    [
        ({"batch": "x"}, Reason.BAD_TYPE, "batch is 'x'; allowed is a list of calls"),
        ({"batch": []}, Reason.EMPTY, "batch holds no call"),
        ({"batch": [{}] * (MAX_CALLS + 1)}, Reason.BAD_VALUE, "batch holds 2501 calls; allowed are 2500"),
        ({"batch": None}, Reason.UNKNOWN_FORMAT, "a Segment record's type is None"),
    ],
)
def test_what_is_no_batch_is_one_dead_letter(record: dict[str, Any], reason: Reason, detail: str) -> None:
    columns, (reject,) = decode([json.dumps(record).encode()])
    assert not len(columns)
    assert (reject.reason, reject.call, detail in reject.detail) == (reason, None, True), reject.detail


def test_a_batch_within_a_batch_is_a_bad_call() -> None:
    nested = {"batch": [track("inner")]}
    columns, rejects = decode([batch(track(), nested)])
    assert (columns.user_id, [each.call for each in rejects]) == (["ann"], [1])


@pytest.mark.parametrize("encode", [lambda fields: json.dumps(fields).encode(), msgpack.packb])
def test_calls_written_as_records_of_their_own_say_the_same(encode: Any) -> None:
    calls = [
        track("a", x="\ud800" if encode is not msgpack.packb else "é"),
        track("b", y=float("inf")),
        {"batch": [track()]},
        7,
    ]
    record = encode({"batch": calls, "context": {"groupId": "all"}, "sentAt": AT})
    columns, rejects = decode([record])
    alone = Decoder().calls(record)
    assert alone is not None
    apart, refused = decode(alone)
    assert (apart.user_id, apart.account_id, apart.ts_ms.tolist()) == (
        columns.user_id,
        columns.account_id,
        columns.ts_ms.tolist(),
    )
    assert [each.index for each in refused] == [each.call for each in rejects] == [2, 3]


@pytest.mark.parametrize(
    "record", [b"{", b"", None, b'{"batch":[]}', b'{"event":"e","user_id":"u","ts":1,"batch":[1]}']
)
def test_what_is_no_batch_has_no_calls(record: bytes | None) -> None:
    assert Decoder().calls(record) is None
