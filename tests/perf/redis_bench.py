"""What a score in Redis costs: CPU of the worker and of the server per entity, by 100,000 entities.

    python -m tests.perf.redis_bench [--entities 100000] [--accounts 0.05] [--valkey]

With nobody on the live channels, with subscribers of entities that don't change (what asking costs), with more of them
than a call has entities and with a pattern that nobody's channel matches (all is published), and with one who hears
everything.

Not a timed test: read the numbers beside each other. The floor is a plain MSET of the same bytes.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from redis import Redis

from scorer.core.model import Kind
from scorer.core.publish import ScoreBatch, version
from scorer.embedded.redis_server import EmbeddedRedis
from scorer.sinks.redis_scores import RedisScores
from scorer.sinks.score_json import Rendering
from tests.servers import RedisServer

TICKS_PER_SECOND = 100
Server = RedisServer | EmbeddedRedis

_LISTENER = """
import sys
from redis import Redis

url, pattern, *channels = sys.argv[1:]
listener = Redis.from_url(url).pubsub()
if channels:
    listener.subscribe(*channels)
if pattern:
    listener.psubscribe(pattern)
for _ in range(len(channels) + bool(pattern)):
    listener.get_message(timeout=10)
print("ready", end="", flush=True)
while listener.connection._sock.recv(1 << 20):
    pass
"""

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
        delta=random.normal(0, 9, entities).astype(np.float32).astype(np.float64),
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
def measured(server: Server, cost: Cost, entities: int) -> Iterator[None]:
    worker, redis = time.process_time(), server_seconds(server.pid)
    yield
    cost.keep_the_better(
        (time.process_time() - worker) / entities * 1e6, (server_seconds(server.pid) - redis) / entities * 1e6
    )


@contextmanager
def listening(server: Server, channels: list[str], pattern: str) -> Iterator[None]:
    """A process of its own is subscribed meanwhile, and drops what it hears."""
    if not channels and not pattern:
        yield
        return
    command = [sys.executable, "-c", _LISTENER, server.url, pattern, *channels]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as listener:
        try:
            assert listener.stdout is not None and listener.stdout.read(5) == b"ready"
            yield
        finally:
            listener.kill()


def audiences() -> dict[str, tuple[list[str], str]]:
    """Who listens: channels and a pattern."""
    return {
        "nobody listens": ([], ""),
        "one to one": (["bench:live:user:someone"], ""),
        "300 to one each": ([f"bench:live:user:someone-{i}" for i in range(300)], ""),
        "10,000 to one each": ([f"bench:live:user:someone-{i}" for i in range(10_000)], ""),
        "a foreign pattern": ([], "other:*"),
        "one to all": ([], "bench:live:*"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--accounts", type=float, default=0.05, help="share of the entities that are accounts")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--valkey", action="store_true", help="the embedded Valkey instead of redis-server")
    options = parser.parse_args()
    # one version for all: then each is written, whichever comes first
    batches = [
        replace(batch(options.entities, number, options.accounts), version=version(1795355044123, 1))
        for number in range(options.rounds)
    ]
    server: Server = EmbeddedRedis() if options.valkey else RedisServer()
    costs = {"rendering and MSET": Cost()} | {f"the sink, {who}": Cost() for who in audiences()}
    try:
        client = Redis.from_url(server.url)
        for each in batches:
            with measured(server, costs["rendering and MSET"], options.entities):
                for start in range(0, options.entities, 500):
                    rows = Rendering("bench", each).rows(start, start + 500)
                    client.mset(dict(zip(rows.keys, rows.values, strict=True)))
        client.flushall()
        for each in batches:
            for who, (channels, pattern) in audiences().items():
                with (
                    listening(server, channels, pattern),
                    measured(server, costs[f"the sink, {who}"], options.entities),
                ):
                    asyncio.run(through_the_sink(server.url, each))
        client.close()
    finally:
        server.stop()
    for name, cost in costs.items():
        print(f"{name:30} worker {cost.worker:5.2f} us  server {cost.server:5.2f} us per entity")


if __name__ == "__main__":
    main()
