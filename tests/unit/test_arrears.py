from math import inf

from scorer.stream.arrears import Arrears

WALL_MS = 1_795_355_044_000


def test_a_partition_is_behind_by_the_age_of_the_last_record_that_it_processed() -> None:
    arrears = Arrears()
    arrears.processed(WALL_MS - 90_000)
    assert arrears.seconds(100.0, WALL_MS) == 90.0


def test_nobody_knows_how_far_behind_a_partition_is_that_has_processed_nothing() -> None:
    assert Arrears().seconds(100.0, WALL_MS) == inf


def test_what_comes_after_a_silence_is_not_as_late_as_the_silence_was_long() -> None:
    arrears = Arrears()
    arrears.processed(WALL_MS - 3_600_000)
    arrears.at_end(99.5)
    assert arrears.seconds(100.0, WALL_MS) == 0.5


def test_a_partition_that_was_at_the_end_before_it_processed_anything_is_behind_since_then() -> None:
    arrears = Arrears()
    arrears.at_end(40.0)
    assert arrears.seconds(100.0, WALL_MS) == 60.0


def test_a_state_that_stands_anew_has_not_been_at_the_end() -> None:
    arrears = Arrears()
    arrears.at_end(99.5)
    arrears.processed(WALL_MS - 3_600_000)
    arrears.begin_anew()
    assert arrears.seconds(100.0, WALL_MS) == 3600.0


def test_a_record_from_the_future_is_not_late() -> None:
    arrears = Arrears()
    arrears.processed(WALL_MS + 5_000)
    assert arrears.seconds(100.0, WALL_MS) == 0.0
