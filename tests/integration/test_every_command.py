"""Every command, whatever a user may do to it: one message, the right exit status, never a traceback.

What shows before anything is asked of a server is in tests/unit/test_every_command.py.
"""

import asyncio
import json
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from tests import commands
from tests.commands import EVERY_COMMAND, Outcome
from tests.integration import test_connection
from tests.integration.test_connection import SecureKafka
from tests.servers import KafkaServer, RedisServer
from tests.topic_making import make_topic
from tests.worker_process import wait_until

SCORING = "version: 1\nevents: {opened: {}}\nmodels: {use: {weights: {opened: 1}}}\n"
EVENT = '{"event":"opened","user_id":"ann","ts":1671235200}\n'

ON_KAFKA = ("replay", "resync", "verify", "dead-letters list", "dead-letters show", "dead-letters replay")
ON_REDIS = ("show", "top")
NOWHERE = {
    "SCORER_BROKERS": "127.0.0.1:1",
    "SCORER_REDIS_URL": "redis://ann:geheim@127.0.0.1:1/0",
    "SCORER_BROKER_PATIENCE": "1s",
}


secure = test_connection.secure
"""The fixture: a Kafka that wants a password."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scoring.yaml").write_text(SCORING)
    (tmp_path / "events.jsonl").write_text(EVENT)
    (tmp_path / "a-folder").mkdir()
    return tmp_path


def arguments(name: str, more: str = "") -> list[str]:
    return shlex.split(f"{EVERY_COMMAND[name]} {more}")


def run_all(
    names: tuple[str, ...], folder: Path, settings: Mapping[str, str], more: str = "", **options: Any
) -> dict[str, Outcome]:
    """These commands, a few at a time, each in a folder that only reading is done in."""

    def run(name: str) -> Outcome:
        return commands.run(*arguments(name, more), cwd=folder, settings={"COLUMNS": "200", **settings}, **options)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(names, pool.map(run, names), strict=True))


def without_tracebacks(outcomes: Mapping[str, Outcome]) -> dict[str, int]:
    """The statuses by command."""
    for name, told in outcomes.items():
        said = told.stdout + told.stderr
        assert not any(word in said for word in ("Traceback", "Exception ignored", "geheim")), (name, said)
    return {name: told.status for name, told in outcomes.items()}


# ---- what isn't there


def test_a_broker_that_is_not_there_is_a_failure_that_names_it(folder: Path) -> None:
    told = run_all(("worker",), folder, NOWHERE) | run_all(ON_KAFKA, folder, NOWHERE, "--json")
    assert without_tracebacks(told) == dict.fromkeys(("worker", *ON_KAFKA), 1)
    for name, outcome in told.items():
        assert "127.0.0.1:1 can't be reached, waited 1 s" in outcome.stderr.splitlines()[-1], name
        if name in ON_KAFKA:
            assert outcome.stderr == f"scorer: {json.loads(outcome.stdout)['error']}\n", name


def test_a_command_waits_ten_seconds_for_a_broker_unless_told_otherwise(folder: Path) -> None:
    settings = {name: value for name, value in NOWHERE.items() if name != "SCORER_BROKER_PATIENCE"}
    began = time.monotonic()
    told = run_all(("verify", "replay"), folder, settings)
    assert time.monotonic() - began < 60
    assert without_tracebacks(told) == {"verify": 1, "replay": 1}
    for name, outcome in told.items():
        (line,) = outcome.stderr.splitlines()
        assert line.startswith("scorer: SCORER_BROKERS=127.0.0.1:1 can't be reached, waited 10 s"), name


def test_a_redis_that_is_not_there_is_a_failure_that_names_it(folder: Path) -> None:
    told = run_all(ON_REDIS, folder, NOWHERE, "--json")
    assert without_tracebacks(told) == dict.fromkeys(ON_REDIS, 1)
    for outcome in told.values():
        assert outcome.stderr.startswith("scorer: SCORER_REDIS_URL=redis://***@127.0.0.1:1/0: can't be reached (")
        assert "does Redis run there" in outcome.stderr and "--redis-url names another" in outcome.stderr
        assert outcome.stderr == f"scorer: {json.loads(outcome.stdout)['error']}\n"


def test_a_redis_that_is_not_there_ends_what_needs_kafka_too(kafka: KafkaServer, namespace: str, folder: Path) -> None:
    asyncio.run(make_topic(kafka.bootstrap, namespace))
    settings = NOWHERE | {"SCORER_BROKERS": kafka.bootstrap, "SCORER_INPUT_TOPIC": namespace}
    told = run_all(("resync", "verify"), folder, settings, "--json")
    assert without_tracebacks(told) == {"resync": 1, "verify": 1}
    for outcome in told.values():
        assert outcome.stderr.startswith("scorer: SCORER_REDIS_URL=redis://***@127.0.0.1:1/0: can't be reached (")
        assert outcome.stderr == f"scorer: {json.loads(outcome.stdout)['error']}\n"


def test_a_wrong_password_of_redis_is_named_without_it(redis_server: RedisServer, folder: Path) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.config_set("requirepass", "right")
    for login in ("", "ann:geheim@"):
        url = f"redis://{login}127.0.0.1:{redis_server.port}/0"
        told = run_all(ON_REDIS, folder, {"SCORER_REDIS_URL": url})
        assert without_tracebacks(told) == dict.fromkeys(ON_REDIS, 2)
        for outcome in told.values():
            assert "redis://user:password@host:port/0" in outcome.stderr


def test_a_key_of_somebody_else_is_a_failure_that_says_so(redis_server: RedisServer, folder: Path) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("scorer:partition:0", "garbage")
        client.zadd("scorer:rank:use:account", {"acme": 1})
        client.set("scorer:score:use:account:acme", "[1]")
        told = run_all(ON_REDIS, folder, {"SCORER_REDIS_URL": redis_server.url})
        assert set(without_tracebacks(told).values()) == {2}
        for outcome in told.values():
            assert "a key there isn't scorer's" in outcome.stderr
        client.delete("scorer:rank:use:account")
        client.lpush("scorer:rank:use:account", "acme")
        told = run_all(("top",), folder, {"SCORER_REDIS_URL": redis_server.url})
        assert without_tracebacks(told) == {"top": 1}
        assert "Redis can't answer (WRONGTYPE" in told["top"].stderr


def test_a_wrong_password_of_kafka_is_bad_usage_and_named_without_it(secure: SecureKafka, folder: Path) -> None:
    settings = NOWHERE | {
        "SCORER_BROKERS": secure.password_over_tls,
        "SCORER_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "SCORER_KAFKA_SASL_MECHANISM": "PLAIN",
        "SCORER_KAFKA_SASL_USERNAME": "ann",
        "SCORER_KAFKA_SASL_PASSWORD": "geheim",
        "SCORER_KAFKA_CA_FILE": secure.certificate,
        "SCORER_BROKER_PATIENCE": "1m",
    }
    told = run_all(ON_KAFKA, folder, settings)
    assert without_tracebacks(told) == dict.fromkeys(ON_KAFKA, 2)
    for outcome in told.values():
        assert "SCORER_KAFKA_SASL_PASSWORD" in outcome.stderr.splitlines()[-1]


def test_a_certificate_that_is_none_is_bad_usage(folder: Path) -> None:
    settings = NOWHERE | {"SCORER_KAFKA_SECURITY_PROTOCOL": "SSL", "SCORER_KAFKA_CA_FILE": "events.jsonl"}
    told = run_all(ON_KAFKA, folder, settings)
    assert without_tracebacks(told) == dict.fromkeys(ON_KAFKA, 2)
    for outcome in told.values():
        assert "SCORER_KAFKA_CA_FILE=events.jsonl can't be used" in outcome.stderr


# ---- where the output goes


@contextmanager
def closed_pipe() -> Iterator[int]:
    """Nobody reads it any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def full_disk() -> Iterator[int]:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


