"""`scorer replay`: a real history through Kafka, a worker and Redis ends with what a recount by hand gives."""

import asyncio
import json
import math
import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from aiokafka.partitioner import DefaultPartitioner

from scorer.replaying.lines import Position
from scorer.replaying.progress import Progress, ProgressFile, Target
from tests import commands
from tests.servers import KafkaServer, RedisServer
from tests.topic_making import all_records, make_topic
from tests.worker_process import PATIENCE_SECONDS, WorkerProcess, wait_until

HISTORY = Path(__file__).parents[1] / "data/history.jsonl"
PARTITIONS = 4
TODAY = date(2022, 12, 17)
"""The day after the last change of the history; `SCORER_CLOCK` is its midnight."""

SCORING = """
version: 1
bucket: 1d
events: {lines_changed: {}, lines_added: {}, lines_removed: {}, binary_changed: {}}
models:
  effort:
    kinds: [user, account]
    window: 60d
    half_life: 14d
    weights:
      lines_changed: {weight: 1, cap: {user: 300, account: 1000}}
      lines_added: {weight: 0.5, cap: {user: 200}}
      lines_removed: -0.25
      binary_changed: 3
    benchmark: {percentile: 90, min_population: 5}
    curve: {shape: exponential, steepness: 3}
    bands: {idle: 0, some: 25, busy: 50, all_in: 75}
    margin: 0
  lines:
    kinds: [user]
    window: 30d
    weights: {lines_changed: 1, lines_added: 1, lines_removed: 1}
    curve: {shape: none}
    bands: {few: 0, many: 500}
    margin: 0
"""

Event = Mapping[str, Any]
Counts = dict[tuple[date, str], float]
"""Of one entity: by UTC day and event type."""


def _history() -> list[Event]:
    return [json.loads(line) for line in HISTORY.read_text().splitlines()]


# ---- the recount, by hand: nothing of scorer's, nothing of the oracle's


def _counts(events: list[Event], kind: str, days: int) -> dict[str, Counts]:
    """By entity, of the last `days`, today included."""
    counts: dict[str, Counts] = defaultdict(lambda: defaultdict(float))
    for event in events:
        day = datetime.fromisoformat(event["ts"]).astimezone(UTC).date()
        account = event.get("account_id")
        if day <= TODAY - timedelta(days=days):
            continue
        if kind == "user":
            entity = event["user_id"] if account is None else f"{account}/{event['user_id']}"
        elif account is not None:
            entity = account
        else:
            continue
        counts[entity][day, event["event"]] += event.get("value", 1)
    return counts


def _effort(counts: Counts, kind: str) -> float:
    raw = 0.0
    for (day, change), count in counts.items():
        if change == "lines_changed":
            worth = min(count, 300 if kind == "user" else 1000)
        elif change == "lines_added":
            worth = 0.5 * (min(count, 200) if kind == "user" else count)
        elif change == "lines_removed":
            worth = -0.25 * count
        else:
            worth = 3 * count
        raw += worth * 0.5 ** ((TODAY - day).days / 14)
    return max(raw, 0.0)


def _percentile_90(raws: list[float]) -> float:
    """R-7: linear between the closest ranks."""
    ordered = sorted(raws)
    place = 0.9 * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _effort_scores(events: list[Event], kind: str) -> dict[str, dict[str, Any]]:
    raws = {entity: _effort(counts, kind) for entity, counts in _counts(events, kind, 60).items()}
    benchmark = _percentile_90([raw for raw in raws.values() if raw > 0])
    scores = {}
    for entity, raw in raws.items():
        score = 1 + 99 * (1 - math.exp(-3 * min(raw / benchmark, 1))) / (1 - math.exp(-3))
        band = "all_in" if score >= 75 else "busy" if score >= 50 else "some" if score >= 25 else "idle"
        scores[entity] = {"score": score, "raw": raw, "band": band, "state": "scored", "benchmark": benchmark}
    return scores


