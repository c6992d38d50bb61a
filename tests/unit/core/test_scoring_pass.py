"""What a pass tells at once, what it leaves to the sweep, and how it goes on where it was left."""

from dataclasses import replace

import numpy as np
import pytest

from scorer.core import scoring_pass
from scorer.core.alert_rules import Rule, When
from scorer.core.footing import Basis, OneGroup
from scorer.core.model import BenchmarkRule, Curve, HistoryDays, Kind, Model, Scoring, Shape, Weight
from scorer.core.scoring_pass import SLICE_ROWS
from tests.unit.core.test_partition import DAY_MS, NO_HISTORY, NOW_MS, Partition, event

LINEAR = Model(
    "m", (Kind.USER,), 2, {"a": Weight(1.0)}, benchmark=BenchmarkRule(initial=100.0), curve=Curve(Shape.LINEAR)
)


def basis(benchmark: float, number: int) -> OneGroup:
    return OneGroup({("m", Kind.USER): Basis(benchmark, number)})


def users(*values: int, model: Model = LINEAR, history: HistoryDays = NO_HISTORY) -> Partition:
    """User 0, 1, ... with these raw scores, everyone told against a benchmark of 100."""
    partition = Partition(Scoring(86_400, ("a",), (model,), history=history))
    partition.apply(*(event(str(user), None, event="a", value=value) for user, value in enumerate(values)))
    told(partition, basis(100.0, 1), None)
    return partition


def told(
    partition: Partition, on: OneGroup, sweep_rows: int | None, *, now_ms: int = NOW_MS, moves_wait: bool = False
) -> set[str]:
    """The users who are told something in a pass."""
    for _ in partition.state.score(now_ms, on, sweep_rows, moves_wait=lambda: moves_wait):
        pass
    return {key.rpartition(":")[2] for key in partition.flush()}


def test_a_move_that_is_seen_is_told_at_once_and_a_small_one_later() -> None:
    partition = users(90, 60, 10)
    assert told(partition, basis(100.6, 2), 0) == {"0"}  # 90.1 -> 89.57; 60.4 -> 60.05
    assert not partition.state.passes.at_rest
    assert told(partition, basis(100.6, 2), 3) == {"1", "2"}
    assert partition.state.passes.at_rest
    assert told(partition, basis(100.6, 2), 3) == set()


def test_a_first_computed_benchmark_is_told_at_once_so_that_alerts_are_heard_from_then_on() -> None:
    bands = tuple(band.name for band in LINEAR.bands)
    rule = Rule("r", "m", Kind.USER, When.CROSSED_BELOW, 50.0, margin=2.0, model_bands=bands, model_hash=LINEAR.hash)
    partition = Partition(Scoring(86_400, ("a",), (LINEAR,), history=NO_HISTORY, alerts=(rule,)))
    partition.apply(event("0", None, event="a", value=60))
    told(partition, basis(100.0, 0), None)
    assert told(partition, basis(100.2, 1), 0) == {"0"}
    told(partition, basis(200.0, 2), 0)
    assert [alert["state"] for alert in partition.alerts] == ["fired"]


def test_a_move_that_is_seen_can_wait_but_not_another_band_nor_what_an_event_changed() -> None:
    partition = users(90, 73, 60)
    partition.apply(event("2", None, event="a", value=0.01))
    assert told(partition, basis(94.0, 2), 0, moves_wait=True) == {"1", "2"}  # 95.7; 77.7, champion; 63.9
    assert told(partition, basis(94.0, 2), 0) == set()
    assert told(partition, basis(94.0, 2), 3) == {"0"}


def test_moves_add_up_until_they_are_seen() -> None:
    partition = users(60)
    assert told(partition, basis(100.4, 2), 0) == set()
    assert told(partition, basis(100.8, 3), 0) == set()
    assert told(partition, basis(101.2, 4), 0) == {"0"}


def test_another_band_is_told_at_once_however_small_the_move() -> None:
    partition = users(73)  # at 73.27 healthy; champion from 77 on, by the margin
    assert told(partition, basis(95.3, 2), 0) == {"0"}
    assert told(partition, basis(95.2, 3), 0) == set()  # 76.91
    assert told(partition, basis(94.9, 4), 0) == {"0"}  # 77.15
    assert partition.told["m:user:0"][2] == "healthy"


