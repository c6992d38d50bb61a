"""Standing history: what was noted at the close of a day is found again, by row, until it is over or forgotten."""

from collections.abc import Iterable, Mapping

import msgpack
import numpy as np
import pytest

from scorer.core.days import ClosedDays
from scorer.core.history import History
from scorer.core.history_parts import bodies, load
from scorer.core.journal.records import MAX_ENTRY_BYTES
from scorer.core.model import HistoryDays, Kind
from scorer.core.standing import INACTIVE_CODE, NO_BAND

MODEL, OTHER = 3, 5
NAN = float("nan")


def history(rows: int = 10) -> History:
    made = History()
    made.fit(rows)
    return made


def close(
    of: History, days: int | Iterable[int], standings: Mapping[int, tuple[float, int]], model: int = MODEL
) -> None:
    """Close with (score, band) by row."""
    rows = np.array(list(standings), np.int64)
    score = np.array([score for score, _ in standings.values()])
    band = np.array([band for _, band in standings.values()], np.int8)
    of.close(model, [days] if isinstance(days, int) else days, rows, score, band)


def at(day: int, of: History, *rows: int, model: int = MODEL) -> list[float | None]:
    """The scores at the close of a day, None where there is none."""
    found = of.reference(model, day, np.array(rows))
    return [None if np.isnan(score) else float(score) for score in found]


def held(of: History, *rows: int) -> list[bool]:
    return of.held(np.array(rows)).tolist()  # type: ignore[no-any-return]


def loaded(of: History, parts: list[bytes] | None = None) -> History:
    """What a snapshot's bodies make of it."""
    again = {Kind.ACCOUNT: History()}
    for part in parts or [msgpack.packb(body) for body in bodies({Kind.ACCOUNT: of})]:
        load(again, msgpack.unpackb(part))
    again[Kind.ACCOUNT].fit(10)
    return again[Kind.ACCOUNT]


def test_a_close_is_found_by_day_model_and_row() -> None:
    told = history()
    close(told, 7, {4: (25.5, 1), 2: (50.25, 2)})
    close(told, 8, {2: (51.5, 2)})
    close(told, 8, {2: (1.0, 0)}, OTHER)
    assert at(7, told, 2, 3, 4) == [50.25, None, 25.5]
    assert at(8, told, 2, 3, 4) == [51.5, None, None]
    assert at(8, told, 2, model=OTHER) == [1.0]
    assert at(9, told, 2) == [None]
    assert at(7, told, 2, model=OTHER) == [None]
    assert list(told.of(MODEL, 2)) == [(7, 50.25, 2), (8, 51.5, 2)]
    assert list(told.of(MODEL, 3)) == list(told.of(9, 2)) == []


def test_without_a_score_there_is_no_close() -> None:
    told = history()
    close(told, 7, {1: (NAN, NO_BAND), 2: (3.0, 0)})
    close(told, 8, {1: (NAN, NO_BAND)})
    assert at(7, told, 1, 2) == [None, 3.0]
    assert list(told.of(MODEL, 1)) == []
    assert held(told, 1, 2) == [False, True]


def test_who_came_after_a_close_is_not_in_it() -> None:
    told = history(2)
    close(told, 7, {0: (1.5, 0)})
    told.fit(50)
    close(told, 8, {0: (1.5, 0), 40: (9.5, 1)})
    assert at(7, told, 0, 40, 49) == [1.5, None, None]
    assert at(8, told, 0, 40, 49) == [1.5, 9.5, None]


def test_delta_is_against_the_close_7_days_ago() -> None:
    told = history()
    close(told, 93, {1: (60.5, 2), 2: (10.0, 0), 3: (1.0, INACTIVE_CODE)})
    score = np.array([52.25, 10.0, NAN, 8.0])
    assert str(told.delta(MODEL, 100, np.array([1, 2, 3, 4]), score).tolist()) == "[-8.25, 0.0, nan, nan]"
    assert np.isnan(told.delta(MODEL, 101, np.array([1, 2, 3, 4]), score)).all()


@pytest.mark.parametrize("score", [1 / 3, 84.439, 123_456_789.7, 1e30])
def test_who_did_not_change_has_a_delta_of_exactly_0(score: float) -> None:
    told = history()
    close(told, 93, {1: (score, 0)})
    assert told.delta(MODEL, 100, np.array([1]), np.array([score])).tolist() == [0.0]


def test_another_delta_though_the_score_stayed_is_known() -> None:
    told = history()
    rows = np.arange(5)
    close(told, 92, {0: (10.0, 0), 1: (10.0, 0), 2: (10.0, 0)})
    close(told, 93, {0: (10.0, 1), 1: (10.5, 0), 3: (10.0, 0)})
    assert told.changed_reference(MODEL, 100, rows).tolist() == [False, True, True, True, False]
    assert told.changed_reference(MODEL, 101, rows).tolist() == [True, True, False, True, False]
    assert told.changed_reference(MODEL, 99, rows).tolist() == [True, True, True, False, False]
    assert not told.changed_reference(MODEL, 102, rows).any()
    assert not told.changed_reference(OTHER, 100, rows).any()


def test_days_that_closed_alike_share_a_close_until_each_is_over() -> None:
    told = history()
    close(told, range(3, 7), {1: (2.5, 0)})
    close(told, 7, {1: (3.5, 0)})
    assert [run[1:3] for run in told.runs()] == [(3, 6), (7, 7)]
    told.expire(5)
    assert [run[1:3] for run in told.runs()] == [(5, 6), (7, 7)]
    assert [day for day, _, _ in told.of(MODEL, 1)] == [5, 6, 7]


