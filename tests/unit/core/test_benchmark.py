"""Benchmarks: summaries in, the same benchmark out, whatever the order and the repeats (SCORING 2.2)."""

import random
from dataclasses import replace

import numpy as np
import pytest

from scorer.core.benchmark import PART_VALUES, Benchmark, Benchmarks, Summaries, Summary, merge, percentile
from scorer.core.footing import Basis
from scorer.core.model import BenchmarkRule, Curve, Kind, Model, Scoring, Shape, Weight

PUBLISHED = [475.0, 89, 101, 7, 3, 21, 2, 149, 223, 1, 13, 9, 37]
MODEL = Model("m", (Kind.USER,), 30, {"a": Weight(1.0)}, benchmark=BenchmarkRule(min_population=3, initial=5.0))
PLAIN = replace(MODEL, name="plain", curve=Curve(Shape.NONE))
NOW = 1_795_355_044.5

Record = tuple[bytes, bytes]


def summary(partition: int, *raws: float, model: Model = MODEL, caught_up: bool = True, event_ms: int = 0) -> Summary:
    return Summary(model.name, model.hash, Kind.USER, partition, caught_up, event_ms, np.array(raws, np.float64))


def records(share: Summary, epoch: int = 1, number: int = 1) -> list[Record]:
    return list(share.records(epoch, number))


def read(*batches: list[Record]) -> Summaries:
    summaries = Summaries()
    for batch in batches:
        for key, value in batch:
            summaries.read(key, value)
    return summaries


def merged(
    summaries: Summaries, known: Benchmarks | None = None, partitions: int = 1, model: Model = MODEL
) -> Benchmark | None:
    """The one benchmark that is news, and known from now on."""
    known = known or Benchmarks()
    news = list(merge(Scoring(86_400, ("a",), (model,)), partitions, summaries, known, NOW))
    for benchmark in news:
        number = known.get(model.name, Kind.USER)
        known.read(benchmark.key, benchmark.record(1, 1 + (number.population + number.version * 100 if number else 0)))
    assert len(news) <= 1
    return news[0] if news else None


def test_the_percentile_is_inclusive() -> None:
    assert percentile(np.array(PUBLISHED), 90) == 208.2
    assert percentile(np.array([7.0]), 90) == 7.0
    assert [percentile(np.array([1.0, 2.0]), p) for p in (0, 50, 100)] == [1.0, 1.5, 2.0]


def test_partitions_merge_to_the_percentile_of_all() -> None:
    found = merged(read(records(summary(0, *PUBLISHED[:5])), records(summary(1, *PUBLISHED[5:]))), partitions=2)
    assert found is not None
    assert (found.raw, found.population, found.version, found.model_version) == (208.2, 13, 1, 1)
    assert (found.computed_at, found.exact) == (NOW, True)


@pytest.mark.parametrize("start", range(5))
def test_any_order_and_repeats_give_the_same_benchmark(start: int) -> None:
    chance = random.Random(start)
    told = [record for partition in range(4) for record in records(summary(partition, *PUBLISHED[partition::4]))]
    told += chance.sample(told, 2)
    chance.shuffle(told)
    found = merged(read(told), partitions=4)
    assert found is not None
    assert found.raw == 208.2


def test_a_large_summary_is_several_records_and_counts_once_it_is_complete() -> None:
    raws = np.random.default_rng(7).random(2 * PART_VALUES + 1)
    first, second, third = records(summary(0, *raws.tolist()))
    assert all(len(value) < 900_000 for _, value in (first, second, third))
    summaries = read([third, first])
    assert summaries.of(MODEL, Kind.USER) == []
    summaries.read(*second)
    (found,) = summaries.of(MODEL, Kind.USER)
    assert found.raws.tolist() == raws.tolist()


def test_a_newer_summary_replaces_a_larger_one() -> None:
    large = records(summary(0, *([1.0] * (PART_VALUES + 1))), number=1)
    small = records(summary(0, 2.0), number=2)
    for told in ([*large, *small], [large[0], *small, large[1]], [*small, *large]):
        assert [share.raws.tolist() for share in read(told).of(MODEL, Kind.USER)] == [[2.0]]


def test_the_greater_epoch_wins_whatever_its_number() -> None:
    old, new = records(summary(0, 1.0), epoch=1, number=9), records(summary(0, 2.0), epoch=2, number=1)
    for told in ([*old, *new], [*new, *old]):
        assert [share.raws.tolist() for share in read(told).of(MODEL, Kind.USER)] == [[2.0]]


def test_an_older_summary_behind_a_newer_one_asks_for_the_newer_to_be_sent_again() -> None:
    summaries = read(records(summary(3, 2.0), number=2))
    ((key, value),) = records(summary(3, 1.0), number=1)
    assert summaries.read(key, value) == ("m", Kind.USER, 3)
    ((key, value),) = records(summary(3, 2.0), number=2)
    assert summaries.read(key, value) is None


