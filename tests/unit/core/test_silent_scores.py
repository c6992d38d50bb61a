"""Scores that no alert comes of: first ones, and the first on a computed benchmark (SCORING 4)."""

from scorer.core.alert_rules import Rule, When
from scorer.core.benchmark import Benchmark, Benchmarks
from scorer.core.footing import Basis, OneGroup
from scorer.core.model import BenchmarkRule, Curve, Kind, Model, Scoring, Shape, Weight
from tests.unit.core.test_partition import NO_HISTORY, NOW_MS, Partition, event

MODEL = Model("m", (Kind.USER,), 2, {"a": Weight(1.0)}, benchmark=BenchmarkRule(initial=4.0), curve=Curve(Shape.LINEAR))
RULE = Rule(
    "low",
    "m",
    Kind.USER,
    When.CROSSED_BELOW,
    50.0,
    model_bands=tuple(band.name for band in MODEL.bands),
    model_hash=MODEL.hash,
)


def watched() -> Partition:
    """One user with a raw score of 4, under a rule."""
    partition = Partition(Scoring(86_400, ("a",), (MODEL,), history=NO_HISTORY, alerts=(RULE,)))
    partition.apply(event("u", None, event="a", value=4))
    return partition


def states(partition: Partition, basis: Basis, *, paused: bool = False) -> list[str]:
    """What the rule has said in all, after a pass on this basis."""
    for _ in partition.state.score(NOW_MS, OneGroup({("m", Kind.USER): basis}), rules_paused=paused):
        pass
    partition.flush()
    return [str(alert["state"]) for alert in partition.alerts]


def in_force(raw: float | None, version: int) -> Basis:
    """What a worker scores on once it has read this record of the merger's."""
    read = Benchmarks()
    benchmark = Benchmark("m", MODEL.hash, Kind.USER, raw, 25 if raw else 1, version, 1, 0.0)
    read.read(benchmark.key, benchmark.record(1, version))
    return read.bases(MODEL, Kind.USER, ["all"])[0]


def test_the_first_computed_benchmark_is_silent_after_a_record_of_too_few_too() -> None:
    partition = watched()
    assert states(partition, Basis(4.0)) == []  # 100, on the file's initial
    assert states(partition, in_force(None, 1)) == []  # counted, and too few
    assert states(partition, in_force(40.0, 2)) == []  # 10.9
    assert states(partition, in_force(4.0, 3)) == []
    assert states(partition, in_force(40.0, 4)) == ["fired"]


def test_a_score_on_the_initial_names_no_version_of_a_benchmark() -> None:
    partition = watched()
    states(partition, in_force(None, 1))
    assert [batch.benchmark_version.tolist() for batch in partition.batches] == [[0]]


def test_what_was_silent_while_rules_were_paused_is_silent_when_they_go_on() -> None:
    partition = watched()
    assert states(partition, Basis(4.0)) == []
    assert states(partition, Basis(40.0, 1), paused=True) == []
    assert states(partition, Basis(40.0, 1)) == []
    assert states(partition, Basis(4.0, 2)) == []
    assert states(partition, Basis(40.0, 3)) == ["fired"]


def test_a_recovery_in_silence_while_rules_were_paused_resolves_when_they_go_on() -> None:
    partition = watched()
    states(partition, Basis(4.0, 1))
    assert states(partition, Basis(40.0, 2)) == ["fired"]
    assert states(partition, Basis(40.0, 0), paused=True) == ["fired"]
    assert states(partition, Basis(4.0, 3), paused=True) == ["fired"]  # computed anew
    assert states(partition, Basis(4.0, 3)) == ["fired", "resolved"]


def test_what_moved_loudly_while_rules_were_paused_fires_once_when_they_go_on() -> None:
    partition = watched()
    assert states(partition, Basis(4.0, 1)) == []
    assert states(partition, Basis(40.0, 2), paused=True) == []
    assert states(partition, Basis(40.0, 2)) == ["fired"]


def test_an_open_alert_whose_side_was_unlearned_is_in_a_snapshot() -> None:
    partition = watched()
    states(partition, Basis(4.0, 1))
    assert states(partition, Basis(40.0, 2)) == ["fired"]
    states(partition, Basis(40.0, 0), paused=True)
    states(partition, Basis(4.0, 3), paused=True)
    (rule,) = partition.state.rules.states.values()
    (part,) = rule.columns().parts(1)
    assert part.side.tolist() == [0]
    assert len(part.entries) == 1
