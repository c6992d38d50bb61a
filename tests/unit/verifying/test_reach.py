"""From where the input is read, and from when on it tells all that a window needs."""

import pytest

from scorer.core.calendar import Calendar
from scorer.core.model import Kind, Model, Scoring, Weight
from scorer.verifying.reach import Reach, read_since_ms

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
DAYS = Calendar(86_400)
WEEK = Model("week", (Kind.USER,), 7, {"a": Weight(1.0)})
MONTH = Model("month", (Kind.USER,), 30, {"a": Weight(1.0)})


def test_reading_begins_where_no_older_record_can_hold_an_event_of_the_longest_window() -> None:
    scoring = Scoring(86_400, ("a",), (WEEK, MONTH))
    now_ms = 20_000 * DAY_MS + 5
    window_begins_ms = (20_000 - 29) * DAY_MS
    assert read_since_ms(scoring, now_ms) == window_begins_ms - HOUR_MS - DAY_MS
    assert read_since_ms(scoring, 0) == 0


@pytest.mark.parametrize(
    ("log_start", "counted_from", "complete", "begin"),
    [
        (0, None, True, 0),
        (0, 40, True, 40),
        (39, 40, True, 40),
        (40, 40, True, 40),
        (41, 40, False, 41),
        (1, 0, False, 1),
        (1, None, False, 1),
    ],
)
def test_nothing_is_missing_if_the_log_still_begins_before_the_counting_did(
    log_start: int, counted_from: int | None, complete: bool, begin: int
) -> None:
    reach = Reach(log_start, counted_from, 0)
    assert (reach.complete, reach.begin) == (complete, begin)
    assert (reach.verifiable_from_ms(WEEK, DAYS) is None) is complete


@pytest.mark.parametrize(("oldest_hour", "first_day"), [(0, 101), (22, 101), (23, 101), (24, 102)])
def test_a_model_is_verifiable_when_its_window_begins_behind_all_that_deleted_records_may_hold(
    oldest_hour: int, first_day: int
) -> None:
    """A deleted record, not younger than the first one left, may hold an event an hour ahead of it."""
    reach = Reach(5, 0, 100 * DAY_MS + oldest_hour * HOUR_MS)
    assert reach.verifiable_from_ms(WEEK, DAYS) == (first_day + 6) * DAY_MS
    assert reach.verifiable_from_ms(MONTH, DAYS) == (first_day + 29) * DAY_MS
