"""Judging rows: from raw scores to standings and alerts, and what of it is told.

Rules for alerts see every row that is judged, told or not: who transitions is told at once. While the worker is far
behind they see nobody, and then everyone once (SCORING 4).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scorer.core.alert_columns import Bools, Look, RuleChange, Transitions, pack_rule_change
from scorer.core.alert_documents import Alert, alert_documents
from scorer.core.alerts import RuleState
from scorer.core.draft import Judged, RuleNews
from scorer.core.events import Int64s
from scorer.core.footing import Bases, Basis, Footing, Ground, OneGroup
from scorer.core.model import Kind, Model, Shape
from scorer.core.roster import entity_id
from scorer.core.standing import NO_BAND, Hold, Standing, StandingChange

if TYPE_CHECKING:
    from scorer.core.partition import PartitionState

Judgement = tuple[int, Kind]
"""What is judged: a model, by its code, for one kind of entities."""

ROWS_WITH_ALERTS = 250
"""So many alerts, of the longest ids too, fit into a journal entry."""


class Judge:
    """Brings standings up to date. `footing`: what each judgement rests on. `paused`: rules see nobody.

    `moves_wait` says whether moves within a band may be told later, however large they are.
    """

    def __init__(self, state: "PartitionState") -> None:
        self._state = state
        self.models: dict[int, Model] = {}
        self.footing: dict[Judgement, Footing] = {}
        self._bases: Bases = OneGroup({})
        self.watching: dict[Judgement, list[RuleState]] = {}
        self.paused = False
        self.moves_wait: Callable[[], bool] = lambda: False
        self.overlooked = False

    def bind(self, models: dict[int, Model]) -> None:
        """These models, by code, are in force."""
        self.models = models
        for code, model in models.items():
            self._state.models[code].hold.hold_ms = model.hold_ms
        self.watch()

    def watch(self) -> None:
        """The state's rules are in force."""
        rules = self._state.rules
        self.watching = {
            (code, kind): rules.watching(model.name, kind)
            for code, model in self.models.items()
            for kind in model.kinds
        }

    def stand_on(self, judgement: Judgement, bases: Bases) -> bool:
        """From here on scores rest on these; whether anyone who was judged before may score differently."""
        self._bases = bases
        before = self.footing.get(judgement)
        self.footing[judgement] = footing = self._extended(judgement, ())
        return footing.moved_since(before)

    def waits(self, judgement: Judgement) -> bool:
        """Whether readers keep what they have of a model that was changed: it has no benchmark yet."""
        return self._state.models[judgement[0]].replaces and not self.footing[judgement].counted

    def due(self) -> Int64s:
        """Rows whose bands or alerts time alone may change now."""
        now_ms = self._state.now_ms
        holds = [self._state.models[code].hold.due(now_ms) for code, model in self.models.items() if model.hold_ms]
        rules = [] if self.paused else [self._state.rules.due(now_ms)]
        return np.unique(np.concatenate([np.empty(0, np.int64), *holds, *rules]))

    def judge(
        self, judgement: Judgement, rows: Int64s, *, everything: bool, certainly: NDArray[np.bool_] | None = None
    ) -> None:
        """Bring the standings of one kind's rows up to date; what is news goes into the draft.

        Unless `everything` that is news is told, what can wait does, but not of rows that are `certainly` told.
        """
        code, kind = judgement
        state, model = self._state, self.models[code]
        held = state.models[code]
        of_kind = state.roster.kind[rows] == kind
        rows = rows[of_kind]
        if not len(rows) or self.waits(judgement):
            return
        ground = self._ground(judgement, rows)
        silent = _silent(held.standing, model, rows, ground)
        unused = state.roster.last_ms[rows] == 0 if kind is Kind.ACCOUNT else None
        change = held.standing.judge(code, model, rows, held.raw[rows], ground, self._hold(code, silent), unused)
        again = held.again[rows]
        # The silent at once too: until they are told, they would stay silent, whatever they cross.
        at_once = self._watch(judgement, change, ground, silent) | again | silent
        news = held.standing.differs(change) | again | held.delta_due[rows]
        if not everything:
            at_once |= held.standing.urgent(change, moves=not self.moves_wait())
            news &= at_once if certainly is None else at_once | certainly[of_kind]
        if not news.any():
            return
        change = change.take(news)
        moves = _moves(held.standing.band[change.rows], change.band)
        held.again[change.rows] = False
        held.tell(change)
        delta = state.delta(code, kind, change.rows, change.score)
        state.draft.add_judged(Judged(change, model, kind, ground.take(news), state.now_ms / 1000, delta, moves))

    def _ground(self, judgement: Judgement, rows: Int64s) -> Ground:
        """What rows rest on, each in its peer group; groups that they are the first of join the footing."""
        groups = self._state.passes.peer_groups(self.models[judgement[0]])
        codes = groups.codes(rows)
        footing = self.footing[judgement]
        if len(groups.names) > len(footing.groups):
            footing = self.footing[judgement] = self._extended(judgement, footing.groups)
        return footing.under(codes)

    def _extended(self, judgement: Judgement, known: tuple[Basis, ...]) -> Footing:
        """A footing with all groups; what is known of some stays, for nothing may move in the middle of a pass."""
        code, kind = judgement
        names = self._state.passes.peer_groups(self.models[code]).names[len(known) :]
        return Footing([*known, *self._bases.bases(self.models[code], kind, names)])

    def _hold(self, code: int, silent: Bools) -> Hold | None:
        state, hold = self._state, self._state.models[code].hold
        if not hold.hold_ms:
            return None

        def held(rows: Int64s, before: NDArray[np.int8], wanted: NDArray[np.int8]) -> NDArray[np.int8]:
            band, change = hold.held(rows, before, wanted, silent, state.now_ms)
            if len(change):
                hold.apply(change)
                state.draft.add_rule_news(RuleNews("h", [code, change.pack()], change.size))
            return band

        return held

    def _watch(self, judgement: Judgement, change: StandingChange, ground: Ground, silent: Bools) -> Bools:
        """Let the rules see what was judged; which rows made an alert."""
        alerting = np.zeros(len(change), np.bool_)
        rules = self.watching[judgement]
        if not rules:
            return alerting
        rows = change.rows.astype(np.int64)
        standing = self._state.models[judgement[0]].standing
        before = standing.score[rows], standing.raw[rows], standing.band[rows]
        look = Look(rows, change.score, change.raw, change.band, *before, silent)
        if self.paused:
            self.overlooked = True
            for rule in rules if silent.any() else ():
                if not (unlearned := rule.unlearn(look.take(silent))).is_nothing:
                    self.note(rule, unlearned, ())
            return alerting
        for rule in rules:
            found = rule.evaluate(look, self._state.now_ms)
            if not found.is_nothing:
                at = np.searchsorted(rows, found.alerts.rows)
                self.note(rule, found, ground.benchmark[at].tolist())
                alerting[at] = True
        return alerting

    def note(self, rule: RuleState, found: Transitions, benchmarks: Sequence[float]) -> None:
        """Apply what a rule found, and put it and its alerts into the draft. `benchmarks`: of each alert, nan: none."""
        rule.apply(found.change)
        state, alerts = self._state, found.alerts
        keys = [state.roster.keys[row] for row in alerts.rows.tolist()]
        told = alert_documents(
            state.namespace,
            rule.rule,
            alerts,
            [entity_id(key) for key in keys if key is not None],
            state.roster.last_ms[alerts.rows],
            [None if np.isnan(benchmark) else benchmark for benchmark in benchmarks],
            state.now_ms,
        )
        by_row: dict[int, list[Alert]] = {}
        for row, alert in zip(alerts.rows.tolist(), told, strict=True):
            by_row.setdefault(row, []).append(alert)
        for part in found.change.parts(ROWS_WITH_ALERTS) if told else [found.change]:
            state.draft.add_rule_news(_rule_news(part, by_row))


def _rule_news(change: RuleChange, alerts: dict[int, list[Alert]]) -> RuleNews:
    own = [alert for row in change.rows.tolist() for alert in alerts.get(row, ())]
    sent = [(alert.entity.encode(), alert.encoded()) for alert in own]
    size = change.size + sum(len(key) + len(value) + 16 for key, value in sent)
    return RuleNews("s", pack_rule_change(change), size, sent, Counter((alert.rule, alert.state) for alert in own))


def _silent(standing: Standing, model: Model, rows: Int64s, ground: Ground) -> Bools:
    """Whose score is a first one, or the first on a computed benchmark: nothing to hear of."""
    first: Bools = np.isnan(standing.score[rows])
    if model.curve.shape is not Shape.NONE:
        first |= (standing.basis[rows] == 0) & (ground.version > 0)
    return first


def _moves(before: NDArray[np.int8], after: NDArray[np.int8]) -> Counter[tuple[int, int]]:
    moved = (before != after) & (before != NO_BAND) & (after != NO_BAND)
    return Counter(zip(before[moved].tolist(), after[moved].tolist(), strict=True)) if moved.any() else Counter()
