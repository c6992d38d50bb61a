"""The embedded servers: real enough to work with, and gone without a trace."""

import asyncio
import os
import select
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis import Redis

from scorer.embedded.broker import EmbeddedBroker
from scorer.embedded.child import Child, ServerDidNotStart, free_port
from scorer.embedded.redis_server import EmbeddedRedis

_PATIENCE_SECONDS = 10.0

START_BOTH_AND_WAIT = """
import sys
from scorer.embedded.broker import EmbeddedBroker
from scorer.embedded.redis_server import EmbeddedRedis
with EmbeddedBroker() as broker, EmbeddedRedis() as redis:
    print(broker.pid, broker.port, redis.pid, redis.port, flush=True)
    sys.stdin.read()
"""


def _port_is_open(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def _three_records_through(bootstrap: str, topic: str) -> list[tuple[int, bytes | None]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for number in range(3):
            await producer.send_and_wait(topic, b"%d" % number, partition=1)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([TopicPartition(topic, 1)])
        records = [await asyncio.wait_for(consumer.getone(), _PATIENCE_SECONDS) for _ in range(3)]
    return [(record.offset, record.value) for record in records]


def test_embedded_broker_hands_out_what_it_was_given(tansu: EmbeddedBroker, namespace: str) -> None:
    records = asyncio.run(_three_records_through(tansu.bootstrap, namespace))
    assert records == [(0, b"0"), (1, b"1"), (2, b"2")]


def test_embedded_redis_runs_scripts(valkey: EmbeddedRedis) -> None:
    with Redis.from_url(valkey.url) as client:
        assert client.dbsize() == 0
        assert (
            client.eval("redis.call('SET', KEYS[1], ARGV[1]); return redis.call('GET', KEYS[1])", 1, "a", "b") == b"b"
        )


def test_stopped_servers_leave_no_process_no_port() -> None:
    with EmbeddedBroker() as broker, EmbeddedRedis() as redis:
        started = [(broker.pid, broker.port), (redis.pid, redis.port)]
        assert all(_port_is_open(port) for _pid, port in started)
    for pid, port in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert not _port_is_open(port)
    broker.stop()  # again: nothing happens


@pytest.mark.parametrize("ending", ["stopped", "killed"])
def test_nothing_outlives_the_process_that_started_the_servers(ending: str, tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-B", "-c", START_BOTH_AND_WAIT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # whatever they may write, they would write it here
        env={"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": os.getcwd(), "PATH": os.environ["PATH"]},
    )
    with owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        broker_pid, broker_port, redis_pid, redis_port = (int(word) for word in owner.stdout.readline().split())
        ends = [os.pidfd_open(pid) for pid in (broker_pid, redis_pid)]
        if ending == "killed":
            owner.kill()
        owner.stdin.close()
        for end in ends:
            gone, _, _ = select.select([end], [], [], _PATIENCE_SECONDS)
            os.close(end)
            assert gone, "a server outlived its owner"
    assert not _port_is_open(broker_port)
    assert not _port_is_open(redis_port)
    assert _files_below(tmp_path) == []


def test_a_server_that_ends_at_once_says_what_it_printed() -> None:
    child = Child(["/bin/sh", "-c", "echo no room on this disk; exit 3"])
    with pytest.raises(ServerDidNotStart, match=r"status 3.*\n.*no room on this disk"):
        child.wait_until(lambda: False, _PATIENCE_SECONDS)


def test_a_server_that_is_never_ready_is_killed() -> None:
    child = Child(["/bin/sleep", "60"])
    with pytest.raises(ServerDidNotStart, match=r"not ready within 0\.1 s"):
        child.wait_until(lambda: False, 0.1)
    assert not child.running


def test_a_server_that_ignores_sigterm_is_killed_in_bounded_time() -> None:
    port = free_port()
    deaf = (
        "import signal, socket; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"server = socket.create_server(('127.0.0.1', {port})); signal.pause()"
    )
    child = Child([sys.executable, "-c", deaf])
    child.wait_until(lambda: _port_is_open(port), _PATIENCE_SECONDS)
    child.stop(patience_seconds=0.2)
    assert not child.running
    assert not _port_is_open(port)


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(ServerDidNotStart, match="/nowhere/no-such-server can't be started"):
        Child(["/nowhere/no-such-server"])
