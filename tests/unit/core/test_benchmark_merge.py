"""Summaries in, the same benchmarks out, whatever the order and the repeats (SCORING 2.2)."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.core import benchmark_summary
from scorer.core.benchmark import EVERYONE, Benchmarks
from scorer.core.benchmark_merge import AT_ONCE, apart, merge
from scorer.core.benchmark_summary import RAW_VALUES, Summaries
from scorer.core.model import BenchmarkRule, Curve, Kind, Scoring, Shape, Weight
from tests import oracle
from tests.shares import FREE, MODEL, NOW, PRO, all_news, merged, read, records, summary

PUBLISHED = [475.0, 89, 101, 7, 3, 21, 2, 149, 223, 1, 13, 9, 37]
PLAIN = replace(MODEL, name="plain", curve=Curve(Shape.NONE))
AUTO = replace(MODEL, curve=Curve(steepness=None))


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


def test_merging_waits_until_every_partition_has_been_caught_up() -> None:
    behind = read(records(summary(0, 1, 2, 3)), records(summary(1, 9, caught_up=False)))
    assert merged(behind, partitions=2) is None
    assert merged(read(records(summary(0, 1, 2, 3))), partitions=2) is None
    ((key, value),) = records(summary(1, 9), number=2)
    behind.read(key, value)
    assert merged(behind, partitions=2) is not None


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
        steps = merge(Scoring(86_400, ("a",), (model,)), 1, summaries, known, NOW)
        for benchmark in [step for step in steps if step is not None]:
            known.read(benchmark.key, benchmark.record(1, number))
            seen.append((benchmark.kind, benchmark.model_version, benchmark.version))
    assert [version for kind, *version in seen if kind is Kind.USER] == [[1, 1], [2, 2], [3, 3]]
    assert [version for kind, *version in seen if kind is Kind.ACCOUNT] == [[1, 1], [2, 2], [3, 3]]


def test_a_model_that_returns_to_an_earlier_form_is_a_new_version_though_a_group_is_left_of_it() -> None:
    known = Benchmarks()
    told = [(1.0, [PRO]), (2.0, []), (1.0, [])]
    seen = []
    for number, (weight, groups) in enumerate(told, start=1):
        model = replace(MODEL, weights={"a": Weight(weight)})
        shares = [summary(0, 1, 2, 3, groups=groups, model=model)]
        shares += [summary(0, 1, 2, 3, peers=peers, model=model) for peers in groups]
        news = all_news(read(*(records(share, number=number) for share in shares)), known, model=model)
        seen.append({peers: (found.model_version, found.raw) for peers, found in news.items()})
    assert seen == [
        {EVERYONE: (1, 2.8), PRO: (1, 2.8)},
        {EVERYONE: (2, 2.8), PRO: (2, None)},
        {EVERYONE: (3, 2.8), PRO: (3, None)},
    ]


def test_partitions_in_different_buckets_are_waited_for_with_patience() -> None:
    known, scoring = Benchmarks(), Scoring(86_400, ("a",), (MODEL,))
    early = replace(summary(0, 4, 4, 4), bucket=20_000)
    shares = [early, replace(summary(1, 2, 2, 2), bucket=20_001)]
    summaries = read(*(records(share) for share in shares))
    assert apart(scoring, 2, summaries) and not apart(scoring, 3, summaries)
    assert list(merge(scoring, 2, summaries, known, NOW, patient=True)) == []
    for key, value in records(replace(early, raws=np.array([2.0, 2.0, 2.0]), bucket=20_001), number=2):
        summaries.read(key, value)
    assert not apart(scoring, 2, summaries)
    (found,) = [each for each in merge(scoring, 2, summaries, known, NOW, patient=True) if each is not None]
    assert (found.raw, found.bucket) == (2.0, 20_001)


def test_without_patience_the_newest_bucket_is_the_benchmarks() -> None:
    scoring = Scoring(86_400, ("a",), (MODEL,))
    shares = [replace(summary(number, 4, 4, 4), bucket=20_000 + number) for number in range(2)]
    summaries = read(*(records(share) for share in shares))
    (found,) = [each for each in merge(scoring, 2, summaries, Benchmarks(), NOW) if each is not None]
    assert (found.raw, found.bucket) == (4.0, 20_001)


def test_a_benchmark_that_stays_in_another_bucket_is_told_with_its_version() -> None:
    known = Benchmarks()
    seen = []
    for number, bucket in enumerate((20_000, 20_001, 20_001), start=1):
        found = merged(read(records(replace(summary(0, 4, 4, 4), bucket=bucket), number=number)), known)
        seen.append(found and (found.version, found.bucket))
    assert seen == [(1, 20_000), (1, 20_001), None]
    assert known.bases(MODEL, MODEL.kinds[0], [EVERYONE])[0].bucket == 20_001


# Peer groups


def groups_of(*partitions: dict[str, list[float]]) -> Summaries:
    """Each partition's raw scores by peer group, that of everyone included."""
    return read(
        *(
            records(summary(number, *raws, peers=peers, groups=[g for g in of if peers == EVERYONE != g]))
            for number, of in enumerate(partitions)
            for peers, raws in of.items()
        )
    )


