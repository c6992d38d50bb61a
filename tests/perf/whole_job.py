"""The whole job: from the first fetch to the last score in Redis, and what fetching and decoding alone cost."""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from tests.perf.recount import Expected
from tests.perf.worker_process import WorkerProcess, last_json_line

_PATIENCE_SECONDS = 600.0
_TOLERANCE = 1e-9
_ROOT = Path(__file__).parents[2]


@dataclass
class Finish:
    """When a worker is done: everything counted, nothing pending, and every sampled score final."""

    redis: Redis
    namespace: str
    expected: Expected
    models: int = 2
    problem: str = ""

    def reached(self, worker: WorkerProcess, events: int) -> bool:
        return self._scores_stand() and self._all_counted(worker, events)

    def _scores_stand(self) -> bool:
        if int(self.redis.dbsize()) < self.expected.entities * self.models:
            self.problem = f"only {self.redis.dbsize()} keys in Redis"
            return False
        names = list(self.expected.scores)
        values = self.redis.mget([f"{self.namespace}:score:{name}" for name in names])
        for name, value in zip(names, values, strict=True):
            found = score_in(value)
            wanted = self.expected.scores[name]
            if found is None or not math.isclose(found, wanted, rel_tol=_TOLERANCE):
                self.problem = f"{name} is {found}, recounted {wanted}"
                return False
        return True

    def _all_counted(self, worker: WorkerProcess, events: int) -> bool:
        metrics = worker.metrics()
        counted, pending = metrics["scorer_events_total:counted"], metrics["scorer_redis_pending_entities"]
        self.problem = f"{counted} of {events} counted, {pending} scores pending"
        return counted == events and pending == 0


def score_in(document: bytes | str | None) -> float | None:
    if document is None:
        return None
    return float(json.loads(document)["score"])


def changes_in(redis: Redis) -> int:
    """Keys and members that this Redis was ever told to change: it counts each key of an MSET."""
    return int(redis.info("persistence")["rdb_changes_since_last_save"])


def run_job(worker: WorkerProcess, finish: Finish, events: int) -> dict[str, float]:
    """Let a worker that was just started do its work. CPU: of its process, all threads, from its first fetch on."""
    try:
        start_up = worker.until_it_stands()
        began, writes = time.perf_counter(), changes_in(finish.redis)
        counted_after: list[float] = []

        def done() -> bool:
            """Asks Redis, and the worker only while it must: what it is asked counts as its work."""
            if not counted_after and worker.metrics()["scorer_events_total:counted"] == events:
                counted_after.append(time.perf_counter() - began)
            return bool(counted_after) and finish.reached(worker, events)

        worker.wait_until(done, _PATIENCE_SECONDS, every=0.25)
    except RuntimeError as error:
        raise RuntimeError(f"{finish.problem}\n{error}") from error
    spent = worker.cpu_seconds() - start_up
    metrics = worker.metrics()
    return {
        "events": events,
        "cpu": spent,
        "events_per_cpu_second": events / spent,
        "start_up_cpu": start_up,
        "counted_after": counted_after[0],
        "wall": time.perf_counter() - began,
        "redis_writes": changes_in(finish.redis) - writes,
        "peak_rss": worker.resident_bytes(peak=True),
        "journal_bytes": metrics["scorer_journal_bytes_total"],
        **{name: value for name, value in metrics.items() if name.startswith("scorer_stage_seconds_sum")},
    }


def measured_apart(module: str, *arguments: str) -> dict[str, float]:
    """What a measuring module of tests/perf prints, run in a process of its own."""
    command = [sys.executable, "-m", f"tests.perf.{module}", *arguments]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"{module} ended with status {done.returncode}:\n{done.stderr[-4000:]}")
    return last_json_line(done.stdout)


def best_of(times: int, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """The cheapest of several runs: the machine is shared."""
    return min((measure() for _ in range(times)), key=lambda figures: figures["cpu"])
