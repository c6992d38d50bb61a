"""A scoring pass over a partition: who is judged, and in which steps."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scorer.core.admission import Gate
from scorer.core.benchmark_summary import Summary
from scorer.core.draft import Judged
from scorer.core.events import Int64s
from scorer.core.model import Kind, Model
from scorer.core.peer_shares import Lineages, peer_shares
from scorer.core.score import CellView, Floats, RawScorer
from scorer.core.standing import Basis, State

if TYPE_CHECKING:
    from scorer.core.partition import PartitionState

SLICE_ROWS = 8_192
"""Rows of one step of a pass: well under 50 ms."""

Bases = Mapping[tuple[str, Kind], Basis]
"""What the scores of each (model name, kind) rest on."""

NOBODY: Int64s = np.empty(0, np.int64)


class ScoringPass:
    """Keeps raw scores up to date and judges whoever changed.

    Raw scores are summed anew for rows with new events, and for everyone when a bucket closes. A benchmark that
    moved costs the curve only.
    """

    def __init__(self, state: "PartitionState") -> None:
        self._state = state
        self._gate = Gate(state.scoring.exclude_users, 0, 1)
        self._scorers: list[tuple[int, Model, RawScorer]] = []
        self._bucket = -1
        self._bases: dict[tuple[str, Kind], Basis] = {}
        self._freeable = NOBODY
        self._excluded = np.zeros(0, np.bool_)
        self.everyone = True
        self.expired_before = 0
        self.owing: set[tuple[int, Kind]] = set()

    def bind(self) -> None:
        """The state's models and type codes are known now."""
        codes = {(held.name, held.hash): code for code, held in self._state.models.items()}
        types = self._state.types
        self._scorers = [
            (codes[(model.name, model.hash)], model, RawScorer(model, types)) for model in self._state.scoring.models
        ]

    def owe(self) -> None:
        """Some rows are to be told again; until they are, `owing` names the (model code, kind) that they may be of."""
        self.everyone = True
        held = self._state.models
        self.owing = {
            (code, kind) for code, model, _ in self._scorers for kind in model.kinds if held[code].again.any()
        }

    def run(self, now_ms: int, bases: Bases) -> Iterator[None]:
        """One pass, a step at a time. Whoever has events after its start is left to the next pass."""
        state, bases, owing = self._state, dict(bases), self.owing
        bucket = now_ms // (state.scoring.bucket_seconds * 1000)
        if bucket > self._bucket:
            self._close_buckets(bucket)
        everyone, self.everyone = self.everyone, False
        judged = [(code, model, kind) for code, model, _ in self._scorers for kind in model.kinds]
        moved = [] if everyone else [item for item in judged if self._moved(item[1], item[2], bases)]
        live = state.roster.live_rows() if everyone or moved else NOBODY
        rows = live if everyone else np.flatnonzero(state.dirty[: len(state.roster)])
        for span in _slices(rows):
            self._sum(span, bucket)
            for item in judged:
                if item not in moved:
                    self._judge(*item, span, bases)
            yield
        for item in moved:
            for span in _slices(live):
                self._judge(*item, span, bases)
                yield
        for code, model, kind in judged if everyone else moved:
            if not self._waits(code, bases[(model.name, kind)]):
                owing.discard((code, kind))
        self._bases = bases

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
        rows, self._freeable = self._freeable[:limit], self._freeable[limit:]
        if not len(rows):
            return NOBODY
        held = np.unique(self._state.counts.of_rows(np.sort(rows)).rows)
        rows = rows[~np.isin(rows, held)]
        self._excluded = self._excluded[: min(len(self._excluded), int(rows.min()) if len(rows) else 1 << 62)]
        return rows

    def summary(self, code: int, model: Model, kind: Kind, caught_up: bool) -> Iterator[Summary]:
        """This partition's shares of a model's benchmarks: the raw scores above 0 by peer group, everyone's last."""
        state = self._state
        rows = len(state.roster)
        raw = state.models[code].raw[:rows]
        active = np.flatnonzero((raw > 0.0) & (state.roster.kind[:rows] == kind))
        lineages, codes = Lineages(), np.zeros(len(active), np.int64)  # everyone is one group
        blank = Summary(model.name, model.hash, kind, state.partition, caught_up, state.event_ms)
        return peer_shares(blank, raw[active], codes, lineages)

    def summaries(self, caught_up: bool) -> Iterator[Summary]:
        """The shares of all models, as of when each model and kind begins; a step takes well under 50 ms."""
        for code, model, _ in self._scorers:
            for kind in model.kinds:
                yield from self.summary(code, model, kind, caught_up)

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
        self._bucket, self.everyone = bucket, True
        self.expired_before = bucket - state.scoring.retention + 1
        state.counts.expire(self.expired_before)
        held = np.zeros(len(state.roster), np.bool_)
        for run in state.counts.runs():
            held[run.rows] = True
        rows = state.roster.live_rows()
        empty = rows[~held[rows]]
        is_account = state.roster.kind[empty] == Kind.ACCOUNT
        self._freeable = np.concatenate([empty[~is_account], empty[is_account]])

    def _sum(self, rows: Int64s, bucket: int) -> None:
        """Sum the raw scores of some rows anew."""
        state = self._state
        state.dirty[rows] = False
        first, stop = int(rows[0]), int(rows[-1]) + 1
        side_by_side = stop - first == len(rows)
        cells = state.counts.of_span(first, stop) if side_by_side else state.counts.of_rows(rows)
        view = CellView.of(cells, rows, state.roster.kind)
        for code, _, scorer in self._scorers:
            raw, active = scorer.score(view, bucket)
            state.models[code].raw[rows] = np.where(active, raw, np.nan)

    def _judge(self, code: int, model: Model, kind: Kind, rows: Int64s, bases: Bases) -> None:
        """Bring the standings of one kind's rows up to date; what is news goes into the draft."""
        state = self._state
        held = state.models[code]
        basis = bases[(model.name, kind)]
        if self._waits(code, basis):
            return
        rows = rows[state.roster.kind[rows] == kind]
        change = held.standing.judge(code, model, rows, held.raw[rows], basis)
        news = held.standing.differs(change) | held.again[rows]
        if not news.any():
            return
        change = change.take(news)
        held.again[change.rows] = False
        held.standing.apply(change)
        state.draft.add_judged(Judged(change, model, kind, basis, state.now_ms / 1000))

    def _waits(self, code: int, basis: Basis) -> bool:
        """Whether readers keep what they have of a model that was changed: it has no benchmark yet."""
        return self._state.models[code].replaces and basis.version == 0

    def _moved(self, model: Model, kind: Kind, bases: Bases) -> bool:
        return self._bases.get((model.name, kind)) != bases[(model.name, kind)]


def _slices(rows: Int64s) -> Iterator[Int64s]:
    for at in range(0, len(rows), SLICE_ROWS):
        yield rows[at : at + SLICE_ROWS]
