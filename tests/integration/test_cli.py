"""The commands as processes of their own, on real servers: what they end with and what they say."""

import asyncio
import http.client
import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from scorer.embedded.child import free_port
from tests import commands
from tests.servers import KafkaServer, RedisServer
from tests.topic_making import make_topic
from tests.worker_process import wait_until

SCORING = """\
version: 1
events: {opened: {}}
models:
  use: {kinds: [user, account], weights: {opened: 1}, benchmark: {min_population: 1}}
  points: {kinds: [user], weights: {opened: 3}, curve: {shape: none}, bands: {few: 0, many: 10}}
"""
SCORE = {
    "v": "1795355044123000000007", "score": 84.44111750182606, "raw": 112.0, "band": "champion",
    "previous_band": "healthy", "delta": None, "state": "scored", "benchmark": 208.2, "benchmark_version": 17,
    "model_version": 3, "as_of": 1795355044.1, "computed_at": 1795355044.6,
}  # fmt: skip
"""As INTERFACES 6 shows it."""

WARMING_UP = {**SCORE, "score": None, "band": None, "state": "warming_up", "population": 17, "min_population": 20}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a command is called: its scoring file is there."""
    (tmp_path / "scoring.yaml").write_text(SCORING)
    return tmp_path


# ---- worker


@contextmanager
def started(folder: Path, *arguments: str, settings: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A worker; what it says goes to the files `stdout` and `stderr` of the folder."""
    with (folder / "stdout").open("w") as out, (folder / "stderr").open("w") as err:
        command = commands.command("worker", *arguments)
        with subprocess.Popen(
            command, cwd=folder, env=commands.environment(settings), stdout=out, stderr=err, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def says(folder: Path) -> str:
    return (folder / "stderr").read_text()


def get(port: int, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def test_a_worker_of_flags_alone_gets_ready_and_ends_with_0(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, folder: Path
) -> None:
    port = free_port()
    flags = {
        "--brokers": kafka.bootstrap,
        "--redis-url": redis_server.url,
        "--namespace": namespace,
        "--input-topic": f"{namespace}-events",
        "--partitions": "2",
        "--http": f"127.0.0.1:{port}",
        "--log-format": "json",
    }
    # what the flags win over
    (folder / ".env").write_text("SCORER_PARTITIONS=7\nSCORER_LOG_FORMAT=console\n")
    settings = {"SCORER_BROKERS": "127.0.0.1:1", "SCORER_REDIS_URL": "redis://127.0.0.1:1/0"}
    with started(folder, *(part for flag in flags.items() for part in flag), settings=settings) as worker:
        wait_until(lambda: get(port, "/readyz")[0] == 200, lambda: says(folder))
        assert get(port, "/healthz")[0] == 200
        assert "scorer_consumer_lag_records" in get(port, "/metrics")[1]
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert (folder / "stdout").read_text() == ""
    lines = [json.loads(line) for line in says(folder).splitlines()]
    assert any("created with 2 partitions" in line["event"] for line in lines)
    assert {line["level"] for line in lines} <= {"info", "warning", "error"}


def test_a_worker_that_waits_for_its_broker_is_alive_not_ready_and_stops_at_once(folder: Path) -> None:
    port = free_port()
    settings = {"SCORER_BROKERS": "127.0.0.1:1", "SCORER_HTTP": f"127.0.0.1:{port}"}
    with started(folder, settings=settings) as worker:
        wait_until(lambda: get(port, "/healthz")[0] == 200, lambda: says(folder))
        status, body = get(port, "/readyz")
        assert status == 503 and json.loads(body)["reasons"]
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0


def test_a_worker_whose_broker_never_comes_fails_with_1_and_one_reason(folder: Path) -> None:
    settings = {"SCORER_BROKERS": "127.0.0.1:1", "SCORER_BROKER_PATIENCE": "1s", "SCORER_HTTP": "127.0.0.1:0"}
    told = commands.run("worker", "--log-format", "json", cwd=folder, settings=settings)
    last = json.loads(told.stderr.splitlines()[-1])
    assert (told.status, told.stdout) == (1, "")
    assert last["event"] == "the worker stops"
    assert last["error"].startswith("SCORER_BROKERS=127.0.0.1:1 can't be reached, waited 1 s (last: ")
    assert "SCORER_BROKER_PATIENCE is how long to wait" in last["error"]
    lines = [json.loads(line)["event"] for line in told.stderr.splitlines()]
    assert [line for line in lines if line.endswith("trying on, for 1 s")] == lines[2:3]
    assert len(lines) == 4  # and once what aiokafka has to say
    assert "Traceback" not in told.stderr


def test_a_port_in_use_is_named_with_its_setting(redis_server: RedisServer, folder: Path) -> None:
    told = commands.run("worker", "--http", f"127.0.0.1:{redis_server.port}", cwd=folder)
    assert (told.status, told.stdout) == (1, "")
    assert f"SCORER_HTTP=127.0.0.1:{redis_server.port} can't be listened on" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_topic_that_would_lose_data_stops_the_start_with_the_command_that_mends_it(
    kafka: KafkaServer, namespace: str, folder: Path
) -> None:
    asyncio.run(make_topic(kafka.bootstrap, f"{namespace}-journal", cleanup_policy="compact"))
    settings = {
        "SCORER_BROKERS": kafka.bootstrap,
        "SCORER_NAMESPACE": namespace,
        "SCORER_INPUT_TOPIC": f"{namespace}-events",
        "SCORER_PARTITIONS": "1",
        "SCORER_HTTP": "127.0.0.1:0",
    }
    told = commands.run("worker", cwd=folder, settings=settings)
    assert told.status == 2
    assert any(
        line.startswith(f"  topic {namespace}-journal: cleanup.policy is compact, needed is delete. To mend it: ")
        for line in told.stderr.splitlines()
    )
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("login", "database", "told"),
    [
        ("", "0", "Redis refuses the user name or password"),
        (":geheim-1@", "0", "Redis refuses the user name or password"),
        (":right@", "99", "it has no database of this number ("),
    ],
)
def test_a_redis_that_refuses_us_is_bad_usage_and_told_without_the_password(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, folder: Path, login: str, database: str, told: str
) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.config_set("requirepass", "right")
    place = f"127.0.0.1:{redis_server.port}/{database}"
    settings = {
        "SCORER_BROKERS": kafka.bootstrap,
        "SCORER_NAMESPACE": namespace,
        "SCORER_INPUT_TOPIC": f"{namespace}-events",
        "SCORER_PARTITIONS": "1",
        "SCORER_HTTP": "127.0.0.1:0",
        "SCORER_REDIS_URL": f"redis://{login}{place}",
        "SCORER_LOG_FORMAT": "json",
    }
    done = commands.run("worker", cwd=folder, settings=settings)
    last = json.loads(done.stderr.splitlines()[-1])
    assert (done.status, done.stdout) == (2, "")
    assert last["error"].startswith(f"SCORER_REDIS_URL=redis://{place}: {told}")
    assert "the URL" in last["error"]  # the way out
    assert "geheim" not in done.stderr and "Traceback" not in done.stderr


def test_a_worker_goes_on_without_redis_and_says_once_that_it_is_away(
    kafka: KafkaServer, namespace: str, folder: Path
) -> None:
    port = free_port()
    settings = {
        "SCORER_BROKERS": kafka.bootstrap,
        "SCORER_NAMESPACE": namespace,
        "SCORER_INPUT_TOPIC": f"{namespace}-events",
        "SCORER_PARTITIONS": "1",
        "SCORER_HTTP": f"127.0.0.1:{port}",
        "SCORER_REDIS_URL": "redis://127.0.0.1:1/0",
        "SCORER_LOG_FORMAT": "json",
    }
    with started(folder, settings=settings) as worker:
        wait_until(lambda: get(port, "/readyz")[0] == 200, lambda: says(folder))
        wait_until(lambda: "redis is away" in says(folder), lambda: says(folder))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    (away,) = (json.loads(line) for line in says(folder).splitlines() if "redis is away" in line)
    assert (away["level"], away["redis"]) == ("warning", "redis://127.0.0.1:1/0")
    assert "Connection refused" in away["error"]


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (b"version: 1\nevnts: {}\n", "scoring.yaml:2: evnts: unknown key"),
        (b"[", "scoring.yaml:"),
        (b"", "scoring.yaml: is empty: start with `version: 1`"),
        (b"\x7fELF\x02\x01\x01\x00", "scoring.yaml:1: is not YAML: the character U+007F can't stand in it"),
        (b"\x1f\x8b\x08\x00", "scoring.yaml: must be UTF-8: byte 1 isn't"),
        (b"version: 1\nevents:\n\topened: {}\n", "scoring.yaml:3: is not YAML: "),
        (b"#" * 5_000_000, "scoring.yaml: is too large"),
        (None, "can't be read"),
    ],
    ids=["unknown key", "cut off", "empty", "a program", "gzip", "tabs", "large", "none"],
)
def test_a_bad_scoring_file_is_bad_usage_and_nothing_is_touched(folder: Path, file: bytes | None, told: str) -> None:
    scoring = folder / "scoring.yaml"
    scoring.unlink() if file is None else scoring.write_bytes(file)
    done = commands.run("worker", cwd=folder, settings={"SCORER_BROKERS": "127.0.0.1:1"})
    assert (done.status, done.stdout) == (2, "")
    assert told in done.stderr and "Traceback" not in done.stderr


