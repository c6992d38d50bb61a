"""`scorer demo` from its start to its end: right scores that move, alerts, and nothing left behind."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from aiokafka import AIOKafkaConsumer, TopicPartition

from scorer import scoring_file
from scorer.core.model import Scoring
from scorer.demo.subject import OUR_FILE
from tests import commands
from tests.decoding import decode
from tests.demo_process import Demo, demo
from tests.oracle import Oracle, compare
from tests.tables import plain_rows
from tests.worker_process import wait_until

_TITLE = "engagement of made-up accounts"
_PARTITIONS = 4
_STAT_PARENT = 1
_STAT_STATE = 0

OWN = """
version: 1
events: {"page \\"seen\\"": {}, bought: {}, refunded: {}}
models:
  people: {kinds: [user], weights: {bought: 1}}
  value:
    kinds: [account]
    weights: {"page \\"seen\\"": 1, bought: 10, refunded: -20}
    curve: {shape: none}
    bands: {few: 0, some: 300, many: 2000}
alerts:
  sliding: {model: value, kind: account, when: {crossed_below: 300}}
"""


def children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = _fields(stat)
        if fields and int(fields[_STAT_PARENT]) == parent:
            found.append(int(stat.parent.name))
    return found


def runs(pid: int) -> bool:
    fields = _fields(Path(f"/proc/{pid}/stat"))
    return fields is not None and fields[_STAT_STATE] != "Z"


def _fields(stat: Path) -> list[str] | None:
    """What follows the program's name, which may hold blanks."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return None


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ports(printed: str) -> set[int]:
    """Of Redis, Kafka, the worker's metrics and the page."""
    return {int(port) for port in re.findall(r"(?:redis-cli -p |127\.0\.0\.1:)(\d+)", printed)}


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


def nothing_is_left(shown: Demo, pids: list[int]) -> None:
    assert not any(runs(pid) for pid in pids)
    assert not any(listens(port) for port in ports(shown.printed))
    assert os.listdir(shown.scratch) == []
    assert "Traceback" not in shown.said


@needs_linux
def test_scores_move_alerts_fire_only_live_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "40", "--events-per-second", "1000") as shown:
        frames = list(_noting_the_children(shown))
        assert shown.process.wait(60) == 0
        nothing_is_left(shown, [pid for frame in frames for pid in frame["children"]])
        assert len(ports(shown.printed)) == 4
        assert sorted(os.listdir(tmp_path)) == ["stderr", "stdout", "tmp"]
    stages = [frame["stage"] for frame in frames]
    assert list(dict.fromkeys(stages)) == ["starting", "loading", "switching", "live", "ended"]
    before_live = [frame for frame in frames if frame["stage"] in ("starting", "loading", "switching")]
    assert len([day for frame in before_live for day in frame["days"]]) == 60  # a day may close as it ends, too
    assert _crossings_of(frames, 25.0) > 20  # in the past, of which nobody is told
    live_since = next(frame["made_up_at"] for frame in frames if frame["stage"] == "live")
    alerts = [alert for frame in frames for alert in frame["alerts"]]
    assert {alert["state"] for alert in alerts} == {"fired", "resolved"}
    assert all(alert["at"] >= live_since - 3600 for alert in alerts)
    assert all(re.search(r" by the margin of 2, for 2h \([\d.]+\)$", alert["said"]) for alert in alerts)
    assert all(frame["alerts"] == [] for frame in before_live)
    texts = shown.printed.split(_TITLE)[1:]
    tables = [[float(row[-3]) for rank, row in plain_rows(text).items() if rank.isdecimal()] for text in texts]
    assert len(tables) > 5 and all(len(table) == 10 for table in tables)
    assert all(table == sorted(table, reverse=True) and min(table) >= 1 and max(table) <= 100 for table in tables)
    assert tables[1] != tables[-1]
    moves = [row for frame in frames if frame["stage"] == "live" for row in frame["scores"]]
    assert len({tuple(row[:2]) for row in moves}) > len({row[0] for row in moves}) > 200


