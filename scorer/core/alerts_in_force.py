"""The rules for alerts that are in force in one partition, by their codes in its journal, and how they come and go.

Rule 1: a rule is known by its name and hash. One of a new scoring file that isn't in force starts with a code and sides
    of its own; one in force that the file lacks ends.
Rule 2: what is open resolves before a rule ends: the alerts of `endings` must be journaled no later than the entry that
    puts the new rules in force. A worker that dies in between leaves the rest to the next, with the old rules in force.
Rule 3: episodes go on where those of an earlier rule of the same name ended, however long ago.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from scorer.core.alert_columns import unpack_rule_change
from scorer.core.alert_rules import Cause, Rule, cause_of_end
from scorer.core.alerts import RuleState
from scorer.core.events import Int64s
from scorer.core.model import Kind

PackedRules = list[list[Any]]
"""[code, packed rule, floor] of each."""


class RulesInForce:
    """Rule states by code. `floors`: of the names of rules that ended, the episodes that are taken."""

    def __init__(self) -> None:
        self.states: dict[int, RuleState] = {}
        self.floors: dict[str, int] = {}
        self._rows = 0

    def watching(self, model: str, kind: Kind) -> list[RuleState]:
        """The states of the rules on one kind's scores in a model (of whatever hash)."""
        return [state for state in self.states.values() if (state.rule.model, state.rule.kind) == (model, kind)]

    def fit(self, rows: int) -> None:
        """Make room for `rows` rows."""
        self._rows = max(self._rows, rows)
        for state in self.states.values():
            state.grow(self._rows)

    def forget(self, rows: Int64s) -> None:
        for state in self.states.values():
            state.forget(rows)

    def held_rows(self) -> Int64s:
        """The rows that must not be freed, ascending."""
        held = [state.held_rows() for state in self.states.values()]
        return np.unique(np.concatenate(held)) if held else np.empty(0, np.int64)

    def due(self, now_ms: int) -> Int64s:
        """The rows that time alone may have moved under some rule, ascending."""
        due = [rows for state in self.states.values() if len(rows := state.due(now_ms))]
        return np.unique(np.concatenate(due)) if due else np.empty(0, np.int64)

    def endings(self, rules: Sequence[Rule], models: Collection[str]) -> list[tuple[RuleState, Cause]]:
        """The states whose rules `rules` no longer hold, and why. `models`: the names of the scoring file's."""
        kept = {(rule.name, rule.hash) for rule in rules}
        return [
            (state, cause_of_end(state.rule, rules, models))
            for state in self.states.values()
            if (state.rule.name, state.rule.hash) not in kept
        ]

    def adoption(self, rules: Iterable[Rule]) -> PackedRules | None:
        """What puts `rules` in force, for `put_in_force` and the journal; None if they are."""
        codes = {(state.rule.name, state.rule.hash): code for code, state in self.states.items()}
        following = max(self.states, default=-1) + 1
        adopted: PackedRules = []
        for rule in rules:
            code = codes.get((rule.name, rule.hash))
            if code is None:
                code, following = following, following + 1
            adopted.append([code, rule.packed(), self._floor(rule.name)])
        return None if {item[0] for item in adopted} == set(self.states) else adopted

    def put_in_force(self, packed: PackedRules) -> None:
        """From here on these rules are evaluated, and no others."""
        before, self.states = self.states, {}
        for code, packed_rule, floor in packed:
            rule, held = Rule.unpacked(packed_rule), before.get(code)
            if held is None or (held.rule.name, held.rule.hash) != (rule.name, rule.hash):
                held = RuleState(rule, code, floor, self._rows)
            self.states[code] = held
        for state in before.values():
            name = state.rule.name
            self.floors[name] = max(self.floors.get(name, 0), state.highest_episode())

    def restore(self, packed: Iterable[list[Any]]) -> None:
        """Apply packed changes of rules in force."""
        for item in packed:
            change = unpack_rule_change(item)
            self.states[change.rule].apply(change)

    def packed(self) -> list[Any]:
        """The rules in force and the floors, without the rows (for a snapshot's head)."""
        rules = [[code, state.rule.packed(), state.floor] for code, state in self.states.items()]
        return [rules, dict(self.floors)]

    def load(self, packed: list[Any]) -> None:
        rules, floors = packed
        self.put_in_force(rules)
        self.floors = floors

    def _floor(self, name: str) -> int:
        episodes = (state.highest_episode() for state in self.states.values() if state.rule.name == name)
        return max(self.floors.get(name, 0), *episodes, 0)
