"""From an event's broker timestamp to its score in Redis, seen from outside.

A steady stream goes into Kafka; somebody listens live to every user's score. A message of a user covers its events up
to `as_of`; an event is through when the messages of all models cover it. What is in Redis was published in the same
step, so hearing of it is later than being able to read it.
"""

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from redis import Redis

from tests.perf.crowd import MODELS, Crowd, crowd_scoring
from tests.perf.drift import Meter, load
from tests.perf.exactness import Exactness
from tests.perf.listening import listening
from tests.perf.recount import Floats
from tests.perf.whole_job import measured_apart
from tests.perf.workbench import Bench
from tests.perf.worker_process import WorkerProcess

_EVENTS_A_SECOND = 5_000
_AFTER_SECONDS = 5.0


@dataclass(frozen=True)
class Past:
    """What users did before the stream: how many of its events each one's first event stands for."""

    name: str
    events: float


PASTS = (Past("latency", 100.0), Past("latency_young", 1.0))
"""Who sends 5,000 events a second for a month sends each of 100,000 users 130,000: the benchmark hardly moves. In a
deployment that has just begun it moves by a tenth in 10 s, and with it everyone's score."""


def latency(bench: Bench, users: int, runs: int, seconds: int, profile: str | None) -> None:
    scoring = bench.folder / "latency.yaml"
    scoring.write_text(crowd_scoring(len(MODELS)))
    for past in PASTS:
        crowd = Crowd(users, (int(time.time()) - 3600) * 1000, scale=past.events)
        bench.produce(past.name, crowd.workload())
        bench.redis.restart()
        exactness = Exactness(Redis.from_url(bench.redis.url), past.name, crowd, MODELS)
        with bench.worker(past.name, past.name, scoring=scoring, profile=profile, SCORER_CLOCK="wall") as worker:
            load(worker, exactness, crowd)
            if profile is not None:
                worker.look_from_here()
            rounds = [Round(bench, worker, exactness, number, seconds).figures() for number in range(runs)]
        for number, figures in enumerate(rounds):
            bench.note(f"{past.name}_{number}", figures)
        bench.note(past.name, {name: statistics.median(each[name] for each in rounds) for name in rounds[0]})


@dataclass
class Round:
    """One run of the stream."""

    bench: Bench
    worker: WorkerProcess
    exactness: Exactness
    number: int
    seconds: int

    def figures(self) -> dict[str, float]:
        namespace = self.exactness.namespace
        sent, heard = (self.bench.folder / f"{name}-{self.number}.npz" for name in ("sent", "heard"))
        before, first = self.worker.buckets("scorer_event_to_score_seconds"), self._benchmark()
        meter = Meter(self.worker, self.exactness.redis, self.bench.redis.pid)
        with listening(self.bench.redis.port, namespace, heard):
            stream = (namespace, _EVENTS_A_SECOND, self.seconds, self.exactness.crowd.users, self.number, sent)
            streamed = measured_apart("streaming", self.bench.kafka.bootstrap, *map(str, stream))
            figures = {**meter.figures(), **streamed}
            time.sleep(_AFTER_SECONDS)
        after = self.worker.buckets("scorer_event_to_score_seconds")
        seen = latencies(np.load(sent), np.load(heard))
        told = {bound: count - before[bound] for bound, count in after.items()}
        return {
            **{f"p{p}": float(np.percentile(seen, p)) for p in (50, 95, 99)},
            "worst": float(seen.max()),
            **{f"histogram_p{p}": quantile(told, p / 100) for p in (50, 95, 99)},
            **figures,
            "benchmark_moved": self._benchmark() / first - 1.0,
        }

    def _benchmark(self) -> float:
        benchmark = self.exactness.benchmark("engagement", "user")
        if benchmark is None or benchmark.raw is None:
            raise RuntimeError("there is no benchmark")
        return benchmark.raw


def latencies(sent: Mapping[str, np.ndarray], heard: Mapping[str, np.ndarray]) -> Floats:
    """Seconds from each event's timestamp to the moment when every model's score covered it."""
    base_ms = int(sent["ts_ms"].min())
    through = np.zeros(len(sent["users"]))
    events = _key(sent["users"], sent["ts_ms"] - base_ms)
    for model in MODELS:
        of_model = heard["models"] == model
        users, at = heard["users"][of_model], heard["at"][of_model]
        # a user's messages come with an `as_of` that never falls: in the order of both
        keys = _key(users, np.maximum(heard["as_of_ms"][of_model] - base_ms, 0))
        order = np.lexsort((at, keys))
        first = np.searchsorted(keys[order], events)
        covered = first < len(order)
        covered[covered] = users[order][first[covered]] == sent["users"][covered]
        if not covered.all():
            raise RuntimeError(f"{np.count_nonzero(~covered)} events were never heard of in {model}")
        through = np.maximum(through, at[order][first])
    return through - sent["ts_ms"] / 1000


def _key(users: np.ndarray, ms: np.ndarray) -> np.ndarray:
    return users.astype(np.int64) << 32 | ms.astype(np.int64)


def quantile(counts: Mapping[float, float], q: float) -> float:
    """Of a histogram's cumulated counts by upper bound, as Prometheus does it: linear within the bucket."""
    rank = q * counts[float("inf")]
    low, below = 0.0, 0.0
    for bound in sorted(counts):
        if counts[bound] >= rank:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (rank - below) / max(counts[bound] - below, 1.0)
        low, below = bound, counts[bound]
    return low
