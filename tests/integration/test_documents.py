"""What the documents tell a reader to type runs, in their order, and shows what they show.

Addresses come from the environment, as a reader's would: the text is run as it stands. `make` and `docker compose` are
no part of it: their targets and files are looked at in tests/unit/test_documents.py.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scorer.embedded.child import Child, free_port
from tests.document_shapes import difference
from tests.documents import IN_ORDER, ROOT, Command, Document
from tests.servers import KafkaServer, RedisServer
from tests.stream_worker import producer
from tests.worker_process import wait_until

ELSEWHERE = ("make ", "docker ", "scorer demo")
WORKER = "scorer worker"
PATIENCE_SECONDS = 60.0
SECONDS = 60.0


@dataclass
class Reader:
    """Somebody who types what the documents say, in the folder of the repository."""

    folder: Path
    environment: dict[str, str]
    port: int
    worker: Child | None = None

    def run(self, command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout.decode()

    def start_worker(self) -> None:
        """In a terminal of its own."""
        self.worker = worker = Child(["bash", "-c", f"cd {self.folder}; exec {WORKER}"], env=self.environment)
        ready = f"curl --silent --fail http://127.0.0.1:{self.port}/readyz"
        wait_until(lambda: self.run(ready)[0] == 0, lambda: worker.output(4_000), PATIENCE_SECONDS)

    def type(self, command: Command) -> None:
        """Until it shows what it has to: a score follows its event within a second or so, and a ranking in some."""
        last = ["nothing"]
        is_refusal = (command.shows or "").startswith("scorer: ")

        def right() -> bool:
            status, printed = self.run(command.text)
            assert "Traceback" not in printed
            if status != (2 if is_refusal else 0):
                last[0] = f"status {status}: {printed}"
            else:
                last[0] = "" if command.shows is None else difference(command.shows, printed)
            return not last[0]

        wait_until(right, lambda: f"{command.place}: $ {command.text}\n{last[0]}", PATIENCE_SECONDS)


@pytest.fixture
def reader(own_kafka: KafkaServer, redis_server: RedisServer, tmp_path: Path) -> Iterator[Reader]:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, command in {
        "scorer": f"exec {sys.executable} -P -m scorer",
        "redis-cli": f"exec $(PATH=$USUAL_PATH command -v redis-cli) -p {redis_server.port}",
    }.items():
        (programs / name).write_text(f'#!/bin/sh\n{command} "$@"\n')
        (programs / name).chmod(0o755)
    folder = tmp_path / "scorer"
    folder.mkdir()
    for each in ("scorer", "docs", "deploy"):
        (folder / each).symlink_to(ROOT / each)
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SCORER_")}
    environment = {
        **inherited,
        "PATH": f"{programs}:{inherited['PATH']}",
        "USUAL_PATH": inherited["PATH"],
        "PYTHONPATH": str(ROOT),
        "SCORER_BROKERS": own_kafka.bootstrap,
        "SCORER_REDIS_URL": redis_server.url,
        "SCORER_HTTP": f"127.0.0.1:{port}",
        "SCORER_BENCHMARK_INTERVAL": "1s",
    }
    made = Reader(folder, environment, port)
    yield made
    if made.worker is not None:
        made.worker.stop()


def test_every_command_of_the_documents_runs_and_shows_what_they_show(reader: Reader, own_kafka: KafkaServer) -> None:
    typed = [command for name in IN_ORDER for command in Document(ROOT / name).commands()]
    typed = [command for command in typed if not command.text.startswith(ELSEWHERE)]
    assert sum(command.shows is not None for command in typed) > 5
    # a score is shown before the worker is started: whoever reads has one running
    started = next(at for at, command in enumerate(typed) if command.text == WORKER)
    prepared = next(at for at, command in enumerate(typed) if command.text.startswith("cp "))
    for command in typed[prepared:started]:
        reader.type(command)
    reader.start_worker()
    asyncio.run(send(own_kafka.bootstrap, b"hello"))
    for command in [*typed[started + 1 :], *typed[:prepared]]:
        reader.type(command)


async def send(bootstrap: str, value: bytes) -> None:
    async with producer(bootstrap) as client:
        await client.send_and_wait("product-events", value, key=b"acme")