def test_a_row_is_held_while_it_was_active_at_a_close_that_is_kept() -> None:
    told = history()
    close(told, 7, {1: (9.0, 1), 2: (1.0, INACTIVE_CODE)})
    close(told, 8, {1: (1.0, INACTIVE_CODE), 2: (1.0, INACTIVE_CODE)})
    assert held(told, 0, 1, 2) == [False, True, False]
    told.expire(7)
    assert held(told, 1) == [True]
    told.expire(8)
    assert held(told, 1) == [False]
    assert at(8, told, 1) == [1.0]


def test_a_row_is_held_by_any_model_while_that_is_in_force() -> None:
    told = history()
    close(told, 7, {1: (9.0, 1)}, OTHER)
    close(told, 8, {1: (1.0, INACTIVE_CODE), 2: (5.0, 0)})
    told.keep_models([MODEL, OTHER])
    assert held(told, 1, 2) == [True, True]
    told.keep_models([MODEL])
    assert held(told, 1, 2) == [False, True]
    assert at(7, told, 1, model=OTHER) == [None]


def test_the_forgotten_leave_nothing_to_who_gets_their_row_or_place() -> None:
    told = history()
    close(told, 7, {1: (9.0, 1), 2: (8.0, 1)})
    told.forget(np.array([1, 5]))
    assert (at(7, told, 1, 2), held(told, 1, 2)) == ([None, 8.0], [False, True])
    close(told, 8, {1: (7.0, 0), 6: (6.0, 0), 2: (8.0, 1)})
    assert at(7, told, 1, 2, 6) == [None, 8.0, None]
    assert at(8, told, 1, 2, 6) == [7.0, 8.0, 6.0]
    assert told.rows_by_place().tolist() == [1, 2, 6]
    told.forget(np.array([2]))
    close(told, 9, {3: (1.0, INACTIVE_CODE)})
    assert (told.rows_by_place().tolist(), held(told, 3)) == ([1, 3, 6], [False])


def test_a_row_of_the_other_kind_has_no_history() -> None:
    told = history()
    assert (at(7, told, 9), held(told, 9)) == ([None], [False])
    told.forget(np.array([9]))
    assert list(told.rows_by_place()) == []


@pytest.mark.parametrize("part_bytes", [20, 700_000])
def test_a_snapshot_brings_back_everything(part_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scorer.core.history_parts.PART_BYTES", part_bytes)
    told = history()
    close(told, 6, {row: (row + 0.5, 1) for row in range(6)})
    close(told, range(7, 9), {row: (row + 1.5, 2) for row in range(9)}, OTHER)
    close(told, 9, dict.fromkeys((0, 1, 8), (1.0, INACTIVE_CODE)))
    told.forget(np.array([2, 7]))
    again = loaded(told)
    for row in range(10):
        for model in (MODEL, OTHER):
            assert list(again.of(model, row)) == list(told.of(model, row))
    assert held(again, *range(10)) == held(told, *range(10))
    for made in (told, again):
        close(made, 10, {2: (4.5, 0), 9: (5.5, 0), 7: (6.5, 0)})
        made.expire(7)
        made.keep_models([MODEL])
        assert held(made, 0, 2, 9, 8) == [False, True, True, False]
        assert sorted(made.rows_by_place().tolist()) == list(range(10))


def test_who_is_forgotten_after_the_cut_may_be_missing_and_nobody_else() -> None:
    told = history()
    close(told, 7, {1: (9.0, 1), 2: (8.0, 1)})
    frozen = bodies({Kind.ACCOUNT: told})
    told.forget(np.array([1]))
    close(told, 8, {3: (5.0, 0), 2: (8.5, 0)})
    again = loaded(told, [msgpack.packb(body) for body in frozen])
    again.forget(np.array([1]))
    assert (at(7, again, 1, 2, 3), at(8, again, 2)) == ([None, 8.0, None], [None])


def test_a_body_is_never_too_large() -> None:
    told = History()
    rows = np.arange(400_000)
    told.fit(len(rows))
    score = rows.astype(np.float64) / 4
    told.close(MODEL, range(4_000), rows, score, np.zeros(len(rows), np.int8))
    parts = [msgpack.packb(body) for body in bodies({Kind.ACCOUNT: told})]
    assert max(map(len, parts)) < MAX_ENTRY_BYTES - 100
    again = loaded(told, parts)
    assert np.array_equal(again.reference(MODEL, 3_999, rows), score)
    assert np.array_equal(again.rows_by_place(), rows)


def test_an_empty_history_is_kept_too() -> None:
    told = history()
    close(told, 3, {1: (2.0, 0)})
    told.expire(4)
    assert at(3, loaded(told), 1) == [None]


def test_the_days_up_to_today_close_and_the_first_today_closes_none() -> None:
    kept = HistoryDays(8, 400)
    assert ClosedDays.before(100, 98, kept) == (98, 99, 8, 400)
    assert ClosedDays.before(100, None, kept) == (100, 99, 8, 400)
    closed = ClosedDays(98, 99, 8, 400)
    assert (closed.today, closed.first_kept(Kind.USER), closed.first_kept(Kind.ACCOUNT)) == (100, 92, -300)