def test_passwords_are_in_no_line(folder: Path) -> None:
    settings = {
        "SCORER_BROKERS": "127.0.0.1:1",
        "SCORER_BROKER_PATIENCE": "1s",
        "SCORER_HTTP": "127.0.0.1:0",
        "SCORER_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SCORER_KAFKA_SASL_MECHANISM": "PLAIN",
        "SCORER_KAFKA_SASL_USERNAME": "ann",
        "SCORER_KAFKA_SASL_PASSWORD": "geheim-1",
        "SCORER_REDIS_URL": "redis://ann:geheim-2@127.0.0.1:1/0",
        "SCORER_LOG_LEVEL": "debug",
    }
    told = commands.run("worker", cwd=folder, settings=settings)
    assert told.status == 1 and "geheim" not in told.stderr + told.stdout
    told = commands.run("show", "user", "ann", cwd=folder, settings=settings)
    assert told.status == 1 and "geheim" not in told.stderr + told.stdout


# ---- show


class Store:
    """A Redis that holds scores, and `scorer show` against it."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self._folder, self.url = folder, server.url
        self._redis = redis.Redis.from_url(server.url)

    def put(self, key: str, score: Mapping[str, object]) -> None:
        self._redis.set(f"scorer:score:{key}", json.dumps(score, separators=(",", ":")))

    def show(self, *arguments: str) -> commands.Outcome:
        return commands.run("show", *arguments, "--redis-url", self.url, cwd=self._folder)

    def close(self) -> None:
        self._redis.close()


@pytest.fixture
def store(redis_server: RedisServer, folder: Path) -> Iterator[Store]:
    made = Store(redis_server, folder)
    yield made
    made.close()


def test_show_tells_every_model_of_the_kind(store: Store) -> None:
    store.put("use:user:acme/ann", SCORE)
    told = store.show("user", "acme/ann")
    assert (told.status, told.stderr) == (0, "")
    use, raw, formula, newest, points = told.stdout.splitlines()
    assert use == "use     84.4  ▲ champion (was healthy)"
    assert raw == "        raw 112 is 53.8% of the benchmark 208.2 (version 17)"
    assert formula == "        1 + 99 (1 - e^(-3 x)) / (1 - e^-3), x = raw / benchmark, at most 1"
    assert newest.startswith("        newest event 2026-11-22")
    assert points == "points  no score: nothing of theirs has counted in this model yet"
    assert store.show("user", "acme/ann", "--model", "use").stdout.startswith("use  84.4  ▲ champion")


def test_show_json_is_what_redis_holds(store: Store) -> None:
    store.put("use:account:acme", SCORE)
    told = store.show("account", "acme", "--json")
    assert told.status == 0
    assert json.loads(told.stdout) == {
        "kind": "account",
        "id": "acme",
        "stale_seconds": 0.0,
        "scores": {"use": SCORE},
        "curves": {"use": {"shape": "exponential", "steepness": 3.0}},
        "error": None,
    }


def test_show_without_a_number_ends_with_1(store: Store) -> None:
    store.put("use:account:acme", WARMING_UP)
    told = store.show("account", "acme")
    assert told.status == 1 and told.stdout == "use  no score yet: warming up, 17 of 20 active accounts needed\n"
    nobody = store.show("user", "nobody")
    assert (nobody.status, nobody.stdout) == (1, "")
    assert nobody.stderr.startswith("scorer: user nobody has no score: ") and "{account}/{user}" in nobody.stderr
    as_json = store.show("user", "nobody", "--json")
    assert as_json.status == 1
    assert json.loads(as_json.stdout)["scores"] == {"use": None, "points": None}
    assert as_json.stderr == nobody.stderr == f"scorer: {json.loads(as_json.stdout)['error']}\n"
    warming_up = json.loads(store.show("account", "acme", "--json").stdout)
    why = "no score yet: warming up, 17 of 20 active accounts needed"
    assert warming_up["error"] == f"account acme has no score: use: {why}"
    assert warming_up["scores"]["use"] == WARMING_UP


def test_show_looks_into_the_namespace_that_is_asked_for(store: Store) -> None:
    store.put("use:account:acme", SCORE)
    assert store.show("account", "acme", "--namespace", "other").status == 1


def test_what_is_no_text_is_refused_or_shown_escaped(store: Store, folder: Path) -> None:
    nobody = store.show("user", "\udcff")
    assert (nobody.status, nobody.stdout) == (2, "")
    assert r"'\udcff' is not UTF-8" in nobody.stderr and "Traceback" not in nobody.stderr
    strict = {"PYTHONIOENCODING": "utf-8:strict"}  # as in a terminal with a locale
    checked = commands.run("check", "--json", "\udcff.yaml", cwd=folder, settings=strict)
    assert checked.status == 2 and checked.stderr.startswith(r"scorer: \udcff.yaml: can't be read")
    assert r'"file": "\udcff.yaml"' in checked.stdout


def test_show_with_redis_away_names_it(folder: Path) -> None:
    told = commands.run("show", "user", "u", "--redis-url", "redis://127.0.0.1:1/0", cwd=folder)
    assert (told.status, told.stdout) == (1, "")
    assert told.stderr.startswith("scorer: SCORER_REDIS_URL=redis://127.0.0.1:1/0: ")
    assert "Traceback" not in told.stderr
