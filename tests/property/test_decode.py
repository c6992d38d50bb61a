"""The chunk's fast path equals the careful reading of each record on its own, and both equal an oracle."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgpack
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.core.decode import timestamps, values
from scorer.core.decode.account_record import CheckedTraits
from scorer.core.decode.faults import Fault
from scorer.core.decode.told import CheckedRecord
from scorer.core.events import EventColumns, Reason, Reject
from tests.decoding import decode, read_record

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REASONS_OF_A_RECORD = set(Reason) - {Reason.IN_FUTURE, Reason.WRONG_PARTITION}


def is_control(character: str) -> bool:
    return ord(character) < 32 or 127 <= ord(character) < 160


ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=140).filter(
    lambda text: len(text.encode()) <= 512 and not any(map(is_control, text))
)
offsets = st.integers(-(23 * 60 + 59), 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
amounts = (
    st.none() | st.integers(0, 10**9) | st.floats(0, 1e9) | st.integers(0, 10**15).map(lambda units: units / 10**6)
)


@st.composite
def written_times(draw: st.DrawFn) -> tuple[str | int | float, int]:
    """A time as a producer may write it, and its epoch milliseconds."""
    moment = draw(moments)
    ms = (moment - EPOCH) // timedelta(milliseconds=1)
    kind = draw(st.sampled_from(["utc", "offset", "seconds", "float seconds", "ms"]))
    if kind == "ms" and ms >= timestamps.SECONDS_BELOW:
        return ms, ms
    if kind.endswith("seconds") and ms < timestamps.SECONDS_BELOW * 1000:
        return (ms // 1000, ms // 1000 * 1000) if kind == "seconds" else (ms / 1000, ms)
    zone = draw(offsets) if kind == "offset" else UTC
    digits = draw(st.sampled_from([0, 1, 2, 3, 3, 3, 6, 9, 12]))
    local = moment.astimezone(zone)
    fraction = f"{local.microsecond:06d}000000"[:digits]
    kept_ms = ms // 1000 * 1000 + int(fraction[:3].ljust(3, "0"))
    mark = draw(st.sampled_from("TTTt "))
    text = local.strftime(f"%Y-%m-%d{mark}%H:%M:%S") + (f".{fraction}" if digits else "")
    return text + (draw(st.sampled_from("ZZz")) if zone is UTC else local.isoformat()[-6:]), kept_ms


@st.composite
def good_records(draw: st.DrawFn) -> tuple[dict[str, Any], CheckedRecord]:
    event, user_id = draw(ids), draw(ids)
    account_id, event_id, amount = draw(st.none() | ids), draw(st.none() | ids), draw(amounts)
    ts, ts_ms = draw(written_times())
    exact = Decimal(repr(1 if amount is None else amount)) * 10**6
    fields = {
        "event_id": event_id,
        "event": event,
        "user_id": user_id,
        "account_id": account_id,
        "ts": ts,
        "value": amount,
    }
    kept = {name: value for name, value in fields.items() if value is not None or draw(st.booleans())}
    micro = int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))
    return kept, CheckedRecord(event, user_id, account_id, event_id or "", ts_ms, micro)


scalars = st.none() | st.booleans() | st.text(max_size=12) | st.integers(-(2**63), 2**64 - 1) | st.floats()


def trait_text(value: Any) -> str | None:
    """A trait's value as text, by the words of the design."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    exact = Decimal(repr(value))
    whole = exact == exact.to_integral_value() and abs(exact) < 2**64
    return str(int(exact)) if whole else json.dumps(value)


trait_names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=16).filter(
    lambda name: not any(map(is_control, name))
)
trait_values = scalars.filter(lambda value: not isinstance(value, float) or math.isfinite(value))
account_records = st.tuples(ids, st.dictionaries(trait_names, trait_values, max_size=5)).map(
    lambda told: {"type": "account", "account_id": told[0], "traits": told[1]}
)

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
encodings = st.sampled_from(["json", "ascii json", "msgpack"])


def encoded(fields: dict[str, Any], encoding: str) -> bytes:
    if encoding == "msgpack":
        packed: bytes = msgpack.packb(fields)
        return packed
    return json.dumps(fields, ensure_ascii=encoding == "ascii json", default=lambda raw: raw.hex()).encode()


@st.composite
def any_records(draw: st.DrawFn) -> bytes | None:
    """Good events and account records, ones with a field of anything, ones with broken bytes, and noise."""
    kind = draw(st.sampled_from(["good", "good", "odd field", "broken", "noise", "none", "account", "odd account"]))
    if kind == "none":
        return None
    if kind == "noise":
        return draw(st.binary(max_size=40))
    if kind.endswith("account"):
        told = draw(account_records)
        if kind.startswith("odd"):
            told |= draw(st.dictionaries(st.sampled_from(["account_id", "traits", "event", "type", "ts"]), anything))
        return encoded(told, draw(encodings))
    fields = dict(draw(good_records())[0])
    if kind == "odd field":
        name = draw(st.sampled_from(["event", "user_id", "account_id", "event_id", "ts", "value", "extra", "type"]))
        long_or_controlled = st.sampled_from(
            ["", "\x00", "\x7f", "é\x7f", "\x85", "x" * 513, "é" * 257, "2026-02-30T00:00:00Z", "0" * 20]
        )
        fields[name] = draw(anything | long_or_controlled | st.floats(-1, 1e12) | st.integers(0, 10**16))
    record = encoded(fields, draw(encodings))
    if kind == "broken":
        place = draw(st.integers(0, len(record) - 1))
        cut = draw(st.integers(0, 3))
        record = (
            record[:place]
            + draw(st.binary(max_size=3) | st.sampled_from([b"\\", b'"', b"\\ud800"]))
            + record[place + cut :]
        )
    return record