def _line_scores(events: list[Event]) -> dict[str, dict[str, Any]]:
    recent = _counts(events, "user", 30)
    scores = {}
    for entity in _counts(events, "user", 60):  # who is known, though perhaps not active in these 30 days
        mine = {key: count for key, count in recent.get(entity, {}).items() if key[1] != "binary_changed"}
        raw = sum(mine.values())
        band = ("many" if raw >= 500 else "few") if mine else "inactive"
        state = "scored" if mine else "inactive"
        scores[entity] = {"score": raw, "raw": raw, "band": band, "state": state, "benchmark": None}
    return scores


def _recount(events: list[Event]) -> dict[str, dict[str, Any]]:
    """Every score that Redis must hold, by the end of its key."""
    return {
        **{f"effort:user:{entity}": score for entity, score in _effort_scores(events, "user").items()},
        **{f"effort:account:{entity}": score for entity, score in _effort_scores(events, "account").items()},
        **{f"lines:user:{entity}": score for entity, score in _line_scores(events).items()},
    }


def _differences(found: Mapping[str, Any], expected: Mapping[str, Mapping[str, Any]]) -> list[str]:
    differences = [f"{key}: only one side has it" for key in sorted(found.keys() ^ expected.keys())]
    for key in found.keys() & expected.keys():
        for name, right in expected[key].items():
            is_right = found[key][name] == right
            if isinstance(right, float | int) and found[key][name] is not None:
                is_right = math.isclose(found[key][name], right, rel_tol=1e-9, abs_tol=1e-12)
            if not is_right:
                differences.append(f"{key}: {name} is {found[key][name]!r}, by hand {right!r}")
    return differences


# ---- the same through the real thing


class Place:
    """A namespace with its settings, on real servers."""

    def __init__(self, kafka: KafkaServer, redis_server: RedisServer, namespace: str, folder: Path) -> None:
        self.bootstrap, self.namespace, self.folder = kafka.bootstrap, namespace, folder
        self.topic = f"{namespace}-events"
        self.redis = redis.Redis.from_url(redis_server.url, decode_responses=True)
        (folder / "scoring.yaml").write_text(SCORING)
        self.settings = {
            "SCORER_BROKERS": kafka.bootstrap,
            "SCORER_REDIS_URL": redis_server.url,
            "SCORER_NAMESPACE": namespace,
            "SCORER_INPUT_TOPIC": self.topic,
            "SCORER_PARTITIONS": str(PARTITIONS),
            "SCORER_SCORING": str(folder / "scoring.yaml"),
            "SCORER_CLOCK": f"{TODAY}T00:00:00Z",
            "SCORER_BENCHMARK_INTERVAL": "500ms",
        }

    def replay(self, *arguments: str, stdin: bytes = b"", **settings: str) -> commands.Outcome:
        return commands.run("replay", *arguments, cwd=self.folder, settings=self.settings | settings, stdin=stdin)

    def records(self) -> list[tuple[int, bytes | None, bytes | None]]:
        """(partition, key, value) of all that the topic holds."""
        records = asyncio.run(all_records(self.bootstrap, self.topic))
        return [(record.partition, record.key, record.value) for record in records]

    def make_topic(self) -> None:
        asyncio.run(make_topic(self.bootstrap, self.topic, PARTITIONS))

    def scores(self) -> dict[str, Any]:
        prefix = f"{self.namespace}:score:"
        keys = list(self.redis.scan_iter(f"{prefix}*", count=1000))
        values = self.redis.mget(keys) if keys else []
        return {k.removeprefix(prefix): json.loads(v) for k, v in zip(keys, values, strict=True) if v}


@pytest.fixture
def place(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Place]:
    made = Place(kafka, redis_server, namespace, tmp_path)
    yield made
    made.redis.close()


@pytest.fixture
def worker(place: Place) -> Iterator[WorkerProcess]:
    started = WorkerProcess(place.settings)
    try:
        started.until_ready()
        yield started
    finally:
        started.kill()


def _until_as_by_hand(place: Place, expected: Mapping[str, Mapping[str, Any]]) -> None:
    def differences() -> list[str]:
        return _differences(place.scores(), expected)

    wait_until(lambda: not differences(), lambda: "\n".join(differences()[:10]), PATIENCE_SECONDS)