def test_what_an_event_changed_is_told_at_once() -> None:
    partition = users(10, 10)
    partition.apply(event("0", None, event="a", value=0.01))
    assert told(partition, basis(100.1, 2), 0) == {"0"}


def test_the_sweep_goes_round_so_many_rows_a_pass() -> None:
    partition = users(*[10] * 10)
    passes = [told(partition, basis(100.1, 2), 4) for _ in range(4)]
    assert [len(each) for each in passes] == [4, 4, 2, 0]
    assert set().union(*passes) == {str(user) for user in range(10)}


def test_a_benchmark_that_goes_on_moving_keeps_the_sweep_going_round() -> None:
    """Each is told once a round, not everyone at each move; at rest all are told within a round."""
    partition = users(*[10] * 10)
    counts = {str(user): 0 for user in range(10)}
    for number in range(20):
        for user in told(partition, basis(100 + number / 1000, 2 + number), 2):
            counts[user] += 1
    assert set(counts.values()) == {4}
    for _ in range(5):
        told(partition, basis(100.019, 21), 2)
    assert partition.state.passes.at_rest
    assert told(partition, basis(100.019, 21), None) == set()


def test_a_pass_that_is_left_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring_pass, "SLICE_ROWS", 2)
    partition = users(*range(1, 8))
    next(partition.state.score(NOW_MS, basis(50.0, 2)))
    first = {key.rpartition(":")[2] for key in partition.flush()}
    assert first == {"0", "1"}
    assert partition.state.passes.unfinished
    assert told(partition, basis(50.0, 2), None) == {"2", "3", "4", "5", "6"}
    assert not partition.state.passes.unfinished


def test_events_come_before_what_a_left_pass_owes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring_pass, "SLICE_ROWS", 2)
    partition = users(*range(1, 8))
    next(partition.state.score(NOW_MS + 2 * DAY_MS, basis(100.0, 1)))
    partition.flush()
    partition.apply(event("6", None, event="a", days_ago=-2), now_ms=NOW_MS + 2 * DAY_MS)
    run = partition.state.score(NOW_MS + 2 * DAY_MS, basis(100.0, 1))
    next(run)
    assert {key.rpartition(":")[2] for key in partition.flush()} == {"6"}


def test_a_delta_that_only_a_new_day_changes_waits_for_the_sweep() -> None:
    partition = users(90, 60, model=replace(LINEAR, window=30), history=HistoryDays())
    for day in range(7):
        assert told(partition, basis(100.0, 1), None, now_ms=NOW_MS + day * DAY_MS) == set()
    later = NOW_MS + 7 * DAY_MS
    assert told(partition, basis(100.0, 1), 0, now_ms=later) == set()
    assert not partition.state.passes.at_rest
    assert told(partition, basis(100.0, 1), 1, now_ms=later) == {"0"}
    assert told(partition, basis(100.0, 1), 2, now_ms=later) == {"1"}
    assert told(partition, basis(100.0, 1), 9, now_ms=later) == set()
    assert partition.state.passes.at_rest


def test_raw_scores_are_not_settled_before_everyone_has_aged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring_pass, "SLICE_ROWS", 2)
    partition = users(1, 2, 3)
    run = partition.state.score(NOW_MS + 2 * DAY_MS, basis(100.0, 1))
    next(run)
    assert not partition.state.passes.settled
    for _ in run:
        pass
    assert partition.state.passes.settled


def test_no_row_is_freed_while_a_walk_may_come_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring_pass, "SLICE_ROWS", 2)
    partition = users(1, 2, 3)
    later = NOW_MS + 2 * DAY_MS
    next(partition.state.score(later, basis(100.0, 1)))
    partition.flush()
    assert len(partition.state.roster.live_rows()) == 3
    told(partition, basis(100.0, 1), None, now_ms=later)
    assert len(partition.state.roster.live_rows()) == 0


def test_a_large_partition_takes_steps_of_a_few_thousand_rows() -> None:
    partition = users(*np.ones(SLICE_ROWS + 1, np.int64).tolist())
    assert len(list(partition.state.score(NOW_MS, basis(50.0, 2), 0))) == 2
