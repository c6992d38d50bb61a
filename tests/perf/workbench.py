"""The servers of one bench run, what is put on them, and what was measured."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from redis import Redis

from tests.perf.producing import PARTITIONS, produce
from tests.perf.recount import expect, scoring_yaml
from tests.perf.whole_job import Finish
from tests.perf.worker_process import WorkerProcess, worker_settings
from tests.perf.workload import NOW, Workload, everyday
from tests.servers import KafkaServer, RedisServer

_SAMPLE = 300


@dataclass
class Bench:
    """The servers of one run, and what was measured on them."""

    kafka: KafkaServer
    redis: RedisServer
    folder: Path
    events: int
    record_bytes: float = 0.0
    results: dict[str, dict[str, float]] = field(default_factory=dict)

    @cached_property
    def everyday(self) -> Workload:
        """The workload of `job` and `restore`, produced into the topic `events` when it is first asked for."""
        workload = everyday(self.events)
        self.record_bytes = self.produce("events", workload)
        return workload

    def produce(self, topic: str, workload: Workload, partitions: int = PARTITIONS) -> float:
        return asyncio.run(produce(self.kafka.bootstrap, topic, workload, partitions))

    def scoring(self, types: int = 12) -> Path:
        path = self.folder / f"scoring-{types}.yaml"
        path.write_text(scoring_yaml(types))
        return path

    @contextmanager
    def worker(
        self,
        namespace: str,
        topic: str,
        module: tuple[str, ...] = ("scorer",),
        scoring: Path | None = None,
        profile: str | None = None,
        **overrides: str,
    ) -> Iterator[WorkerProcess]:
        """A worker that ends by kill -9. `overrides` are settings by name; its clock stands still unless they say.

        With a way to look into it (`profile`) it ends by itself at last, and what was seen is printed.
        """
        settings = worker_settings(
            self.kafka.bootstrap, self.redis.url, scoring or self.scoring(), namespace=namespace, topic=topic, now=NOW
        )
        settings |= overrides
        report = self.folder / f"{namespace}.profile"
        if profile is not None:
            module = ("tests.perf.profiled_worker", str(report), profile)
        worker = WorkerProcess(settings, module)
        try:
            yield worker
            if profile is not None:
                worker.stop()
                print(report.read_text())
        finally:
            worker.kill()

    def finish(self, namespace: str, workload: Workload) -> Finish:
        """What a worker that is yet to be started must come to, in a Redis that is empty again."""
        self.redis.restart()
        return Finish(Redis.from_url(self.redis.url), namespace, expect(workload, _SAMPLE))

    def note(self, section: str, figures: dict[str, float]) -> None:
        self.results[section] = figures
        print(f"\n{section}")
        for name, value in figures.items():
            print(f"  {name:44} {value:>16,.{0 if abs(value) >= 1000 else 3}f}", flush=True)
