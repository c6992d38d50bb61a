"""`scorer dead-letters`, as a process of its own, on a real Kafka and behind a real worker."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from scorer.stream.connection import Connection
from scorer.stream.dead_letters import DeadLetter, DeadLetters
from tests import commands
from tests.deployment import NOW_MS, Deployment, deployment, event
from tests.oracle_input import partition_of
from tests.servers import KafkaServer, RedisServer
from tests.topic_making import all_records, make_topic
from tests.worker_process import wait_until

AT_MS = 1_795_355_044_125
HOUR_MS = 3_600_000
GOOD = b'{"event":"opened","user_id":"ann","account_id":"acme","event_id":"e-1","ts":1671235200}'
NAMELESS = b'{"event":"opened","user_id":"ann","ts":1671235200}'


class Place:
    """A namespace's dead letters and input on a real broker."""

    def __init__(self, kafka: KafkaServer, namespace: str, folder: Path) -> None:
        self.bootstrap, self.namespace, self.folder = kafka.bootstrap, namespace, folder
        self.topic, self.input = f"{namespace}-dead-letters", f"{namespace}-events"
        asyncio.run(make_topic(self.bootstrap, self.topic, 2))
        asyncio.run(make_topic(self.bootstrap, self.input, 4))

    def keep(self, *letters: DeadLetter) -> None:
        async def write() -> None:
            kept = DeadLetters(Connection((self.bootstrap,)), self.topic, max_bytes=1_000_000, patience=20.0)
            await kept.start()
            try:
                await kept.write(letters)
            finally:
                await kept.stop()

        asyncio.run(write())

    def letter(self, offset: int, value: bytes | None, reason: str = "not_json", hours: int = 0) -> DeadLetter:
        return DeadLetter("events", offset % 3, offset, value, reason, f"detail {offset}", AT_MS + hours * HOUR_MS)

    def run(self, *arguments: str) -> commands.Outcome:
        settings = {
            "SCORER_BROKERS": self.bootstrap,
            "SCORER_NAMESPACE": self.namespace,
            "SCORER_INPUT_TOPIC": self.input,
            "SCORER_BROKER_PATIENCE": "30s",
        }
        return commands.run("dead-letters", *arguments, cwd=self.folder, settings=settings)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def written(self) -> list[tuple[int, bytes | None, bytes | None]]:
        """(partition, key, value) of what the input holds."""
        records = asyncio.run(all_records(self.bootstrap, self.input))
        return [(record.partition, record.key, record.value) for record in records]


@pytest.fixture
def place(kafka: KafkaServer, namespace: str, tmp_path: Path) -> Place:
    return Place(kafka, namespace, tmp_path)


def keys(newest: Sequence[dict[str, Any]]) -> list[str]:
    return [each["key"] for each in newest]


# ---- list


def test_letters_are_counted_by_reason_each_once_and_the_newest_shown_first(place: Place) -> None:
    letters = [place.letter(n, b"x", reason="empty" if n % 4 == 0 else "not_json", hours=n) for n in range(12)]
    place.keep(*letters)
    place.keep(*letters[:5])  # as after a crash
    told = place.run("list", "--limit", "3")
    assert (told.status, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith((" not_json", " empty", "not_json", "empty"))] == [
        ["not_json", "9"],
        ["empty", "3"],
    ]
    at = lines.index("2026-11-23 00:44:04  not_json  events-2-11")
    assert lines[at + 1 : at + 3] == [" " * 21 + "detail 11", "2026-11-22 23:44:04  not_json  events-1-10"]
    assert sum("  events-" in line for line in lines) == 3
    assert f"12 dead letters in {place.topic}, the newest 3 shown" in told.stdout
    found = place.json("list")
    assert (found["letters"], found["repeats"], found["foreign"]) == (12, 5, 0)
    assert found["reasons"]["empty"] == {
        "letters": 3, "first": "2026-11-22T13:44:04.125000+00:00", "last": "2026-11-22T21:44:04.125000+00:00",
    }  # fmt: skip
    assert found["newest"][0] == {
        "key": "events-2-11", "reason": "not_json", "detail": "detail 11", "at": "2026-11-23T00:44:04.125000+00:00",
        "topic": "events", "partition": 2, "offset": 11, "bytes": 1, "truncated": False,
    }  # fmt: skip


def test_letters_can_be_chosen_by_reason_and_time(place: Place) -> None:
    place.keep(*(place.letter(n, b"x", reason="empty" if n % 2 else "not_json", hours=n) for n in range(8)))
    assert keys(place.json("list", "--reason", "empty")["newest"]) == [
        "events-1-7",
        "events-2-5",
        "events-0-3",
        "events-1-1",
    ]
    chosen = place.json("list", "--since", "2026-11-22T16:44:04.125Z", "--until", "2026-11-22T18:00:00Z")
    assert keys(chosen["newest"]) == ["events-1-4", "events-0-3"]
    assert place.json("list", "--until", "36500d")["letters"] == 0


