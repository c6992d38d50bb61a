"""Benchmarks in force: the newest record counts, a group without one falls back (SCORING 2.2)."""

from dataclasses import replace

from scorer.core.benchmark import EVERYONE, Benchmark, Benchmarks
from scorer.core.footing import Basis
from scorer.core.model import BenchmarkRule, Curve, Kind, Weight
from tests.shares import FREE, MODEL, NOW, PRO, PRO_EU

GERMAN = "plan=pro,region=eu,country=de"


def benchmark(raw: float | None, *, peers: str = EVERYONE, version: int = 1, population: int = 9) -> Benchmark:
    return Benchmark("m", MODEL.hash, Kind.USER, raw, population, version, 1, NOW, peers=peers)


def known(*benchmarks: Benchmark) -> Benchmarks:
    found = Benchmarks()
    for each in benchmarks:
        assert found.read(each.key, each.record(1, 1)) == each
    return found


def test_a_record_reads_back() -> None:
    solved = replace(benchmark(2.5, peers=PRO_EU), exact=False, steepness=1.75)
    assert Benchmarks().read(solved.key, solved.record(1, 1)) == solved
    assert solved.key == b"m:user:plan=pro,region=eu"
    assert known(solved).get("m", Kind.USER, PRO_EU) == solved
    assert known(solved).get("m", Kind.USER) is None


def test_a_group_has_its_own_benchmark_or_that_of_the_group_around_it() -> None:
    found = known(
        benchmark(9.0, version=1),
        benchmark(4.0, peers=PRO, version=2, population=5),
        benchmark(None, peers=PRO_EU, version=3, population=2),
        benchmark(None, peers=FREE, version=4, population=1),
    )
    own, everyones = Basis(4.0, 2, 1, 5), Basis(9.0, 1, 1, 9)
    groups = [GERMAN, PRO_EU, PRO, FREE, EVERYONE, "plan=new"]
    assert found.bases(MODEL, Kind.USER, groups) == [own, own, own, everyones, everyones, everyones]


def test_with_no_benchmark_around_it_a_group_has_the_initial_and_the_population_of_everyone() -> None:
    found = known(benchmark(None, version=7, population=2), benchmark(None, peers=PRO, population=1))
    assert found.bases(MODEL, Kind.USER, [PRO, EVERYONE]) == [Basis(5.0, 7, 1, 2, too_few=True)] * 2
    assert Benchmarks().bases(MODEL, Kind.USER, [PRO]) == [Basis(5.0)]


def test_with_no_initial_either_everyone_is_warming_up() -> None:
    without = replace(MODEL, benchmark=BenchmarkRule(min_population=3))
    assert Benchmarks().bases(without, Kind.USER, [PRO, EVERYONE]) == [Basis(None)] * 2


def test_a_benchmark_of_other_weights_is_not_in_force() -> None:
    other = replace(MODEL, weights={"a": Weight(2.0)})
    found = known(benchmark(9.0), benchmark(4.0, peers=PRO))
    assert found.bases(other, Kind.USER, [PRO, EVERYONE]) == [Basis(5.0)] * 2


def test_what_is_read_is_in_force_at_once() -> None:
    found = known(benchmark(9.0, version=1))
    assert found.bases(MODEL, Kind.USER, [PRO]) == [Basis(9.0, 1, 1, 9)]
    moved = benchmark(4.0, peers=PRO, version=2)
    found.read(moved.key, moved.record(1, 2))
    assert found.bases(MODEL, Kind.USER, [PRO]) == [Basis(4.0, 2, 1, 9)]


def test_auto_steepness_comes_with_the_benchmark_and_is_3_while_there_is_only_the_initial() -> None:
    auto = replace(MODEL, curve=Curve(steepness=None))
    assert Benchmarks().bases(auto, Kind.USER, [PRO]) == [Basis(5.0, steepness=3.0)]
    none, pro = (replace(each, model_hash=auto.hash) for each in (benchmark(None), benchmark(4.0, peers=PRO)))
    found = known(none, replace(pro, steepness=1.5))
    assert found.bases(auto, Kind.USER, [PRO_EU, EVERYONE]) == [
        Basis(4.0, 1, 1, 9, 1.5),
        Basis(5.0, 1, 1, 9, 3.0, too_few=True),
    ]


def test_the_newest_benchmark_stands_and_says_when_it_was_overwritten() -> None:
    found = Benchmarks()
    new, old = benchmark(2.0, peers=PRO), benchmark(1.0, peers=PRO)
    assert found.read(new.key, new.record(2, 1)) == new
    assert found.take_overwritten() == []
    assert found.read(old.key, old.record(1, 9)) is None
    assert found.get("m", Kind.USER, PRO) == new
    assert found.take_overwritten() == [new]
    assert found.take_overwritten() == []
    assert found.read(new.key, new.record(2, 1)) is None
    assert found.take_overwritten() == []
