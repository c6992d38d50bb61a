"""What must be true of alerts in the end: none lost, none doubled but with its id, none orphaned."""

from collections.abc import Iterator, Sequence

from scorer.core.alert_columns import OPEN, WAITING
from scorer.core.alert_documents import alert_id
from scorer.core.alert_rules import Rule, When
from scorer.core.alerts import RuleState
from scorer.core.partition import PartitionState
from scorer.core.roster import entity_id
from tests.journal_search.alerting import Alerting, AlertKey, key_of
from tests.journal_search.truth import Hole

FIRED, RESOLVED = "fired", "resolved"


def check_alerts(state: PartitionState, alerting: Alerting, stream: Sequence[bytes]) -> None:
    """The journal, Kafka, Redis and the state agree: to be called in worlds that never lost a journal."""
    journaled = set(alerting.journaled)
    if alerting.contradicted:
        raise Hole(f"alerted twice of {alerting.contradicted}")
    _same("Kafka", {key_of(value) for _, value in alerting.kafka}, journaled)
    _same("Redis", {key_of(value) for value in stream} | (alerting.forgiven & journaled), journaled)
    for value in (*(value for _, value in alerting.kafka), *stream):
        if value != alerting.journaled[key_of(value)][1]:
            raise Hole(f"{value!r} isn't what the journal holds of it")
    fired, resolved = ({id_ for id_, told in journaled if told == wanted} for wanted in (FIRED, RESOLVED))
    _same("the state", set(open_alerts(state)), fired - resolved)


def check_order(told: Sequence[bytes]) -> None:
    """Whatever resolved fired before: holds of Kafka, and of a Redis that was never emptied."""
    fired: set[str] = set()
    for id_, what in map(key_of, told):
        if what == FIRED:
            fired.add(id_)
        elif id_ not in fired:
            raise Hole(f"{id_} resolved before it fired")


def check_sides(state: PartitionState, now_ms: int) -> None:
    """At rest every rule has seen every score: nobody is beyond a bound and clear, or back and over."""
    for held in state.rules.states.values():
        columns, rule = held.columns(), held.rule
        (scores,) = [each.standing.score for each in state.models.values() if each.hash == rule.model_hash]
        over = dict(zip(columns.rows.tolist(), (columns.side & 2).tolist(), strict=True))
        for row, is_over in over.items():
            if bool(is_over) != _is_over(rule, float(scores[row]), before=bool(is_over)):
                raise Hole(f"{rule.name}: row {row} with score {scores[row]} is {'over' if is_over else 'clear'}")
        for entry in columns.entries:
            row, flags = int(entry["row"]), int(entry["flags"])
            if flags & OPEN and not over.get(row):
                raise Hole(f"{rule.name}: open, though row {row} is clear")
            if flags & WAITING and entry["fired_ms"] + rule.cooldown_ms <= now_ms:
                raise Hole(f"{rule.name}: row {row} waits though its cooldown is over")


def _is_over(rule: Rule, score: float, *, before: bool) -> bool:
    if rule.threshold is None:
        raise ValueError("only rules with a threshold are judged here")
    lower, upper = rule.threshold - rule.margin, rule.threshold + rule.margin
    if lower <= score < upper:
        return before
    return (score < lower) == (rule.when is When.CROSSED_BELOW)


def open_alerts(state: PartitionState) -> Iterator[str]:
    """The ids of the alerts that are open by a state."""
    for held in state.rules.states.values():
        yield from _open(state, held)


def _open(state: PartitionState, held: RuleState) -> Iterator[str]:
    rule, entries = held.rule, held.columns().entries
    for row, flags, episode in zip(*(entries[name].tolist() for name in ("row", "flags", "episode")), strict=True):
        key = state.roster.keys[row]
        if flags & OPEN and key is not None:
            yield alert_id(state.namespace, rule.model, rule.name, rule.kind, entity_id(key), episode)


def _same(who: str, found: set[AlertKey] | set[str], expected: set[AlertKey] | set[str]) -> None:
    if found != expected:
        raise Hole(f"{who} lacks the alerts {expected - found}, has too many: {found - expected}")
