"""`scorer demo` from its start to its end: scores that move, and nothing left behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from tests import commands
from tests.tables import plain_rows
from tests.worker_process import wait_until

_TITLE = "engagement of made-up accounts"
_STAT_PARENT = 1
_STAT_STATE = 0


@dataclass
class Demo:
    """A running demo; what it prints goes to files."""

    process: "subprocess.Popen[bytes]"
    folder: Path

    @property
    def printed(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def said(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def scratch(self) -> Path:
        """Where temporary files go."""
        return self.folder / "tmp"

    @property
    def redis_port(self) -> int:
        (port, *_) = re.findall(r"redis-cli -p (\d+)", self.printed)
        return int(port)

    def tables(self) -> list[dict[str, list[str]]]:
        """What was printed, table by table: rows by rank."""
        return [plain_rows(text) for text in self.printed.split(_TITLE)[1:]]

    def until_scores(self) -> None:
        def there() -> bool:
            assert self.process.poll() is None, self.said
            return "champion" in self.printed

        wait_until(there, lambda: f"{self.printed}\n{self.said}")


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[Demo]:
    (folder / "tmp").mkdir()
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        env = commands.environment({"TMPDIR": str(folder / "tmp")})
        command = commands.command("demo", *arguments)
        with subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=err) as process:
            try:
                yield Demo(process, folder)
            finally:
                process.kill()


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


def ports(printed: str) -> list[int]:
    return [int(port) for port in re.findall(r"(?:redis-cli -p |127\.0\.0\.1:)(\d+)", printed)]


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


@needs_linux
def test_the_demo_shows_moving_scores_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "12", "--events-per-second", "200") as shown:
        shown.until_scores()
        pids = children(shown.process.pid)
        assert len(pids) == 3  # Kafka, Redis, the worker
        with redis.Redis(port=shown.redis_port) as client:
            key, *_ = re.findall(r"GET (\S+)", shown.printed)
            answer = client.get(key)
            assert isinstance(answer, bytes) and 1 <= json.loads(answer)["score"] <= 100
        assert shown.process.wait(60) == 0
        assert not any(runs(pid) for pid in pids)
        assert len(set(ports(shown.printed))) == 2 and not any(listens(port) for port in ports(shown.printed))
        assert os.listdir(shown.scratch) == [] and sorted(os.listdir(tmp_path)) == ["stderr", "stdout", "tmp"]
        last = [rows for rows in shown.tables() if "1" in rows]
        scores = [[float(rows[str(n)][3]) for n in range(1, 25)] for rows in last]
        assert all(1 <= score <= 100 for table in scores for score in table)
        assert all(table == sorted(table, reverse=True) for table in scores)
        assert scores[0] != scores[-1]  # they move
        assert any(row[4][0] in "↑↓" for row in last[-1].values() if len(row) > 5 and row[0] != "#")


@needs_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_its_like_end_the_demo_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as shown:
        shown.until_scores()
        pids = children(shown.process.pid)
        shown.process.send_signal(number)
        assert shown.process.wait(40) == 0
        assert not any(runs(pid) for pid in pids)
        assert not any(listens(port) for port in ports(shown.printed))
        assert os.listdir(shown.scratch) == []
        assert "Traceback" not in shown.said


@needs_linux
def test_ctrl_c_while_it_starts_leaves_nothing_behind_either(tmp_path: Path) -> None:
    with demo(tmp_path) as shown:
        wait_until(lambda: len(children(shown.process.pid)) == 3, lambda: shown.said)
        pids = children(shown.process.pid)
        shown.process.send_signal(signal.SIGINT)
        assert shown.process.wait(40) == 0
        assert not any(runs(pid) for pid in pids)
        assert os.listdir(shown.scratch) == []


@needs_linux
def test_a_demo_that_is_killed_takes_its_servers_along(tmp_path: Path) -> None:
    with demo(tmp_path) as shown:
        shown.until_scores()
        pids = children(shown.process.pid)
        shown.process.kill()
        wait_until(lambda: not any(runs(pid) for pid in pids), "the children's end", 10)
        # a process with threads may still close its sockets when its first thread has ended
        wait_until(lambda: not any(listens(port) for port in ports(shown.printed)), "the ports' end", 10)


@needs_linux
def test_a_worker_that_dies_ends_the_demo_with_its_last_words(tmp_path: Path) -> None:
    with demo(tmp_path) as shown:
        shown.until_scores()
        pids = children(shown.process.pid)
        (worker,) = (pid for pid in pids if b"scorer\0worker" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(worker, signal.SIGKILL)
        assert shown.process.wait(40) == 1
        assert "scorer: the worker ended. Its last words:" in shown.said and "Traceback" not in shown.said
        assert not any(runs(pid) for pid in pids)
