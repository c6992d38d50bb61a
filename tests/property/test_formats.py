"""Shortcuts of the other formats equal the careful reading of each record on its own, whatever stands in them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.core.decode import Decoder, InputFormat, InputRules
from scorer.core.decode.account_record import CheckedTraits
from scorer.core.decode.faults import Fault
from scorer.core.decode.record_reader import Calls, Outcome, RecordReader
from scorer.core.decode.told import CheckedRecord
from scorer.core.events import EventColumns, Headers, Reject
from tests.payloads import BINARY, EVERY_PAYLOAD, NATIVE

FIELDS = sorted({name for payload in EVERY_PAYLOAD.values() for name in payload} | set(NATIVE))
INNER = ["value", "name", "groupId", "$groups", "company", "distinct_id", "account_id", "id", "batch", "type"]
odd_values: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, "", "x", "account", "track", "1.0", "\x00", "\ud800", "a" * 513, "2024-01-01T00:00:00Z"),
        *(7, -1, 1.5, True, 2**70, [], {}, [{}], [7]),
        *({"value": 2}, {"value": "2"}, {"groupId": "g"}, {"groupId": 7}, {"company": "c"}, {"company": 7}),
        *({"distinct_id": "d"}, {"$groups": {"company": "c"}}, [{"account_id": "a"}], [{"id": ""}]),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A published payload with some fields left out, or holding something else, or of another format."""
    record = dict(draw(st.sampled_from([*EVERY_PAYLOAD.values(), NATIVE])))
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(sorted(record) or ["x"]) | st.sampled_from(FIELDS))
        action = draw(st.sampled_from(["drop", "odd", "odd", "inner", "other"]))
        if action == "drop":
            record.pop(name, None)
        elif action == "odd":
            record[name] = draw(odd_values)
        elif action == "inner" and isinstance(record.get(name), dict):
            record[name] = {**record[name], draw(st.sampled_from(INNER)): draw(odd_values)}
        else:
            other = draw(st.sampled_from([*EVERY_PAYLOAD.values(), NATIVE]))
            record |= {
                other_name: other[other_name]
                for other_name in draw(st.sets(st.sampled_from(sorted(other)), max_size=4))
            }
    return record


@st.composite
def batches(draw: st.DrawFn) -> dict[str, Any]:
    """Calls of every kind, with and without what a batch says of all of them."""
    calls: list[Any] = draw(st.lists(mutated() | odd_values, max_size=6))
    contexts = [{"groupId": "all"}, {"groupId": ""}, {"groupId": "\x7f"}, {"ip": "x"}, {}, None, 7]
    shared: dict[str, list[Any]] = {"context": contexts}
    times = ["2024-02-10T04:08:31.909Z", None, "noon"]
    shared |= {"sentAt": times, "receivedAt": times, "messageId": ["m"], "type": ["batch", "track"], "ts": [1]}
    names = draw(st.sets(st.sampled_from(sorted(shared)), max_size=3))
    return {"batch": calls, **{name: draw(st.sampled_from(shared[name])) for name in sorted(names)}}


@st.composite
def written(draw: st.DrawFn) -> bytes:
    record = draw(mutated() | batches())
    text = json.dumps(record, ensure_ascii=draw(st.booleans()), sort_keys=draw(st.booleans())).encode(
        "utf-8", "surrogatepass"
    )
    kind = draw(st.sampled_from(["whole", "whole", "whole", "escaped", "doubled", "broken"]))
    if kind == "escaped":  # a name that only its reader knows again
        text = text.replace(
            draw(st.sampled_from([b"account", b"contexts", b"distinct_id", b"type", b"ts"])), b"\\u0061ccount"
        )
    elif kind == "doubled":
        name = draw(st.sampled_from(FIELDS))
        text = b"{" + json.dumps({name: draw(odd_values)}).encode()[1:-1] + (b"," if record else b"") + text[1:]
    elif kind == "broken":
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from([b"", b"\xff", b"}", b'"'])) + text[place + 1 :]
    return text


