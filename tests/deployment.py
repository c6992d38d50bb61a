"""A deployment for tests: an input topic, a scoring file, a namespace, and workers as processes of their own.

What goes in is remembered and fed to the oracle; what Redis holds in the end is compared with it, to 1e-9.
"""

import asyncio
import json
import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import redis

from scorer import scoring_file
from scorer.core.model import Scoring
from tests import commands
from tests.commands import Outcome
from tests.oracle import Oracle, Result, compare
from tests.oracle_input import partition_of, structured
from tests.stream_worker import producer
from tests.topic_making import make_topic
from tests.worker_process import PATIENCE_SECONDS, WorkerProcess, wait_until

NOW = "2024-03-01T12:00:00Z"
"""What all scores are as of (`SCORER_CLOCK`): before the broker timestamp of any record."""

NOW_MS = int(datetime(2024, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000

SCORING = """
version: 1
bucket: 1d
events: {opened: {}, created: {}, shared: {}, ticket: {}}
exclude: {users: ["bot-*"]}
models:
  # each type has three digits of the raw score for itself: it shows every count
  counts:
    weights: {opened: 1, created: 1000, shared: 1000000, ticket: 1000000000}
    curve: {shape: none}
    bands: {few: 0, some: 5000, many: 1000000000}
    margin: 0
  engagement:
    half_life: 14d
    weights: {opened: 1, created: {weight: 8, cap: {user: 3, account: 20}}, shared: 2.5, ticket: -4}
    benchmark: {percentile: 90, min_population: 5, initial: 10}
    margin: 0
  week:
    window: 7d
    kinds: [user]
    weights: {opened: 1, shared: 3}
    benchmark: {percentile: 75, min_population: 3}
    curve: {shape: uncapped}
    bands: {cold: 0, warm: 40, hot: 60}
    margin: 0
  crowd:
    weights: {created: 2, shared: 1}
    benchmark: {min_population: 1000000}
    margin: 0
"""
"""`crowd` never has enough people for a benchmark: everyone in it is warming up, or inactive."""


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    """`instance="a"` is SCORER_INSTANCE=a."""
    return {f"SCORER_{name.upper()}": value for name, value in settings.items()}


TYPES = ("opened", "created", "shared", "ticket")


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the input, `key` being the account (or user) that it goes to the partition of."""

    key: str
    value: bytes
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def said(self) -> Mapping[str, object] | bytes | None:
        """What the oracle hears."""
        return structured(self.headers, self.value) if self.headers else self.value


@dataclass(slots=True)
class Fed:
    """A record where it stands in the input, and what the oracle made of it."""

    partition: int
    offset: int
    record: Record
    outcome: str = ""


def event(user: str, account: str | None, kind: str, ts_ms: int, **more: object) -> Record:
    """A native event, keyed right."""
    said = {"event": kind, "user_id": user, "account_id": account, "ts": ts_ms, **more}
    return Record(
        account or user, json.dumps({key: value for key, value in said.items() if value is not None}).encode()
    )


def events(seed: int, count: int, *, accounts: int = 12, users: int = 5, name: str = "e") -> list[Record]:
    """Made-up traffic of the last 40 days (the window is 30): some without an account, some excluded.

    Some users went silent a while ago.
    """
    chance = random.Random(seed)
    made = []
    for i in range(count):
        account = f"acme/{chance.randrange(accounts)}%" if chance.random() < 0.9 else None
        number = chance.randrange(users)
        user = f"bot-{i % 3}" if chance.random() < 0.02 else f"user {number}"
        kind = chance.choices((*TYPES, "unheard-of"), (50, 25, 15, 8, 2))[0]
        silent_days = number % 5 * 6
        ts_ms = NOW_MS - int((silent_days + chance.random() ** 2 * (40 - silent_days)) * DAY_MS)
        event_id = f"{name}-{i}"
        made.append(event(user, account, kind, ts_ms, event_id=event_id))
    return made


def account_record(account: str, traits: Mapping[str, object]) -> Record:
    """A native account record, keyed right."""
    return Record(account, json.dumps({"type": "account", "account_id": account, "traits": traits}).encode())


@dataclass
class Deployment:
    """`bootstrap` and `redis_url` are real servers; all names are the namespace's own.

    `idempotent`: whether the broker knows producers of that kind. `judged_at_ms` is when the oracle takes events to
    have been read (None: it calls none of them late).
    """

    bootstrap: str
    redis_url: str
    namespace: str
    folder: Path
    partitions: int = 4
    scoring_text: str = SCORING
    settings: dict[str, str] = field(default_factory=dict)
    judged_at_ms: int | None = NOW_MS
    idempotent: bool = True
    fed: list[Fed] = field(default_factory=list)
    workers: list[WorkerProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.scoring, partitions=self.partitions)
        self.store = redis.Redis.from_url(self.redis_url, decode_responses=True)
        asyncio.run(make_topic(self.bootstrap, self.input, self.partitions))

    @property
    def scoring(self) -> Scoring:
        return scoring_file.parse(self.scoring_text)

    @property
    def input(self) -> str:
        return f"{self.namespace}-events"

    # ---- input

    def produce(self, records: Iterable[Record], *, timestamp_ms: int | None = None) -> None:
        """Append to the input, and tell the oracle."""
        asyncio.run(self.append(records, timestamp_ms=timestamp_ms))

    async def append(
        self,
        records: Iterable[Record],
        *,
        transaction: str | None = None,
        abort: bool = False,
        remembered: bool = True,
        timestamp_ms: int | None = None,
    ) -> None:
        """In order, within each partition; what is in an aborted transaction the oracle never hears of.

        `timestamp_ms`: the records' own, else that of now.
        """
        sent = []
        async with producer(
            self.bootstrap, linger_ms=5, transactional_id=transaction, enable_idempotence=self.idempotent
        ) as client:
            if transaction:
                await client.begin_transaction()
            for record in records:
                home = partition_of(record.key, self.partitions)
                partition = home if record.partition is None else record.partition
                key = record.key.encode()
                place = {
                    "key": key,
                    "partition": partition,
                    "timestamp_ms": timestamp_ms,
                    "headers": list(record.headers),
                }
                sent.append((record, await client.send(self.input, record.value, **place)))
            landed = [await future for _, future in sent]
            if transaction:
                await (client.abort_transaction() if abort else client.commit_transaction())
        if remembered and not abort:
            for (record, _), place in zip(sent, landed, strict=True):
                self._feed(Fed(place.partition, place.offset, record))

    def _feed(self, fed: Fed) -> None:
        self.fed.append(fed)
        fed.outcome = self.oracle.feed(
            fed.record.said, int(time.time() * 1000), now_ms=self.judged_at_ms, partition=fed.partition
        )

    def tell(self, said: Mapping[str, object] | bytes | None) -> None:
        """The oracle alone hears of it: it was appended otherwise, or is written so that only a worker can read it."""
        self.oracle.feed(said, int(time.time() * 1000), now_ms=self.judged_at_ms)

    def dead_letters(self) -> dict[tuple[int, int], tuple[str, bytes]]:
        """What has to be in the dead letters: (partition, offset) -> reason and value."""
        return {
            (fed.partition, fed.offset): (fed.outcome.removeprefix("dead_letter:"), fed.record.value)
            for fed in self.fed
            if fed.outcome.startswith("dead_letter:")
        }

    def rescore(self, scoring_text: str) -> None:
        """Another scoring file, for workers started from now on; everything that was fed counts by it."""
        self.scoring_text = scoring_text
        self.oracle = Oracle(self.scoring, partitions=self.partitions)
        known, self.fed = self.fed, []
        for fed in known:
            self._feed(fed)

    # ---- workers and commands

    def where(self) -> dict[str, str]:
        """The settings by which this deployment is found."""
        return {
            "brokers": self.bootstrap,
            "redis_url": self.redis_url,
            "namespace": self.namespace,
            "input_topic": self.input,
            "scoring": str(self.folder / "scoring.yaml"),
        }

    def run(self, *arguments: str, **settings: str) -> Outcome:
        """A command, to its end, with the deployment's settings and these."""
        given = {**self.where(), "clock": NOW, **self.settings, **settings}
        return commands.run(*arguments, cwd=self.folder, settings=environment_of(given))

    def start(self, *, scoring_text: str | None = None, module: str = "scorer", **settings: str) -> WorkerProcess:
        """One more worker, at once; see `WorkerProcess.until_ready`, and for settings `environment_of`."""
        (self.folder / "scoring.yaml").write_text(scoring_text or self.scoring_text)
        paces = {"publish_interval": "100ms", "benchmark_interval": "300ms", "session_timeout": "3s"}
        given = {**paces, "broker_patience": "90s", **self.where(), "clock": NOW, **self.settings, **settings}
        worker = WorkerProcess(environment_of(given), module)
        self.workers.append(worker)
        return worker

    def running(self, *, module: str = "scorer", **settings: str) -> WorkerProcess:
        """One more worker, ready."""
        worker = self.start(module=module, **settings)
        worker.until_ready()
        return worker

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.store.close()

    # ---- what Redis holds

    def documents(self, kind: str = "score") -> dict[str, dict[str, Any]]:
        """Parsed JSON by key: `score`, `benchmark`, `partition`."""
        keys = sorted(self.store.scan_iter(f"{self.namespace}:{kind}:*", count=1000))
        values = self.store.mget(keys) if keys else []
        return {key: json.loads(value) for key, value in zip(keys, values, strict=True) if value is not None}

    def differences(self, now_ms: int = NOW_MS) -> list[str]:
        """What in Redis isn't as the oracle has it: scores, benchmarks, rankings."""
        return self.score_differences(now_ms) + self._ranking_differences(now_ms)

    def score_differences(self, now_ms: int = NOW_MS) -> list[str]:
        """The same without the rankings."""
        results = self.oracle.results(now_ms)
        found = compare(results, self.documents(), namespace=self.namespace, gone=self.oracle.gone(now_ms))
        return found + self._miscounted(results) + self._benchmark_differences(now_ms)

    def _ranking_differences(self, now_ms: int) -> list[str]:
        results, found = self.oracle.results(now_ms), []
        for model in {key[0] for key in results if key[1] == "account"}:
            key = f"{self.namespace}:rank:{model}:account"
            ranked = dict(self._pairs(key))
            expected = {
                entity: result.score
                for (name, kind, entity), result in results.items()
                if (name, kind) == (model, "account") and result.score is not None
            }
            found += _number_differences(key, expected, ranked)
        return found

    def _pairs(self, key: str) -> list[tuple[str, float]]:
        return cast(list[tuple[str, float]], self.store.zrange(key, 0, -1, withscores=True))

    def _miscounted(self, results: Mapping[tuple[str, str, str], Result]) -> list[str]:
        """Whose raw score in the model `counts`, which shows each count, isn't exactly the oracle's."""
        found = self.documents()
        keys = {key: f"{self.namespace}:score:{':'.join(key)}" for key in results if key[0] == "counts"}
        return [
            f"{key}: counts {found[redis_key]['raw']!r}, expected {results[key].raw!r}"
            for key, redis_key in keys.items()
            if redis_key in found and found[redis_key]["raw"] != results[key].raw
        ]

    def _benchmark_differences(self, now_ms: int) -> list[str]:
        least = {model.name: max(1, model.benchmark.min_population) for model in self.scoring.models}
        expected = {
            f"{self.namespace}:benchmark:{model}:{kind}:{group}": figures
            for (model, kind, group), figures in self.oracle.group_benchmarks(now_ms).items()
            if group == "all" or figures.population >= least[model]  # a smaller one has none of its own
        }
        shown = {
            key: (each["raw"], each["population"])
            for key, each in self.documents("benchmark").items()
            if each["raw"] is not None or key in expected  # a group that became too small
        }
        raws, populations = ({key: found[at] for key, found in expected.items()} for at in (0, 1))
        return [
            *_number_differences("benchmark", raws, {key: found[0] for key, found in shown.items()}),
            *_number_differences("population", populations, {key: found[1] for key, found in shown.items()}),
        ]

    def until_right(self, seconds: float = PATIENCE_SECONDS, now_ms: int = NOW_MS) -> None:
        """Returns once Redis equals the oracle; raises TookTooLong with the differences."""
        self._until_none(lambda: self.differences(now_ms), seconds)

    def until_scored(self, *, now_ms: int = NOW_MS) -> None:
        """The same without the rankings, which follow every few seconds."""
        self._until_none(lambda: self.score_differences(now_ms), PATIENCE_SECONDS)

    def _until_none(self, differences: Callable[[], list[str]], seconds: float) -> None:
        last: list[str] = []

        def right() -> bool:
            last[:] = differences()
            return not last

        def told() -> str:
            said = "\n".join(f"--- worker {w.pid}, {w.reasons()}\n{w.said()[-3000:]}" for w in self.workers)
            return f"{len(last)} differences: {last[:10]}\n{said}"

        wait_until(right, told, seconds)

    def owners(self) -> dict[int, str]:
        """Who owns each partition, by its heartbeat."""
        return {int(key.rpartition(":")[2]): beat["owner"] for key, beat in self.documents("partition").items()}

    def until_owned_by(self, *names: str) -> None:
        """Returns once all partitions are owned by these workers, each owning some."""

        def owned() -> bool:
            found = self.owners()
            return len(found) == self.partitions and set(found.values()) == set(names)

        wait_until(owned, lambda: f"owners {names}: {self.owners()}")

    def until_beaten(self, since: float) -> None:
        """Returns once every partition's heartbeat is of a moment after `since` (epoch seconds)."""
        beats: list[float] = []

        def beaten() -> bool:
            beats[:] = [beat["at"] for beat in self.documents("partition").values()]
            return len(beats) == self.partitions and min(beats) > since

        wait_until(beaten, lambda: f"heartbeats after {since}: {beats}")

    def until_at_rest(self, *workers: WorkerProcess) -> None:
        """Returns once these workers have nothing more to do: lag 0, and nothing waits for Redis."""

        def at_rest() -> bool:
            lags = []
            for worker in workers:
                if worker.reasons():
                    return False
                metrics = worker.metrics()
                lags += [value for (name, _), value in metrics.items() if name == "scorer_consumer_lag_records"]
                if metrics["scorer_redis_pending_entities", ()]:
                    return False
            return len(lags) >= self.partitions and not any(lags)

        wait_until(at_rest, lambda: "; ".join(f"{each.reasons()} {each.get('/metrics')}" for each in workers))


Numbers = Mapping[str, float | None]


def _number_differences(what: str, expected: Numbers, found: Numbers) -> list[str]:
    missing = [f"{what}: {key} is missing, expected {expected[key]}" for key in expected.keys() - found.keys()]
    surplus = [f"{what}: {key} is {found[key]}, not expected" for key in found.keys() - expected.keys()]
    return [
        *missing,
        *surplus,
        *(
            f"{what}: {key} is {found[key]!r}, expected {expected[key]!r}"
            for key in expected.keys() & found.keys()
            if not _same(expected[key], found[key])
        ),
    ]


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


@contextmanager
def deployment(bootstrap: str, redis_url: str, namespace: str, folder: Path, **more: Any) -> Iterator[Deployment]:
    """A deployment whose workers end with it."""
    made = Deployment(bootstrap, redis_url, namespace, folder, **more)
    try:
        yield made
    finally:
        made.close()
