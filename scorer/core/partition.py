"""The state of one partition, and the way of an event through it.

    apply(columns)   events -> rows -> counts, account records -> traits; what was new goes into the draft of the next
                     journal entries
    score(now)       rows that changed -> raw -> score, band, state; what is news to readers goes into the draft
    cut()            the draft becomes journal entries
    landed(cut)      the journal holds an entry: its scores may leave
    restore(body)    the same fold from a journal entry

The fold is what the journal holds. Nothing here reads a clock: time is passed in, and never goes back.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.account_records import take_in
from scorer.core.admission import Gate, Verdict, limits_ms, time_verdicts
from scorer.core.cells import MAX_TYPES
from scorer.core.columns import Counted
from scorer.core.days import DAY_MS, ClosedDays
from scorer.core.dedupe import Hashes, hash_ids
from scorer.core.draft import Cut, Draft, Newcomers, Piece, RuleNews, TraitNews, pieces, room
from scorer.core.events import AccountTraits, EventColumns, Int64s, Reject
from scorer.core.fold import Fold, ModelInForce
from scorer.core.footing import Bases
from scorer.core.journal.records import JournalError
from scorer.core.model import Scoring
from scorer.core.outbox import SentAlert
from scorer.core.publish import ScoreBatch
from scorer.core.roster import NO_PARENT, EntityKey
from scorer.core.scoring_pass import ScoringPass
from scorer.core.views import freed_batch, score_batch

FREED_A_CUT = 100_000
"""At most so many rows are freed in one journal entry."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a chunk's events and account records, by outcome, and those that go to the dead letters."""

    outcomes: Counter[str]
    rejects: list[Reject]


