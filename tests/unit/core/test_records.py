"""Journal records are what was written, or are refused."""

import pytest

from scorer.core.journal.records import Claim, Corrupt, Entry, Part, Record, decode, encode

RECORDS: list[Record] = [
    Claim(2**63 - 1, 5, 900, "UTC", "0123456789abcdef", "worker-1"),
    Entry(1_795_355_044_123, 7, {"t": 12, "ev": {"r": b"\x00\xff"}, "fk": [["ж", None]], "rt": ""}),
    Part(3, 0, True, 41, 1_795_355_044_123, 7, {"first": [1, 2]}),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_survives_its_bytes(record: Record) -> None:
    assert decode(encode(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_any_changed_byte_is_found(record: Record) -> None:
    data = encode(record)
    for at in range(len(data)):
        for byte in {data[at] ^ 1, data[at] ^ 128, *b"CEP"} - {data[at]}:
            with pytest.raises(Corrupt):
                decode(data[:at] + bytes([byte]) + data[at + 1 :])


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_any_missing_or_surplus_end_is_found(record: Record) -> None:
    data = encode(record)
    for length in range(len(data)):
        with pytest.raises(Corrupt):
            decode(data[:length])
    with pytest.raises(Corrupt):
        decode(data + b"\x00")


def test_something_else_says_what_it_is() -> None:
    with pytest.raises(Corrupt, match=r"not a record of a journal: b'{\"event\": 1}'"):
        decode(b'{"event": 1}')
