"""States, bands and hysteresis (SCORING 2.5 and 4)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.footing import Basis, Footing
from scorer.core.model import DEFAULT_BANDS, Band, Curve, Kind, Model, Shape
from scorer.core.standing import (
    INACTIVE_CODE,
    NO_BAND,
    Standing,
    StandingChange,
    State,
    band_name,
    next_bands,
)
from tests.oracle import band_after

AT_RISK, LOW, HEALTHY, CHAMPION = range(4)
LINEAR = Model("m", (Kind.USER,), 30, {}, curve=Curve(Shape.LINEAR), margin=2.0)
HUNDRED = Basis(100.0, version=3)
NOBODY = float("nan")


def bands_after(before: int, *scores: float, margin: float = 0.0) -> list[int]:
    found = next_bands(np.full(len(scores), before, np.int8), np.array(scores), DEFAULT_BANDS, margin)
    codes: list[int] = found.tolist()
    return codes


def judged(standing: Standing, *raw: float, model: Model = LINEAR, basis: Basis = HUNDRED) -> StandingChange:
    """The standings of rows 0, 1, ... with these raw scores; nan is no activity. They are applied."""
    change = standing.judge(
        0, model, np.arange(len(raw)), np.array(raw), Footing([basis]).under(np.zeros(len(raw), np.int64))
    )
    standing.apply(change)
    return change


def test_lower_bounds_are_inclusive() -> None:
    scores = (1.0, 24.999, 25.0, 49.999, 50.0, 74.999, 75.0, 100.0)
    expected = [AT_RISK, AT_RISK, LOW, LOW, HEALTHY, HEALTHY, CHAMPION, CHAMPION]
    assert bands_after(NO_BAND, *scores) == expected
    assert bands_after(NO_BAND, *scores, margin=2.0) == expected


def test_a_band_is_left_upward_at_its_bound_and_the_margin() -> None:
    assert bands_after(LOW, 50.0, 51.999, 52.0, margin=2.0) == [LOW, LOW, HEALTHY]


def test_a_band_is_left_downward_below_its_bound_and_the_margin() -> None:
    assert bands_after(LOW, 24.9, 23.0, 22.999, margin=2.0) == [LOW, LOW, AT_RISK]


def test_a_band_once_left_the_score_alone_decides() -> None:
    assert bands_after(AT_RISK, 27.0, 50.0, 99.0, margin=2.0) == [LOW, HEALTHY, CHAMPION]
    assert bands_after(CHAMPION, 72.0, 49.9, 1.0, margin=2.0) == [HEALTHY, LOW, AT_RISK]


def test_the_outermost_bands_are_left_on_one_side_only() -> None:
    assert bands_after(CHAMPION, 1e9, margin=2.0) == [CHAMPION]
    assert bands_after(AT_RISK, -1e9, margin=2.0) == [AT_RISK]


@pytest.mark.parametrize("margin", [0.0, 2.0])
def test_without_a_score_there_is_no_band(margin: float) -> None:
    assert bands_after(LOW, float("nan"), margin=margin) == [NO_BAND]


@given(
    st.lists(st.floats(1, 99), min_size=1, max_size=5, unique=True).map(sorted),
    st.floats(0, 10) | st.sampled_from([0.1, 0.7]),
    st.data(),
)
def test_the_band_that_follows_is_the_oracles(bounds: list[float], margin: float, data: st.DataObject) -> None:
    lower = [float("-inf"), *bounds]
    bands = tuple(Band(f"band {at}", bound) for at, bound in enumerate(lower))
    near = st.sampled_from([bound + sign * margin for bound in bounds for sign in (-1, 0, 1)])
    before = data.draw(st.sampled_from([NO_BAND, INACTIVE_CODE, *range(len(bands))]))
    for score in data.draw(st.lists(near | st.floats(-20, 120), min_size=1, max_size=8)):
        named = bands[before].name if 0 <= before < len(bands) else None
        (before,) = next_bands(np.array([before], np.int8), np.array([score]), bands, margin).tolist()
        assert bands[before].name == band_after(bands, margin, named, score)


def test_who_is_silent_is_inactive_with_1() -> None:
    change = judged(Standing(1), NOBODY)
    assert (change.state[0], change.score[0], change.raw[0], change.band[0]) == (
        State.INACTIVE,
        1.0,
        0.0,
        INACTIVE_CODE,
    )
    assert band_name(INACTIVE_CODE, LINEAR) == "inactive"


def test_who_is_silent_has_0_in_a_plain_sum() -> None:
    change = judged(Standing(1), NOBODY, model=replace(LINEAR, curve=Curve(Shape.NONE)), basis=Basis(None))
    assert (change.state[0], change.score[0]) == (State.INACTIVE, 0.0)


def test_without_a_benchmark_the_active_warm_up_and_the_silent_are_inactive() -> None:
    change = judged(Standing(3), 5.0, 0.0, NOBODY, basis=Basis(None))
    assert change.state.tolist() == [State.WARMING_UP, State.WARMING_UP, State.INACTIVE]
    assert np.isnan(change.score).tolist() == [True, True, False]
    assert change.band.tolist() == [NO_BAND, NO_BAND, INACTIVE_CODE]


def test_a_plain_sum_never_warms_up() -> None:
    change = judged(Standing(1), 60.0, model=replace(LINEAR, curve=Curve(Shape.NONE)), basis=Basis(None))
    assert (change.state[0], change.score[0], change.band[0]) == (State.SCORED, 60.0, HEALTHY)


def test_activity_that_is_worth_nothing_is_scored_1() -> None:
    change = judged(Standing(1), 0.0)
    assert (change.state[0], change.score[0], change.band[0]) == (State.SCORED, 1.0, AT_RISK)


def test_the_previous_band_is_that_before_the_last_change() -> None:
    standing = Standing(1)
    seen = [
        (int(c.previous[0]), int(c.band[0])) for c in (judged(standing, raw) for raw in (10, 60, 70, 20, NOBODY, 90))
    ]
    assert seen == [
        (NO_BAND, AT_RISK),
        (AT_RISK, HEALTHY),
        (AT_RISK, HEALTHY),
        (HEALTHY, AT_RISK),
        (AT_RISK, INACTIVE_CODE),
        (INACTIVE_CODE, CHAMPION),
    ]


def test_what_readers_know_is_no_news() -> None:
    standing = Standing(3)
    again = judged(standing, 10.0, NOBODY, 0.0, basis=Basis(None, version=3))
    assert not standing.differs(again).any()
    assert standing.differs(judged(Standing(3), 10.0, NOBODY, 5.0, basis=Basis(None, version=3))).tolist() == [
        False,
        False,
        True,
    ]


def test_a_new_version_of_the_benchmark_is_news() -> None:
    standing = Standing(1)
    judged(standing, 10.0)
    assert standing.differs(judged(Standing(1), 10.0, basis=replace(HUNDRED, version=4))).all()


def test_a_row_that_readers_were_never_told_of_is_news() -> None:
    standing = Standing(2)
    change = standing.judge(
        0, LINEAR, np.arange(2), np.array([NOBODY, 0.0]), Footing([HUNDRED]).under(np.zeros(2, np.int64))
    )
    assert standing.differs(change).all()


def test_a_forgotten_row_is_as_new() -> None:
    standing = Standing(2)
    judged(standing, 90.0, 90.0)
    standing.forget(np.array([1]))
    fresh = Standing(1)
    for name in Standing.COLUMNS:
        assert str(getattr(standing, name)[1:].tolist()) == str(getattr(fresh, name).tolist())
    standing.grow(5)
    assert standing.state.tolist() == [State.SCORED, 0, 0, 0, 0]