def test_summaries_of_other_weights_are_left_out() -> None:
    other = replace(MODEL, weights={"a": Weight(2.0)})
    summaries = read(records(summary(0, 1, 2, 3)), records(summary(1, 1, 2, 3, model=other)))
    assert [share.partition for share in summaries.of(MODEL, Kind.USER)] == [0]
    assert merged(summaries, partitions=2) is None


def test_merging_waits_until_every_partition_has_been_caught_up() -> None:
    behind = read(records(summary(0, 1, 2, 3)), records(summary(1, 9, caught_up=False)))
    assert merged(behind, partitions=2) is None
    assert merged(read(records(summary(0, 1, 2, 3))), partitions=2) is None
    ((key, value),) = records(summary(1, 9), number=2)
    behind.read(key, value)
    assert merged(behind, partitions=2) is not None


def test_the_largest_event_time_of_all_is_known() -> None:
    assert read(records(summary(0, event_ms=5)), records(summary(1, event_ms=9, caught_up=False))).event_ms == 9


def test_too_few_active_give_no_benchmark_but_the_initial() -> None:
    known = Benchmarks()
    found = merged(read(records(summary(0, 1.0, 2.0))), known)
    assert found is not None
    assert (found.raw, found.population) == (None, 2)
    assert known.basis(MODEL, Kind.USER) == Basis(5.0, 1, 1, 2)
    without = replace(MODEL, benchmark=BenchmarkRule(min_population=3))
    assert Benchmarks().basis(without, Kind.USER) == Basis(None)


def test_exactly_the_least_population_is_enough() -> None:
    found = merged(read(records(summary(0, 1.0, 2.0, 3.0))))
    assert found is not None
    assert found.raw == pytest.approx(2.8)


def test_nobody_active_gives_no_benchmark_even_if_none_are_asked_for() -> None:
    lone = replace(MODEL, benchmark=BenchmarkRule(min_population=0))
    found = merged(read(records(summary(0, model=lone))), model=lone)
    assert found is not None
    assert found.raw is None


def test_a_plain_sum_has_no_benchmark_and_no_versions_of_it() -> None:
    known = Benchmarks()
    versions = []
    for number, raws in enumerate(([1.0] * 4, [2.0] * 5), start=1):
        found = merged(read(records(summary(0, *raws, model=PLAIN), number=number)), known, model=PLAIN)
        assert found is not None
        versions.append((found.raw, found.version))
    assert versions == [(None, 1), (None, 1)]


def test_a_version_is_new_only_if_a_score_can_show_it() -> None:
    known = Benchmarks()
    shares: list[list[float]] = [[1.0], [1.0, 2.0], [4.0] * 3, [4.0] * 3, [4.0] * 5, [6.0] * 5]
    found = [merged(read(records(summary(0, *raws))), known) for raws in shares]
    assert [benchmark and (benchmark.version, benchmark.raw, benchmark.population) for benchmark in found] == [
        (1, None, 1),
        (2, None, 2),
        (3, 4.0, 3),
        None,
        (3, 4.0, 5),
        (4, 6.0, 5),
    ]


def test_a_changed_model_has_a_new_model_version_in_all_its_kinds() -> None:
    both = replace(MODEL, kinds=(Kind.USER, Kind.ACCOUNT))
    known = Benchmarks()
    seen = []
    for number, weight in enumerate((1.0, 2.0, 1.0), start=1):
        model = replace(both, weights={"a": Weight(weight)})
        summaries = Summaries()
        for kind in model.kinds:
            for key, value in records(replace(summary(0, 1, 2, 3, model=model), kind=kind), number=number):
                summaries.read(key, value)
        for benchmark in merge(Scoring(86_400, ("a",), (model,)), 1, summaries, known, NOW):
            known.read(benchmark.key, benchmark.record(1, number))
            seen.append((benchmark.kind, benchmark.model_version, benchmark.version))
    assert [version for kind, *version in seen if kind is Kind.USER] == [[1, 1], [2, 2], [3, 3]]
    assert [version for kind, *version in seen if kind is Kind.ACCOUNT] == [[1, 1], [2, 2], [3, 3]]


def test_a_benchmark_of_other_weights_is_not_in_force() -> None:
    known = Benchmarks()
    merged(read(records(summary(0, 1, 2, 3))), known)
    other = replace(MODEL, weights={"a": Weight(2.0)})
    assert known.basis(other, Kind.USER) == Basis(5.0)


def test_the_newest_benchmark_stands_and_says_when_it_was_overwritten() -> None:
    known = Benchmarks()
    new, old = (Benchmark("m", MODEL.hash, Kind.USER, raw, 9, 2, 1, NOW) for raw in (2.0, 1.0))
    assert known.read(new.key, new.record(2, 1)) == new
    assert known.take_overwritten() == []
    assert known.read(old.key, old.record(1, 9)) is None
    assert known.get("m", Kind.USER) == new
    assert known.take_overwritten() == [new]
    assert known.take_overwritten() == []
    assert known.read(new.key, new.record(2, 1)) is None
    assert known.take_overwritten() == []
