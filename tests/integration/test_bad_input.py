"""Every odd record between good neighbours, through a real worker: each has its outcome, and the neighbours count."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from scorer.core.events import Reason
from scorer.stream import record_write
from scorer.stream.connection import Connection
from scorer.stream.record_write import Outgoing
from scorer.stream.topic_writer import TopicWriter
from tests import commands
from tests.bad_input import BROKEN_NAME, Odd, odd_records
from tests.deployment import NOW, NOW_MS, Deployment, Record, deployment, event
from tests.oracle_input import partition_of
from tests.servers import KafkaServer, RedisServer
from tests.topic_making import all_records
from tests.worker_process import WorkerProcess

ODD = odd_records()
ACCOUNT = "acme"
REASONS = set(Reason)


@pytest.fixture
def site(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path) as made:
        yield made


def neighbour(number: int) -> Record:
    """A good event; twenty people have them in turn."""
    return event(f"neighbour {number % 20}", ACCOUNT, "created", NOW_MS - number, event_id=f"n-{number}")


def send_between_neighbours(site: Deployment, odd: list[Odd]) -> None:
    """All to the account's partition, in this order; the oracle hears of what has to count only."""
    home = partition_of(ACCOUNT, site.partitions)
    records = []
    for number, each in enumerate(odd):
        good = neighbour(number)
        records += [good, Record(ACCOUNT, each.value, home)]  # type: ignore[arg-type]  # a tombstone, too
        site.tell(good.value)
        if each.means is not None:
            site.tell(each.means)
    asyncio.run(site.append(records, remembered=False))


def letters(site: Deployment) -> dict[tuple[int, int], ConsumerRecord]:
    """The dead letters by where they came from; after a crash one may be there twice, and is the same."""
    found: dict[tuple[int, int], ConsumerRecord] = {}
    for letter in asyncio.run(all_records(site.bootstrap, f"{site.namespace}-dead-letters")):
        headers = dict(letter.headers)
        at = int(headers["scorer.partition"]), int(headers["scorer.offset"])
        if at in found:
            assert (found[at].key, found[at].value) == (letter.key, letter.value)
        found[at] = letter
    return found


def outcomes(worker: WorkerProcess) -> Counter[str]:
    return Counter(
        {
            dict(labels)["outcome"]: int(value)
            for (name, labels), value in worker.metrics().items()
            if name == "scorer_events_total"
        }
    )


def test_each_odd_record_has_its_outcome_and_costs_no_neighbour(site: Deployment) -> None:
    worker = site.running()
    send_between_neighbours(site, ODD)
    site.until_right()
    site.until_at_rest(worker)
    expected = Counter(dead_letter=sum(odd.outcome in REASONS for odd in ODD), counted=len(ODD))
    expected.update(odd.outcome for odd in ODD if odd.outcome not in REASONS)
    assert +outcomes(worker) == expected
    assert_letters_are_right(site)
    worker.kill()
    worker = site.running()  # what was odd is behind it, and stays so
    site.until_right()
    site.until_at_rest(worker)
    assert outcomes(worker)["dead_letter"] == 0
    assert worker.terminate() == 0
    for each in site.workers:
        assert "Traceback" not in each.said()


def assert_letters_are_right(site: Deployment) -> None:
    """Their reason, detail and bytes, and nothing but them."""
    found = letters(site)
    home = partition_of(ACCOUNT, site.partitions)
    refused = {(home, 2 * number + 1): odd for number, odd in enumerate(ODD) if odd.outcome in REASONS}
    assert found.keys() == refused.keys()
    for at, odd in refused.items():
        headers = {name: value.decode() for name, value in found[at].headers}
        assert (headers["scorer.reason"], found[at].value) == (odd.outcome, odd.value or b""), odd.name
        assert odd.says in headers["scorer.detail"], odd.name
        assert ("scorer.null" in headers) == (odd.value is None)
        assert found[at].key == f"{site.input}-{at[0]}-{at[1]}".encode()


def test_records_that_only_kafka_finds_odd_count_like_any_other(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key, a key of any bytes, a header of any bytes, a broker timestamp of long ago: the value is what counts."""
    home = partition_of(ACCOUNT, site.partitions)
    values = [neighbour(number).value for number in range(6)]
    broken = [
        Outgoing(values[0], None),
        Outgoing(values[1], b"\xff\xfe\x00"),
        Outgoing(values[2], b"x" * 10_000),
        Outgoing(values[3], ACCOUNT.encode(), [(BROKEN_NAME, b"\xff"), ("", b""), ("h" * 10_000, b"\x00")]),
        Outgoing(values[4], ACCOUNT.encode(), [("h", None)] * 1_000),
    ]
    monkeypatch.setattr(record_write, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)  # C takes no such name
    worker = site.running()

    async def send() -> None:
        writer = TopicWriter(Connection((site.bootstrap,)), site.input, max_bytes=1 << 20, patience=20.0, client_id="t")
        await writer.start()
        try:
            await writer.write(home, broken)
        finally:
            await writer.stop()

    asyncio.run(send())
    asyncio.run(site.append([Record(ACCOUNT, values[5])], remembered=False))
    for value in values:
        site.tell(value)
    site.until_right()
    site.until_at_rest(worker)
    assert +outcomes(worker) == Counter(counted=6)
    # a record's own time bounds how far ahead of it an event may be: of 1970, everything is ahead
    asyncio.run(site.append([neighbour(6)], remembered=False, timestamp_ms=0))
    site.until_at_rest(worker)
    assert [dict(each.headers)["scorer.reason"] for each in letters(site).values()] == [b"in_future"]
    site.until_right()
    verified = commands.run("verify", "--account", ACCOUNT, cwd=site.folder, settings=verify_settings(site))
    assert verified.status == 0, verified
    assert worker.terminate() == 0
    assert "Traceback" not in worker.said()


def verify_settings(site: Deployment) -> dict[str, str]:
    return {
        "SCORER_BROKERS": site.bootstrap,
        "SCORER_REDIS_URL": site.redis_url,
        "SCORER_NAMESPACE": site.namespace,
        "SCORER_INPUT_TOPIC": site.input,
        "SCORER_CLOCK": NOW,
    }


def test_replay_names_the_same_records_before_they_are_written(site: Deployment) -> None:
    """Line by line: what holds a line end can't be in a file of lines."""
    by_value = {
        odd.value or b"": odd.outcome for odd in ODD if odd.outcome in REASONS - {Reason.IN_FUTURE, Reason.EMPTY}
    }
    lines = [(value, reason) for value, reason in by_value.items() if value == value.strip().replace(b"\n", b"")]
    text = b"".join(b"%b\n%b\n" % (event("ann", ACCOUNT, "opened", NOW_MS).value, value) for value, _ in lines)
    file = site.folder / "events.jsonl"
    file.write_bytes(text)
    settings = {"SCORER_BROKERS": site.bootstrap, "SCORER_INPUT_TOPIC": site.input}
    told = commands.run("replay", str(file), "--json", cwd=site.folder, settings=settings)
    assert told.status == 1 and "Traceback" not in told.stderr
    summary = json.loads(told.stdout)
    assert (summary["sent"], summary["skipped"]) == (len(lines), len(lines))
    named = {bad["line"]: bad["reason"] for bad in summary["bad"]}
    assert len(named) == 100  # the first hundred are
    assert named == {2 * number + 2: reason for number, (_, reason) in enumerate(lines) if 2 * number + 2 in named}