def _outcomes(worker: WorkerProcess) -> dict[str, int]:
    samples = worker.metrics().items()
    return {dict(labels)["outcome"]: int(n) for (name, labels), n in samples if name == "scorer_events_total" and n}


def test_a_real_history_ends_with_the_scores_that_a_recount_by_hand_gives(place: Place, worker: WorkerProcess) -> None:
    events = _history()
    expected = _recount(events)
    replayed = place.replay(str(HISTORY), "--json")
    assert replayed.status == 0, replayed.stderr
    assert json.loads(replayed.stdout)["sent"] == len(events)
    _until_as_by_hand(place, expected)
    # the sample is no trivial one: each kind of outcome is among it
    assert {score["band"] for score in expected.values()} >= {"idle", "some", "busy", "all_in", "inactive", "few"}
    counted = _outcomes(worker)
    assert counted.keys() == {"counted", "late"} and sum(counted.values()) == len(events)

    _show_agrees(place, expected)

    again = place.replay(str(HISTORY))
    assert again.status == 0 and f"{len(events):,} events written to {place.topic}" in again.stdout
    wait_until(lambda: _outcomes(worker).get("duplicate", 0) == counted["counted"], lambda: str(_outcomes(worker)))
    _until_as_by_hand(place, expected)
    assert worker.terminate() == 0
    assert _differences(place.scores(), expected) == []


def _show_agrees(place: Place, expected: Mapping[str, Mapping[str, Any]]) -> None:
    shown = commands.run("show", "account", "src", "--json", cwd=place.folder, settings=place.settings)
    assert shown.status == 0, shown.stderr
    answer = json.loads(shown.stdout)
    assert (answer["kind"], answer["id"], list(answer["scores"])) == ("account", "src", ["effort"])
    assert math.isclose(answer["scores"]["effort"]["score"], expected["effort:account:src"]["score"], rel_tol=1e-9)


def test_every_record_is_where_kafkas_own_partitioner_puts_its_key(place: Place) -> None:
    place.make_topic()
    assert place.replay(str(HISTORY)).status == 0
    partitioner, everywhere = DefaultPartitioner(), list(range(PARTITIONS))
    records = place.records()
    for partition, key, value in records:
        event = json.loads(value or b"")
        assert key == (event.get("account_id") or event["user_id"]).encode()
        assert partition == partitioner(key, everywhere, everywhere)
    assert len({partition for partition, _, _ in records}) == PARTITIONS
    lines = HISTORY.read_bytes().splitlines()
    for partition in everywhere:  # byte for byte, and in the order of the file
        written = [value for at, _, value in records if at == partition]
        there = set(written)
        assert written == [line for line in lines if line in there]
    assert sorted(value or b"" for _, _, value in records) == sorted(lines)


def test_a_bad_line_is_named_with_its_number_and_left_out(place: Place) -> None:
    place.make_topic()
    good = b'{"event":"a","user_id":"ann","account_id":"acme","ts":1671235200}'
    lines = [
        good,
        b"",
        b'{"event":"a","user_id":"ann"}',
        b"oops",
        b"[1]",
        good,
        b'{"event":"a","ts":"noon","user_id":"b"}',
    ]
    file = place.folder / "events.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))  # as some editors write it, without a last line end
    told = place.replay(str(file))
    assert told.status == 1
    assert [line.split(": ")[1:3] for line in told.stderr.splitlines()] == [
        ["line 3", "missing_field"],
        ["line 4", "not_json"],
        ["line 5", "not_an_object"],
        ["line 7", "bad_timestamp"],
    ]
    assert "2 events written" in told.stdout and "4 lines left out" in told.stdout
    assert [value for _, _, value in place.records()] == [good, good]
    summary = json.loads(place.replay(str(file), "--json").stdout)
    assert (summary["sent"], summary["skipped"]) == (2, 4)
    assert summary["error"] == "4 lines left out: no usable events"
    assert summary["bad"][0] == {"line": 3, "reason": "missing_field", "detail": summary["bad"][0]["detail"]}


