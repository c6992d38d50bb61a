"""Alerts on thresholds and bands, one rule at a time (SCORING 4)."""

import numpy as np

from scorer.core.alert_columns import RuleChange
from scorer.core.alert_rules import Cause, Rule, When
from scorer.core.alerts import RuleState
from tests.alert_cases import World, contents, rule

BAND_CHANGED = rule(When.BAND_CHANGED)
ENTERING = rule(When.BAND_CHANGED, bands=("at_risk", "inactive"))
FIRED, RECOVERED, SUPERSEDED = "fired", "recovered", "superseded"


class Watched:
    """One row under one rule; each step is judged at a second of its own unless it says when."""

    def __init__(self, rule: Rule) -> None:
        self.world = World(rule, 1)
        self.now = 0

    def see(
        self, score: float | None = None, band: str | None = None, *, at: int | None = None, silent: bool = False
    ) -> list[str]:
        """What is told of a score: `fired` and its episode, or a cause of resolving and its episode."""
        self.now = self.now + 1_000 if at is None else at
        before = list(self.world.scores), list(self.world.bands)
        self.world.move(0, score, band)
        already = len(self.world.told[0])
        self.world.evaluate(self.now, self.world.look([0], before, [0] if silent else []))
        news = self.world.told[0][already:]
        return [f"{FIRED if told.state == FIRED else told.cause} {told.episode}" for told in news]

    def scores(self, *scores: float) -> list[list[str]]:
        return [self.see(score) for score in scores]

    def bands(self, *bands: str) -> list[list[str]]:
        return [self.see(band=band) for band in bands]


def test_crossing_below_fires_beyond_the_margin_and_resolves_beyond_it_on_the_other_side() -> None:
    seen = Watched(rule(threshold=25.0, margin=2.0)).scores(30.0, 24.0, 23.0, 22.999, 10.0, 25.0, 26.999, 27.0, 22.0)
    assert seen == [[], [], [], ["fired 1"], [], [], [], ["recovered 1"], ["fired 2"]]


def test_crossing_above_fires_at_the_margin_and_resolves_below_it() -> None:
    seen = Watched(rule(When.CROSSED_ABOVE, 75.0, margin=2.0)).scores(74.0, 75.0, 76.999, 77.0, 73.0, 72.999)
    assert seen == [[], [], [], ["fired 1"], [], ["recovered 1"]]


def test_a_first_score_never_fires_nor_does_what_follows_it_on_the_same_side() -> None:
    assert Watched(rule()).scores(10.0, 5.0, 24.0, 30.0, 10.0) == [[], [], [], [], ["fired 1"]]


def test_a_first_score_within_the_margin_is_judged_by_the_threshold_alone() -> None:
    assert Watched(rule()).scores(24.9, 20.0) == [[], []]
    assert Watched(rule()).scores(25.0, 20.0) == [[], ["fired 1"]]
    assert Watched(rule(When.CROSSED_ABOVE, 75.0)).scores(75.0, 80.0) == [[], []]


def test_no_score_changes_nothing() -> None:
    watched = Watched(rule())
    assert [watched.see(score) for score in (None, 30.0, None, 10.0, None, 30.0)] == [
        [],
        [],
        [],
        ["fired 1"],
        [],
        ["recovered 1"],
    ]


def test_with_a_hold_a_score_must_stay_beyond_that_long() -> None:
    watched = Watched(rule(hold_ms=10))
    assert [watched.see(score, at=at) for score, at in ((30, 0), (10, 5), (10, 14), (10, 15))] == [
        [],
        [],
        [],
        ["fired 1"],
    ]
    assert [watched.see(score, at=at) for score, at in ((30, 20), (30, 29), (30, 30))] == [[], [], ["recovered 1"]]


def test_a_score_that_comes_back_within_the_hold_even_into_the_margin_begins_anew() -> None:
    watched = Watched(rule(hold_ms=10))
    steps = [(30, 0), (10, 5), (24, 9), (10, 12), (10, 21), (10, 22)]
    assert [watched.see(score, at=at) for score, at in steps] == [[], [], [], [], [], ["fired 1"]]


def test_a_crossing_within_the_cooldown_fires_at_its_end_if_the_row_is_still_over() -> None:
    watched = Watched(rule(cooldown_ms=100))
    assert [watched.see(score, at=at) for score, at in ((30, 0), (10, 10), (30, 20), (10, 30), (10, 109))] == [
        [],
        ["fired 1"],
        ["recovered 1"],
        [],
        [],
    ]
    assert watched.world.state.due(109).tolist() == []
    assert watched.world.state.due(110).tolist() == [0]
    assert watched.see(10, at=110) == ["fired 2"]


def test_a_crossing_that_recovers_within_the_cooldown_was_never_there_but_has_a_number() -> None:
    watched = Watched(rule(cooldown_ms=100))
    steps = ((30, 0), (10, 10), (30, 20), (10, 30), (30, 40), (10, 110))
    assert [watched.see(score, at=at) for score, at in steps] == [[], ["fired 1"], ["recovered 1"], [], [], ["fired 3"]]