def test_no_letters_are_an_answer_and_no_topic_is_a_failure(place: Place) -> None:
    told = place.run("list")
    assert (told.status, told.stdout) == (0, f"no dead letters in {place.topic}\n")
    told = place.run("list", "--namespace", "nobody", "--json")
    assert told.status == 1
    assert "there is no topic nobody-dead-letters" in told.stderr
    assert "there is no topic nobody-dead-letters" in json.loads(told.stdout)["error"]


def test_a_record_that_is_no_letter_is_counted_apart(place: Place) -> None:
    async def write() -> None:
        async with AIOKafkaProducer(bootstrap_servers=place.bootstrap) as producer:
            await producer.send_and_wait(place.topic, b"hello", headers=[("scorer.reason", b"not_json")])

    asyncio.run(write())
    place.keep(place.letter(1, b"x"))
    assert (place.json("list")["letters"], place.json("list")["foreign"]) == (1, 1)
    assert f"1 dead letter in {place.topic}; 1 record there is no dead letter; " in place.run("list").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list", "--reason", "not_jsn"], "'not_jsn' is not one of"),
        (["list", "--since", "yesterday"], "yesterday must be how long ago, such as 90m or 7d"),
        (["list", "--since", "wall"], "wall must be how long ago"),
        (["show", "events-1"], "events-1 must be TOPIC-PARTITION-OFFSET"),
        (["replay", "--key", "events-1-x"], "events-1-x must be TOPIC-PARTITION-OFFSET"),
        (["replay", "--brokers", "kafka:nine"], "SCORER_BROKERS=kafka:nine (flag)"),
    ],
)
def test_bad_usage_is_named(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = commands.run("dead-letters", *arguments, cwd=tmp_path, settings={"COLUMNS": "200"})
    assert (done.status, done.stdout) == (2, "")
    assert told in done.stderr and "Traceback" not in done.stderr


# ---- show


def test_a_letter_is_shown_with_its_place_its_reason_and_its_text(place: Place) -> None:
    place.keep(place.letter(7, '{"event": "é'.encode()), place.letter(8, b"x"))
    told = place.run("show", "events-1-7")
    assert told.status == 0
    assert told.stdout.splitlines() == [
        "key       events-1-7",
        "reason    not_json",
        "detail    detail 7",
        "rejected  2026-11-22 13:44:04 UTC",
        "value     13 bytes",
        "way out   the producer writes something else than JSON or msgpack into the input topic",
        "",
        '{"event": "é',
    ]
    assert place.json("show", "events-1-7")["value"] == '{"event": "é'


def test_bytes_are_shown_in_hex_and_come_raw_as_they_were(place: Place) -> None:
    place.keep(place.letter(7, b"\xff\x00{"), place.letter(8, None), place.letter(9, b""))
    assert "00000000  ff 00 7b" in place.run("show", "events-1-7").stdout
    assert place.json("show", "events-1-7")["value_base64"] == "/wB7"
    assert "value     none (a tombstone)" in place.run("show", "events-2-8").stdout
    assert place.json("show", "events-2-8")["value"] is None
    assert place.json("show", "events-0-9")["value"] == ""
    place.keep(place.letter(10, b"caf\xc3\xa9\n"))
    assert place.run("show", "events-1-10", "--raw").stdout == "café\n"


def test_what_was_cut_says_how_long_it_was(place: Place) -> None:
    place.keep(place.letter(7, b"a" * 1_500_000))
    told = place.run("show", "events-1-7").stdout
    assert " of 1,500,000" in told and "bytes more: --raw writes them all" in told
    assert place.json("show", "events-1-7")["bytes"] == 1_500_000


def test_a_letter_that_is_not_there_is_named(place: Place) -> None:
    told = place.run("show", "events-1-7")
    assert (told.status, told.stdout) == (1, "")
    assert "there is no dead letter events-1-7" in told.stderr
    assert place.json("show", "events-1-7").keys() == {"error"}


# ---- replay


def test_letters_are_written_into_the_input_once_each_by_their_accounts_key(place: Place) -> None:
    letters = [place.letter(1, GOOD, "wrong_partition"), place.letter(2, NAMELESS, "wrong_partition")]
    place.keep(*letters)
    place.keep(*letters)
    told = place.run("replay")
    assert (told.status, told.stderr) == (0, "")
    said = f"2 dead letters written to {place.input}; 1 has no event_id, and counts again each time it is replayed\n"
    assert told.stdout == said
    assert sorted(place.written()) == sorted(
        [(partition_of("acme", 4), b"acme", GOOD), (partition_of("ann", 4), b"ann", NAMELESS)]
    )


def test_a_dry_run_writes_nothing_and_says_what_it_would(place: Place) -> None:
    place.keep(place.letter(1, GOOD), place.letter(2, b"{"))
    told = place.run("replay", "--dry-run")
    assert told.status == 1
    assert f"1 dead letter would be written to {place.input}, 1 left out: it can't be used now either" in told.stdout
    assert "events-2-2  not_json" in told.stdout and told.stderr == ""
    assert place.written() == []


def test_a_dry_run_over_many_letters_counts_them_by_reason_and_shows_some(place: Place) -> None:
    place.keep(*(place.letter(n, b"" if n % 4 == 0 else b"{") for n in range(40)))
    told = place.run("replay", "--dry-run", "--limit", "3")
    assert (told.status, told.stderr) == (1, "")
    rows = [line.split() for line in told.stdout.splitlines() if line.startswith((" not_json", " empty"))]
    assert rows == [["not_json", "30"], ["empty", "10"]]
    assert sum(line.startswith("events-") for line in told.stdout.splitlines()) == 3
    assert "40 left out: they can't be used now either (the first 3 shown: --limit)" in told.stdout
    found = place.json("replay", "--dry-run", "--limit", "2")
    assert found["reasons"] == {"not_json": 30, "empty": 10} and len(found["named"]) == 2
    assert found["error"] == "40 left out: they can't be used now either"


def test_what_can_not_be_used_now_either_is_left_out_and_named(place: Place) -> None:
    huge = GOOD[:-1] + b',"more":"' + b"x" * 1_500_000 + b'"}'
    place.keep(place.letter(1, b"{"), place.letter(2, GOOD), place.letter(3, None), place.letter(4, huge))
    told = place.run("replay", "--json")
    found = json.loads(told.stdout)
    assert told.status == 1
    assert (found["replayed"], found["left_out"]) == (1, 3)
    assert told.stderr == f"scorer: {found['error']}\n" == "scorer: 3 left out: they can't be used now either\n"
    assert sorted((each["key"], each["reason"]) for each in found["named"]) == [
        ("events-0-3", "empty"),
        ("events-1-1", "not_json"),
        ("events-1-4", "too_large"),
    ]
    assert [value for *_, value in place.written()] == [GOOD]


def test_only_what_is_asked_for_is_replayed(place: Place) -> None:
    place.keep(place.letter(1, GOOD, "wrong_partition"), place.letter(2, NAMELESS, "in_future"))
    told = place.run("replay", "--key", "events-2-2", "--key", "events-9-9")
    assert told.status == 1
    assert "there is no dead letter events-9-9" in told.stderr
    assert [value for *_, value in place.written()] == [NAMELESS]
    assert place.run("replay", "--reason", "wrong_partition").status == 0
    assert sorted(value or b"" for *_, value in place.written()) == sorted([GOOD, NAMELESS])


def test_an_input_that_is_not_there_is_named_and_not_created(place: Place) -> None:
    place.keep(place.letter(1, GOOD))
    told = place.run("replay", "--input-topic", "nowhere")
    assert told.status == 1 and "there is no topic nowhere" in told.stderr
    assert "Traceback" not in told.stderr


# ---- behind a worker


def test_what_a_worker_refused_counts_once_it_is_replayed(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    """Keyed wrong by its producer: the worker refuses it, and takes it with its right key."""
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, partitions=4) as place:
        right = event("ann", "acme", "opened", NOW_MS - 1000, event_id="e-1")
        wrong = event("bob", "acme", "opened", NOW_MS - 1000, event_id="e-2")
        elsewhere = (partition_of("acme", 4) + 1) % 4
        place.produce([right])
        asyncio.run(_write(place, wrong.value, elsewhere))
        place.running()
        wait_until(lambda: _list(place)["letters"] == 1, "the dead letter")
        (letter,) = _list(place)["newest"]
        assert (letter["reason"], letter["key"]) == ("wrong_partition", f"{place.input}-{elsewhere}-0")
        told = _run(place, "replay", "--reason", "wrong_partition")
        assert told.status == 0, told.stderr
        place.oracle.feed(wrong.value, NOW_MS, now_ms=NOW_MS, partition=partition_of("acme", 4))
        place.until_right()
        assert _run(place, "replay").status == 0  # an event_id counts once
        place.until_right()


async def _write(place: Deployment, value: bytes, partition: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=place.bootstrap) as producer:
        await producer.send_and_wait(place.input, value, partition=partition)


def _run(place: Deployment, *arguments: str) -> commands.Outcome:
    settings = {
        "SCORER_BROKERS": place.bootstrap,
        "SCORER_NAMESPACE": place.namespace,
        "SCORER_INPUT_TOPIC": place.input,
    }
    return commands.run("dead-letters", *arguments, cwd=place.folder, settings=settings)


def _list(place: Deployment) -> Any:
    return json.loads(_run(place, "list", "--json").stdout or '{"letters": 0}')
