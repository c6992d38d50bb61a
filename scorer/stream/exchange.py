"""The exchange of benchmarks between workers: summaries out, benchmarks in (ARCHITECTURE 1.8).

Every owner publishes the summaries of its partitions that changed; the owner of partition 0 merges all of them and
publishes what changed; every worker scores by what it reads.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import xxhash

from scorer.core.benchmark import EVERYONE, Benchmark, Benchmarks
from scorer.core.benchmark_merge import apart, merge
from scorer.core.benchmark_summary import Summaries, Summary, SummaryKey
from scorer.core.footing import Basis
from scorer.core.kpis.shares_topic import PREFIX
from scorer.core.kpis.totals import Totals
from scorer.core.model import Kind, Model, Scoring
from scorer.core.peer_shares import MOST_GROUPS
from scorer.stream.clock import Clock
from scorer.stream.compacted import CompactedTopic
from scorer.stream.connection import Connection
from scorer.stream.kpi_exchange import KpiExchange, OnKpis
from scorer.stream.topics import TopicNames

_log = logging.getLogger(__name__)

SEND_BYTES = 4_000_000
"""Summaries are gathered up to here and written together: a partition with many groups has many small ones."""

BUCKET_PATIENCE_SECONDS = 30.0
"""How long a partition that doesn't come to the newest bucket is waited for; then a benchmark is made all the same."""


@dataclass
class _News:
    """Summaries to be published, and how to know them again. `size`: bytes."""

    records: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    stamps: dict[SummaryKey, tuple[int, bytes]] = field(default_factory=dict)
    size: int = 0


class Exchange:
    """Both topics, and what was read of them. `on_benchmark` is called with each benchmark that comes into force,
    `on_kpis` with what changed of segments and the product where partition 0 is owned."""

    def __init__(
        self,
        connection: Connection,
        names: TopicNames,
        scoring: Scoring,
        clock: Clock,
        on_benchmark: Callable[[Benchmark], None],
        on_kpis: OnKpis,
        *,
        patience: float,
    ) -> None:
        self._scoring = scoring
        self._clock = clock
        self._on_benchmark = on_benchmark
        rules = scoring.kpis
        self._kpis = KpiExchange(scoring, rules, on_kpis) if rules is not None else None
        self._summaries = Summaries()
        self._benchmarks = Benchmarks()
        self._summary_topic = CompactedTopic(connection, names.summaries, self._read_summary, patience=patience)
        self._benchmark_topic = CompactedTopic(connection, names.benchmarks, self._read_benchmark, patience=patience)
        self._sent: dict[SummaryKey, tuple[int, bytes]] = {}
        self._warned: set[tuple[str, Kind]] = set()
        self._number = 0
        self._together = time.monotonic()

    async def start(self) -> None:
        """Read all that is there; scores that are computed before that would be wrong."""
        await self._summary_topic.start()
        await self._benchmark_topic.start()
        await self._summary_topic.caught_up()
        await self._benchmark_topic.caught_up()

    async def stop(self) -> None:
        await self._summary_topic.stop()
        await self._benchmark_topic.stop()

    async def failed(self) -> None:
        """Wait until the benchmarks can't be read any more, and raise why."""
        await self._benchmark_topic.failed()

    def bases(self, model: Model, kind: Kind, groups: Sequence[str]) -> list[Basis]:
        """What a model's scores rest on now, one basis for each of some peer groups. Cheap while nothing is read."""
        return self._benchmarks.bases(model, kind, groups)

    def benchmarks(self) -> list[Benchmark]:
        """Those in force: of the scoring file's models as they stand, of everyone and of the groups that have one."""
        hashes = {model.name: model.hash for model in self._scoring.models}
        return [
            benchmark
            for benchmark in self._benchmarks.all()
            if hashes.get(benchmark.model) == benchmark.model_hash
            and (benchmark.peers == EVERYONE or benchmark.raw is not None)
        ]

    async def send_kpis(self, epoch: int, partition: int, totals: Totals, event_ms: int) -> None:
        """Publish a partition's totals that changed since they were last sent in this epoch."""
        if self._kpis is not None:
            records = self._kpis.records(totals, partition, epoch, event_ms, self._next_number)
            await self._summary_topic.publish_many(records)
            for key, value in records:
                self._read_summary(key, value)

    async def send(self, epoch: int, summaries: Iterable[Summary]) -> None:
        """Publish a partition's summaries that changed since they were last sent in this epoch.

        `summaries` is asked for one at a time, with a break for the event loop behind each.
        """
        news = _News()
        for summary in summaries:
            self._note(news, epoch, summary)
            if summary.peers == EVERYONE:
                self._warn(summary)
                for vanished in self._summaries.vanished(summary):
                    self._note(news, epoch, vanished)
            if news.size > SEND_BYTES:
                await self._send(news)
                news = _News()
            await asyncio.sleep(0)
        await self._send(news)

    def _note(self, news: "_News", epoch: int, summary: Summary) -> None:
        event_ms = summary.event_ms if self._clock.by_events else 0
        stamp = (epoch, xxhash.xxh3_128_digest(b"%d " % event_ms + summary.body))
        if self._sent.get(summary.key) != stamp:
            news.records.extend(summary.records(epoch, self._next_number()))
            news.stamps[summary.key] = stamp
            news.size += len(summary.body)

    async def _send(self, news: "_News") -> None:
        if not news.records:
            return
        await self._summary_topic.publish_many(news.records)
        self._sent.update(news.stamps)
        for key, value in news.records:
            self._read_summary(key, value)

    def _warn(self, summary: Summary) -> None:
        if summary.cut and (summary.model, summary.kind) not in self._warned:
            self._warned.add((summary.model, summary.kind))
            _log.warning(
                "model %s: a partition has more than %s peer groups of %ss: members of the smaller ones are measured "
                "against the group around theirs (take traits with fewer values as `peers`)",
                summary.model,
                MOST_GROUPS,
                summary.kind.label,
            )

    async def merge(self, epoch: int, partitions: int) -> None:
        """For the owner of partition 0: publish the benchmarks that changed, and mend what an older owner wrote."""
        news: dict[bytes, Benchmark] = {}
        now_seconds = self._clock.wall_ms() / 1000
        if not apart(self._scoring, partitions, self._summaries):
            self._together = time.monotonic()
        patient = time.monotonic() - self._together < BUCKET_PATIENCE_SECONDS
        for benchmark in merge(
            self._scoring, partitions, self._summaries, self._benchmarks, now_seconds, patient=patient
        ):
            if benchmark is not None:
                news[benchmark.key] = benchmark
            await asyncio.sleep(0)
        for benchmark in self._benchmarks.take_overwritten():
            news.setdefault(benchmark.key, benchmark)
        records = [(key, benchmark.record(epoch, self._next_number())) for key, benchmark in news.items()]
        await self._benchmark_topic.publish_many(records)
        for key, record in records:
            self._read_benchmark(key, record)
        if self._kpis is not None:
            self._kpis.merge(partitions, epoch, self._next_number)

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _read_summary(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            return
        if key.startswith(PREFIX):
            if self._kpis is not None:
                self._kpis.read(key, value)
            return
        overwritten = self._summaries.read(key, value)
        if overwritten is not None:
            self._sent.pop(overwritten, None)
        self._clock.saw_event(self._summaries.event_ms)

    def _read_benchmark(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            return
        read = self._benchmarks.read(key, value)
        if read is not None:
            self._on_benchmark(read)
