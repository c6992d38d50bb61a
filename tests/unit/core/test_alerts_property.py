"""Any scores, pauses, silences and times: the alerts are the naive oracle's, and none is doubled or orphaned."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.alert_rules import When
from scorer.core.alerts import RuleState
from tests.alert_cases import BANDS, NAMES, World, bands, contents, naive, rules, scores_near
from tests.alert_oracle import Seen, Told

ROWS = 2
seldom = st.sampled_from([*[False] * 9, True])


def live(data: st.DataObject) -> World:
    """Let a world live; what is told in it is the oracle's, though only who moved or is due is evaluated."""
    world = World(data.draw(rules), ROWS)
    oracles = [naive(world.rule) for _ in range(ROWS)]
    score, now, behind = scores_near(world.rule), 1_000, False
    for _ in range(data.draw(st.integers(10, 25))):
        now += data.draw(st.sampled_from([1, 0, 2, 3, 6]))
        before = list(world.scores), list(world.bands)
        moved = data.draw(st.sampled_from([[0], [], [1], [0, 1]]))
        for row in moved:
            world.move(row, data.draw(score), data.draw(bands))
        was_behind, behind = behind, data.draw(seldom)
        if behind:
            continue
        silent = [data.draw(st.integers(0, ROWS - 1))] if data.draw(seldom) else []
        rows = range(ROWS) if was_behind else sorted({*moved, *silent, *world.state.due(now).tolist()})
        world.evaluate(now, world.look(rows, before, silent))
        for row, oracle in enumerate(oracles):
            seen = Seen(world.scores[row], world.bands[row], before[0][row], before[1][row])
            oracle.see(now, seen, row in silent)
        assert world.told == [oracle.told for oracle in oracles]
        assert world.state.open_rows().tolist() == [row for row in range(ROWS) if oracles[row].open_episode is not None]
    return world


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
    for told in live(data).told:
        assert_well_formed(told)


@given(st.data(), st.integers(1, ROWS))
def test_the_journals_changes_and_a_snapshots_parts_add_up_to_the_state(data: st.DataObject, rows: int) -> None:
    world = live(data)
    again = RuleState(world.rule, 7, world.state.floor, ROWS)
    for part in world.state.columns().parts(rows):
        again.apply(part)
    for restored in (world.restored(), again):
        assert contents(restored) == contents(world.state)
        assert restored.due(1 << 50).tolist() == world.state.due(1 << 50).tolist()


@given(st.data())
def test_after_everyone_recovered_nothing_is_open_or_due(data: st.DataObject) -> None:
    world = live(data)
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


@given(st.data())
def test_an_evaluation_changes_nothing_before_it_is_applied(data: st.DataObject) -> None:
    world = live(data)
    before = contents(world.state)
    for row in range(ROWS):
        world.move(row, data.draw(scores_near(world.rule)), data.draw(bands))
    look = world.look(range(ROWS), (world.scores, world.bands))
    first = world.state.evaluate(look, 50_000)
    second = world.state.evaluate(look, 50_000)
    assert contents(world.state) == before
    assert first.change.entries.tobytes() == second.change.entries.tobytes()
    assert np.array_equal(first.alerts.episode, second.alerts.episode)