def _noting_the_children(shown: Demo) -> Any:
    for frame in shown.frames():
        yield frame | {"children": children(shown.process.pid)}


def _crossings_of(frames: list[dict[str, Any]], bound: float) -> int:
    """How often a score was below a bound at the end of a day, and not at that of the day before."""
    days = [day["scores"] for frame in frames for day in frame["days"]]
    accounts = range(min(map(len, days)))
    return sum(
        days[n - 1][account] is not None and days[n - 1][account] >= bound > days[n][account]
        for n in range(1, len(days))
        for account in accounts
        if days[n][account] is not None
    )


@needs_linux
def test_the_scores_are_those_of_a_naive_recount_of_the_traffic(tmp_path: Path) -> None:
    with demo(tmp_path, "--events-per-second", "0.1") as shown:
        shown.until_stage("live")
        difference = asyncio.run(_recounted(shown, scoring_file.load(OUR_FILE)))
        assert difference == []
        with redis.Redis(port=shown.redis_port) as client:
            assert client.exists("scorer:alerts") == 0  # so little traffic moves nothing across a bound
        assert shown.interrupt() == 0


@needs_linux
def test_an_event_of_ones_own_counts_in_made_up_time_and_one_of_today_is_told(tmp_path: Path) -> None:
    with demo(tmp_path, "--events-per-second", "5") as shown:
        shown.until_stage("live")
        made_up = int(shown.found(r'with "ts": (\d+), the time there'))

        def replayed(account: str, ts: int) -> None:
            event = {"event": "report_created", "user_id": "you", "account_id": account, "ts": ts}
            outcome = commands.run("replay", "--brokers", shown.brokers, "-", cwd=tmp_path, stdin=json.dumps(event))
            assert outcome.status == 0, outcome.stderr

        def scored(account: str) -> bool:
            return f"scorer:score:engagement:account:{account}" in _documents(shown)

        replayed("of-there", made_up)
        wait_until(lambda: scored("of-there"), "the score of an event of the made-up time")
        assert "from outside" not in next(shown.frames())["said"]
        replayed("of-today", int(time.time()))
        wait_until(lambda: "An event of" in next(shown.frames())["said"], "what has happened to the clock")
        assert shown.interrupt() == 0


async def _recounted(shown: Demo, scoring: Scoring) -> list[str]:
    """What in Redis isn't as the oracle has it. While a record is on its way, it is looked at again."""
    oracle = Oracle(scoring, partitions=_PARTITIONS)
    consumer = AIOKafkaConsumer(bootstrap_servers=shown.brokers, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition("product-events", partition) for partition in range(_PARTITIONS)])
        differences, now_ms = ["nothing was compared"], 0
        for _ in range(10):
            documents = _documents(shown)
            now_ms = max(now_ms, await _feed(consumer, oracle))
            results, gone = oracle.results(now_ms), oracle.gone(now_ms)
            assert oracle.outcomes["counted"] > 100_000 and len(results) > 2_000
            models = [model.name for model in scoring.models]  # with margins: their bands have a past
            differences = compare(results, documents, gone=gone, without_bands=models)
            if not differences:
                break
        return differences
    finally:
        await consumer.stop()


async def _feed(consumer: AIOKafkaConsumer, oracle: Oracle) -> int:
    """All that stands in the input by now; returns the time of the newest event that counts, which is the clock."""
    newest = 0
    while batches := await consumer.getmany(timeout_ms=1500):
        for partition, records in batches.items():
            for record in records:
                outcome = oracle.feed(record.value, record.timestamp, partition=partition.partition)
                if outcome == "counted":
                    newest = max(newest, int(decode([record.value])[0].ts_ms[0]))
    return newest


def _documents(shown: Demo) -> dict[str, Mapping[str, object]]:
    with closing(redis.Redis(port=shown.redis_port, decode_responses=True)) as client:
        keys = sorted(client.scan_iter("scorer:score:*", count=1000))
        values = client.mget(keys)
        assert isinstance(values, list)
        return {key: json.loads(value) for key, value in zip(keys, values, strict=True) if value is not None}