odd_headers = [
    ("ce_account", b"acme"),
    ("ce_subject", b"\xff"),
    ("ce_type", None),
    ("ce_id", b""),
    ("traceparent", b"00"),
    ("content-type", b"application/cloudevents+json"),
]
headers = st.none() | st.lists(st.sampled_from([*BINARY, *odd_headers]), max_size=9)
PATHS: list[dict[str, tuple[str, ...]]] = [
    {},
    {},
    {},
    {"user_id": ("context", "groupId"), "event_id": ("id",)},
    {"user_id": ("userId",), "ts": ("timestamp",), "value": ("properties", "value")},
    {"user_id": ("context",), "account_id": ("context", "groupId")},
    {"user_id": ("event",), "account_id": ('"',)},
]
rules = st.builds(
    InputRules,
    st.sampled_from([InputFormat.AUTO, InputFormat.AUTO, InputFormat.AUTO, *InputFormat]),
    st.sampled_from(PATHS),
    st.sampled_from(["company", "project"]),
    st.sampled_from(["account", "page"]),
)


@given(st.lists(st.tuples(written(), headers), min_size=1, max_size=10), rules)
@settings(max_examples=600, deadline=None)
def test_a_chunk_of_any_formats_equals_its_records_read_one_by_one(
    records: list[tuple[bytes, list[tuple[str, bytes | None]] | None]], rules: InputRules
) -> None:
    own_headers: dict[int, Headers] = {row: found for row, (_, found) in enumerate(records) if found}
    columns, rejects = Decoder(rules).decode([value for value, _ in records], own_headers)
    reader = RecordReader(rules)
    outcomes = [reader.read(value, own_headers.get(row, ())) for row, (value, _) in enumerate(records)]
    assert told(columns, rejects) == expected(outcomes)
    assert columns.index.tolist() == sorted(columns.index.tolist())


def told(columns: EventColumns, rejects: Sequence[Reject]) -> Mapping[tuple[int, int | None], Any]:
    """By record and call what became of it."""
    places = [(int(index), columns.call_of(at)) for at, index in enumerate(columns.index)]
    texts = zip(columns.event, columns.user_id, columns.account_id, columns.event_id, strict=True)
    numbers = zip(columns.ts_ms.tolist(), columns.value.tolist(), strict=True)
    events = [CheckedRecord(*text, *number) for text, number in zip(texts, numbers, strict=True)]
    found: dict[tuple[int, int | None], Any] = dict(zip(places, events, strict=True))
    found |= {(each.index, each.call): CheckedTraits(each.account_id, each.traits) for each in columns.traits}
    return found | {(each.index, each.call): Fault(each.reason, each.detail) for each in rejects}


def expected(outcomes: Sequence[Outcome | Calls]) -> Mapping[tuple[int, int | None], Any]:
    found: dict[tuple[int, int | None], Any] = {}
    for row, outcome in enumerate(outcomes):
        if isinstance(outcome, Calls):
            found |= {(row, call): each for call, each in enumerate(outcome.outcomes)}
        else:
            found[row, None] = outcome
    return found


@pytest.mark.parametrize("name", [name for name in EVERY_PAYLOAD if name.endswith("event") or "event without" in name])
def test_a_usual_record_takes_the_shortcut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder()
    monkeypatch.setattr(RecordReader, "read", lambda *_: pytest.fail("read with care"))
    assert len(decoder.decode([json.dumps(EVERY_PAYLOAD[name]).encode()] * 3)[0]) == 3


@pytest.mark.parametrize("encoders", [[json.dumps, msgpack.packb], [msgpack.packb, json.dumps]])
def test_native_records_of_both_encodings_take_turns_at_full_speed(
    encoders: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = Decoder()
    records = [encode(NATIVE) for encode in encoders] * 5
    monkeypatch.setattr(RecordReader, "read", lambda *_: pytest.fail("read with care"))
    columns, _ = decoder.decode([each.encode() if isinstance(each, str) else each for each in records])
    assert columns.event_id == ["e-1"] * 10


@pytest.mark.parametrize("name", ["segment identify", "segment group"])
def test_a_usual_call_that_tells_traits_takes_the_shortcut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder()
    monkeypatch.setattr(RecordReader, "read", lambda *_: pytest.fail("read with care"))
    assert len(decoder.decode([json.dumps(EVERY_PAYLOAD[name]).encode()] * 3)[0].traits) == 3