def test_each_group_has_the_benchmark_of_all_its_partitions() -> None:
    first = {EVERYONE: [1, 2, 3, 9.0], PRO: [1, 2, 3.0]}
    second = {EVERYONE: [4.0, 5.0, 6.0, 7.0], PRO: [4.0], FREE: [5.0, 6.0, 7.0]}
    news = all_news(groups_of(first, second), partitions=2)
    assert {peers: (found.raw, found.population) for peers, found in news.items()} == {
        EVERYONE: (oracle.percentile([1, 2, 3, 4, 5, 6, 7, 9], 90), 8),
        PRO: (oracle.percentile([1, 2, 3, 4], 90), 4),
        FREE: (oracle.percentile([5, 6, 7], 90), 3),
    }


def test_a_version_stands_for_one_benchmark_of_a_model_and_kind() -> None:
    known = Benchmarks()
    news = all_news(groups_of({EVERYONE: [1, 2, 3, 4.0], PRO: [1, 2, 3.0], FREE: [4.0, 4.0, 4.0]}), known)
    assert sorted(found.version for found in news.values()) == [1, 2, 3]
    (moved,) = all_news(groups_of({EVERYONE: [1, 2, 3, 4.0], PRO: [1, 2, 3.5], FREE: [4.0, 4.0, 4.0]}), known).values()
    assert (moved.peers, moved.version) == (PRO, 4)


def test_a_group_that_never_had_enough_members_is_not_told_of() -> None:
    known = Benchmarks()
    assert all_news(groups_of({EVERYONE: [1, 2, 3.0], PRO: [1, 2.0]}), known).keys() == {EVERYONE}
    assert all_news(groups_of({EVERYONE: [1, 2, 3.0], PRO: [2.0]}), known) == {}


def test_a_group_that_has_too_few_members_now_has_no_benchmark_and_then_none_of_them() -> None:
    known = Benchmarks()
    for members in ([1, 2, 3.0], [1, 2.0], [2.0], []):
        news = all_news(groups_of({EVERYONE: [1, 2, 3.0]} | ({PRO: members} if members else {})), known)
        found = news[PRO]
        assert (found.raw, found.population) == (2.8 if len(members) == 3 else None, len(members))
        assert found.version == (2 if len(members) == 3 else 3)  # then no score can show it
    assert all_news(groups_of({EVERYONE: [1, 2, 3.0]}), known) == {}
    back = all_news(groups_of({EVERYONE: [1, 2, 3.0], PRO: [1, 2, 3.0]}), known)[PRO]
    assert (back.raw, back.version) == (2.8, 4)


def test_a_group_that_is_no_longer_listed_does_not_count() -> None:
    listed = [summary(0, 1, 2, 3, groups=[PRO]), summary(1, 4, 5, 6)]
    told = [summary(0, 1, 2, 3, peers=PRO), summary(1, 4, 5, 6, peers=PRO)]
    found = all_news(read(*map(records, [*listed, *told])), partitions=2)[PRO]
    assert (found.raw, found.population) == (2.8, 3)


def test_merging_waits_for_the_groups_that_are_listed() -> None:
    everyone = records(summary(0, 1, 2, 3, groups=[PRO]))
    other = replace(MODEL, weights={"a": Weight(2.0)})
    for not_yet in (
        [],
        records(summary(0, 1, 2, 3, peers=PRO, caught_up=False)),
        records(summary(0, 1, 2, 3, peers=PRO, model=other)),
        records(summary(1, 1, 2, 3, peers=PRO)),
    ):
        assert all_news(read(everyone, not_yet)) == {}
    assert all_news(read(everyone, records(summary(0, 1, 2, 3, peers=PRO)))).keys() == {EVERYONE, PRO}


