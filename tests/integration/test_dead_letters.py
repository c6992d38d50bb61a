"""Records that can't be used, kept on real brokers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from aiokafka import ConsumerRecord

from scorer.embedded.broker import EmbeddedBroker
from scorer.stream.connection import Connection
from scorer.stream.dead_letters import DeadLetter, DeadLetters
from tests.servers import KafkaServer
from tests.topic_making import all_records, make_topic

Server = KafkaServer | EmbeddedBroker
INPUT_BYTES = 1_048_588
MAX_BYTES = INPUT_BYTES + 65_536
AT_MS = 1_795_355_044_125


@pytest.fixture(params=["kafka", "tansu"])
def server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    return server


def letter(offset: int, value: bytes | None, partition: int = 0, detail: str = "it is no JSON") -> DeadLetter:
    return DeadLetter("events", partition, offset, value, "not_json", detail, AT_MS)


def written(
    server: Server,
    topic: str,
    story: Callable[[DeadLetters], Awaitable[None]],
    partitions: int = 1,
    told_bytes: int = MAX_BYTES,
    **settings: str,
) -> list[ConsumerRecord]:
    """What the topic holds after the story."""

    async def run() -> list[ConsumerRecord]:
        await make_topic(server.bootstrap, topic, partitions, **({"max_message_bytes": str(MAX_BYTES)} | settings))
        letters = DeadLetters(Connection((server.bootstrap,)), topic, max_bytes=told_bytes, patience=20.0)
        await letters.start()
        try:
            await story(letters)
        finally:
            await letters.stop()
        return await all_records(server.bootstrap, topic)

    return asyncio.run(run())


def test_a_letter_carries_the_bytes_the_place_and_the_reason(server: Server, namespace: str) -> None:
    (record,) = written(server, namespace, lambda letters: letters.write([letter(7, b"\xff{", 0, "Zeile 1: 'ÿ'")]))
    assert (record.key, record.value) == (b"events-0-7", b"\xff{")
    assert dict(record.headers) == {
        "scorer.reason": b"not_json",
        "scorer.detail": "Zeile 1: 'ÿ'".encode(),
        "scorer.topic": b"events",
        "scorer.partition": b"0",
        "scorer.offset": b"7",
        "scorer.at": b"2026-11-22T13:44:04.125+00:00",
    }


def test_a_tombstone_and_an_empty_value_are_told_apart(server: Server, namespace: str) -> None:
    null, empty = written(server, namespace, lambda letters: letters.write([letter(1, None), letter(2, b"")]))
    assert (null.value, dict(null.headers).get("scorer.null")) == (b"", b"1")
    assert (empty.value, dict(empty.headers).get("scorer.null")) == (b"", None)


def test_many_letters_keep_their_order_in_their_inputs_partition(server: Server, namespace: str) -> None:
    many = [letter(n, b"%d" % n, partition=n % 5) for n in range(20_000)]
    records = written(server, namespace, lambda letters: letters.write(many), partitions=2)
    by_source: dict[bytes, list[int]] = {}
    for record in records:
        headers = dict(record.headers)
        assert record.partition == int(headers["scorer.partition"]) % 2
        by_source.setdefault(headers["scorer.partition"], []).append(int(headers["scorer.offset"]))
    assert by_source == {b"%d" % p: list(range(p, 20_000, 5)) for p in range(5)}


def test_the_largest_record_of_the_input_fits_uncut(kafka: KafkaServer, namespace: str) -> None:
    value = bytes(INPUT_BYTES - 70)
    (record,) = written(kafka, namespace, lambda letters: letters.write([letter(1, value, detail="x" * 9_000)]))
    assert record.value == value
    assert "scorer.truncated" not in dict(record.headers)


def test_what_does_not_fit_is_cut_and_says_how_long_it_was(kafka: KafkaServer, namespace: str) -> None:
    value = b"a" * 2_000_000
    small, record = written(kafka, namespace, lambda letters: letters.write([letter(1, b"b"), letter(2, value)]))
    assert small.value == b"b"
    assert MAX_BYTES - 1_000 < len(record.value) < MAX_BYTES
    assert value.startswith(record.value)
    assert dict(record.headers)["scorer.truncated"] == b"2000000"


def test_a_topic_that_takes_less_than_was_said_gets_what_it_takes(kafka: KafkaServer, namespace: str) -> None:
    values = [bytes([n]) * size for n, size in enumerate((10, 5_000, 30_000, 20, 8_000))]
    many = [letter(n, value) for n, value in enumerate(values)]
    records = written(kafka, namespace, lambda letters: letters.write(many), max_message_bytes="10000")
    assert [record.key for record in records] == [b"events-0-%d" % n for n in range(5)]
    assert [record.value for n, record in enumerate(records) if n != 2] == [values[n] for n in (0, 1, 3, 4)]
    assert 5_000 < len(records[2].value) < 10_000
    assert dict(records[2].headers)["scorer.truncated"] == b"30000"


def test_nothing_to_write_writes_nothing(kafka: KafkaServer, namespace: str) -> None:
    assert written(kafka, namespace, lambda letters: letters.write([])) == []


def test_a_letter_keeps_its_records_headers_and_names_the_refused_calls(server: Server, namespace: str) -> None:
    headers = (("ce_id", b"1"), ("none", None), ("scorer.reason", b"forged"), ("ce_id", b"2"))
    one = replace(letter(1, b"x"), calls=(0, 12), headers=headers)
    (record,) = written(server, namespace, lambda letters: letters.write([one]))
    assert [each for each in record.headers if not each[0].startswith("scorer.")] == [
        ("ce_id", b"1"),
        ("none", None),
        ("ce_id", b"2"),
    ]
    assert [value for name, value in record.headers if name == "scorer.reason"] == [b"not_json"]
    assert dict(record.headers)["scorer.calls"] == b"0,12"


def test_headers_that_the_topic_does_not_take_are_left_out_and_that_is_said(kafka: KafkaServer, namespace: str) -> None:
    headers = (("h", b"x" * 50_000),)
    many = [replace(letter(n, b"v"), headers=headers) for n in range(2)]
    records = written(kafka, namespace, lambda letters: letters.write(many), max_message_bytes="10000")
    assert len(records) == 2
    for record in records:
        assert "h" not in dict(record.headers)
        assert dict(record.headers)["scorer.truncated"] == b"1"