def test_events_come_from_standard_input_too(place: Place) -> None:
    place.make_topic()
    lines = b"".join(b'{"event":"a","user_id":"u%d","ts":1671235200}\n' % n for n in range(20_000))
    told = place.replay("-", "--json", stdin=lines)
    assert told.status == 0, told.stderr
    assert json.loads(told.stdout)["sent"] == 20_000
    assert sorted(value or b"" for _, _, value in place.records()) == sorted(lines.splitlines())


def test_a_line_of_megabytes_costs_itself_only(place: Place) -> None:
    place.make_topic()
    good = b'{"event":"a","user_id":"ann","ts":1671235200}'
    told = place.replay("-", stdin=b"\n".join([good, b'{"event":"' + b"x" * 5_000_000 + b'"}', good]))
    assert told.status == 1
    assert "line 2: too_large" in told.stderr
    assert [value for _, _, value in place.records()] == [good, good]


def test_a_topic_that_is_not_there_is_named_and_not_created(place: Place) -> None:
    told = place.replay(str(HISTORY))
    assert told.status == 1
    assert f"there is no topic {place.topic}: start a worker" in told.stderr
    assert "0 events written" in told.stdout
    assert "Traceback" not in told.stderr


def test_a_broker_that_is_not_there_is_named_once_the_patience_is_over(place: Place) -> None:
    told = place.replay(str(HISTORY), SCORER_BROKERS="127.0.0.1:1", SCORER_BROKER_PATIENCE="1s")
    assert told.status == 1
    assert "127.0.0.1:1 can't be reached" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_file_that_is_not_there_is_bad_usage(place: Place) -> None:
    told = place.replay("nothing.jsonl")
    assert (told.status, told.stdout) == (2, "")
    assert "nothing.jsonl can't be read: No such file or directory" in told.stderr


# ---- CSV


def test_a_table_becomes_the_events_that_it_says(place: Place) -> None:
    place.make_topic()
    file = place.folder / "events.csv"
    file.write_text(
        "when;author;company;what;id;lines\r\n"
        '2022-12-16T10:00:00Z;ann;"a;cme";lines_changed;e-1;12.5\r\n'
        "1671235200;bob;;lines_added;;\r\n"
        "yesterday;bob;;lines_added;;\r\n"
        "1671235200;bob;lines_added\r\n"
        "1671235200;cy;;lines_added;;3\r\n"
    )
    columns = {
        "ts": "when",
        "user_id": "author",
        "account_id": "company",
        "event": "what",
        "event_id": "id",
        "value": "lines",
    }
    flags = [part for field, name in columns.items() for part in ("--column", f"{field}={name}")]
    told = place.replay(str(file), *flags)
    assert told.status == 1
    assert [line.split(": ")[1:3] for line in told.stderr.splitlines()] == [
        ["line 4", "bad_timestamp"],
        ["line 5", "bad_row"],
    ]
    assert "3 events written" in told.stdout and "2 lines left out" in told.stdout
    found = {key: json.loads(value or b"") for _, key, value in place.records()}
    assert found == {
        b"a;cme": {
            "event": "lines_changed", "user_id": "ann", "account_id": "a;cme", "event_id": "e-1",
            "ts": "2022-12-16T10:00:00Z", "value": 12.5,
        },
        b"bob": {"event": "lines_added", "user_id": "bob", "ts": 1671235200},
        b"cy": {"event": "lines_added", "user_id": "cy", "ts": 1671235200, "value": 3},
    }  # fmt: skip
    assert not (place.folder / "events.csv.replay-progress").exists()


def test_a_table_comes_from_standard_input_if_it_is_said(place: Place) -> None:
    place.make_topic()
    table = "event,user_id,ts\n" + "".join(f"a,u{n},1671235200\n" for n in range(20_000))
    told = place.replay("-", "--format", "csv", "--json", stdin=table.encode())
    assert told.status == 0, told.stderr
    assert json.loads(told.stdout)["sent"] == 20_000
    assert len(place.records()) == 20_000