class PartitionState(Fold):
    """One partition's fold, bound to a scoring file. `event_clock`: lateness is judged by event time.

    `namespace` goes into the ids of alerts.
    """

    def __init__(
        self,
        scoring: Scoring,
        partition: int,
        partitions: int,
        dedupe_ids: int,
        *,
        event_clock: bool = False,
        namespace: str = "scorer",
    ) -> None:
        super().__init__(dedupe_ids)
        self.scoring = scoring
        self.namespace = namespace
        self.partition = partition
        self.draft = Draft()
        self.event_clock = event_clock
        self._bucket_ms = scoring.bucket_seconds * 1000
        self._gate = Gate(scoring.exclude_users, partition, partitions)
        self._seed = 0
        self._named_types: dict[str, int] = {}
        self._models_news: list[list[Any]] | None = None
        self._journaled_position: int | None = None
        self._journaled_bucket = -1
        self._journaled_expiry = 0
        self._mark_news = False
        self._delivered_news = False
        self._alerts_again = False
        self._freed_again: list[EntityKey] = []
        self.telling = 0
        self.passes = ScoringPass(self)

    # ---- binding a restored fold to this worker

    def restored(self, seed: int) -> None:
        """The fold stands as of the own claim: bind it to the scoring file, and take up what was left undone."""
        self._seed = seed
        self.expire_due()
        self._journaled_position = self.position
        for name in self.scoring.events:
            if name not in self.types:
                self.types[name] = len(self.types)
                self.draft.types.append(name)
        if len(self.types) > MAX_TYPES:
            raise JournalError(
                f"events: with these, {len(self.types)} event types were ever counted, at most {MAX_TYPES} can be: "
                f"count anew with `scorer rebuild` (or another SCORER_NAMESPACE)"
            )
        self._named_types = {name: self.types[name] for name in self.scoring.events}
        before = dict(self.models)
        self._adopt_models()
        self._adopt_rules(before)
        self.passes.bind()
        self._alerts_again = len(self.outbox) > 0
        for _, code, rows in list(self.unacknowledged.rows()):
            if code in self.models:
                self.passes.tell_again(code, rows)
        self._tell_freed_again()

    def _adopt_models(self) -> None:
        """Put the scoring file's models in force; one that changed is a new one, with standings of its own."""
        in_force = {(held.name, held.hash): code for code, held in self.models.items()}
        names = {held.name for held in self.models.values()}
        following = max(self.models, default=-1) + 1
        adopted: list[list[Any]] = []
        for model in self.scoring.models:
            code = in_force.get((model.name, model.hash))
            if code is None:
                code, following = following, following + 1
                adopted.append([code, model.name, model.hash, model.name in names])
            else:
                adopted.append([code, model.name, model.hash, self.models[code].replaces])
        if {item[0] for item in adopted} != set(self.models):
            self.put_in_force(adopted)
            self._models_news = adopted

    def _adopt_rules(self, models: dict[int, ModelInForce]) -> None:
        """Put the scoring file's rules in force. What is open under one that ends resolves, by where `models`, those
        that were in force before, have its entity."""
        standings = {(held.name, held.hash): held.standing for held in models.values()}
        for ended, cause in self.rules.endings(self.scoring.alerts, [model.name for model in self.scoring.models]):
            at = standings.get((ended.rule.model, ended.rule.model_hash))
            found = ended.resolve_all(cause, None if at is None else (at.score, at.raw, at.band))
            self.passes.judge.note(ended, found, [nan] * len(found.alerts))
        adopted = self.rules.adoption(self.scoring.alerts)
        if adopted is not None:
            self.rules.put_in_force(adopted)
            self.draft.add_rule_news(RuleNews("f", adopted, 200 * len(adopted)))

    def tell_all_again(self) -> None:
        """Readers lost what they had, or some of it: everything is news, last documents and alerts not acknowledged
        too."""
        self._alerts_again = len(self.outbox) > 0
        for code in self.models:
            self.passes.tell_again(code, self.roster.live_rows())
        self.telling += 1
        self._tell_freed_again()

    def _tell_freed_again(self) -> None:
        known = self.roster.row_of
        waiting = dict.fromkeys(self._freed_again) | dict.fromkeys(key for _, key in self.unacknowledged.freed())
        self._freed_again = [key for key in waiting if key not in known]

    # ---- events

    def apply(self, columns: EventColumns, offsets: Int64s, record_ms: Int64s, to: int, clock_ms: int) -> Applied:
        """Take in one chunk of the source: [position, to).

        `offsets` and `record_ms` (broker timestamps) are of all the chunk's records, `columns.index` points into
        them; what stands before the position is skipped. `clock_ms` is the worker's clock.
        """
        if self.position is None:
            raise RuntimeError("no start: the journal doesn't say where to read from")
        to = max(to, self.position)
        columns, replayed = _since(self.position, columns, offsets)
        outcomes, new = Counter(replayed=replayed), Newcomers()
        rejects, events, events_at = self._apply_events(columns, record_ms, clock_ms, new, outcomes)
        told = self._apply_traits(columns.traits, new, rejects, outcomes) if columns.traits else TraitNews()
        parts: Iterable[Piece] = [Piece(to)]
        if events is not None or told.at:
            parts = pieces(to, events, events_at, offsets, new, told)
        self.position = to
        for part in parts:
            self.draft.add_piece(part)
        return Applied(outcomes, rejects)

    def _apply_events(
        self, columns: EventColumns, record_ms: Int64s, clock_ms: int, new: Newcomers, outcomes: Counter[str]
    ) -> tuple[list[Reject], Counted | None, Int64s]:
        """(refused events, what was counted, in which of the chunk's records it stood)."""
        if not len(columns):
            return [], None, _NOWHERE
        verdict, rows, (buckets, types), limits = self._verdicts(columns, record_ms, clock_ms)
        counted = np.flatnonzero(verdict == Verdict.COUNTED)
        hashes = self._new_hashes(columns, counted, verdict)
        counted = np.flatnonzero(verdict == Verdict.COUNTED)
        events = None
        if len(counted):
            self.ids.remember(hashes)
            self._enter_new(columns, counted, rows, new)
            values, ts_ms = columns.value[counted], columns.ts_ms[counted]
            events = Counted(rows[counted], buckets[counted], types[counted], values, hashes, ts_ms)
            self.count(events)
        tally = np.bincount(verdict, minlength=len(Verdict)).tolist()
        for code, count in enumerate(tally):
            outcomes[_OUTCOMES[Verdict(code)]] += count
        return self._rejects(columns, verdict, limits), events, columns.index[counted].astype(np.int64)

    def _apply_traits(
        self, records: Sequence[AccountTraits], new: Newcomers, rejects: list[Reject], outcomes: Counter[str]
    ) -> TraitNews:
        """Merge account records; the refused join `rejects`."""
        told, refused = take_in(records, self.traits, self.roster, self._gate, new)
        outcomes["trait"] += len(records) - len(refused)
        outcomes["dead_letter"] += len(refused)
        rejects.extend(refused)
        self.fit()
        self.dirty[[row for row, _ in told.changes]] = True
        self.passes.regroup(told.changes)
        return told

    def _verdicts(
        self, columns: EventColumns, record_ms: Int64s, clock_ms: int
    ) -> tuple[NDArray[np.int8], Int64s, tuple[Int64s, Int64s], Int64s]:
        """(verdicts, rows or -1, (buckets, types), time limits): all but duplicates is decided."""
        n = len(columns)
        types = np.fromiter(map(self._named_types.get, columns.event, _repeat_minus_one), np.int64, n)
        buckets = columns.ts_ms // self._bucket_ms
        keys = zip(columns.account_id, columns.user_id, strict=True)
        rows = np.fromiter(map(self.roster.row_of.get, keys, _repeat_minus_one), np.int64, n)
        verdict = np.zeros(n, np.int8)
        verdict[types < 0] = Verdict.UNKNOWN_TYPE
        refusals = []
        for at in np.flatnonzero(rows < 0).tolist():
            account = columns.account_id[at]
            at_home = account is not None and (account, None) in self.roster.row_of
            refusal = self._gate.judge((account, columns.user_id[at]), at_home=at_home)
            if refusal is Verdict.EXCLUDED:
                verdict[at] = refusal
            elif refusal is Verdict.WRONG_PARTITION:
                refusals.append(at)
        if not self._gate.excludes_nobody:
            known = np.flatnonzero(rows >= 0)
            verdict[known[self.passes.excluded_rows()[rows[known]]]] = Verdict.EXCLUDED
        limits = limits_ms(columns, record_ms, clock_ms)
        reference = self.event_ms if self.event_clock else max(self.now_ms, clock_ms)
        first_bucket = reference // self._bucket_ms - self.scoring.retention + 1
        time_verdicts(columns, limits, buckets, first_bucket, verdict)
        verdict[refusals] = Verdict.WRONG_PARTITION
        return verdict, rows, (buckets, types), limits

    def _new_hashes(self, columns: EventColumns, counted: Int64s, verdict: NDArray[np.int8]) -> Hashes:
        """The id hashes of what is counted; marks the duplicates among it."""
        ids = columns.event_id
        if len(counted) < len(columns):
            ids = [ids[at] for at in counted.tolist()]
        hashes = hash_ids(ids, self._seed)
        first = self.ids.first_seen(hashes)
        if first.all():
            return hashes
        verdict[counted[~first]] = Verdict.DUPLICATE
        return hashes[first]

    def _enter_new(self, columns: EventColumns, counted: Int64s, rows: Int64s, new: Newcomers) -> None:
        """Give rows to the entities that are counted for the first time."""
        roster = self.roster
        for at in counted[rows[counted] < 0].tolist():
            place = int(columns.index[at])
            account, user = columns.account_id[at], columns.user_id[at]
            row = roster.row_of.get((account, user))
            if row is None:
                parent = NO_PARENT
                if account is not None:
                    found = roster.row_of.get((account, None))
                    if found is None:
                        found = roster.take_row()
                        roster.enter(found, (account, None), NO_PARENT)
                        new.enter_account(place, found, account)
                    parent, account = found, roster.account_of(found)
                row = roster.take_row()
                roster.enter(row, (account, user), parent)
                new.enter_user(place, row, parent, user)
            rows[at] = row

    def _rejects(self, columns: EventColumns, verdict: NDArray[np.int8], limits: Int64s) -> list[Reject]:
        refused = np.flatnonzero(verdict >= Verdict.IN_FUTURE)
        return [self._gate.reject(columns, at, Verdict(int(verdict[at])), int(limits[at])) for at in refused.tolist()]

    # ---- scores

    def score(
        self, now_ms: int, bases: Bases, sweep_rows: int | None = None, *, rules_paused: bool = False
    ) -> Iterator[None]:
        """Judge whoever changed, in steps well under 50 ms; see `ScoringPass.run`."""
        self.now_ms = max(self.now_ms, now_ms)
        self._close_days()
        return self.passes.run(self.now_ms, bases, sweep_rows, rules_paused=rules_paused)

    def _close_days(self) -> None:
        """The days that `now` has left close with what readers were last told."""
        today = self.now_ms // DAY_MS
        if self.today is None or today > self.today:
            closed = ClosedDays.before(today, self.today, self.scoring.history)
            self.close_days(closed)
            self.draft.add_closed(closed)

    # ---- journal

    def acknowledged(self, redis_through: str, redis_id: str) -> None:
        """Redis `redis_id` has acknowledged everything up to a version; goes into the next entry.

        Not while there are rows or alerts to be told again: what was said of them before may be lost, though its
        version is smaller.
        """
        if self.passes.owing or self._alerts_again:
            return
        if redis_through and (redis_through, redis_id) != (self.redis_through, self.redis_id):
            self.mark_redis(redis_through, redis_id)
            self._mark_news = True

    def cut(self) -> list[Cut]:
        """What happened since the last cut, as journal entries (none if nothing did)."""
        before = self._journaled_position
        cuts = self.draft.cuts(before if before is not None else 0)
        self.draft = Draft()
        if self._models_news is not None:
            cuts[0].body["mo"], self._models_news = self._models_news, None
        if self._alerts_again:
            cuts[0].alerts_again, self._alerts_again = self.outbox.alerts(), False
            cuts[0].body["aa"] = True  # an entry of its own, if need be: they need a version
        self._cut_freed(cuts)
        last = cuts[-1]
        bucket = self.now_ms // self._bucket_ms
        if bucket != self._journaled_bucket:
            last.body["now"], self._journaled_bucket = self.now_ms, bucket
        if self.passes.expired_before != self._journaled_expiry:
            last.body["fb"] = self._journaled_expiry = self.passes.expired_before
        if self.ids.full:
            last.body["rot"] = True
            self.ids.rotate()
        if self._mark_news:
            last.body["rt"], last.body["rid"], self._mark_news = self.redis_through, self.redis_id, False
        if self._delivered_news:
            last.body["dt"], self._delivered_news = self.outbox.delivered_through, False
        self._journaled_position = self.position
        # Now, not when the entry has landed: by then a freed row may stand for another entity.
        for cut in cuts:
            cut.telling = self.telling
            self._prepare_batches(cut)
        last.moved = any(cut.moved for cut in cuts)
        return [cut for cut in cuts if cut.body]

    def _cut_freed(self, cuts: list[Cut]) -> None:
        """Add the rows freed, and the entities freed before whose last documents may be lost and that didn't return."""
        again, self._freed_again = self._freed_again, []
        for key in again:
            if key not in self.roster.row_of:
                cut = room(cuts, 16 + sum(4 * len(text or "") for text in key))
                cut.body.setdefault("fk", []).append(list(key))
                cut.freed.append(key)
        rows = self.passes.take_freed(FREED_A_CUT)
        if len(rows):
            cut = room(cuts, 16 + 4 * len(rows))
            cut.body["fb"] = self.passes.expired_before
            cut.body["fr"] = rows.astype("<i4").tobytes()
            cut.freed.extend(self.release(rows))

    def _prepare_batches(self, cut: Cut) -> None:
        """What may leave once an entry has landed. Rows that it frees get their last document only."""
        batches = [score_batch(self.partition, judged, self.roster) for judged in cut.judged]
        at = self.now_ms / 1000
        for model in self.scoring.models if cut.freed else ():
            batches.extend(freed_batch(self.partition, model, kind, cut.freed, at) for kind in model.kinds)
        cut.batches.extend(batch for batch in batches if batch is not None)

    def landed(self, cut: Cut, version: str) -> tuple[list[ScoreBatch], list[SentAlert]]:
        """The journal holds `cut` as `version`: what of it may leave for Redis now.

        Nothing if Redis was lost since the cut, for all of it is told again. By then this may be a worker that was
        replaced long ago, and what it cut mustn't reach an empty Redis, where no newer version would refuse it.
        """
        for judged in cut.judged:
            self.unacknowledged.add(version, judged.change.model, judged.change.rows.astype(np.int64))
        self.unacknowledged.add_freed(version, cut.freed)
        self.outbox.add(version, cut.alerts)
        if cut.telling != self.telling:
            self._tell_freed_again()
            self._alerts_again = len(self.outbox) > 0
            return [], []
        return [replace(batch, version=version) for batch in cut.batches], [*cut.alerts_again, *cut.alerts]

    def delivered_all(self) -> None:
        """Kafka has every alert that the journal holds."""
        self.outbox.delivered(self.outbox.newest)
        self._delivered_news = True


def _since(position: int, columns: EventColumns, offsets: Int64s) -> tuple[EventColumns, int]:
    """What of a chunk stands at `position` or behind it, and how many usable records stand before."""
    before = len(columns) + len(columns.traits)
    traits = tuple(record for record in columns.traits if int(offsets[record.index]) >= position)
    if len(columns) and int(offsets[columns.index[0]]) < position:
        columns = columns.take(offsets[columns.index] >= position)
    if len(traits) < len(columns.traits):
        columns = replace(columns, traits=traits)
    return columns, before - len(columns) - len(columns.traits)


_NOWHERE: Int64s = np.empty(0, np.int64)

_repeat_minus_one = repeat(-1)

_OUTCOMES = {
    Verdict.COUNTED: "counted",
    Verdict.DUPLICATE: "duplicate",
    Verdict.UNKNOWN_TYPE: "unknown_type",
    Verdict.EXCLUDED: "excluded",
    Verdict.LATE: "late",
    Verdict.IN_FUTURE: "dead_letter",
    Verdict.WRONG_PARTITION: "dead_letter",
}
