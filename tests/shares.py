"""Shares of benchmarks, for tests: made up, told as records, read, merged."""

from collections.abc import Iterable
from itertools import count

import numpy as np

from scorer.core.benchmark import EVERYONE, Benchmark, Benchmarks
from scorer.core.benchmark_merge import merge
from scorer.core.benchmark_summary import Summaries, Summary
from scorer.core.model import BenchmarkRule, Kind, Model, Scoring, Weight

MODEL = Model("m", (Kind.USER,), 30, {"a": Weight(1.0)}, benchmark=BenchmarkRule(min_population=3, initial=5.0))
NOW = 1_795_355_044.5
PRO, PRO_EU, FREE = "plan=pro", "plan=pro,region=eu", "plan=free"

_numbers = count(1)

Record = tuple[bytes, bytes]


def summary(
    partition: int,
    *raws: float,
    peers: str = EVERYONE,
    model: Model = MODEL,
    caught_up: bool = True,
    event_ms: int = 0,
    groups: Iterable[str] = (),
    cut: bool = False,
) -> Summary:
    blank = Summary(model.name, model.hash, Kind.USER, partition, caught_up, event_ms, groups=tuple(groups), cut=cut)
    return blank.holding(peers, np.array(raws, np.float64))


def records(share: Summary, epoch: int = 1, number: int = 1) -> list[Record]:
    return list(share.records(epoch, number))


def read(*batches: Iterable[Record]) -> Summaries:
    summaries = Summaries()
    for batch in batches:
        for key, value in batch:
            summaries.read(key, value)
    return summaries


def all_news(
    summaries: Summaries, known: Benchmarks | None = None, partitions: int = 1, model: Model = MODEL
) -> dict[str, Benchmark]:
    """By peer group: the benchmarks that are news, and known from now on."""
    known = Benchmarks() if known is None else known
    scoring = Scoring(86_400, ("a",), (model,))
    news = [benchmark for benchmark in merge(scoring, partitions, summaries, known, NOW) if benchmark is not None]
    for benchmark in news:
        known.read(benchmark.key, benchmark.record(1, next(_numbers)))
    assert len({benchmark.key for benchmark in news}) == len(news)
    return {benchmark.peers: benchmark for benchmark in news}


def merged(
    summaries: Summaries, known: Benchmarks | None = None, partitions: int = 1, model: Model = MODEL
) -> Benchmark | None:
    """The benchmark of everyone, if it is news; no other is."""
    news = all_news(summaries, known, partitions, model)
    assert news.keys() <= {EVERYONE}
    return news.get(EVERYONE)
