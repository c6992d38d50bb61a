import pytest

from scorer.stream.sweep_pace import (
    AT_ONCE_SCORES,
    LUMP_SCORES,
    LUMP_SECONDS,
    SWEEP_SECONDS,
    SWEPT_SCORES_A_SECOND,
    SweepPace,
)

PASS_SECONDS = 0.5


def swept_within(seconds: float, *, rows: int, rows_here: int, models: int) -> list[int]:
    """The rows that are due, pass by pass."""
    pace, due = SweepPace(0.0), []
    for number in range(1, round(seconds / PASS_SECONDS) + 1):
        now = number * PASS_SECONDS
        told = pace.rows(now, rows=rows, rows_here=rows_here, models=models)
        assert told is not None
        if told:
            pace.swept(now)
        due.append(told)
    return due


def test_a_worker_with_few_scores_tells_everybody_at_once() -> None:
    pace = SweepPace(0.0)
    assert pace.rows(1.0, rows=10, rows_here=AT_ONCE_SCORES // 2, models=2) is None
    assert pace.rows(1.0, rows=10, rows_here=AT_ONCE_SCORES // 2 + 1, models=2) is not None


@pytest.mark.parametrize("partitions", [1, 4, 64])
@pytest.mark.parametrize("models", [1, 2])
def test_everyone_has_been_told_in_the_time_of_a_sweep(partitions: int, models: int) -> None:
    rows = 1_000_000 // partitions
    due = swept_within(SWEEP_SECONDS + LUMP_SECONDS, rows=rows, rows_here=rows * partitions, models=models)
    assert sum(due) >= rows


def test_a_partition_that_holds_nearly_all_rows_of_a_worker_has_nearly_all_of_its_budget() -> None:
    assert sum(swept_within(SWEEP_SECONDS, rows=1_000_000, rows_here=1_000_064, models=2)) >= 999_000


def test_a_worker_with_more_scores_than_its_budget_allows_keeps_to_the_budget() -> None:
    due = swept_within(60.0, rows=5_000_000, rows_here=10_000_000, models=3)
    assert sum(due) * 3 == pytest.approx(60.0 * SWEPT_SCORES_A_SECOND / 2, rel=0.01)


def test_small_partitions_sweep_in_lumps() -> None:
    due = swept_within(60.0, rows=15_000, rows_here=960_000, models=1)
    assert all(told == 0 or told >= min(LUMP_SCORES, 15_000 * LUMP_SECONDS / SWEEP_SECONDS) for told in due)
    assert sum(told > 0 for told in due) == 60.0 // LUMP_SECONDS


def test_what_a_pass_did_not_come_to_is_made_good_by_the_next_one_but_not_a_long_pause() -> None:
    pace = SweepPace(0.0)
    first = pace.rows(1.0, rows=1_000_000, rows_here=1_000_000, models=1)
    assert first is not None
    assert pace.rows(2.0, rows=1_000_000, rows_here=1_000_000, models=1) == pytest.approx(2 * first, abs=1)
    longest = pace.rows(LUMP_SECONDS, rows=1_000_000, rows_here=1_000_000, models=1)
    assert pace.rows(1_000.0, rows=1_000_000, rows_here=1_000_000, models=1) == longest
