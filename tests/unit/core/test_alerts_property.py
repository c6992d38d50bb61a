"""Any scores, pauses, silences and times: the alerts are the naive oracle's, and none is doubled or orphaned."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.alert_rules import When
from scorer.core.alerts import RuleState
from tests.alert_cases import ANY_BAND, BANDS, NAMES, Choose, T, World, any_rule, contents, naive, scores_near
from tests.alert_oracle import Seen, Told

ROWS = 2
lives = pytest.mark.parametrize("life", range(40))
SELDOM = [*[False] * 9, True]


def live(choose: Choose, steps: int) -> World:
    """Let a world live; what is told in it is the oracle's, though only who moved or is due is evaluated."""
    world = World(any_rule(choose), ROWS)
    oracles = [naive(world.rule) for _ in range(ROWS)]
    scores, now, behind = scores_near(world.rule), 1_000, False
    for _ in range(steps):
        now += choose([1, 0, 2, 3, 6])
        before = list(world.scores), list(world.bands)
        moved = choose([[0], [], [1], [0, 1]])
        for row in moved:
            world.move(row, choose(scores), choose(ANY_BAND))
        was_behind, behind = behind, choose(SELDOM)
        if behind:
            continue
        silent = [choose(range(ROWS))] if choose(SELDOM) else []
        rows = range(ROWS) if was_behind else sorted({*moved, *silent, *world.state.due(now).tolist()})
        world.evaluate(now, world.look(rows, before, silent))
        for row, oracle in enumerate(oracles):
            seen = Seen(world.scores[row], world.bands[row], before[0][row], before[1][row])
            oracle.see(now, seen, row in silent)
        assert world.told == [oracle.told for oracle in oracles]
        assert world.state.open_rows().tolist() == [row for row in range(ROWS) if oracles[row].open_episode is not None]
    return world


def chosen(data: st.DataObject) -> Choose:
    def choose(options: Sequence[T], /) -> T:
        return data.draw(st.sampled_from(options))

    return choose


def assert_well_formed(told: Sequence[Told]) -> None:
    """Episodes ascend; each fires once at most and resolves once at most, after it fired and before another fires."""
    open_episode, newest = None, 0
    for alert in told:
        if alert.state == "fired":
            assert open_episode is None and alert.episode > newest
            open_episode = newest = alert.episode
        else:
            assert alert.episode == open_episode
            open_episode = None


@given(st.data())
def test_the_alerts_of_any_sequence_are_the_oracles(data: st.DataObject) -> None:
    for told in live(chosen(data), 15).told:
        assert_well_formed(told)


@lives
def test_the_alerts_of_a_long_life_are_the_oracles(life: int) -> None:
    for told in live(Random(life).choice, 300).told:
        assert_well_formed(told)


@pytest.mark.parametrize("rows", [1, ROWS])
@lives
def test_the_journals_changes_and_a_snapshots_parts_add_up_to_the_state(life: int, rows: int) -> None:
    world = live(Random(life).choice, 50)
    again = RuleState(world.rule, 7, world.state.floor, ROWS)
    for part in world.state.columns().parts(rows):
        again.apply(part)
    for restored in (world.restored(), again):
        assert contents(restored) == contents(world.state)
        assert restored.due(1 << 50).tolist() == world.state.due(1 << 50).tolist()


@lives
def test_after_everyone_recovered_nothing_is_open_or_due(life: int) -> None:
    world = live(Random(life).choice, 50)
    homes = {int(entry["row"]): NAMES[int(entry["from_band"])] for entry in world.state.columns().entries}
    for row in range(ROWS):
        if not world.rule.on_any_change:
            clear_band = next(band for band in (*BANDS, "inactive") if band not in world.rule.bands)
            world.move(row, 1.0 if world.rule.when is When.CROSSED_ABOVE else 100.0, clear_band)
        else:
            world.move(row, None, homes.get(row))
    for now in (10_000_000, 10_001_000):
        world.evaluate(now, world.look(range(ROWS), (world.scores, world.bands)))
    assert not len(world.state.held_rows())
    assert not len(world.state.due(1 << 50))
    for told in world.told:
        assert_well_formed(told)


@lives
def test_an_evaluation_changes_nothing_before_it_is_applied(life: int) -> None:
    choose = Random(life).choice
    world = live(choose, 50)
    before = contents(world.state)
    for row in range(ROWS):
        world.move(row, choose(scores_near(world.rule)), choose(ANY_BAND))
    look = world.look(range(ROWS), (world.scores, world.bands))
    first = world.state.evaluate(look, 50_000)
    second = world.state.evaluate(look, 50_000)
    assert contents(world.state) == before
    assert first.change.entries.tobytes() == second.change.entries.tobytes()
    assert np.array_equal(first.alerts.episode, second.alerts.episode)
