"""Summaries of all partitions -> benchmarks (SCORING 2.2, ARCHITECTURE 1.8).

Rule 1: merging is a union of numbers or a sum of counts: deterministic and free of order, so that two owners for a
  moment, a restart or a rebuild all arrive at the same benchmark.
Rule 2: it waits until every partition has been caught up, with all the groups that it lists; and, when a bucket
  closes, for a while until all have aged: with some raw scores of before and some of after, a benchmark would fall in
  steps, and everyone's score would rise and fall with it.
Rule 3: a group that some partition had too many groups to list isn't known in full, so it has no benchmark.
Rule 4: exact if all sent raw scores, and no more than `RAW_VALUES`; else everything becomes a histogram.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from scorer.core.benchmark import EVERYONE, Benchmark, Benchmarks
from scorer.core.benchmark_summary import RAW_VALUES, Summaries, Summary
from scorer.core.histogram import Histogram
from scorer.core.model import Kind, Model, Scoring, Shape
from scorer.core.percentile import percentile
from scorer.core.score import solved_steepness

AT_ONCE = 16
"""Histograms added in one step."""

Shares = dict[str, list[Summary]]
"""By peer group: the summaries of the partitions that list it."""


def merge(
    scoring: Scoring,
    partitions: int,
    summaries: Summaries,
    known: Benchmarks,
    now_seconds: float,
    *,
    patient: bool = False,
) -> Iterator[Benchmark | None]:
    """The benchmarks that differ from the known ones, once every partition has been caught up.

    None stands for a step without news: each takes well under 50 ms. `patient`: not of a model of which some partition
    hasn't come to the newest bucket yet.
    """
    for model in scoring.models:
        model_version = _model_version(model, known)
        for kind in model.kinds:
            shares = yield from _shares(model, kind, partitions, summaries)
            if shares is None:
                continue
            buckets = _buckets(shares[EVERYONE])
            if patient and len(buckets) > 1:
                continue
            newest = max(buckets, default=None)
            blank = Benchmark(model.name, model.hash, kind, None, 0, 0, model_version, now_seconds, bucket=newest)
            yield from _changed(blank, model, shares, known)


def apart(scoring: Scoring, partitions: int, summaries: Summaries) -> bool:
    """Whether some partition of all that have told of themselves is in an earlier bucket than another."""
    of_all = [summaries.of(model, kind) for model in scoring.models for kind in model.kinds]
    return any(len(of) == partitions and len(_buckets(of.values())) > 1 for of in of_all)


def _buckets(everyone: Iterable[Summary]) -> set[int]:
    """The buckets that the partitions are in."""
    return {share.bucket for share in everyone if share.bucket is not None}


def _model_version(model: Model, known: Benchmarks) -> int:
    """The newest benchmark tells: groups that nobody is in any more may be of any earlier version."""
    newest = max((b for b in known.all() if b.model == model.name), key=lambda b: b.model_version, default=None)
    if newest is None:
        return 1
    return newest.model_version + int(newest.model_hash != model.hash)


def _shares(model: Model, kind: Kind, partitions: int, summaries: Summaries) -> Generator[None, None, Shares | None]:
    """What there is to merge; None while a partition, or a group that it lists, hasn't been caught up."""
    everyone = summaries.of(model, kind)
    if len(everyone) < partitions or not all(share.caught_up for share in everyone.values()):
        return None
    shares: Shares = {EVERYONE: list(everyone.values())}
    for name in sorted({name for share in everyone.values() for name in share.groups}):
        yield
        of = summaries.of(model, kind, name)
        listing = [partition for partition, share in everyone.items() if name in share.listed]
        found = [of[partition] for partition in listing if partition in of and of[partition].caught_up]
        if len(found) < len(listing):
            return None
        shares[name] = found
    return shares


def _changed(blank: Benchmark, model: Model, shares: Shares, known: Benchmarks) -> Iterator[Benchmark | None]:
    """The benchmarks of one model and kind that are news.

    A group that never had a benchmark isn't told of while it has none; one that had keeps being told of.
    """
    cut = {share.partition for share in shares[EVERYONE] if share.cut}
    before_all = known.groups(blank.model, blank.kind)
    version = max((benchmark.version for benchmark in before_all.values()), default=0)
    for peers in sorted(shares.keys() | before_all.keys()):
        of = shares.get(peers, [])
        merged = yield from _merged(replace(blank, peers=peers), model, of, whole=cut <= {s.partition for s in of})
        before = before_all.get(peers)
        if before is None and merged.raw is None and peers != EVERYONE:
            yield None
        elif before is None or _shows(before, merged, model):
            version += 1
            yield replace(merged, version=version)
        elif (before.population, before.exact, before.bucket) != (merged.population, merged.exact, merged.bucket):
            yield replace(merged, version=before.version)


def _shows(before: Benchmark, merged: Benchmark, model: Model) -> bool:
    """Whether a score can show the difference. While entities are warming up the population of everyone does."""
    if (before.model_hash, before.raw, before.steepness) != (merged.model_hash, merged.raw, merged.steepness):
        return True
    warming_up = merged.raw is None and merged.peers == EVERYONE and model.curve.shape is not Shape.NONE
    return warming_up and before.population != merged.population


def _merged(
    blank: Benchmark, model: Model, shares: Sequence[Summary], *, whole: bool
) -> Generator[None, None, Benchmark]:
    population = sum(share.population for share in shares)
    exact = population <= RAW_VALUES and all(share.histogram is None for share in shares)
    blank = replace(blank, population=population, exact=exact)
    rule = model.benchmark
    if model.curve.shape is Shape.NONE or population < max(1, rule.min_population) or not whole:
        return blank
    at = yield from _percentiles(shares, exact=exact)
    raw, steepness = at(rule.percentile), None
    if model.curve.steepness is None:
        steepness = solved_steepness(at(50.0) / raw)
    return replace(blank, raw=raw, steepness=steepness)


def _percentiles(shares: Sequence[Summary], *, exact: bool) -> Generator[None, None, Callable[[float], float]]:
    """The function that finds a percentile (0..100) of all shares together."""
    yield
    if exact:
        raws = np.concatenate([share.raws for share in shares])
        return lambda p: percentile(raws, p)
    total = Histogram.total([share.buckets for share in shares[:AT_ONCE]])
    for start in range(AT_ONCE, len(shares), AT_ONCE):
        yield
        total = Histogram.total([total, *(share.buckets for share in shares[start : start + AT_ONCE])])
    return total.percentile
