"""Threshold alerts (SCORING 4): on which side of its rules every row is, and what fires or resolves when it moves.

Rule 1: only a transition fires. The first score that a rule sees of a row sets its side by the score alone; so does a
    silent one. Whoever is over a bound silently fires only after having been clear of it.
Rule 2: with threshold X and the model's margin m, `crossed_below` is beyond its bound below X - m and back from X + m
    on, `crossed_above` is beyond from X + m on and back below X - m. In between a row keeps its side. The score alone,
    where it decides, is over below X, or from X on.
Rule 3: who is clear and beyond, or over and back, for the model's `hold` by now, crosses. A score that isn't beyond
    (back) any more ends the wait, even within the margin. With `hold` 0 the first such score crosses.
Rule 4: each crossing to over is an episode with a number of its own, also one that never fires.
Rule 5: a crossing fires at once, or, within the cooldown after the last one that fired, waits for its end and fires
    then if the row is still over and no recovery is pending; one that recovers while it waits was never there.
Rule 6: an open alert resolves (`recovered`) when its row is clear again. A row has at most one open alert of a rule.
Rule 7: a list of bands is one side: beyond is in one of them, back is in none, from one to another is nothing. Margin
    and hold are in the band already.
Rule 8: `band_changed: true` knows the row's last band. A change is an episode, and the band that it left is its home.
    It fires or waits as in rule 5; while it waits, further changes belong to it, and a return home ends it.
Rule 9: an open alert on a change resolves with the next one: `recovered` if that goes home, and it was no new episode;
    else `superseded`, and it is one.
Rule 10: a silent score ends what is pending or waiting, and resolves an open alert whose row is clear (left its band).
Rule 11: no score (nan, no band) changes nothing. Nor does time alone: a row that is due must be evaluated again.
Rule 12: levels are judged, not steps. What wasn't evaluated (the worker was behind) is judged by its outcome; if a
    silent score was among it, the outcome is silent too.
Rule 13: the numbers of episodes never repeat for an entity and a rule's name, or ids would: a floor outlives rows that
    are freed and rules that change.
"""

import numpy as np

from scorer.core.alert_columns import (
    ENTRY,
    OPEN,
    PENDING,
    WAITING,
    Alerts,
    Bools,
    Facts,
    Look,
    RuleChange,
    Transitions,
    blank_entry,
    no_alerts,
)
from scorer.core.alert_rules import Cause, Rule
from scorer.core.alert_steps import CLEAR, OVER, UNKNOWN, Bound, Levels, change_step, crossing_step
from scorer.core.events import Int64s
from scorer.core.sparse_rows import Records, SparseRows
from scorer.core.standing import NO_BAND

_TIMED = 0x80
"""Set in the byte of a side whose row is pending or waits, so that one look at the bytes finds all that may move."""

_NO_DUE_MS = 1 << 62
_NOBODY: Int64s = np.empty(0, np.int64)


