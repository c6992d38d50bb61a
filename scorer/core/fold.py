"""The fold: what a journal's entries add up to, live and restored alike."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.alerts_in_force import RulesInForce
from scorer.core.band_hold import BandHold, HoldChange
from scorer.core.cells import cell_keys
from scorer.core.columns import Counted, unpack_counted, unpack_standing
from scorer.core.counts import Counts
from scorer.core.days import DELTA_DAYS, ClosedDays
from scorer.core.dedupe import RecentIds
from scorer.core.draft import unpack_accounts, unpack_users
from scorer.core.events import Int64s
from scorer.core.history import History
from scorer.core.kpis.board import Board
from scorer.core.model import Kind
from scorer.core.outbox import Outbox
from scorer.core.roster import EntityKey, Roster
from scorer.core.score import Floats
from scorer.core.standing import Standing, StandingChange
from scorer.core.traits import Traits
from scorer.core.unacknowledged import Unacknowledged


@dataclass
class ModelInForce:
    """A model by its name and hash, the standings in it, and (a cache) the raw scores of now, nan where none.

    `replaces`: another model of this name was in force before; what readers have of it stays until the new one has
    a benchmark. `again`: rows that are news to readers whatever their standing. `delta_due`: rows that readers know
    with another delta than they have since a day closed. `hold`: bands about to change.
    """

    name: str
    hash: str
    replaces: bool
    standing: Standing = field(default_factory=Standing)
    raw: Floats = field(default_factory=lambda: np.empty(0))
    again: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    delta_due: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    hold: BandHold = field(default_factory=lambda: BandHold(0))

    def fit(self, rows: int) -> None:
        """Make room for `rows` rows."""
        missing = rows - len(self.raw)
        if missing > 0:
            self.standing.grow(rows)
            self.raw = np.concatenate([self.raw, np.full(missing, np.nan)])
            self.again = np.concatenate([self.again, np.zeros(missing, np.bool_)])
            self.delta_due = np.concatenate([self.delta_due, np.zeros(missing, np.bool_)])

    def tell(self, change: StandingChange) -> None:
        """Readers are told of these standings, and of the delta that goes with them."""
        self.standing.apply(change)
        self.delta_due[change.rows] = False


class Fold:
    """The state of one partition. Times are epoch milliseconds; `position` is a source offset, None before a start.

    `board`: the KPIs, where a scoring file that asks for them is bound; `kpis_due`: whom of it has had events since.
    `today` is the day (`scorer/core/calendar.py`) after the last one that closed, None before the first `now`.
    `kept_from` is the first bucket since which all counts are kept: an earlier window may have been shorter than now.
    `counted_from` is the source offset that counting began at; None where an older journal doesn't tell.
    """

    def __init__(self, dedupe_ids: int) -> None:
        self.position: int | None = None
        self.counted_from: int | None = None
        self.roster = Roster()
        self.traits = Traits()
        self.counts = Counts()
        self.ids = RecentIds(dedupe_ids)
        self.types: dict[str, int] = {}
        self.models: dict[int, ModelInForce] = {}
        self.rules = RulesInForce()
        self.outbox = Outbox()
        self.unacknowledged = Unacknowledged()
        self.history = {kind: History() for kind in Kind}
        self.today: int | None = None
        self.now_ms = 0
        self.event_ms = 0
        self.redis_through = ""
        self.redis_id = ""
        self.dirty = np.zeros(0, np.bool_)
        self.board: Board | None = None
        self.kpis_due = np.zeros(0, np.bool_)
        self.restored_events = 0
        self._expire_before = 0
        self.kept_from = 0

    def restore(self, body: dict[str, Any], version: str) -> None:
        """Apply what a journal entry says."""
        for name in body.get("ty", ()):
            self.types[name] = len(self.types)
        if "mo" in body:
            self.put_in_force(body["mo"])
        if "na" in body or "nu" in body:
            accounts = unpack_accounts(body["na"]) if "na" in body else []
            users = unpack_users(body["nu"]) if "nu" in body else []
            self.roster.enter_restored(accounts, users)
        for row, changes in body.get("tr", ()):
            self.traits.set(row, changes)
        if "ev" in body:
            events = unpack_counted(body["ev"])
            if int(events.buckets.min()) < self._expire_before:  # a longer window since: what comes now stays
                self.expire_due()
            self.ids.remember(events.hashes)
            self.count(events)
            self.restored_events += len(events)
        if self.position is None:
            self.counted_from = body.get("t")
        self.position = body.get("t", self.position)
        self.fit()
        if "cl" in body:
            self.close_days(ClosedDays(*body["cl"]))
        self._restore_standing(body, version)
        self._restore_rules(body, version)
        self._restore_decisions(body, version)

    def count(self, events: Counted) -> None:
        """Add events to the cells of their users and of the users' accounts."""
        self.fit()
        rows = events.rows
        parents = self.roster.parent[rows]
        if (parents < 0).any():
            member = np.flatnonzero(parents >= 0)
            parents = parents[member]
            account = Counted(*(column[member] for column in events.columns()))
        else:
            account = events
        self.counts.add(cell_keys(rows, events.buckets, events.types), events.values)
        self.counts.add(cell_keys(parents, account.buckets, account.types), account.values)
        self.roster.saw(rows, events.buckets, events.ts_ms)
        self.roster.saw(parents, account.buckets, account.ts_ms)
        self.dirty[rows] = True
        self.dirty[parents] = True
        if self.board is not None:
            self.kpis_due[rows] = True
        self.event_ms = max(self.event_ms, int(events.ts_ms.max()))

    def expire_due(self) -> None:
        """Let the cells go that had been let go when the journal was written. Put off while it makes no difference."""
        if self._expire_before:
            self.counts.expire(self._expire_before)
            self._expire_before = 0

    def close_days(self, closed: ClosedDays) -> None:
        """Note where everyone stands as that day's close, and who has another delta from here on.

        Comes before any standing of the day after is judged or restored.
        """
        days = range(max(closed.first, min(map(closed.first_kept, Kind))), closed.today)
        before, after = closed.first - DELTA_DAYS, closed.today - DELTA_DAYS
        rows = self.roster.live_rows()
        kinds = self.roster.kind[rows]
        for kind, history in self.history.items():
            own = rows[kinds == kind]
            for code, held in self.models.items():
                score = held.standing.score[own]
                history.close(code, days, own, score, held.standing.band[own])
                held.delta_due[own] |= history.moved(code, before, after, own) & ~np.isnan(score)
            history.expire(closed.first_kept(kind))
        self.today = closed.today

    def delta(self, model: int, kind: Kind, rows: NDArray[np.integer], score: Floats) -> Floats:
        """How far scores of today are from those of 7 days ago, nan where there is none; see `History.delta`."""
        return self.history[kind].delta(model, self.today or 0, rows, score)

    def has_history(self, rows: Int64s) -> NDArray[np.bool_]:
        """Which rows were active at the close of a day that is kept."""
        held: NDArray[np.bool_] = np.logical_or.reduce([history.held(rows) for history in self.history.values()])
        return held

    def put_in_force(self, models: list[list[Any]]) -> None:
        """From here on these models (code, name, hash, replaces) are scored, and no others; theirs alone is history."""
        before = self.models
        self.models = {code: before.get(code) or ModelInForce(name, hash_, rep) for code, name, hash_, rep in models}
        for history in self.history.values():
            history.keep_models(self.models)
        self.fit()

    def release(self, rows: Int64s) -> list[EntityKey]:
        """Forget the entities of some rows; returns who they were."""
        keys = [key for row in rows.tolist() if (key := self.roster.keys[row]) is not None]
        if self.board is not None:
            self.board.forget(rows)
        self.roster.release(rows.tolist())
        for row in rows.tolist():
            self.traits.forget(row)
        for model in self.models.values():
            model.standing.forget(rows)
            model.raw[rows] = np.nan
            model.again[rows] = False
            model.delta_due[rows] = False
            model.hold.forget(rows)
        for history in self.history.values():
            history.forget(rows)
        self.rules.forget(rows)
        self.dirty[rows] = False
        return keys

    def fit(self) -> None:
        """Give every column of rows the roster's length."""
        rows = len(self.roster.kind)
        if rows > len(self.dirty):
            more = np.zeros(rows - len(self.dirty), np.bool_)
            self.dirty = np.concatenate([self.dirty, more])
            self.kpis_due = np.concatenate([self.kpis_due, more])
        for history in self.history.values():
            history.fit(rows)
        for model in self.models.values():
            model.fit(rows)
        self.rules.fit(rows)

    @property
    def has_unacknowledged(self) -> bool:
        """Whether something was published that Redis has not acknowledged."""
        return bool(self.unacknowledged)

    def mark_redis(self, through: str, redis_id: str) -> None:
        """Redis `redis_id` has everything up to the version `through`."""
        self.redis_through, self.redis_id = through, redis_id
        self.unacknowledged.acknowledge(through)
        self.outbox.acknowledged(through)

    def _restore_standing(self, body: dict[str, Any], version: str) -> None:
        for packed in body.get("st", ()):
            change = unpack_standing(packed)
            self.models[change.model].tell(change)
            self.unacknowledged.add(version, change.model, change.rows.astype(np.int64))

    def _restore_rules(self, body: dict[str, Any], version: str) -> None:
        """ "rl", in order: "f" rules put in force, "s" sides and episodes, "h" holds; "al" alerts, "dt" delivered."""
        for tag, data in body.get("rl", ()):
            if tag == "f":
                self.rules.put_in_force(data)
            elif tag == "s":
                self.rules.restore([data])
            else:
                code, packed = data
                self.models[code].hold.apply(HoldChange.unpack(packed))
        self.outbox.add(version, [(key, value) for key, value in body.get("al", ())])
        self.outbox.delivered(body.get("dt", ""))

    def _restore_decisions(self, body: dict[str, Any], version: str) -> None:
        """What depended on a clock or on the outside.

        "fb" the first bucket kept, "fr" and "fk" freed, "rot" rotation, "now", "rt" and "rid" Redis.
        """
        self._expire_before = max(self._expire_before, body.get("fb", 0))
        self.kept_from = max(self.kept_from, self._expire_before)
        if "fr" in body:
            self.expire_due()
            keys = self.release(np.frombuffer(body["fr"], "<i4").astype(np.int64))
            self.unacknowledged.add_freed(version, keys)
        if "fk" in body:
            self.unacknowledged.add_freed(version, [(account, user) for account, user in body["fk"]])
        if body.get("rot"):
            self.ids.rotate()
        self.now_ms = max(self.now_ms, body.get("now", 0))
        if "rt" in body:
            self.mark_redis(body["rt"], body["rid"])