@needs_linux
def test_ones_own_file_is_shown_with_traffic_of_its_types(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    with demo(tmp_path, "--scoring", "own.yaml", "--seed", "5") as shown:
        frames = []
        for frame in shown.frames():
            frames.append(frame)
            if frame["stage"] == "live":
                break
        about = frames[0]["about"]
        assert (about["model"], about["scale"], about["file"]) == ("value", None, "own.yaml")
        raw = [row[2] for frame in frames for row in frame["scores"] if row[2] is not None]
        assert max(raw) > 500
        assert frames[-1]["records"]["counted"] > 50_000
        assert shown.interrupt() == 0
        assert os.listdir(shown.scratch) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "version: 1\nevents: {a: {}}\nmodels: {m: {kinds: [user], weights: {a: 1}}}\n",
            "Add `account` to the `kinds`",
        ),
        ("version: 1\nevents: {a: {}}\nmodels: {m: {weights: {b: 1}}}\n", "has a weight but isn't named in `events`"),
        (None, "can't be read"),
    ],
)
def test_a_file_that_cannot_be_shown_is_named_before_anything_starts(
    tmp_path: Path, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / "own.yaml").write_text(text)
    outcome = commands.run("demo", "--scoring", "own.yaml", cwd=tmp_path, seconds=30)
    assert outcome.status == 2 and outcome.stdout == ""
    assert "own.yaml" in outcome.stderr and said in outcome.stderr and "Traceback" not in outcome.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = commands.run("demo", "--port", str(port), cwd=tmp_path, seconds=30)
    assert outcome.status == 1
    assert f"scorer: --port {port}: " in outcome.stderr and "Traceback" not in outcome.stderr


@needs_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_and_its_like_end_the_demo_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as shown:
        shown.until_stage("loading")
        pids = children(shown.process.pid)
        assert len(pids) == 3  # Kafka, Redis, the worker
        stream = shown.frames()
        next(stream)
        assert shown.interrupt(number) == 0
        assert [frame["stage"] for frame in stream][-1] == "ended"
        nothing_is_left(shown, pids)


@needs_linux
def test_ctrl_c_while_it_starts_leaves_nothing_behind_either(tmp_path: Path) -> None:
    with demo(tmp_path) as shown:
        wait_until(lambda: len(children(shown.process.pid)) == 3, lambda: shown.said)
        pids = children(shown.process.pid)
        assert shown.interrupt() == 0
        nothing_is_left(shown, pids)


@needs_linux
def test_ctrl_c_while_the_workers_change_leaves_nothing_behind_either(tmp_path: Path) -> None:
    with demo(tmp_path) as shown:
        shown.until_stage("switching")
        pids = children(shown.process.pid)
        assert shown.interrupt() == 0
        nothing_is_left(shown, pids)


@needs_linux
def test_a_demo_that_is_killed_takes_its_servers_along(tmp_path: Path) -> None:
    with demo(tmp_path) as shown:
        shown.until_stage("loading")
        pids = children(shown.process.pid)
        shown.process.kill()
        wait_until(lambda: not any(runs(pid) for pid in pids), "the children's end", 10)
        # a process with threads may still close its sockets when its first thread has ended
        wait_until(lambda: not any(listens(port) for port in ports(shown.printed)), "the ports' end", 10)


@needs_linux
@pytest.mark.parametrize("stage", ["loading", "live"])
def test_a_worker_that_dies_ends_the_demo_with_its_last_words(tmp_path: Path, stage: str) -> None:
    with demo(tmp_path) as shown:
        shown.until_stage(stage)
        pids = children(shown.process.pid)
        (worker,) = (pid for pid in pids if b"scorer\0worker" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(worker, signal.SIGKILL)
        assert shown.process.wait(40) == 1
        assert "scorer: the worker ended. Its last words:" in shown.said and "Traceback" not in shown.said
        assert not any(runs(pid) for pid in pids)
