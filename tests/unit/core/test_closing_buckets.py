"""A bucket that closes ages everyone, and the benchmark with them: nobody falls and rises again in between."""

from dataclasses import replace

from scorer.core.footing import Basis, OneGroup
from scorer.core.model import BenchmarkRule, Curve, Kind, Model, Scoring, Shape, Weight
from tests.unit.core.test_partition import DAY_MS, NO_HISTORY, NOW_MS, Partition, event
from tests.unit.core.test_silent_scores import RULE as BELOW_50

MODEL = Model(
    "m",
    (Kind.USER,),
    30,
    {"a": Weight(1.0)},
    half_life=1.0,
    benchmark=BenchmarkRule(min_population=1),
    curve=Curve(Shape.LINEAR),
    margin=0.0,
)
PLAIN = replace(MODEL, name="plain", curve=Curve(Shape.NONE))
RULE = replace(BELOW_50, model_hash=MODEL.hash)
TODAY = NOW_MS // DAY_MS


def watched(*values: float) -> Partition:
    """Users 0, 1, ... with these raw scores today, told against a benchmark of 100 that was made today."""
    partition = Partition(Scoring(86_400, ("a",), (MODEL, PLAIN), history=NO_HISTORY, alerts=(RULE,)))
    partition.apply(*(event(str(user), None, event="a", value=value) for user, value in enumerate(values)))
    told(partition, Basis(100.0, 1, bucket=TODAY), days=0)
    return partition


def told(partition: Partition, basis: Basis, *, days: int, patient: bool = True) -> dict[str, float]:
    """Who is told which score in a pass so many days from now."""
    on = OneGroup({("m", Kind.USER): basis, ("plain", Kind.USER): Basis(None)})
    for _ in partition.state.score(NOW_MS + days * DAY_MS, on, patient=patient):
        pass
    return {key: round(score or 0.0, 6) for key, (_, score, _) in partition.flush().items()}


def states(partition: Partition) -> list[object]:
    return [alert["state"] for alert in partition.alerts]


def test_who_only_aged_is_judged_once_the_benchmark_has_aged_too() -> None:
    partition = watched(80, 60)
    assert told(partition, Basis(100.0, 1, bucket=TODAY), days=1) == {"plain:user:0": 40.0, "plain:user:1": 30.0}
    assert partition.state.passes.waiting and not partition.state.passes.at_rest
    assert partition.state.passes.settled_bucket == TODAY + 1  # the partition's share of the benchmark is ready
    aged = Basis(50.0, 2, bucket=TODAY + 1)
    assert told(partition, aged, days=1) == {"m:user:0": 80.2, "m:user:1": 60.4}
    assert not partition.state.passes.waiting and partition.state.passes.at_rest
    assert states(partition) == []


def test_a_benchmark_that_is_the_same_after_the_bucket_closed_is_one_of_that_bucket() -> None:
    partition = watched(80)
    told(partition, Basis(100.0, 1, bucket=TODAY), days=1)
    assert told(partition, Basis(100.0, 1, bucket=TODAY + 1), days=1) == {"m:user:0": 40.6}
    assert states(partition) == ["fired"]


def test_who_has_events_meanwhile_is_told_and_alerts_once_the_benchmark_has_aged() -> None:
    partition = watched(80, 80)
    before = Basis(100.0, 1, bucket=TODAY)
    told(partition, before, days=1)
    later = NOW_MS + DAY_MS
    partition.apply(
        event("0", None, event="a", value=1, ts=later), event("1", None, event="a", value=1, ts=later), now_ms=later
    )
    assert told(partition, before, days=1)["m:user:0"] == 41.59
    assert states(partition) == []
    told(partition, Basis(50.0, 2, bucket=TODAY + 1), days=1)
    assert states(partition) == []
    told(partition, Basis(90.0, 3, bucket=TODAY + 1), days=1)
    assert states(partition) == ["fired", "fired"]


def test_without_patience_nobody_waits() -> None:
    partition = watched(80)
    before = Basis(100.0, 1, bucket=TODAY)
    told(partition, before, days=1)
    assert told(partition, before, days=1, patient=False) == {"m:user:0": 40.6}
    assert told(partition, before, days=1) == {}
    assert partition.state.passes.at_rest and states(partition) == ["fired"]


def test_a_benchmark_that_ages_with_nobody_is_not_waited_for() -> None:
    partition = watched(80)
    assert told(partition, Basis(100.0, 1), days=1)["m:user:0"] == 40.6


def test_readers_who_lost_everything_are_told_again_once_the_benchmark_has_aged() -> None:
    partition = watched(80)
    before = Basis(100.0, 1, bucket=TODAY)
    told(partition, before, days=1)
    partition.state.tell_all_again()
    assert set(told(partition, before, days=1)) == {"plain:user:0"}
    assert partition.state.passes.owing
    assert told(partition, Basis(50.0, 2, bucket=TODAY + 1), days=1) == {"m:user:0": 80.2}
    assert not partition.state.passes.owing
