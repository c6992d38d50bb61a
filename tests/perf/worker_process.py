"""A worker as a child process, watched from outside: its log, its CPU time and memory by /proc, its metrics."""

import http.client
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from scorer.embedded.child import Child, free_port

_ROOT = Path(__file__).parents[2]
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_POLL_SECONDS = 0.005
_REST_SECONDS = 12
_STANDS = " stands at offset "


class WorkerEnded(RuntimeError):
    """The worker is gone, or didn't come so far in time; the message holds the end of its log."""


class WorkerProcess:
    """`scorer worker`, started at once. `module` runs in its place (the profiled one)."""

    def __init__(self, settings: Mapping[str, str], module: tuple[str, ...] = ("scorer",)) -> None:
        self.port = free_port()
        env = {name: value for name, value in os.environ.items() if not name.startswith("SCORER_")}
        env |= {"PYTHONPATH": str(_ROOT), "SCORER_HTTP": f"127.0.0.1:{self.port}", **settings}
        self.began = time.perf_counter()
        self._child = Child([sys.executable, "-m", *module, "worker"], env=env)

    @property
    def pid(self) -> int:
        return self._child.pid

    def cpu_seconds(self) -> float:
        """User and system time of all its threads, to a hundredth."""
        return cpu_seconds_of(self.pid)

    def cpu_by_thread(self) -> dict[str, float]:
        """The same by thread, of those that live."""
        spent: dict[str, float] = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            name = (task / "comm").read_text().strip()
            label = "main" if task.name == str(self.pid) else name
            spent[label] = round(spent.get(label, 0.0) + _cpu_seconds(task / "stat"), 2)
        return spent

    def resident_bytes(self, *, peak: bool = False) -> int:
        field = "VmHWM:" if peak else "VmRSS:"
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(field))

    def resident_at_rest(self) -> int:
        """Resident bytes once they haven't changed by more than 5 % for 12 s, the most of these: what was freed is
        given back late, and what comes and goes with each pass is part of it."""
        sizes: list[int] = []

        def rests() -> bool:
            sizes.append(self.resident_bytes())
            return len(sizes) > _REST_SECONDS and min(sizes[-_REST_SECONDS:]) >= 0.95 * max(sizes[-_REST_SECONDS:])

        self.wait_until(rests, 120.0, every=1.0)
        return max(sizes[-_REST_SECONDS:])

    def until_it_stands(self) -> float:
        """Wait until the first partition's state stands: its first fetch follows. The CPU seconds up to then."""
        cpu = 0.0

        def stands() -> bool:
            nonlocal cpu
            cpu = self.cpu_seconds()
            return _STANDS in self._child.output(1 << 16)

        self.wait_until(stands, 60.0)
        return cpu

    def until_ready(self, patience_seconds: float = 60.0) -> float:
        """Wait for a 200 of /readyz; the seconds since the start."""
        self.wait_until(lambda: self._get("/readyz")[0] == http.client.OK, patience_seconds)
        return time.perf_counter() - self.began

    def metrics(self) -> dict[str, float]:
        """Samples by name, summed over their labels except `outcome` and `stage`, which follow the name."""
        _, text = self._get("/metrics")
        samples: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                label = sample.labels.get("outcome") or sample.labels.get("stage")
                name = f"{sample.name}:{label}" if label else sample.name
                if "le" not in sample.labels:
                    samples[name] = samples.get(name, 0.0) + sample.value
        return samples

    def buckets(self, histogram: str) -> dict[float, float]:
        """The cumulated counts of a histogram without labels, by upper bound."""
        _, text = self._get("/metrics")
        return {
            float(sample.labels["le"]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"{histogram}_bucket"
        }

    def wait_until(self, condition: Callable[[], bool], patience_seconds: float, every: float = _POLL_SECONDS) -> None:
        deadline = time.monotonic() + patience_seconds
        while not condition():
            if not self._child.running or time.monotonic() > deadline:
                raise WorkerEnded(f"{'too slow' if self._child.running else 'ended'}:\n{self._child.output(6000)}")
            time.sleep(every)

    def log(self) -> str:
        return self._child.output(1 << 20)

    def look_from_here(self) -> None:
        """Only for a profiled one: what came before doesn't count."""
        os.kill(self.pid, signal.SIGUSR1)

    def kill(self) -> None:
        self._child.kill()

    def stop(self) -> None:
        self._child.stop(patience_seconds=30.0)

    def _get(self, path: str) -> tuple[int, str]:
        """(status, body); status 0 while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10.0)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()


def cpu_seconds_of(pid: int) -> float:
    """User and system time of all threads of a process, to a hundredth."""
    return _cpu_seconds(Path(f"/proc/{pid}/stat"))


def waited_seconds_of(pid: int) -> float:
    """For how long its main thread could have run and others had the cores: what the rest of the machine costs it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def _cpu_seconds(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def worker_settings(
    bootstrap: str, redis_url: str, scoring: Path, *, namespace: str, topic: str, now: datetime
) -> dict[str, str]:
    """The environment of a worker."""
    return {
        "SCORER_BROKERS": bootstrap,
        "SCORER_REDIS_URL": redis_url,
        "SCORER_SCORING": str(scoring),
        "SCORER_NAMESPACE": namespace,
        "SCORER_INPUT_TOPIC": topic,
        "SCORER_CLOCK": now.isoformat(),
        "SCORER_INSTANCE": f"{namespace}-1",
        "SCORER_LOG_FORMAT": "json",
    }


def last_json_line(text: str) -> dict[str, float]:
    """What a measuring process printed last."""
    line: dict[str, float] = json.loads(text.strip().splitlines()[-1])
    return line