PRINTING = (
    "check",
    "check --json",
    "check --schema",
    "--help",
    "--version",
    "dead-letters --help",
    "top",
    "top --watch --json",
)


@pytest.mark.parametrize("place", [closed_pipe, full_disk])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_nobody_takes_is_a_failure(
    redis_server: RedisServer, folder: Path, place: Any, unbuffered: str
) -> None:
    for words in PRINTING:
        settings = {"SCORER_REDIS_URL": redis_server.url, "PYTHONUNBUFFERED": unbuffered}
        with place() as out:
            told = subprocess.run(
                commands.command(*words.split()), cwd=folder, env=commands.environment(settings), stdout=out,
                stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            )  # fmt: skip
        expected = "" if place is closed_pipe else "scorer: standard output can't be written: No space left on device\n"
        assert (told.returncode, told.stderr) == (1, expected), words


def test_a_terminal_without_unicode_gets_what_it_can_show(folder: Path) -> None:
    (folder / "scoring.yaml").write_text(SCORING.replace("opened", "geöffnet"))
    told = commands.run("check", cwd=folder, settings={"PYTHONIOENCODING": "ascii"})
    assert told.status == 0 and r"ge\xf6ffnet" in told.stdout and told.stderr == ""


# ---- Ctrl-C


WAITING = ("replay", "show", "top", "resync", "verify", "dead-letters list", "dead-letters replay")


@pytest.mark.parametrize("name", WAITING)
def test_ctrl_c_ends_what_waits(folder: Path, name: str) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(60)
        port = server.getsockname()[1]
        settings = {"SCORER_BROKERS": f"127.0.0.1:{port}", "SCORER_REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        with subprocess.Popen(
            commands.command(*arguments(name, "--json")), cwd=folder, env=commands.environment(settings),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as waiting:  # fmt: skip
            connection, _ = server.accept()  # now it waits for an answer
            with connection:
                waiting.send_signal(signal.SIGINT)
                found, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 1
    assert said.startswith("scorer: interrupted") and "Traceback" not in said
    assert json.loads(found)["error"].startswith("interrupted")


def test_ctrl_c_while_the_program_is_loaded_is_no_traceback(folder: Path) -> None:
    with subprocess.Popen(
        commands.command("top"), cwd=folder, env=commands.environment(NOWHERE), stderr=subprocess.PIPE, text=True
    ) as starting:
        maps = Path(f"/proc/{starting.pid}/maps")
        wait_until(lambda: starting.poll() is not None or "numpy" in maps.read_text(), "the program's start")
        starting.send_signal(signal.SIGINT)
        _, said = starting.communicate(timeout=60)
    assert starting.returncode in (1, -signal.SIGINT) and "Traceback" not in said