def test_a_recovery_that_is_pending_holds_back_what_waits_for_the_cooldown() -> None:
    watched = Watched(rule(cooldown_ms=100, hold_ms=10))
    for score, at in ((30, 0), (10, 10), (10, 20), (30, 30), (30, 40), (10, 50), (10, 60), (30, 115)):
        watched.see(score, at=at)
    assert watched.see(30, at=121) == []
    assert watched.see(10, at=123) == ["fired 2"]


def test_a_recovery_that_began_while_it_waited_ends_it_after_the_hold() -> None:
    watched = Watched(rule(cooldown_ms=100, hold_ms=10))
    for score, at in ((30, 0), (10, 10), (10, 20), (30, 30), (30, 40), (10, 50), (10, 60), (30, 70)):
        watched.see(score, at=at)
    assert watched.world.state.due(79).tolist() == []
    assert watched.world.state.due(80).tolist() == [0]
    assert watched.see(30, at=80) == []
    assert len(watched.world.state.held_rows()) == 0


def test_what_waited_says_what_the_score_was_before_it_crossed_whatever_it_tried_since() -> None:
    watched = Watched(rule(cooldown_ms=100, hold_ms=10))
    for score, at in ((30, 0), (10, 10), (10, 20), (30, 30), (40, 40), (10, 50), (10, 60), (30, 70), (10, 75)):
        watched.see(score, at=at)
    assert watched.see(10, at=120) == ["fired 2"]
    assert watched.world.told[0][-1].before[0] == 40.0


def test_the_cooldown_counts_from_the_last_alert_that_fired() -> None:
    watched = Watched(rule(cooldown_ms=100))
    steps = ((30, 0), (10, 10), (30, 20), (10, 110), (30, 111), (10, 209), (10, 210))
    assert [watched.see(score, at=at) for score, at in steps][3:] == [["fired 2"], ["recovered 2"], [], ["fired 3"]]


def test_a_silent_score_sets_the_side_without_an_alert_and_resolves_what_is_open() -> None:
    watched = Watched(rule())
    watched.scores(30.0, 10.0)
    assert watched.see(5.0, silent=True) == []
    assert watched.see(26.0, silent=True) == ["recovered 1"]
    assert watched.see(10.0, silent=True) == []
    assert watched.scores(5.0, 30.0, 10.0) == [[], [], ["fired 2"]]


def test_a_silent_score_ends_what_waits_and_what_is_pending() -> None:
    waits, pending = Watched(rule(cooldown_ms=100)), Watched(rule(hold_ms=10))
    for score, at in ((30, 0), (10, 10), (30, 20), (10, 30)):
        waits.see(score, at=at)
    waits.see(10, at=50, silent=True)
    assert waits.see(10, at=200) == []
    pending.see(30, at=0)
    pending.see(10, at=5)
    pending.see(30, at=10, silent=True)
    assert len(pending.world.state.held_rows()) == 0


def test_entering_one_of_some_bands_fires_and_leaving_them_all_resolves() -> None:
    seen = Watched(ENTERING).bands("healthy", "at_risk", "inactive", "at_risk", "low", "champion", "inactive")
    assert seen == [[], ["fired 1"], [], [], ["recovered 1"], [], ["fired 2"]]


def test_a_row_that_was_first_seen_in_one_of_the_bands_fires_after_having_left_them() -> None:
    assert Watched(ENTERING).bands("inactive", "at_risk", "low", "inactive") == [[], [], [], ["fired 1"]]


def test_each_change_of_the_band_fires_and_supersedes_the_one_before() -> None:
    seen = Watched(BAND_CHANGED).bands("healthy", "low", "at_risk", "inactive")
    assert seen == [[], ["fired 1"], ["superseded 1", "fired 2"], ["superseded 2", "fired 3"]]


def test_a_return_to_the_band_that_was_left_resolves_and_is_no_new_episode() -> None:
    seen = Watched(BAND_CHANGED).bands("healthy", "low", "healthy", "low")
    assert seen == [[], ["fired 1"], ["recovered 1"], ["fired 2"]]


def test_no_band_is_no_change() -> None:
    watched = Watched(BAND_CHANGED)
    assert [watched.see(band=band) for band in (None, "healthy", None, "healthy", None, "low")] == [
        [],
        [],
        [],
        [],
        [],
        ["fired 1"],
    ]


def test_changes_within_the_cooldown_become_one_alert_from_the_first_band_to_the_last() -> None:
    watched = Watched(rule(When.BAND_CHANGED, cooldown_ms=100))
    steps = (("healthy", 0), ("low", 10), ("at_risk", 20), ("inactive", 30))
    assert [watched.see(band=band, at=at) for band, at in steps] == [[], ["fired 1"], ["superseded 1"], []]
    assert watched.see(band="inactive", at=110) == ["fired 2"]
    assert watched.world.told[0][-1].band == "inactive"
    assert watched.world.told[0][-1].before[1] == "low"