class RuleState:
    """One rule's sides of all rows: a byte a row, and an entry (ENTRY) for those that ever crossed.

    `code` is the rule's in the journal; `floor`: episodes up to it are taken.
    """

    def __init__(self, rule: Rule, code: int, floor: int = 0, rows: int = 0) -> None:
        self.rule = rule
        self.code = code
        self.floor = floor
        self._bound = Bound(rule)
        self._side = np.zeros(rows, np.uint8)
        self._entries = SparseRows(blank_entry())
        self._next_due_ms = _NO_DUE_MS

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows."""
        if rows > len(self._side):
            self._side = np.concatenate([self._side, np.zeros(rows - len(self._side), np.uint8)])

    def forget(self, rows: Int64s) -> None:
        """The entities of some rows are gone; what was open must have been resolved."""
        self._side[rows] = 0
        gone = self._entries.drop(rows)
        if len(gone):
            self.floor = max(self.floor, int(gone["episode"].max()))

    def evaluate(self, look: Look, now_ms: int) -> Transitions:
        """What moved. Changes nothing here: `apply` does."""
        side = self._side[look.rows]
        at = np.flatnonzero(self._may_move(look, side))
        if not len(at):
            return Transitions(self._change(_NOBODY, side[:0], np.empty(0, ENTRY)), no_alerts())
        look, side = look.take(at), side[at]
        before = self._entries.of(look.rows)
        step_of = change_step if self.rule.on_any_change else crossing_step
        step = step_of(self._bound, look, side & ~np.uint8(_TIMED), before.copy(), self.floor, now_ms)
        timed = (step.entries["flags"] & (PENDING | WAITING)) != 0
        after = np.where(timed, step.level | _TIMED, step.level).astype(np.uint8)
        moved = (after != side) | _differ(before, step.entries)
        entries = _filled(step.entries[moved])
        return Transitions(self._change(look.rows[moved], after[moved], entries), step.alerts)

    def unlearn(self, look: Look) -> Transitions:
        """What is silent in a pass that rules don't see: the next score that they see is the first one again."""
        side = self._side[look.rows]
        known = ((side & ~np.uint8(_TIMED)) != UNKNOWN) & self._bound.known(look.score, look.band)
        rows = look.rows[known]
        entries = _filled(self._entries.of(rows))
        return Transitions(self._change(rows, side[known] & np.uint8(_TIMED), entries), no_alerts())

    def apply(self, change: RuleChange) -> None:
        self._side[change.rows] = change.side
        if len(self._entries) and len(change.entries) < len(change.rows):
            self._entries.drop(np.setdiff1d(change.rows, change.entries["row"]))
        self._entries.put(change.entries)
        due = _due_ms(change.entries, self.rule)
        if len(due):
            self._next_due_ms = min(self._next_due_ms, int(due.min()))

    def due(self, now_ms: int) -> Int64s:
        """The rows whose hold or cooldown has run out, ascending: to be evaluated even if their scores stand still."""
        if now_ms < self._next_due_ms:
            return _NOBODY
        timed = self._having(PENDING | WAITING)
        due = _due_ms(timed, self.rule)
        self._next_due_ms = int(due.min()) if len(due) else _NO_DUE_MS
        return timed["row"][due <= now_ms].astype(np.int64)

    def open_rows(self) -> Int64s:
        """The rows with an open alert."""
        return self._having(OPEN)["row"].astype(np.int64)

    def held_rows(self) -> Int64s:
        """The rows that must not be freed: an alert is open, or one may come with time alone."""
        return self._having(OPEN | PENDING | WAITING)["row"].astype(np.int64)

    def resolve_all(self, cause: Cause, now: Facts | None) -> Transitions:
        """Resolve what is open, for the rule is about to end.

        `now`: score, raw score and band of all rows, None where nobody knows them any more. What was before isn't told:
        it is no reason.
        """
        entries = self._having(OPEN)
        rows, n = entries["row"].astype(np.int64), len(entries)
        none: Facts = (np.full(n, np.nan), np.full(n, np.nan), np.full(n, NO_BAND, np.int8))
        score, raw, band = none if now is None else (now[0][rows], now[1][rows], now[2][rows])
        causes, episodes = np.full(n, cause, np.int8), entries["episode"].astype(np.int64)
        alerts = Alerts(rows, np.zeros(n, np.bool_), causes, episodes, score, raw, band, *none)
        resolved = np.full(n, blank_entry())
        for name in ("row", "episode", "fired_ms"):
            resolved[name] = entries[name]
        return Transitions(self._change(rows, self._side[rows] & ~np.uint8(_TIMED), resolved), alerts)

    def columns(self) -> RuleChange:
        """All of it but the floor, as a change (for a snapshot). Later changes don't reach it."""
        rows = np.union1d(np.flatnonzero(self._side), self._entries.rows)  # an unlearned side is none
        return self._change(rows, self._side[rows], self._entries.records.copy())

    def highest_episode(self) -> int:
        """No episode of the rule, of rows forgotten too, has a greater number."""
        episodes = self._entries.records["episode"]
        return max(self.floor, int(episodes.max()) if len(episodes) else 0)

    def _may_move(self, look: Look, side: Levels) -> Bools:
        """All rows that an evaluation can change, and few others."""
        moves: Bools
        if self.rule.on_any_change:
            moves = (side != (look.band + np.int8(1)).view(np.uint8)) & (look.band != NO_BAND)
        else:
            beyond, back = self._bound.beyond_and_back(look.score, look.band)
            moves = ((side == CLEAR) & beyond) | ((side == OVER) & back)
            first = side == 0
            if first.any():
                moves |= first & self._bound.known(look.score, look.band)
        return moves | (side >= _TIMED) | look.silent

    def _having(self, flags: int) -> Records:
        records = self._entries.records
        having: Records = records[(records["flags"] & flags) != 0]
        return having

    def _change(self, rows: Int64s, side: Levels, entries: Records) -> RuleChange:
        return RuleChange(self.code, rows.astype(np.int32), side, entries)


def _filled(entries: Records) -> Records:
    """Those that hold something."""
    filled: Records = entries[(entries["flags"] != 0) | (entries["episode"] != 0)]
    return filled


def _due_ms(entries: Records, rule: Rule) -> Int64s:
    """When time alone may move each of the entries that are pending or wait. A pending recovery comes first."""
    timed = entries[(entries["flags"] & (PENDING | WAITING)) != 0]
    pending = (timed["flags"] & PENDING) != 0
    due: Int64s = np.where(pending, timed["since_ms"] + rule.hold_ms, timed["fired_ms"] + rule.cooldown_ms)
    return due


def _differ(one: Records, other: Records) -> Bools:
    """Where two columns of entries differ in any byte."""
    columns = [np.ascontiguousarray(entries).view(np.uint8).reshape(len(entries), -1) for entries in (one, other)]
    differ: Bools = (columns[0] != columns[1]).any(axis=1)
    return differ
