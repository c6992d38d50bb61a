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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import nan
from typing import Any, cast

import msgpack
import numpy as np

from scorer.core.admission import Gate
from scorer.core.cells import MAX_TYPES
from scorer.core.days import ClosedDays
from scorer.core.draft import Cut, Draft, RuleNews, room
from scorer.core.events import EventColumns, Int64s
from scorer.core.fold import Fold, ModelInForce
from scorer.core.footing import Bases
from scorer.core.intake import Applied, Intake
from scorer.core.journal.records import JournalError
from scorer.core.kpis.board import Board
from scorer.core.kpis.documents import kpi_body
from scorer.core.model import Model, Scoring
from scorer.core.outbox import SentAlert
from scorer.core.publish import KpiBatch, ScoreBatch
from scorer.core.roster import EntityKey
from scorer.core.scoring_pass import ScoringPass
from scorer.core.views import freed_batch, score_batch

FREED_A_CUT = 100_000
"""At most so many rows are freed in one journal entry."""


KPIS_A_STEP = 200


@dataclass(slots=True)
class Tally:
    """How many alerts, by rule and state; how many went from one band (code) to another, by model."""

    alerts: Counter[tuple[str, str]] = field(default_factory=Counter)
    moves: dict[str, tuple[Model, Counter[tuple[int, int]]]] = field(default_factory=dict)

    def add(self, cut: Cut) -> None:
        for news in cut.rules:
            self.alerts.update(news.told)
        for judged in cut.judged:
            if judged.moves:
                self.moves.setdefault(judged.model.name, (judged.model, Counter()))[1].update(judged.moves)


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
        self._models_news: list[list[Any]] | None = None
        self._models_before: dict[int, ModelInForce] | None = None
        self._journaled_position: int | None = None
        self._journaled_bucket = -1
        self._journaled_expiry = 0
        self._mark_news = False
        self._delivered_news = False
        self._alerts_again = False
        self._tally = Tally()
        self._freed_again: list[EntityKey] = []
        self.telling = 0
        self.passes = ScoringPass(self)
        self.intake = Intake(self, Gate(scoring.exclude_users, partition, partitions))

    # ---- binding a restored fold to this worker

    def restored(self, seed: int) -> None:
        """The fold stands as of the own claim: bind it to the scoring file, and take up what was left undone."""
        self.expire_due()
        self._journaled_position = self.position
        for name in self.scoring.events:
            if name not in self.types:
                self.types[name] = len(self.types)
                self.draft.types.append(name)
        if len(self.types) > MAX_TYPES:
            raise JournalError(
                f"events: with these, {len(self.types)} event types were ever counted, at most {MAX_TYPES} can be: "
                f"count anew in another SCORER_NAMESPACE (`scorer rebuild` isn't there yet)"
            )
        self.intake.bind(seed)
        self._models_before = dict(self.models)
        self._adopt_models()
        self.board = Board(self, self.scoring) if self.scoring.kpis is not None else None
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
        that were in force before, have its entity.

        Not before the first pass: only then it is known what time it is, and the journal's may be a bucket old.
        """
        standings = {(held.name, held.hash): held.standing for held in models.values()}
        for ended, cause in self.rules.endings(self.scoring.alerts, [model.name for model in self.scoring.models]):
            at = standings.get((ended.rule.model, ended.rule.model_hash))
            found = ended.resolve_all(cause, None if at is None else (at.score, at.raw, at.band))
            self.passes.judge.note(ended, found, [nan] * len(found.alerts))
        adopted = self.rules.adoption(self.scoring.alerts)
        if adopted is not None:
            self.rules.put_in_force(adopted)
            self.draft.add_rule_news(RuleNews("f", adopted, len(msgpack.packb(adopted))))
        self.passes.judge.watch()

    def tell_all_again(self) -> None:
        """Readers lost what they had, or some of it: everything is news, last documents and alerts not acknowledged
        too."""
        self._alerts_again = len(self.outbox) > 0
        for code in self.models:
            self.passes.tell_again(code, self.roster.live_rows())
        self.telling += 1
        self._tell_freed_again()
        if self.board is not None:
            self.board.tell_again()

    def _tell_freed_again(self) -> None:
        known = self.roster.row_of
        waiting = dict.fromkeys(self._freed_again) | dict.fromkeys(key for _, key in self.unacknowledged.freed())
        self._freed_again = [key for key in waiting if key not in known]

    # ---- events

    def apply(self, columns: EventColumns, offsets: Int64s, record_ms: Int64s, to: int, clock_ms: int) -> Applied:
        """Take in one chunk of the source: [position, to); see `Intake.take`."""
        if self.position is None:
            raise RuntimeError("no start: the journal doesn't say where to read from")
        return self.intake.take(columns, offsets, record_ms, max(to, self.position), clock_ms)

    # ---- scores

    def score(
        self,
        now_ms: int,
        bases: Bases,
        sweep_rows: int | None = None,
        *,
        moves_wait: Callable[[], bool] = lambda: False,
        rules_paused: bool = False,
        patient: bool = True,
    ) -> Iterator[None]:
        """Judge whoever changed, in steps well under 50 ms; see `ScoringPass.run`."""
        self.now_ms = max(self.now_ms, now_ms)
        if self._models_before is not None:
            self._adopt_rules(self._models_before)
            self._models_before = None
        self._close_days()
        return self.passes.run(
            self.now_ms, bases, sweep_rows, moves_wait=moves_wait, rules_paused=rules_paused, patient=patient
        )

    def _close_days(self) -> None:
        """The days that `now` has left close with what readers were last told."""
        today = self.scoring.calendar.day_of(self.now_ms)
        if self.today is None or today > self.today:
            closed = ClosedDays.before(today, self.today, self.scoring.history)
            self.close_days(closed)
            self.draft.add_closed(closed)

    # ---- KPIs

    def survey(self) -> Iterator[None]:
        """Bring the KPIs up to date, as of the last pass's now, in steps well under 50 ms; what is news goes into the
        draft. May be left after any step, and gone on with after other passes and entries."""
        if self.board is not None:
            yield from self.board.count(self.scoring.calendar.day_of(self.now_ms))
            yield from self.tell_kpis()

    def tell_kpis(self) -> Iterator[None]:
        """The second half of it: what readers don't have yet."""
        while self.board is not None and self.board.untold:
            self.draft.kpis.append(self._kpi_batch(self.board.take_untold(KPIS_A_STEP)))
            yield

    def _kpi_batch(self, rows: list[int]) -> KpiBatch:
        board, last_ms = cast(Board, self.board), self.roster.last_ms
        ids = [self.roster.account_of(row) or "" for row in rows]
        bodies = [kpi_body(board.kpis(row), last_ms[row].item() / 1000 if last_ms[row] else None) for row in rows]
        return KpiBatch(self.partition, "", ids, bodies)

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
        if self.draft.kpis:
            cuts[-1].body["kp"] = True  # an entry of its own, if need be: they need a version
            cuts[-1].kpis.extend(self.draft.kpis)
        self.draft = Draft()
        if self._models_news is not None:
            cuts[0].body["mo"], self._models_news = self._models_news, None
        if self._alerts_again:
            cuts[0].alerts_again, self._alerts_again = self.outbox.alerts(), False
            cuts[0].body["aa"] = True  # an entry of its own, if need be: they need a version
        self._cut_freed(cuts)
        last = cuts[-1]
        bucket = self.scoring.calendar.bucket_of(self.now_ms)
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
        gone = [account for account, user in cut.freed if user is None and account is not None]
        if self.board is not None and gone:
            body = kpi_body(self.board.nobodys(), None)
            cut.kpis.append(KpiBatch(self.partition, "", gone, [body] * len(gone), freed=True))
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
        self._tally.add(cut)
        if cut.telling != self.telling:
            self._tell_freed_again()
            self._alerts_again = len(self.outbox) > 0
            return [], []
        return [replace(batch, version=version) for batch in cut.batches], [*cut.alerts_again, *cut.alerts]

    def landed_kpis(self, cut: Cut, version: str) -> list[KpiBatch]:
        """Likewise for KPIs: those that were lost with Redis are told again anyway."""
        return [replace(batch, version=version) for batch in cut.kpis] if cut.telling == self.telling else []

    def take_tally(self) -> "Tally":
        """What the entries that landed since the last call changed."""
        tally, self._tally = self._tally, Tally()
        return tally

    def delivered_all(self) -> None:
        """Kafka has every alert that the journal holds."""
        self.outbox.delivered(self.outbox.newest)
        self._delivered_news = True
