"""The exchange of benchmarks between workers: summaries out, benchmarks in (ARCHITECTURE 1.8).

Every owner publishes the summaries of its partitions that changed; the owner of partition 0 merges all of them and
publishes what changed; every worker scores by what it reads.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

import xxhash

from scorer.core.benchmark import Benchmark, Benchmarks, Summaries, Summary, merge
from scorer.core.footing import Basis
from scorer.core.model import Kind, Model, Scoring
from scorer.stream.clock import Clock
from scorer.stream.compacted import CompactedTopic
from scorer.stream.connection import Connection
from scorer.stream.topics import TopicNames

_log = logging.getLogger(__name__)


class Exchange:
    """Both topics, and what was read of them. `on_benchmark` is called with each benchmark that comes into force."""

    def __init__(
        self,
        connection: Connection,
        names: TopicNames,
        scoring: Scoring,
        clock: Clock,
        on_benchmark: Callable[[Benchmark], None],
        *,
        patience: float,
    ) -> None:
        self._scoring = scoring
        self._clock = clock
        self._on_benchmark = on_benchmark
        self._summaries = Summaries()
        self._benchmarks = Benchmarks()
        self._summary_topic = CompactedTopic(connection, names.summaries, self._read_summary, patience=patience)
        self._benchmark_topic = CompactedTopic(connection, names.benchmarks, self._read_benchmark, patience=patience)
        self._sent: dict[tuple[str, Kind, int], tuple[int, bytes]] = {}
        self._number = 0

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
        """What the scores of each peer group rest on now."""
        return self._benchmarks.bases(model, kind, groups)

    def benchmarks(self) -> list[Benchmark]:
        return self._benchmarks.all()

    async def send(self, epoch: int, summaries: Iterable[Summary]) -> None:
        """Publish a partition's summaries that changed since they were last sent in this epoch."""
        for summary in summaries:
            at = (summary.model, summary.kind, summary.partition)
            event_ms = summary.event_ms if self._clock.by_events else 0
            facts = b"%d %d %s" % (summary.caught_up, event_ms, summary.model_hash.encode())
            stamp = (epoch, xxhash.xxh3_128_digest(facts + summary.raws.tobytes()))
            if self._sent.get(at) != stamp:
                records = list(summary.records(epoch, self._next_number()))
                await self._summary_topic.publish_many(records)
                self._sent[at] = stamp
                for key, value in records:
                    self._read_summary(key, value)

    async def merge(self, epoch: int, partitions: int) -> None:
        """For the owner of partition 0: publish the benchmarks that changed, and mend what an older owner wrote."""
        now_seconds = self._clock.wall_ms() / 1000
        for benchmark in merge(self._scoring, partitions, self._summaries, self._benchmarks, now_seconds):
            await self._publish(benchmark, epoch)
        for benchmark in self._benchmarks.take_overwritten():
            await self._publish(benchmark, epoch)

    async def _publish(self, benchmark: Benchmark, epoch: int) -> None:
        record = benchmark.record(epoch, self._next_number())
        await self._benchmark_topic.publish(benchmark.key, record)
        self._read_benchmark(benchmark.key, record)

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _read_summary(self, key: bytes, value: bytes | None) -> None:
        if value is None:
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