def test_a_change_that_goes_back_within_the_cooldown_was_never_there() -> None:
    watched = Watched(rule(When.BAND_CHANGED, cooldown_ms=100))
    steps = (
        ("healthy", 0),
        ("low", 10),
        ("at_risk", 20),
        ("champion", 30),
        ("low", 40),
        ("low", 200),
        ("healthy", 210),
    )
    seen = [watched.see(band=band, at=at) for band, at in steps]
    assert seen == [[], ["fired 1"], ["superseded 1"], [], [], [], ["fired 3"]]


def test_a_silent_change_of_the_band_fires_nothing_and_resolves_what_is_open() -> None:
    watched = Watched(BAND_CHANGED)
    watched.bands("healthy", "low")
    assert watched.see(band="low", silent=True) == []
    assert watched.see(band="champion", silent=True) == ["superseded 1"]
    assert watched.see(band="champion") == []
    assert watched.see(band="healthy") == ["fired 2"]
    assert watched.see(band="champion", silent=True) == ["recovered 2"]


def test_a_silent_change_of_the_band_ends_what_waits() -> None:
    watched = Watched(rule(When.BAND_CHANGED, cooldown_ms=100))
    for band, at in (("healthy", 0), ("low", 10), ("at_risk", 20)):
        watched.see(band=band, at=at)
    assert watched.see(band="champion", at=30, silent=True) == []
    assert watched.see(band="champion", at=200) == []
    assert watched.see(band="low", at=210) == ["fired 3"]


def test_after_a_pause_only_the_net_transition_fires() -> None:
    there_and_back, away = Watched(rule()), Watched(BAND_CHANGED)
    there_and_back.see(30.0)
    there_and_back.world.move(0, 10.0)  # while the worker is behind
    assert there_and_back.see(30.0) == []
    away.see(band="healthy")
    away.world.move(0, None, "low")
    assert away.see(band="at_risk") == ["fired 1"]
    assert away.world.told[0][0].before[1] == "healthy"


def test_an_alert_says_what_the_score_was_before_it_began_to_cross() -> None:
    watched = Watched(rule(hold_ms=10))
    for score, at in ((30, 0), (20, 5), (15, 10), (10, 15)):
        watched.see(score, at=at)
    (fired,) = watched.world.told[0]
    assert (fired.score, fired.before[0]) == (10.0, 30.0)
    for score, at in ((40, 20), (50, 30)):
        watched.see(score, at=at)
    assert watched.world.told[0][-1].score == 50.0
    assert watched.world.told[0][-1].before[0] == 10.0


def test_a_forgotten_row_is_as_new_but_episodes_go_on() -> None:
    watched = Watched(rule())
    watched.scores(30.0, 10.0, 30.0, 10.0, 30.0)
    watched.world.state.forget(np.array([0]))
    assert not len(watched.world.state.columns())
    assert watched.scores(10.0, 30.0, 10.0) == [[], [], ["fired 3"]]
    assert watched.world.state.highest_episode() == 3


def test_a_row_with_an_alert_that_is_open_or_may_come_is_held() -> None:
    watched = Watched(rule(cooldown_ms=100))
    held = []
    for score, at in ((30, 0), (10, 10), (30, 20), (10, 30), (30, 40)):
        watched.see(score, at=at)
        held.append((watched.world.state.open_rows().tolist(), watched.world.state.held_rows().tolist()))
    assert held == [([], []), ([0], [0]), ([], []), ([], [0]), ([], [])]


def test_a_rule_that_ends_resolves_what_is_open_with_the_scores_of_now_if_they_are_known() -> None:
    watched = Watched(rule(cooldown_ms=100))
    watched.scores(30.0, 10.0)
    known = watched.world.state.resolve_all(
        Cause.RULE_REMOVED, (np.array([12.0]), np.array([3.0]), np.array([1], np.int8))
    )
    unknown = watched.world.state.resolve_all(Cause.MODEL_REMOVED, None)
    assert [(a.fired.tolist(), a.episode.tolist(), a.cause.tolist()) for a in (known.alerts, unknown.alerts)] == [
        ([False], [1], [Cause.RULE_REMOVED]),
        ([False], [1], [Cause.MODEL_REMOVED]),
    ]
    assert (known.alerts.score.tolist(), known.alerts.raw.tolist(), known.alerts.band.tolist()) == ([12.0], [3.0], [1])
    assert np.isnan(unknown.alerts.score).all()
    assert len(watched.world.state.open_rows()) == 1
    watched.world.state.apply(known.change)
    assert len(watched.world.state.held_rows()) == 0
    assert len(watched.world.state.resolve_all(Cause.RULE_REMOVED, None).alerts) == 0


def test_a_state_grows_with_the_rows() -> None:
    state = RuleState(rule(), 0)
    state.grow(2)
    state.apply(RuleChange(0, np.array([1], np.int32), np.array([1], np.uint8), state.columns().entries))
    before = contents(state)
    state.grow(1_000)
    state.grow(10)
    assert contents(state) == before


def test_rows_that_only_move_within_their_side_cost_no_journal() -> None:
    watched = Watched(rule())
    watched.scores(30.0, 40.0, 50.0)
    assert len(watched.world.journal) == 1