def rows(columns: EventColumns) -> dict[int, CheckedRecord]:
    fields = zip(
        columns.event,
        columns.user_id,
        columns.account_id,
        columns.event_id,
        columns.ts_ms.tolist(),
        columns.value.tolist(),
        strict=True,
    )
    return dict(zip(columns.index.tolist(), (CheckedRecord(*row) for row in fields), strict=True))


@given(st.lists(any_records(), max_size=12))
@settings(max_examples=300, deadline=None)
def test_a_chunk_equals_its_records_read_one_by_one(records: list[bytes | None]) -> None:
    columns, rejects = decode(records)
    outcomes = dict(enumerate(map(read_record, records)))
    assert rows(columns) == {row: found for row, found in outcomes.items() if isinstance(found, CheckedRecord)}
    told = {record.index: CheckedTraits(record.account_id, record.traits) for record in columns.traits}
    assert told == {row: found for row, found in outcomes.items() if isinstance(found, CheckedTraits)}
    assert list(told) == sorted(told)
    assert rejects == [Reject(row, *found) for row, found in outcomes.items() if isinstance(found, Fault)]
    assert {reject.reason for reject in rejects} <= REASONS_OF_A_RECORD
    for reject in rejects:
        assert reject.detail.isprintable()
        assert len(reject.detail) < 300
        reject.detail.encode()


@given(st.lists(st.tuples(good_records(), encodings), max_size=8))
@settings(max_examples=200, deadline=None)
def test_good_records_become_what_was_written(written: list[tuple[tuple[dict[str, Any], CheckedRecord], str]]) -> None:
    columns, rejects = decode([encoded(fields, encoding) for (fields, _), encoding in written])
    assert rejects == []
    assert list(rows(columns).values()) == [expected for (_, expected), _ in written]


@given(account_records, encodings)
@settings(deadline=None)
def test_good_account_records_become_what_was_written(told: dict[str, Any], encoding: str) -> None:
    columns, rejects = decode([encoded(told, encoding)])
    assert (rejects, len(columns)) == ([], 0)
    (record,) = columns.traits
    assert record.account_id == told["account_id"]
    assert record.traits.keys() == told["traits"].keys()
    for name, value in told["traits"].items():
        text = record.traits[name]
        assert text == trait_text(value) or (isinstance(value, float) and float(text or "nan") == value)


@given(good_records())
@settings(deadline=None)
def test_the_typed_and_the_loose_reader_agree(written: tuple[dict[str, Any], CheckedRecord]) -> None:
    fields, expected = written
    # the typed reader stops at the null, the loose one takes the last of a doubled key
    assert read_record(b'{"ts":null,' + encoded(fields, "json")[1:]) == expected


@given(st.lists(written_times().map(lambda written: written[0]), min_size=1, max_size=8))
@settings(deadline=None)
def test_the_column_of_times_knows_every_usual_time(times: list[str | float]) -> None:
    column = timestamps.epoch_ms_column(times)
    alone = [timestamps.epoch_ms(ts) for ts in times]
    left = [row for row, ms in enumerate(column.tolist()) if ms == timestamps.INVALID]
    assert all(len(str(times[row])) > len("2026-01-02T03:04:05.123456789+00:00") for row in left)
    assert [ms for row, ms in enumerate(alone) if row not in left] == [ms for ms in column.tolist() if ms >= 0]


time_like = st.text(st.sampled_from("0123456789-:.TtZz+ \n"), max_size=36) | st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
    r"(\.[0-9]{1,10})?([Zz]|[+-][0-2][0-9]:[0-6][0-9])?",
    fullmatch=True,
)
numbers = (
    st.floats() | st.integers(-10, 3 * 10**14) | st.integers(0, 10**14).map(lambda ms: ms / 1000) | st.floats(0, 1e11)
)


@given(
    st.lists(time_like | numbers, min_size=1, max_size=8)
    | st.lists(time_like, min_size=1)
    | st.lists(numbers, min_size=1)
)
@settings(max_examples=500, deadline=None)
def test_the_column_of_times_never_contradicts_the_rule(times: list[str | float]) -> None:
    for ts, ms in zip(times, timestamps.epoch_ms_column(times).tolist(), strict=True):
        assert ms in (timestamps.INVALID, timestamps.epoch_ms(ts))


near_ties = st.builds(
    lambda units, steps: (
        math.nextafter(units / 10**6 + 5e-7, math.inf * (steps or 1)) if steps else units / 10**6 + 5e-7
    ),
    st.integers(0, 10**12),
    st.integers(-1, 1),
)


@given(st.lists(st.none() | st.floats() | st.floats(0, 1e9) | near_ties, min_size=1))
@settings(max_examples=500, deadline=None)
def test_the_column_of_values_never_contradicts_the_rule(amounts: list[float | None]) -> None:
    for amount, units in zip(amounts, values.micro_column(amounts).tolist(), strict=True):
        assert units in (values.INVALID, values.micro(1.0 if amount is None else amount))


@given(st.lists(st.integers(0, 10**15), min_size=1))
@settings(deadline=None)
def test_the_column_of_values_knows_every_value_of_six_decimals(units: list[int]) -> None:
    assert np.array_equal(values.micro_column([unit / 10**6 for unit in units]), units)
