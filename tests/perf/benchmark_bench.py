"""What benchmarks cost: CPU milliseconds of whole pieces of work, and of the longest step between two breaks.

python -m tests.perf.benchmark_bench
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from time import process_time

import numpy as np

from scorer.core.benchmark import EVERYONE, Benchmark, Benchmarks
from scorer.core.benchmark_merge import merge
from scorer.core.benchmark_summary import Summaries, Summary
from scorer.core.events import Int64s
from scorer.core.histogram import Histogram
from scorer.core.model import BenchmarkRule, Curve, Kind, Model, Scoring, Weight
from scorer.core.peer_shares import Lineages, peer_shares
from scorer.core.score import Floats, curve_scores

ENTITIES = 1_000_000
PARTITIONS = 64
REGIONS = 40
PLANS = 24
RULE = BenchmarkRule(peers=("plan", "region"))
MODEL = Model("m", (Kind.USER,), 30, {"a": Weight(1.0)}, benchmark=RULE, curve=Curve(steepness=None))
SCORING = Scoring(86_400, ("a",), (MODEL,))
NAMES = [EVERYONE, *(f"plan=p{plan},region=r{region}" for plan in range(PLANS) for region in range(REGIONS))]
"""With the plans alone: 984 groups and everyone."""

BLANK = Summary(MODEL.name, MODEL.hash, Kind.USER, 0, True, 0)


def told(what: str, work: Callable[[], Iterator[object]], rounds: int = 5) -> None:
    """The best of some rounds, in milliseconds of CPU."""
    found = []
    for _ in range(rounds):
        steps, began = [], process_time()
        last = began
        for _ in work():
            now = process_time()
            steps.append(now - last)
            last = now
        steps.append(process_time() - last)
        found.append((sum(steps) * 1e3, max(steps) * 1e3, len(steps)))
    total, _, count = min(found)
    longest = min(step for _, step, _ in found)
    print(f"{what:76} {total:8.2f} ms, {count:5} steps, longest {longest:6.2f} ms")


def once(work: Callable[[], object]) -> Callable[[], Iterator[object]]:
    def steps() -> Iterator[object]:
        work()
        return iter(())

    return steps


def summaries(raws: Floats, codes: Int64s, lineages: Lineages) -> Summaries:
    found = Summaries()
    for partition in range(PARTITIONS):
        part = slice(partition, None, PARTITIONS)
        blank = replace(BLANK, partition=partition)
        for number, share in enumerate(peer_shares(blank, raws[part], codes[part], lineages), start=1):
            for record in share.records(1, number):
                found.read(*record)
    return found


def first(raws: Floats, codes: Int64s, lineages: Lineages) -> Callable[[], Iterator[Benchmark | None]]:
    """Merging what was just read: nothing of it is known as a histogram yet."""
    prepared = [summaries(raws, codes, lineages) for _ in range(3)]
    rounds = iter(prepared)  # none is freed meanwhile, which would be counted
    return lambda: merge(SCORING, PARTITIONS, next(rounds), Benchmarks(), 0.0)


def main() -> None:
    chance = np.random.default_rng(1)
    raws = chance.lognormal(3, 1.5, ENTITIES)
    codes = chance.integers(0, len(NAMES), ENTITIES)
    none, groups = Lineages(), Lineages()
    groups.follow(NAMES)
    nobody = np.zeros(ENTITIES, np.int64)
    print(f"{ENTITIES} active entities, {len(groups.names)} groups, {PARTITIONS} partitions")
    histogram = Histogram.of(raws)
    told(f"histogram of {ENTITIES} ({len(histogram.indexes)} buckets)", once(lambda: Histogram.of(raws)))
    wide = 10.0 ** chance.uniform(-300, 300, ENTITIES)
    told("histogram of as many over 600 decades", once(lambda: Histogram.of(wide)))
    told("its percentile", once(lambda: histogram.percentile(90)))
    told("shares of one partition with all of them, no groups", lambda: peer_shares(BLANK, raws, nobody, none))
    told("shares of one partition with all of them, groups", lambda: peer_shares(BLANK, raws, codes, groups))
    few = raws[:15_625], codes[:15_625]
    told("shares of one partition of 64, groups", lambda: peer_shares(BLANK, *few, groups))
    told("merging, no groups", first(raws, nobody, none), rounds=3)
    told("merging, groups", first(raws, codes, groups), rounds=3)
    many = np.tile(raws, 6)
    told("merging 6,000,000, raw scores of 93,750 a partition", first(many, np.zeros(len(many), np.int64), none), 3)
    known = Benchmarks()
    for number, name in enumerate([EVERYONE, *groups.names]):
        each = Benchmark("m", MODEL.hash, Kind.USER, 3.0, 99, number, 1, 0.0, peers=name)
        known.read(each.key, each.record(1, 1))
    told(f"bases of {len(NAMES)} groups, nothing read since", once(lambda: known.bases(MODEL, Kind.USER, NAMES)))
    told("scores against one benchmark", once(lambda: curve_scores(raws, 50.0, MODEL.curve, 2.0)))
    columns = chance.uniform(40, 60, ENTITIES), chance.uniform(1, 3, ENTITIES)
    told("scores against a column", once(lambda: curve_scores(raws, columns[0], MODEL.curve)))
    told(
        "scores against columns of benchmark and k",
        once(lambda: curve_scores(raws, columns[0], MODEL.curve, columns[1])),
    )


if __name__ == "__main__":
    main()
