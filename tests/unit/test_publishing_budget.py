"""The budget as the passes of a worker's partitions live by it, every half second."""

from dataclasses import dataclass, field

import pytest

from scorer.stream.publishing_budget import (
    AT_ONCE_SCORES,
    LUMP_SCORES,
    LUMP_SECONDS,
    SCORES_A_SECOND,
    SWEEP_SECONDS,
    PublishingBudget,
    SweepPace,
)

PASS_SECONDS = 0.5
STEP_SCORES = 8_000


@dataclass
class Worker:
    """One whose scores all move, every ten seconds, so far that it is seen, and are swept all the time.

    `swept`, `moved`: scores told by the sweep and at once, by pass and partition.
    """

    rows: list[int]
    models: int = 1
    seen: bool = False
    now: float = 0.0
    swept: list[int] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = PublishingBudget(lambda: sum(self.rows) * self.models, lambda: self.now)
        self.paces = [SweepPace(self.budget, self.models) for _ in self.rows]

    def run(self, seconds: float) -> "Worker":
        until = self.now + seconds
        while self.now < until:
            self.now += PASS_SECONDS
            moves = [rows * self.models if self.seen and self.now % 10.0 == 0.0 else 0 for rows in self.rows]
            self.moved.append(self._tell_moves(moves))
            for rows, pace in zip(self.rows, self.paces, strict=True):
                self._sweep(rows, pace)
        return self

    def _tell_moves(self, moves: list[int]) -> int:
        """By steps, in turn: the passes of all partitions go on side by side."""
        told = 0
        while any(moves) and not self.budget.overdrawn():
            for partition, left in enumerate(moves):
                step = min(left, STEP_SCORES)
                if not self.budget.overdrawn():
                    self.budget.charge(step)
                    told += step
                moves[partition] -= step
        return told

    def _sweep(self, rows: int, pace: SweepPace) -> None:
        due = pace.due(rows)
        assert due is not None
        self.swept.append(due * self.models)
        self.budget.charge(due * self.models)
        if due:
            pace.swept()


def test_a_worker_with_few_scores_tells_everything_at_once() -> None:
    assert Worker([10, AT_ONCE_SCORES - 10]).paces[0].due(10) is None
    assert Worker([10, AT_ONCE_SCORES - 9]).paces[0].due(10) is not None


def test_so_does_a_partition_without_anybody() -> None:
    assert Worker([0, 1_000_000]).paces[0].due(0) is None


@pytest.mark.parametrize("partitions", [1, 4, 64])
@pytest.mark.parametrize("models", [1, 2])
def test_everyone_has_been_told_in_the_time_of_a_sweep(partitions: int, models: int) -> None:
    worker = Worker([1_000_000 // partitions] * partitions, models).run(SWEEP_SECONDS + LUMP_SECONDS)
    assert sum(worker.swept) >= 1_000_000 * models


def test_partitions_share_the_budget_by_their_size() -> None:
    worker = Worker([1_900_000] + [1] * 63, models=2).run(120.0)
    assert sum(worker.swept[::64]) >= 0.99 * 120.0 * SCORES_A_SECOND


def test_a_worker_with_more_scores_than_the_budget_allows_keeps_to_it() -> None:
    worker = Worker([5_000_000] * 2, models=3).run(60.0)
    assert sum(worker.swept) == pytest.approx(60.0 * SCORES_A_SECOND, rel=0.02)


def test_small_partitions_sweep_in_lumps() -> None:
    worker = Worker([15_000] * 64).run(60.0)
    of_one = worker.swept[::64]
    assert all(
        scores == 0 or scores >= min(LUMP_SCORES, round(15_000 * LUMP_SECONDS / SWEEP_SECONDS)) for scores in of_one
    )
    assert sum(scores > 0 for scores in of_one) == 60.0 // LUMP_SECONDS


@pytest.mark.parametrize("partitions", [1, 4, 64])
@pytest.mark.parametrize("models", [1, 2, 5])
def test_moves_and_sweep_together_keep_to_the_budget_and_both_go_on(partitions: int, models: int) -> None:
    worker = Worker([1_000_000 // partitions] * partitions, models, seen=True).run(120.0)
    moved = sum(worker.moved)
    assert sum(worker.swept) + moved <= 1.1 * 120.0 * SCORES_A_SECOND
    assert sum(worker.swept) >= 120.0 * SCORES_A_SECOND / 4
    assert moved >= 12 * SCORES_A_SECOND


def test_moves_wait_while_the_budget_is_overdrawn_by_a_burst_and_events_do_not_delay_them_for_long() -> None:
    worker = Worker([1_000_000])
    worker.budget.charge(SCORES_A_SECOND)
    assert not worker.budget.overdrawn()
    worker.budget.charge(100 * SCORES_A_SECOND)
    assert worker.budget.overdrawn()
    worker.now = 1.0
    assert not worker.budget.overdrawn()


def test_what_a_pass_did_not_come_to_is_made_good_by_the_next_one_but_not_a_long_pause() -> None:
    worker = Worker([1_000_000])

    def due(now: float) -> int:
        worker.now = now
        rows = worker.paces[0].due(1_000_000)
        assert rows is not None
        return rows

    first = due(1.0)
    assert due(2.0) == pytest.approx(2 * first, abs=1)
    assert due(1_000.0) == due(2_000.0) == pytest.approx(LUMP_SECONDS * first, abs=5)
