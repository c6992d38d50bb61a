"""Rules come and go with the scoring file: none is orphaned, no episode's number is used twice."""

from collections.abc import Sequence
from dataclasses import replace

import msgpack
import numpy as np
import pytest

from scorer.core.alert_columns import Look, pack_rule_change
from scorer.core.alert_rules import Cause, Rule, Severity, When, cause_of_end
from scorer.core.alerts_in_force import RulesInForce
from scorer.core.model import Kind
from tests.alert_cases import contents, rule

CHURN = replace(rule(), name="churn", model_hash="one")
RISE = replace(rule(When.CROSSED_ABOVE, 75.0), name="rise", kind=Kind.USER)


def in_force(*rules: Rule, rows: int = 2) -> RulesInForce:
    found = RulesInForce()
    found.fit(rows)
    adopt(found, rules)
    return found


def adopt(rules_in_force: RulesInForce, rules: Sequence[Rule]) -> None:
    """As a journal would bring it."""
    adopted = rules_in_force.adoption(rules)
    if adopted is not None:
        rules_in_force.put_in_force(msgpack.unpackb(msgpack.packb(adopted)))


def see(rules_in_force: RulesInForce, name: str, *scores: float, at: int = 0) -> list[int]:
    """The episodes that fired as row 0 had these scores."""
    fired = []
    (state,) = [state for state in rules_in_force.states.values() if state.rule.name == name]
    for number, score in enumerate(scores):
        one, band = np.array([score]), np.zeros(1, np.int8)
        look = Look(np.array([0]), one, one, band, one, one, band, np.zeros(1, np.bool_))
        found = state.evaluate(look, at + number)
        rules_in_force.restore([pack_rule_change(found.change)])
        fired += found.alerts.episode[found.alerts.fired].tolist()
    return fired


def test_a_rule_survives_the_journal() -> None:
    for one in (CHURN, RISE, rule(When.BAND_CHANGED, bands=("low",)), rule(When.BAND_CHANGED)):
        again = Rule.unpacked(msgpack.unpackb(msgpack.packb(one.packed())))
        assert again == one
        assert again.hash == one.hash
        assert [type(getattr(again, name)) for name in ("kind", "when", "severity")] == [Kind, When, Severity]


def test_a_file_with_the_same_rules_changes_nothing() -> None:
    rules = in_force(CHURN, RISE)
    assert rules.adoption([RISE, CHURN]) is None
    assert rules.endings([RISE, CHURN], ["m"]) == []


def test_rules_are_found_by_model_and_kind() -> None:
    rules = in_force(CHURN, RISE)
    assert [state.rule.name for state in rules.watching("m", Kind.USER)] == ["rise"]
    assert rules.watching("other", Kind.USER) == []


def test_a_rule_that_stays_keeps_its_sides_while_others_come_and_go() -> None:
    rules = in_force(CHURN)
    assert see(rules, "churn", 30.0, 10.0) == [1]
    before = {code: contents(state) for code, state in rules.states.items()}
    adopt(rules, [RISE, CHURN])
    adopt(rules, [CHURN])
    assert {code: contents(state) for code, state in rules.states.items()} == before


def test_a_changed_rule_starts_anew_with_the_next_episode() -> None:
    rules = in_force(CHURN)
    see(rules, "churn", 30.0, 10.0)
    changed = replace(CHURN, threshold=50.0)
    ((ended, cause),) = rules.endings([changed], ["m"])
    assert (ended.rule, cause) == (CHURN, Cause.RULE_CHANGED)
    adopt(rules, [changed])
    assert see(rules, "churn", 20.0, 60.0, 10.0) == [2]


def test_episodes_go_on_however_long_a_rule_was_gone() -> None:
    rules = in_force(CHURN)
    see(rules, "churn", 30.0, 10.0, 30.0, 10.0)
    for gone_or_not in ([], [RISE], [CHURN], [], [CHURN]):
        adopt(rules, gone_or_not)
    assert see(rules, "churn", 30.0, 10.0) == [3]


def test_a_code_given_out_again_is_another_rule() -> None:
    rules = in_force(CHURN)
    see(rules, "churn", 30.0, 10.0)
    for other in (replace(CHURN, threshold=50.0), RISE):
        rules.put_in_force([[0, other.packed(), 0]])
        assert len(rules.held_rows()) == 0
        assert rules.states[0].rule == other


@pytest.mark.parametrize(
    ("rules", "models", "cause"),
    [
        ([], ["m"], Cause.RULE_REMOVED),
        ([], ["n"], Cause.MODEL_REMOVED),
        ([replace(CHURN, severity=Severity.INFO)], ["m"], Cause.RULE_CHANGED),
        ([replace(CHURN, model="n", model_hash="n")], ["n"], Cause.RULE_CHANGED),
        ([replace(CHURN, model_hash="two")], ["m"], Cause.MODEL_CHANGED),
        ([replace(CHURN, model_hash="two", margin=9.0, hold_ms=9, model_bands=())], ["m"], Cause.MODEL_CHANGED),
        ([replace(CHURN, model_hash="two", cooldown_ms=9)], ["m"], Cause.RULE_CHANGED),
    ],
)
def test_why_a_rule_ended(rules: list[Rule], models: list[str], cause: Cause) -> None:
    assert cause_of_end(CHURN, rules, models) is cause


def test_who_has_an_open_alert_under_any_rule_is_held() -> None:
    rules = in_force(CHURN, RISE)
    see(rules, "churn", 30.0, 10.0)
    assert rules.held_rows().tolist() == [0]
    rules.forget(np.array([0]))
    assert rules.held_rows().tolist() == []


def test_who_is_due_under_any_rule_is_due() -> None:
    rules = in_force(replace(CHURN, hold_ms=10), RISE)
    see(rules, "churn", 30.0, 10.0, at=100)
    assert [rules.due(now).tolist() for now in (110, 111)] == [[], [0]]


def test_rows_that_come_later_have_room_under_every_rule() -> None:
    rules = in_force(CHURN, rows=0)
    rules.fit(1)
    assert see(rules, "churn", 30.0, 10.0) == [1]
    adopt(rules, [CHURN, RISE])
    assert see(rules, "rise", 30.0, 99.0) == [1]


def test_a_snapshot_brings_back_rules_floors_and_sides() -> None:
    rules = in_force(CHURN, RISE)
    see(rules, "churn", 30.0, 10.0, 30.0)
    rules.forget(np.array([0]))
    see(rules, "rise", 30.0, 99.0)
    adopt(rules, [CHURN])
    again = RulesInForce()
    again.fit(2)
    again.load(msgpack.unpackb(msgpack.packb(rules.packed())))
    again.restore([pack_rule_change(part) for state in rules.states.values() for part in state.columns().parts(1)])
    for brought_back in (rules, again):
        adopt(brought_back, [CHURN, RISE])
        assert see(brought_back, "churn", 30.0, 10.0) == [2]
        assert see(brought_back, "rise", 30.0, 99.0) == [2]
    assert {code: contents(state) for code, state in again.states.items()} == {
        code: contents(state) for code, state in rules.states.items()
    }