def test_a_header_without_a_needed_column_is_bad_usage(place: Place) -> None:
    place.make_topic()
    file = place.folder / "events.csv"
    file.write_text("event,user,ts\na,ann,1671235200\n")
    told = place.replay(str(file))
    assert (told.status, told.stdout) == (2, "")
    assert (
        "events.csv: the header has no column user_id for user_id: name it with --column user_id=user." in told.stderr
    )
    assert place.records() == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["e.csv", "--column", "user=author"], "user is none of event, user_id, account_id, event_id, ts, value"),
        (["e.csv", "--column", "user_id"], "user_id must be FIELD=NAME"),
        (["e.jsonl", "--column", "user_id=author"], "is for CSV only"),
        (["e.csv", "--format", "xml"], "'xml' is not one of"),
        (["e.csv", "--resume", "--from-start"], "can't be used together"),
        (["-", "--resume"], "- can't be resumed, only a file can"),
        (["."], ". can't be read: it is a directory"),
    ],
)
def test_bad_usage_is_named(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = commands.run("replay", *arguments, cwd=tmp_path, settings={"COLUMNS": "200"})
    assert (done.status, done.stdout) == (2, "")
    assert told in done.stderr and "Traceback" not in done.stderr


# ---- going on after an interruption


def lines_for(place: Place, count: int) -> list[bytes]:
    """A file of them, of several pieces."""
    more = "x" * 200
    lines = [
        json.dumps({"event": "a", "user_id": f"u{n}", "event_id": f"e-{n}", "ts": 1671235200, "more": more}).encode()
        for n in range(count)
    ]
    (place.folder / "events.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return lines


def test_a_replay_that_was_killed_goes_on_behind_what_was_acknowledged(place: Place) -> None:
    place.make_topic()
    lines = lines_for(place, 100_000)
    progress = place.folder / "events.jsonl.replay-progress"
    command = commands.command("replay", "events.jsonl")
    with subprocess.Popen(command, cwd=place.folder, env=commands.environment(place.settings)) as killed:
        wait_until(progress.exists, "progress")
        killed.kill()
    kept = json.loads(progress.read_bytes())
    assert 0 < kept["line"] < len(lines)
    written = len(place.records())
    told = place.replay("events.jsonl")
    assert (told.status, told.stdout) == (2, "")
    assert f"was replayed up to line {kept['line']} before: --resume goes on behind it" in told.stderr
    told = place.replay("events.jsonl", "--resume", "--json")
    assert told.status == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["sent"], found["resumed_behind_line"]) == (len(lines) - kept["line"], kept["line"])
    assert (found["sent_in_all"], found["skipped_in_all"]) == (len(lines), 0)
    values = [value for *_, value in place.records()]
    assert set(values) == set(lines)
    assert len(values) == written + len(lines) - kept["line"]
    assert written - kept["line"] <= 2 * (1 << 20) // len(lines[0])  # what was under way: a read's worth
    assert not progress.exists()


def test_a_table_goes_on_in_the_middle_with_its_header(place: Place) -> None:
    place.make_topic()
    rows = [f'a,"u\n{n}",{1671235200 + n},{"x" * 200}' for n in range(40_000)]
    (place.folder / "events.csv").write_text("event,user_id,ts,more\n" + "\n".join(rows))
    progress = place.folder / "events.csv.replay-progress"
    command = commands.command("replay", "events.csv")
    with subprocess.Popen(
        command, cwd=place.folder, env=commands.environment(place.settings), stderr=subprocess.DEVNULL
    ) as stopped:
        wait_until(progress.exists, "progress")
        stopped.send_signal(signal.SIGINT)
        assert stopped.wait(60) == 1
    told = place.replay("events.csv", "--resume", "--json")
    found = json.loads(told.stdout)
    assert found["error"] == f"{len(rows):,} lines left out: no usable events"  # an id has no line end
    assert found["resumed_behind_line"] > 1
    assert found["sent_in_all"] + found["skipped_in_all"] == len(rows)
    assert 0 < found["skipped"] < len(rows)


def test_a_resumed_replay_tells_its_own_part_and_all_of_it(place: Place) -> None:
    place.make_topic()
    lines = [*lines_for(place, 3), b"oops", b'{"event":"a","user_id":"last","ts":1671235200}']
    file = place.folder / "events.jsonl"

    def stopped_behind_line_2() -> None:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            target = Target(place.bootstrap, place.topic, "jsonl", {})
            end = Position(sum(len(line) + 1 for line in lines[:2]), 2)
            ProgressFile(str(file), descriptor, target).save(Progress(end, 1, 1))
        finally:
            os.close(descriptor)

    file.write_bytes(b"\n".join(lines))
    stopped_behind_line_2()
    told = place.replay("events.jsonl", "--resume")
    assert told.status == 1
    assert told.stdout.startswith(f"2 events written to {place.topic} in ")
    assert told.stdout.endswith("1 line left out, resumed behind line 2; in all 3 events, 2 lines left out\n")
    stopped_behind_line_2()
    found = json.loads(place.replay("events.jsonl", "--resume", "--json").stdout)
    assert (found["sent"], found["skipped"], found["sent_in_all"], found["skipped_in_all"]) == (2, 1, 3, 2)
    assert found["error"] == "2 lines left out: no usable events"


def test_ctrl_c_says_how_to_go_on(place: Place) -> None:
    place.make_topic()
    lines_for(place, 100_000)
    command = commands.command("replay", "events.jsonl")
    with subprocess.Popen(
        command, cwd=place.folder, env=commands.environment(place.settings), stderr=subprocess.PIPE, text=True
    ) as stopped:
        wait_until((place.folder / "events.jsonl.replay-progress").exists, "progress")
        stopped.send_signal(signal.SIGINT)
        assert stopped.wait(60) == 1
        assert stopped.stderr is not None
        said = stopped.stderr.read()
    assert "scorer: interrupted" in said and "--resume goes on behind them" in said and "Traceback" not in said


def test_progress_of_another_content_or_target_is_not_gone_on_from(place: Place) -> None:
    place.make_topic()
    lines = lines_for(place, 10)
    file = place.folder / "events.jsonl"
    descriptor = os.open(file, os.O_RDONLY)
    try:
        target = Target(place.bootstrap, "another-topic", "jsonl", {})
        ProgressFile(str(file), descriptor, target).save(Progress(Position(len(lines[0]) + 1, 1), 1, 0))
    finally:
        os.close(descriptor)
    told = place.replay("events.jsonl", "--resume")
    assert told.status == 2 and f"is of a replay into another-topic at {place.bootstrap}" in told.stderr
    assert place.records() == []
    told = place.replay("events.jsonl", "--from-start")
    assert told.status == 0 and len(place.records()) == 10


def test_a_file_that_was_changed_is_not_gone_on_with(place: Place) -> None:
    place.make_topic()
    lines = lines_for(place, 10)
    file = place.folder / "events.jsonl"
    descriptor = os.open(file, os.O_RDONLY)
    try:
        target = Target(place.bootstrap, place.topic, "jsonl", {})
        ProgressFile(str(file), descriptor, target).save(Progress(Position(len(lines[0]) + 1, 1), 1, 0))
    finally:
        os.close(descriptor)
    file.write_bytes(file.read_bytes().replace(b"e-0", b"e-x"))
    told = place.replay("events.jsonl", "--resume")
    assert told.status == 2 and "is of another content, up to its line 1. --from-start begins again" in told.stderr
    assert place.records() == []
    told = place.replay("events.jsonl")
    assert told.status == 0 and "is of another content, up to its line 1: beginning at the first line" in told.stderr
    assert len(place.records()) == 10


def test_a_folder_that_can_not_be_written_costs_only_the_progress(place: Place) -> None:
    place.make_topic()
    told = place.replay("/proc/self/cmdline", "--json")  # a regular file in a folder that nobody can write
    assert json.loads(told.stdout)["lines_done"] == 1
    assert "progress can't be kept in /proc/self/cmdline.replay-progress" in told.stderr