def test_a_group_that_some_partition_had_no_room_for_has_no_benchmark() -> None:
    whole = [summary(0, 1, 2, 3, groups=[PRO]), summary(0, 1, 2, 3, peers=PRO)]
    for cut, expected in ((False, {EVERYONE, PRO}), (True, {EVERYONE})):
        told = [*whole, summary(1, 4, 5, 6, cut=cut)]
        assert all_news(read(*map(records, told)), partitions=2).keys() == expected
    listing = [*whole, summary(1, 4, 5, groups=[PRO], cut=True), summary(1, 4, 5, peers=PRO)]
    assert all_news(read(*map(records, listing)), partitions=2)[PRO].population == 5


# Any size


def test_it_is_exact_up_to_the_limit_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_summary, "RAW_VALUES", 8)
    monkeypatch.setattr("scorer.core.benchmark_merge.RAW_VALUES", 8)
    for first, second, exact in ((4, 4, True), (4, 5, False), (9, 1, False), (0, 9, False), (8, 0, True)):
        raws = [float(raw) for raw in range(1, first + second + 1)]
        found = merged(read(records(summary(0, *raws[:first])), records(summary(1, *raws[first:]))), partitions=2)
        assert found is not None
        assert (found.exact, found.population) == (exact, first + second)
        assert found.raw == pytest.approx(oracle.percentile(raws, 90), rel=1e-15 if exact else 5e-4)
        assert (found.raw == pytest.approx(oracle.percentile(raws, 90), rel=1e-15)) == exact


def test_a_benchmark_of_real_size_is_within_the_promise_whatever_the_partitions() -> None:
    raws = np.random.default_rng(5).lognormal(4, 1.5, 3 * RAW_VALUES)
    found = set()
    for cuts in ([len(raws) - 10], [RAW_VALUES + 1], range(1_000, len(raws), len(raws) // (2 * AT_ONCE))):
        shares = [records(summary(number, *part)) for number, part in enumerate(np.split(raws, list(cuts)))]
        benchmark = merged(read(*shares[::-1]), partitions=len(shares))
        assert benchmark is not None
        found.add((benchmark.raw, benchmark.population, benchmark.exact))
    ((raw, population, exact),) = found
    assert (population, exact) == (len(raws), False)
    assert raw == pytest.approx(np.percentile(raws, 90), rel=5e-4)


# steepness: auto


raws_lists = st.lists(st.floats(1e-3, 1e6), min_size=3, max_size=30)


@given(raws_lists, st.sampled_from([50.0, 75.0, 90.0, 100.0]))
def test_auto_steepness_is_the_oracles(raws: list[float], p: float) -> None:
    model = replace(AUTO, benchmark=BenchmarkRule(p, min_population=3))
    found = merged(read(records(summary(0, *raws, model=model))), model=model)
    assert found is not None
    expected = oracle.auto_steepness(oracle.percentile(raws, 50), oracle.percentile(raws, p))
    assert found.steepness == pytest.approx(expected, rel=1e-9)


def test_auto_steepness_of_a_histogram_is_near_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    raws = np.random.default_rng(5).lognormal(4, 1.0, 2_000)
    told = records(summary(0, *raws, model=AUTO))
    exact = merged(read(told), model=AUTO)
    monkeypatch.setattr("scorer.core.benchmark_merge.RAW_VALUES", 1_999)
    near = merged(read(told), model=AUTO)
    assert exact is not None
    assert near is not None
    assert exact.steepness is not None
    assert near.steepness == pytest.approx(exact.steepness, rel=2e-3)
    assert near.steepness != exact.steepness


def test_a_changed_steepness_is_a_new_version_though_the_benchmark_stands() -> None:
    known = Benchmarks()
    found = [
        merged(read(records(summary(0, *raws, model=AUTO))), known, model=AUTO)
        for raws in ([1, 2, 9.0, 9.0, 9.0], [1, 3, 9.0, 9.0, 9.0], [1, 2, 3, 9.0, 9.0], [1, 2, 3, 9.0, 9.0])
    ]
    assert [benchmark and (benchmark.version, benchmark.raw) for benchmark in found] == [(1, 9.0), None, (2, 9.0), None]


def test_without_a_benchmark_there_is_no_solved_steepness() -> None:
    found = merged(read(records(summary(0, 1.0, 2.0, model=AUTO))), model=AUTO)
    assert found is not None
    assert (found.raw, found.steepness) == (None, None)
    fixed = merged(read(records(summary(0, 1.0, 2.0, 3.0))))
    assert fixed is not None
    assert fixed.steepness is None
