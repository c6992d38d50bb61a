"""What a score in Redis costs: CPU of the worker and of the server per entity, by 100,000 entities.

    python -m tests.perf.redis_bench [--entities 100000] [--accounts 0.05]

Not a timed test: read the numbers beside each other. The floor is a plain MSET of the same bytes.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from redis import Redis

from scorer.core.model import Kind
from scorer.core.publish import ScoreBatch, version
from scorer.sinks.redis_scores import RedisScores
from scorer.sinks.score_json import Rendering
from tests.servers import RedisServer

TICKS_PER_SECOND = 100
BANDS = ["at_risk", "low", "healthy", "champion"]


@dataclass
class Cost:
    """Microseconds per entity."""

    worker: float = field(default=float("inf"))
    server: float = field(default=float("inf"))

    def keep_the_better(self, worker: float, server: float) -> None:
        self.worker, self.server = min(self.worker, worker), min(self.server, server)


def server_seconds(pid: int) -> float:
    """User and system time of a process, and of its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def batch(entities: int, number: int, account_share: float) -> ScoreBatch:
    """A batch in which every score has all its digits, as after a new benchmark."""
    random = np.random.default_rng(number)
    accounts = int(entities * account_share)
    kind = np.full(entities, Kind.USER, np.int8)
    kind[:accounts] = Kind.ACCOUNT
    return ScoreBatch(
        partition=0,
        version=version(1795355044123, number),
        model="engagement",
        model_version=3,
        computed_at=1795355044.612,
        kind=kind,
        entity_id=[
            f"account-{i}" if i < accounts else f"account-{i % 5000}/user-{i}@customer.example" for i in range(entities)
        ],
        score=1 + 99 * random.random(entities),
        raw=300 * random.random(entities),
        band=[BANDS[i] for i in random.integers(0, 4, entities)],
        previous_band=[BANDS[i] if i < len(BANDS) else None for i in random.integers(0, 5, entities)],
        state=["scored"] * entities,
        benchmark=np.full(entities, 208.20000000000002),
        benchmark_version=np.full(entities, 17),
        population=np.full(entities, entities),
        min_population=20,
        as_of=1795355044 + random.random(entities).round(3),
        freed=np.zeros(entities, np.bool_),
    )


async def through_the_sink(url: str, scores: ScoreBatch) -> None:
    """Until the scores and the ranking are confirmed."""
    confirmed = asyncio.Event()
    sink = RedisScores(url, "bench", on_lost=lambda _: None, on_written=lambda *_: confirmed.set())
    await sink.start()
    sink.submit(scores)
    await confirmed.wait()
    await sink.stop()
    assert sink.acknowledged(0) == scores.version


@contextmanager
def measured(server: RedisServer, cost: Cost, entities: int) -> Iterator[None]:
    worker, redis = time.process_time(), server_seconds(server.pid)
    yield
    cost.keep_the_better(
        (time.process_time() - worker) / entities * 1e6, (server_seconds(server.pid) - redis) / entities * 1e6
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--accounts", type=float, default=0.05, help="share of the entities that are accounts")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    batches = [batch(options.entities, number, options.accounts) for number in range(options.rounds)]
    server = RedisServer()
    try:
        floor, sink = Cost(), Cost()
        client = Redis.from_url(server.url)
        for each in batches:
            with measured(server, floor, options.entities):
                for start in range(0, options.entities, 500):
                    rows = Rendering("bench", each).rows(start, start + 500)
                    client.mset(dict(zip(rows.keys, rows.values, strict=True)))
        client.flushall()
        for each in batches:
            with measured(server, sink, options.entities):
                asyncio.run(through_the_sink(server.url, each))
        client.close()
    finally:
        server.stop()
    for name, cost in (("rendering and MSET", floor), ("the sink", sink)):
        print(f"{name:20} worker {cost.worker:5.2f} us  server {cost.server:5.2f} us per entity")


if __name__ == "__main__":
    main()
