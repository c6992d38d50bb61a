"""What a benchmark that drifts costs: with every step everyone's score moves a little (ARCHITECTURE 1.6).

Events drive it, as they would: so many users a step pass the benchmark that it goes up by the wanted share of itself.
Somebody hears all of it live. Then the events end, and everything in Redis must become exact.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from aiokafka import AIOKafkaProducer
from redis import Redis

from tests.perf.crowd import MODELS, Crowd, crowd_scoring
from tests.perf.exactness import BenchmarkDocument, Exactness
from tests.perf.listening import listening
from tests.perf.producing import send_one_by_one
from tests.perf.whole_job import changes_in
from tests.perf.workbench import Bench
from tests.perf.worker_process import WorkerProcess, cpu_seconds_of, waited_seconds_of
from tests.perf.workload import NOW

TOPIC = "crowd"
SHARES = (0.001, 0.01)
"""By how much of itself the benchmark goes up with a step."""

STEP_SECONDS = 10
_IDLE_SECONDS = 20
_LOAD_SECONDS = 900.0
_REST_SECONDS = 180.0


@dataclass
class Meter:
    """What worker and Redis have used and written since it was made.

    Cores are CPU seconds per second; `waited` is the share of the time for which their main threads could have run and
    others had the cores: where it is large, the machine was measured.
    """

    RATES = ("scores_per_second", "worker_cores", "redis_cores", "worker_waited", "redis_waited")

    worker: WorkerProcess
    redis: Redis
    redis_pid: int

    def __post_init__(self) -> None:
        self._before = self._now()

    def _now(self) -> tuple[float, ...]:
        pids = (self.worker.pid, self.redis_pid)
        spent, waited = map(cpu_seconds_of, pids), map(waited_seconds_of, pids)
        return time.perf_counter(), changes_in(self.redis), *spent, *waited

    def figures(self) -> dict[str, float]:
        wall, *counts = (now - then for now, then in zip(self._now(), self._before, strict=True))
        return {"seconds": wall} | {name: count / wall for name, count in zip(self.RATES, counts, strict=True)}


def drift(bench: Bench, users: int, steps: int, partitions: int, profile: str | None) -> None:
    crowd = Crowd(users, int(NOW.timestamp() * 1000))
    bench.produce(TOPIC, crowd.workload(), partitions)
    for models in (1, 2):
        bench.redis.restart()
        scoring = bench.folder / f"crowd-{models}.yaml"
        scoring.write_text(crowd_scoring(models))
        namespace = f"drift-{models}"
        redis = Redis.from_url(bench.redis.url)
        with bench.worker(namespace, TOPIC, scoring=scoring, profile=profile) as worker:
            exactness = Exactness(redis, namespace, crowd, MODELS[:models])
            bench.note(f"drift_load_{models}", load(worker, exactness, crowd))
            if profile is not None:
                worker.look_from_here()
            meter = Meter(worker, redis, bench.redis.pid)
            time.sleep(_IDLE_SECONDS)
            bench.note(f"drift_rest_{models}", meter.figures())
            for share in SHARES:
                stream = Stream(crowd, share, bench.kafka.bootstrap, partitions)
                measured = Measured(exactness, partial(Meter, worker, redis, bench.redis.pid), steps)
                with listening(bench.redis.port, namespace):
                    figures = asyncio.run(stream.drive(measured))
                bench.note(f"drift_{models}_{share}", figures)


def load(worker: WorkerProcess, exactness: Exactness, crowd: Crowd) -> dict[str, float]:
    """Until everyone is counted and exact in Redis."""
    began = time.perf_counter()
    events = crowd.users + crowd.lifted
    try:
        worker.wait_until(lambda: worker.metrics().get("scorer_events_total:counted") == events, _LOAD_SECONDS, 1.0)
        counted = time.perf_counter() - began
        worker.wait_until(lambda: worker.metrics()["scorer_redis_pending_entities"] == 0, _LOAD_SECONDS, 1.0)
        exact = exactness.wait(_REST_SECONDS) - began
    except RuntimeError as error:
        raise RuntimeError(f"{exactness.problem}\n{error}\n{worker.log()[-4000:]}") from error
    return {"counted_after": counted, "exact_after": exact, "cpu": worker.cpu_seconds()}


@dataclass
class Measured:
    """A drift, as it is seen from outside: from its first step on, for so many steps."""

    exactness: Exactness
    new_meter: Callable[[], Meter]
    steps: int

    def __post_init__(self) -> None:
        self._first = self._seen = self._benchmark()
        self._meter: Meter | None = None

    def _benchmark(self) -> BenchmarkDocument:
        benchmark = self.exactness.benchmark("engagement", "user")
        assert benchmark is not None
        return benchmark

    def look(self) -> bool:
        """Whether the drift goes on."""
        now = self._benchmark()
        if now.version == self._seen.version:
            return True
        if self._meter is None:
            self._meter, self._first = self.new_meter(), now
        self._seen = now
        return now.version - self._first.version < self.steps

    def figures(self) -> dict[str, float]:
        assert self._meter is not None and self._seen.raw is not None and self._first.raw is not None
        figures = self._meter.figures()
        steps = self._seen.version - self._first.version
        return {**figures, "steps": steps, "drift_per_step": (self._seen.raw / self._first.raw) ** (1 / steps) - 1}


@dataclass
class Stream:
    """Events, several times a second, that move the benchmark by `share` of itself in `STEP_SECONDS`."""

    crowd: Crowd
    share: float
    bootstrap: str
    partitions: int

    async def drive(self, measured: Measured) -> dict[str, float]:
        """Until it was measured; then its end, between two steps, and how long until everything is exact."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await producer.start()
        a_second = max(1, round(self.crowd.needed(self.share) / STEP_SECONDS))
        events = self.crowd.lifted
        try:
            while measured.look():
                await self._go_on(producer, a_second)
            figures = measured.figures()
            for _ in range(STEP_SECONDS // 2):
                await self._go_on(producer, a_second)
            ended = time.perf_counter()
        finally:
            await producer.stop()
        exact = measured.exactness.wait(_REST_SECONDS) - ended
        return {**figures, "events": self.crowd.lifted - events, "exact_after": exact}

    async def _go_on(self, producer: AIOKafkaProducer, a_second: int) -> None:
        due = time.monotonic() + 1.0
        await send_one_by_one(producer, TOPIC, self.crowd.lift(a_second), self.partitions)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
