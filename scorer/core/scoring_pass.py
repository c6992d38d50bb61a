"""A scoring pass over a partition: who is judged, in which steps, and who may be told later.

Rule 1: who has new events is summed anew, judged and told in this pass, before anybody else.
Rule 2: when a bucket closes, everyone is summed anew; a benchmark that moved costs the curve only. Both are walks
        over all rows, in slices, and go on in the next pass where one is ended before them: the driver decides when
        there is enough to journal.
Rule 3: after a bucket has closed, everyone is judged against a benchmark that has aged like themselves, as soon as
        there is one: against the one before, everyone would fall and rise again, and some would alert.
Rule 4: of what a walk finds, readers hear at once of another band or state, and of moves that can be seen as long as
        the budget lasts; a sweep in the background tells the rest, so many rows a pass. At rest everyone's exact score
        was told. A worker with few rows tells everything at once.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scorer.core.admission import Gate
from scorer.core.benchmark_summary import Summary
from scorer.core.calendar import DAY_MS
from scorer.core.events import Int64s, TraitChanges
from scorer.core.footing import Bases
from scorer.core.judging import Judge, Judgement
from scorer.core.model import Kind, Model
from scorer.core.peer_shares import Lineages, peer_shares
from scorer.core.peers import PeerGroups
from scorer.core.roster import REMEMBERED_DAYS
from scorer.core.score import CellView, Floats, RawScorer
from scorer.core.standing import State

if TYPE_CHECKING:
    from scorer.core.partition import PartitionState

SLICE_ROWS = 8_192
"""Rows of one step of a pass, shared by the models: it takes well under 50 ms, and so does cutting what it tells."""

SLICE_CELLS = 524_288
"""What they may hold."""

NOBODY: Int64s = np.empty(0, np.int64)


@dataclass(slots=True)
class Walk:
    """Rows at..stop-1 are still to be visited. `told_all`: whether of all before, everything that is news was told."""

    stop: int
    at: int = 0
    told_all: bool = True

    def step(self, rows: int, everything: bool) -> tuple[int, int]:
        """The next slice, as (first, stop)."""
        self.told_all &= everything
        first, self.at = self.at, min(self.at + rows, self.stop)
        return first, self.at

    @property
    def done(self) -> bool:
        return self.at >= self.stop


class ScoringPass:
    """Keeps raw scores up to date and judges whoever changed."""

    def __init__(self, state: "PartitionState") -> None:
        self._state = state
        self._gate = Gate(state.scoring.exclude_users, 0, 1)
        self._scorers: list[tuple[int, Model, RawScorer]] = []
        self.judge = Judge(state)
        self._judgements: list[Judgement] = []
        self._bucket = -1
        self._ageing = Walk(0)
        self._rejudging: dict[Judgement, Walk] = {}
        self.awaiting: set[Judgement] = set()
        """Whose benchmark is of an earlier bucket: readers keep what they have."""
        self._sweeping: dict[Judgement, int] = {}
        self._swept_to = 0
        self._freeable = NOBODY
        self._excluded = np.zeros(0, np.bool_)
        self.expired_before = 0
        self.owing: set[int] = set()
        self.events_told = True
        self._peer_groups: dict[tuple[str, ...], PeerGroups] = {}
        self._lineages: dict[tuple[str, ...], Lineages] = {}

    def bind(self) -> None:
        """The state's models and type codes are known now. Nobody's raw score is."""
        codes = {(held.name, held.hash): code for code, held in self._state.models.items()}
        types = self._state.types
        self._scorers = [
            (codes[(model.name, model.hash)], model, RawScorer(model, types)) for model in self._state.scoring.models
        ]
        self.judge.bind({code: model for code, model, _ in self._scorers})
        self._judgements = [(code, kind) for code, model, _ in self._scorers for kind in model.kinds]
        self._bucket = -1
        lists = {model.benchmark.peers for model in self._state.scoring.models}
        self._peer_groups = {peers: PeerGroups(peers, self._state.traits, self._state.roster) for peers in lists}
        self._lineages = {peers: Lineages() for peers in lists}

    def peer_groups(self, model: Model) -> PeerGroups:
        """Whom the model's entities are measured against; models with the same `peers` share it."""
        return self._peer_groups[model.benchmark.peers]

    def regroup(self, changed: Iterable[tuple[int, TraitChanges]]) -> None:
        """Traits of some accounts' rows have changed: their users may be in other peer groups."""
        splitting = {name for peers in self._peer_groups for name in peers}
        accounts = [row for row, changes in changed if not splitting.isdisjoint(changes)]
        if not accounts:
            return
        state, roster = self._state, self._state.roster
        moved = np.zeros(len(roster), np.bool_)
        moved[accounts] = True
        rows = slice(len(roster))
        members = roster.live[rows] & (roster.kind[rows] == Kind.USER) & (roster.parent[rows] >= 0)
        state.dirty[np.flatnonzero(members & moved[roster.parent[rows]])] = True

    def tell_again(self, code: int, rows: Int64s) -> None:
        """What readers have of some rows in a model may be lost: they are news, whatever their standing."""
        roster, kinds = self._state.roster, [int(kind) for kind in self.judge.models[code].kinds]
        rows = rows[roster.live[rows] & np.isin(roster.kind[rows], kinds)]
        if len(rows):
            self._state.models[code].again[rows] = True
            self._owe(code)
            self._rejudge([(code, kind) for kind in self.judge.models[code].kinds])

    def _owe(self, code: int) -> None:
        """Until they are told, Redis has not everything, whatever it acknowledges."""
        self.owing.add(code)

    @property
    def settled(self) -> bool:
        """Whether all raw scores are those of the newest bucket."""
        return self._ageing.done

    @property
    def settled_bucket(self) -> int:
        """The newest bucket that all raw scores are of."""
        return self._bucket if self.settled else -1

    @property
    def unfinished(self) -> bool:
        """Whether a pass was ended before its walks were."""
        return not self.events_told or not self._ageing.done or bool(self._rejudging)

    @property
    def waiting(self) -> bool:
        """Whether a model has no benchmark yet, as it was changed or as the one it has is of an earlier bucket: readers
        keep what they have."""
        return bool(self.awaiting) or any(self.judge.waits(judgement) for judgement in self.judge.footing)

    @property
    def at_rest(self) -> bool:
        """Whether everyone's exact score was told, as of the last pass."""
        return not self.unfinished and not self._sweeping and not self.awaiting

    def run(
        self,
        now_ms: int,
        bases: Bases,
        sweep_rows: int | None = None,
        *,
        moves_wait: Callable[[], bool] = lambda: False,
        rules_paused: bool = False,
        patient: bool = True,
    ) -> Iterator[None]:
        """One pass, a step at a time; it may be left after any step. Whoever has events after its start is left to
        the next pass. Unless it is `patient`, nobody waits for a benchmark of this bucket.

        `sweep_rows`: at most so many rows are told what can wait; None: nothing can. `moves_wait` is asked with each
        step whether moves within a band can, however large. `rules_paused`: nobody is alerted.
        """
        self.judge.paused, self.judge.moves_wait = rules_paused, moves_wait
        self._begin(self._state.scoring.calendar.bucket_of(now_ms), bases, patient=patient)
        everything = sweep_rows is None
        self.events_told = False
        for rows in self._slices(np.flatnonzero(self._state.dirty[: len(self._state.roster)])):
            self._sum(rows)
            for judgement in self._judgements:
                self.judge.paused = rules_paused or judgement in self.awaiting
                self.judge.judge(judgement, rows, everything=True)
            self.judge.paused = rules_paused
            yield
        self.events_told = True
        self._judge_due()
        yield from self._age(everything)
        yield from self._rejudge_all(everything)
        yield from self._sweep(2 * len(self._state.roster) if sweep_rows is None else sweep_rows)
        held = self._state.models
        self.owing = {code for code in self.owing if held[code].again.any()}

    def _begin(self, bucket: int, bases: Bases, *, patient: bool) -> None:
        closes = bucket > self._bucket
        if closes:
            self._close_buckets(bucket)
        for judgement in self._judgements:
            moved = self.judge.stand_on(judgement, bases)
            waited = judgement in self.awaiting
            if patient and (closes or waited) and self.judge.footing[judgement].is_before(bucket):
                self.awaiting.add(judgement)
                continue
            self.awaiting.discard(judgement)
            if (moved or waited) and not closes:
                self._rejudge([judgement])
        if self.judge.overlooked and not self.judge.paused:
            self.judge.overlooked = False
            self._rejudge([judgement for judgement, rules in self.judge.watching.items() if rules])

    def _judge_due(self) -> None:
        state, rows = self._state, self.judge.due()
        rows = rows[~state.dirty[rows]]
        for judgement in self._judgements if len(rows) else ():
            if judgement not in self.awaiting:
                self.judge.judge(judgement, rows, everything=True)

    @property
    def _slice_rows(self) -> int:
        return max(1, SLICE_ROWS // max(1, len(self._scorers)))

    def _rejudge(self, judgements: list[Judgement]) -> None:
        """From here on everyone is to be judged anew: at once what can't wait, by the sweep what can. Not yet whose
        benchmark is of an earlier bucket: they are once that has come."""
        rows = len(self._state.roster)
        for judgement in judgements if rows else ():
            if judgement in self.awaiting:
                continue
            self._rejudging[judgement] = Walk(rows)
            self._sweeping[judgement] = rows

    def _age(self, everything: bool) -> Iterator[None]:
        while not self._ageing.done:
            rows = self._rows(*self._ageing.step(self._slice_rows, everything))
            summable = self._summable(rows)
            if len(summable) < len(rows):
                self._ageing.at, rows = int(rows[len(summable)]), summable
            with_events = self._state.dirty[rows]
            if len(rows):
                self._sum(rows)
            for judgement in self._judgements:
                if judgement not in self.awaiting:
                    self.judge.judge(judgement, rows, everything=everything, certainly=with_events)
            if self._ageing.done and self._ageing.told_all:
                still = self.awaiting | self._rejudging.keys()
                self._sweeping = {each: left for each, left in self._sweeping.items() if each in still}
            yield

    def _rejudge_all(self, everything: bool) -> Iterator[None]:
        while self._rejudging:
            judgement, walk = next(iter(self._rejudging.items()))
            if not walk.done:
                self.judge.judge(
                    judgement, self._summed(*walk.step(self._slice_rows, everything)), everything=everything
                )
                yield
            if walk.done and self._rejudging.get(judgement) is walk:
                del self._rejudging[judgement]
                if walk.told_all:
                    self._sweeping.pop(judgement, None)

    def _sweep(self, rows: int) -> Iterator[None]:
        """Go on from where the last sweep ended, round and round, until everyone was visited since the last move."""
        while rows > 0 and self._sweeping.keys() - self.awaiting:
            if self._swept_to >= len(self._state.roster):
                self._swept_to = 0
            first, stop = self._swept_to, min(self._swept_to + min(rows, self._slice_rows), len(self._state.roster))
            due = self._summed(first, stop)
            for judgement, left in list(self._sweeping.items()):
                if judgement in self.awaiting:
                    continue
                self.judge.judge(judgement, due, everything=True)
                if left > stop - first:
                    self._sweeping[judgement] = left - (stop - first)
                else:
                    del self._sweeping[judgement]
            self._swept_to = stop
            rows -= max(stop - first, 1)
            yield

    def _rows(self, first: int, stop: int) -> Int64s:
        return np.flatnonzero(self._state.roster.live[first:stop]) + first

    def _summed(self, first: int, stop: int) -> Int64s:
        """Who of these has a raw score: others have events, and are left to the next pass."""
        return np.flatnonzero(self._state.roster.live[first:stop] & ~self._state.dirty[first:stop]) + first

    def excluded_rows(self) -> NDArray[np.bool_]:
        """By row: whether the scoring file leaves this user out (an exclusion isn't retroactive)."""
        keys = self._state.roster.keys
        start = len(self._excluded)
        if start < len(keys):
            fresh = [key is not None and key[1] is not None and self._gate.excludes(key[1]) for key in keys[start:]]
            self._excluded = np.concatenate([self._excluded, np.array(fresh, np.bool_)])
        return self._excluded

    def take_freed(self, limit: int) -> Int64s:
        """Rows that hold nothing any more, users first: an account's row outlives those of its users."""
        if self.unfinished or self.awaiting:  # a walk may come to them yet
            return NOBODY
        rows, self._freeable = self._freeable[:limit], self._freeable[limit:]
        if not len(rows):
            return NOBODY
        rows = rows[~self._state.counts.rows_held(0, len(self._state.roster))[rows]]
        rows = rows[~np.isin(rows, self._state.rules.held_rows())]
        rows = rows[[row not in self._state.traits for row in rows.tolist()]]
        rows = rows[~self._has_others(rows)[rows]]
        self._excluded = self._excluded[: min(len(self._excluded), int(rows.min()) if len(rows) else 1 << 62)]
        return rows

    def _has_others(self, rows: Int64s) -> NDArray[np.bool_]:
        """By row: whether it is the account of another user than these, who may be held for longer than its account."""
        roster = self._state.roster
        others = roster.live[: len(roster)].copy()
        others[rows] = False
        parents = roster.parent[: len(roster)][others]
        accounts = np.zeros(len(roster), np.bool_)
        accounts[parents[parents >= 0]] = True
        return accounts

    def summary(self, code: int, model: Model, kind: Kind, caught_up: bool) -> Iterator[Summary]:
        """This partition's shares of a model's benchmarks: the raw scores above 0 by peer group, everyone's last."""
        state = self._state
        rows = len(state.roster)
        raw = state.models[code].raw[:rows]
        active = np.flatnonzero((raw > 0.0) & (state.roster.kind[:rows] == kind))
        groups = self.peer_groups(model)
        codes, lineages = groups.codes(active), self._lineages[groups.peers]
        lineages.follow(groups.names)
        blank = Summary(model.name, model.hash, kind, state.partition, caught_up, state.event_ms, bucket=self._bucket)
        return peer_shares(blank, raw[active], codes, lineages)

    def summaries(self, caught_up: bool) -> Iterator[Summary]:
        """The shares of all models, as of the first step; each takes well under 50 ms."""
        shares = [
            self.summary(code, model, kind, caught_up) for code, model, _ in self._scorers for kind in model.kinds
        ]
        for of_one in shares:
            yield from of_one

    def population(self) -> Iterator[tuple[Model, Kind, dict[str, int], dict[str, int]]]:
        """By model and kind: how many entities stand in each state, and in each band."""
        state = self._state
        rows = state.roster.live_rows()
        kinds = state.roster.kind[rows]
        for code, model, _ in self._scorers:
            standing = state.models[code].standing
            for kind in model.kinds:
                own = rows[kinds == kind]
                states = np.bincount(standing.state[own], minlength=len(State)).tolist()
                bands = np.bincount(standing.band[own][standing.band[own] >= 0], minlength=101).tolist()
                by_band = {band.name: bands[at] for at, band in enumerate(model.bands)} | {"inactive": bands[100]}
                yield model, kind, {s.name.lower(): states[s] for s in State if s is not State.UNKNOWN}, by_band

    def scores(self) -> Iterator[tuple[Model, Kind, Floats]]:
        """By model and kind: the scores that readers have or are about to have."""
        state = self._state
        rows = state.roster.live_rows()
        kinds = state.roster.kind[rows]
        for code, model, _ in self._scorers:
            for kind in model.kinds:
                scores = state.models[code].standing.score[rows[kinds == kind]]
                yield model, kind, scores[~np.isnan(scores)]

    def _close_buckets(self, bucket: int) -> None:
        """Time went on into another bucket: cells age, some leave, everyone is judged."""
        state = self._state
        self._bucket = bucket
        self._ageing = Walk(len(state.roster))
        self._rejudging.clear()
        self._sweeping = dict.fromkeys(self._judgements, len(state.roster)) if len(state.roster) else {}
        self.expired_before = bucket - state.scoring.retention + 1
        state.kept_from = max(state.kept_from, self.expired_before)
        state.counts.expire(self.expired_before)
        held = state.counts.rows_held(0, len(state.roster))
        rows = state.roster.live_rows()
        empty = rows[~held[rows]]
        empty = empty[~state.has_history(empty)]
        if state.scoring.kpis is not None:
            remembered = state.roster.last_ms[empty] >= state.now_ms - (REMEMBERED_DAYS + 1) * DAY_MS
            empty = empty[~(remembered & (state.roster.kind[empty] == Kind.USER))]
        is_account = state.roster.kind[empty] == Kind.ACCOUNT
        self._freeable = np.concatenate([empty[~is_account], empty[is_account]])

    def _slices(self, rows: Int64s) -> Iterator[Int64s]:
        while len(rows):
            some = self._summable(rows[: self._slice_rows])
            yield some
            rows = rows[len(some) :]

    def _summable(self, rows: Int64s) -> Int64s:
        """The first of some rows: as many as one step can sum, for accounts may have very many cells."""
        return self._state.counts.step(rows, max(1, SLICE_CELLS // max(1, len(self._scorers))))

    def _sum(self, rows: Int64s) -> None:
        """Sum the raw scores of some rows anew."""
        state = self._state
        state.dirty[rows] = False
        for code, _, _ in self._scorers:
            state.models[code].raw[rows] = np.nan
        for run in state.counts.of_rows(rows).runs():
            view = CellView.of(run, state.roster.kind, self._bucket)
            for code, _, scorer in self._scorers:
                raw, active = scorer.score(view)
                state.models[code].raw[view.rows] = np.where(active, raw, np.nan)
