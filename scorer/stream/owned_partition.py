"""One partition while this worker owns it: claimed, restored, counted, scored, flushed."""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import accumulate
from math import isfinite
from typing import Any

from scorer.core.journal.owner import Owner
from scorer.core.journal.steps import Steps
from scorer.core.partition import PartitionState
from scorer.core.refusals import Refusal, by_record
from scorer.stream.arrears import Arrears
from scorer.stream.dead_letters import DeadLetter
from scorer.stream.exchange import BUCKET_PATIENCE_SECONDS
from scorer.stream.kpi_survey import KpiSurvey
from scorer.stream.latencies import Latencies
from scorer.stream.ports import Chunk, Flow
from scorer.stream.publishing_budget import PublishingBudget, SweepPace
from scorer.stream.rejection_log import RejectionLog
from scorer.stream.step_performer import StepPerformer
from scorer.stream.workplace import Workplace

_log = logging.getLogger(__name__)

FLUSH_AT_BYTES = 600_000
"""A draft of this size is flushed at once."""

FULL_AT_BYTES = 4_000_000
"""A draft of this size makes the source wait."""

BEHIND_SECONDS = 5.0
"""A worker that is further behind publishes only every `PATIENT_SECONDS`."""

PATIENT_SECONDS = 5.0

ALERTS_WITHIN_SECONDS = 60.0
"""Rules aren't evaluated while a worker is further behind; then once, for what has come of it (SCORING 4)."""

PASS_AT_BYTES = 200_000
"""A pass that told so much ends for now: all of it is cut in one step, about 2 us a score."""

SLICE_RECORDS = 1_500
"""Records decoded and counted at once: what becomes of them fits into a core's own cache. 5,000 take a third more."""

SLICE_BYTES = 1_000_000
"""Of records decoded and counted at once, unless one alone has more: of large records, and batches of calls, fewer."""


class OwnedPartition:
    """The driver of one partition. `phase` says in words what it is doing."""

    def __init__(
        self, partition: int, place: Workplace, flow: Flow, random_number: Any, budget: PublishingBudget
    ) -> None:
        self.partition = partition
        self._place = place
        self._flow = flow
        self.owner = Owner(self._new_state, place.identity, random_number, snapshots=place.log.can_trim)
        self.phase = "not claimed"
        self.token = -1
        self.caught_up = False
        self._steps = StepPerformer(partition, place, flow, self._restoring)
        self._arrears = Arrears()
        self._lock = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._room = asyncio.Event()
        self._rejections = RejectionLog(partition)
        self._at_end = time.monotonic()
        self._snapshot_began: float | None = None
        self._dedupe_began: deque[tuple[int, float]] = deque(maxlen=2)
        self._refill = False
        self._adopted: PartitionState | None = None
        self._budget = budget
        self._pace = SweepPace(budget, len(place.scoring.models))
        self._pausing = False
        self._latencies = Latencies()
        self._awaiting_since = time.monotonic()
        self._kpis = KpiSurvey(place.kpi_interval)

    def _new_state(self) -> PartitionState:
        place = self._place
        return PartitionState(
            place.scoring,
            self.partition,
            place.partitions,
            place.dedupe_ids,
            event_clock=place.clock.by_events,
            namespace=place.namespace,
        )

    @property
    def last_progress(self) -> float:
        """When this partition last committed, or was last seen at the log's end; `time.monotonic`."""
        return max(self._steps.last_commit, self._at_end)

    def _restoring(self, progress: str) -> None:
        self.phase = progress

    async def _perform(self, flow: Steps) -> bool:
        try:
            return await self._steps.perform(flow)
        except BaseException:
            self.drop()
            raise

    # ---- the life of an ownership

    async def run(self) -> None:
        """Own the partition until it is revoked or the group wants it elsewhere."""
        self._pausing = False
        while await self._establish():
            await self._publish_until_lost()
            if self._pausing:
                return
            self.phase = "lost to another writer of its journal"
            _log.warning("partition %s: somebody else wrote to its journal", self.partition)
            if not await self._steps.may_claim():
                break
        self.phase = "left: the group hasn't accepted this worker's generation"

    async def pause(self) -> None:
        """A rebalance or the end: flush what there is; the state is kept, and a claim will tell if it stands."""
        self._pausing = True
        self.token = -1
        self._flow.hold(self.partition)
        self._wanted.set()
        async with self._lock:
            if self.owner.state is not None and self.phase == "running":
                await self._flush(score=True)
        self.phase = "paused"

    def drop(self) -> None:
        """Give up the state: an append may be on its way."""
        self.owner.drop()
        self.phase = "not claimed"
        self._room.set()

    async def _establish(self) -> bool:
        self.phase, self.caught_up = "claiming", False
        began = time.perf_counter()
        async with self._lock:
            owned = await self._perform(self.owner.own())
        state = self.owner.state
        if not owned or state is None:
            return False
        place = self._place
        place.metrics.recovery_seconds.observe(time.perf_counter() - began)
        if state is not self._adopted:
            self._adopted = state
            place.metrics.recovery_events.inc(state.restored_events)
            self._dedupe_began.clear()
            place.scores.adopt(self.partition, state.redis_through, state.redis_id)
        self._beat(state)
        self.phase = "running"
        self._arrears.begin_anew()
        self.token = self._flow.release(self.partition, state.position or 0)
        _log.info("partition %s stands at offset %s", self.partition, state.position)
        return True

    async def _publish_until_lost(self) -> None:
        due = time.monotonic()
        beat = 0.0
        while not self._pausing:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._wanted.wait()
            self._wanted.clear()
            if self._pausing:
                return
            score = time.monotonic() >= due or self._just_caught_up()
            async with self._lock:
                if not await self._flush(score=score):
                    self.token = -1
                    self._flow.hold(self.partition)
                    self._place.scores.forget(self.partition)
                    return
            if score:
                due = time.monotonic() + self._seconds_to_next_pass()
            if time.monotonic() - beat >= 1.0 and self.owner.state is not None:
                beat = time.monotonic()
                self._beat(self.owner.state)

    def _just_caught_up(self) -> bool:
        """At the log's end for the first time: what was published less often while behind goes out at once."""
        return not self.caught_up and self.lag() == 0

    def _seconds_to_next_pass(self) -> float:
        state = self.owner.state
        goes_on = state is not None and state.passes.unfinished and not self._walks_wait(state)
        return 0.0 if goes_on else self._publish_seconds()

    def _walks_wait(self, state: PartitionState) -> bool:
        """What stands in the line to Redis before an event delays it: of walks, no more than a step a pass joins."""
        return state.passes.events_told and self._place.scores.busy()

    def _publish_seconds(self) -> float:
        interval = self._place.publish_interval.total_seconds()
        return max(interval, PATIENT_SECONDS) if self.behind_seconds() > BEHIND_SECONDS else interval

    # ---- events

    async def process(self, chunk: Chunk) -> None:
        """Count a chunk, unless it isn't what comes next."""
        state = self.owner.state
        if chunk.token != self.token or state is None or state.position is None:
            return
        if chunk.from_offset > state.position:
            self.token = self._flow.release(self.partition, state.position)
            return
        self._place.metrics.chunk_records.observe(len(chunk.values))
        while state.draft.size > FULL_AT_BYTES:
            self._room.clear()
            self._wanted.set()
            await self._room.wait()
            if chunk.token != self.token or self.owner.state is not state:
                return
        for part in slices(chunk):
            self._count(state, part)
            await asyncio.sleep(0)
            if chunk.token != self.token or self.owner.state is not state:
                return
        self._place.clock.saw_event(state.event_ms)
        if len(chunk.timestamps_ms):
            self._latencies.counted(chunk.timestamps_ms)
            self._arrears.processed(int(chunk.timestamps_ms[-1]))
        if state.draft.size > FLUSH_AT_BYTES or self._just_caught_up():
            self._wanted.set()

    def _count(self, state: PartitionState, part: Chunk) -> None:
        metrics = self._place.metrics
        began = time.perf_counter()
        columns, rejects = self._place.decoder.decode(part.values, part.headers)
        decoded = time.perf_counter()
        metrics.stage_seconds.labels("decode").observe(decoded - began)
        first = state.position or 0
        rejects = [reject for reject in rejects if int(part.offsets[reject.index]) >= first]
        unreadable = len(rejects)
        clock_ms = self._place.clock.worker_ms()
        applied = state.apply(columns, part.offsets, part.timestamps_ms, part.to_offset, clock_ms)
        rejects.extend(applied.rejects)
        if rejects:
            self._rejections.note(rejects)
            self.owner.letters.extend(self._letter(part, refusal) for refusal in by_record(rejects))
        for outcome, count in (applied.outcomes + Counter(dead_letter=unreadable)).items():
            metrics.events.labels(outcome).inc(count)
        metrics.stage_seconds.labels("count").observe(time.perf_counter() - decoded)

    def _letter(self, chunk: Chunk, refusal: Refusal) -> DeadLetter:
        index = refusal.index
        return DeadLetter(
            self._place.input_topic,
            self.partition,
            int(chunk.offsets[index]),
            chunk.values[index],
            str(refusal.reason),
            refusal.detail,
            self._place.clock.wall_ms(),
            calls=refusal.calls,
            headers=tuple(chunk.headers.get(index, ())),
        )

    def lag(self) -> int | None:
        """Records between the state and the end of the source, None while that is unknown."""
        state, end = self.owner.state, self._flow.end_offset(self.partition)
        if state is None or state.position is None or end is None:
            return None
        return max(0, end - state.position)

    def behind_seconds(self) -> float:
        """Now minus the broker timestamp of the last record processed; 0 at the log's end, or while it is unknown."""
        behind = self._arrears_seconds()
        return behind if isfinite(behind) else 0.0

    def _arrears_seconds(self) -> float:
        return 0.0 if self.lag() == 0 else self._arrears.seconds(time.monotonic(), self._place.clock.wall_ms())

    # ---- scores and the journal

    def lost_by_redis(self) -> None:
        """Redis holds nothing of this partition any more, or may not: tell it everything again."""
        if self.owner.state is not None:
            self._refill = True
            self.owner.state.tell_all_again()
            self._wanted.set()

    def written_to_redis(self, version: str) -> None:
        """Scores up to a version can be read now."""
        now_ms = self._place.clock.wall_ms()
        for times_ms in self._latencies.readable(version):
            self._place.metrics.event_to_score_seconds.observe((now_ms - times_ms) / 1000)

    async def _flush(self, *, score: bool) -> bool:
        """Score, journal, let out. False: the state was lost."""
        state = self.owner.state
        if state is None:
            return False
        at_end = self.lag() == 0
        if at_end:
            self._at_end = time.monotonic()
            self._arrears.at_end(self._at_end)
        began = time.perf_counter()
        scored = self._latencies.take() if score else []
        if score:
            await self._score(state)
            await self._survey(state)
            # Not before: a benchmark made of scores that leave out the last events would be corrected at once, and
            # each benchmark rewrites everybody's score.
            self.caught_up = self.caught_up or (at_end and not state.passes.unfinished)
            self._place.metrics.stage_seconds.labels("score").observe(time.perf_counter() - began)
            began = time.perf_counter()
        through, redis_id = self._redis_mark(state)
        if not state.passes.events_told:
            self._latencies.put_back(scored)
            scored = []
        # what readers keep of a model that waits for its benchmark isn't told again yet
        kpis_to_tell = state.board is not None and bool(state.board.untold)
        to_tell = state.passes.unfinished or state.passes.waiting or kpis_to_tell
        refill, self._refill = self._refill and not to_tell, self._refill and to_tell
        trims = self._steps.trims
        flushed = await self._perform(self.owner.flush(redis_through=through, redis_id=redis_id))
        self._time_snapshot(began, self._steps.trims > trims)
        self._place.metrics.stage_seconds.labels("flush").observe(time.perf_counter() - began)
        self._room.set()
        tally = state.take_tally()
        self._place.metrics.count_alerts(tally.alerts)
        for model, moves in tally.moves.values():
            self._place.metrics.count_band_transitions(model, moves)
        if flushed:
            self._latencies.published(self.owner.last_version, scored)
            if refill and not self._refill:  # else lost once more meanwhile
                self._place.scores.refilled(self.partition)
        return flushed

    async def _score(self, state: PartitionState) -> None:
        """A pass, or as much of one as fits into a journal entry; a state that fails within a step is in pieces."""
        draft, budget = state.draft, self._budget
        size, told = draft.size, draft.scores
        sweep_rows = self._pace.due(len(state.roster))
        try:
            for _ in state.score(
                self._place.clock.now_ms(),
                self._place.exchange,
                sweep_rows,
                moves_wait=_never if sweep_rows is None else budget.overdrawn,
                rules_paused=self._rules_pause(),
                patient=time.monotonic() - self._awaiting_since < BUCKET_PATIENCE_SECONDS,
            ):
                budget.charge(draft.scores - told)
                told = draft.scores
                await asyncio.sleep(0)
                if draft.size - size > PASS_AT_BYTES or self._walks_wait(state):
                    break
        except BaseException:
            self.drop()
            raise
        budget.charge(draft.scores - told)
        if not state.passes.awaiting:
            self._awaiting_since = time.monotonic()
        if sweep_rows and not state.passes.unfinished:
            self._pace.swept()

    async def _survey(self, state: PartitionState) -> None:
        try:
            await self._kpis.go_on(state)
        except BaseException:
            self.drop()
            raise

    def _rules_pause(self) -> bool:
        """While far behind, or while nobody knows how far, scores aren't what they will be in a moment."""
        return self._arrears_seconds() > ALERTS_WITHIN_SECONDS

    def _time_snapshot(self, flush_began: float, complete: bool) -> None:
        if complete:
            began = self._snapshot_began if self._snapshot_began is not None else flush_began
            self._place.metrics.snapshot_seconds.observe(time.perf_counter() - began)
        if complete or not self.owner.snapshot_under_way:
            self._snapshot_began = None
        elif self._snapshot_began is None:
            self._snapshot_began = flush_began

    def dedupe_seconds(self) -> float:
        """For how long this worker has surely kept event ids: since the generation before the current one began."""
        state = self.owner.state
        if state is None:
            return 0.0
        rotations = state.ids.rotations
        if not self._dedupe_began or self._dedupe_began[-1][0] != rotations:
            self._dedupe_began.append((rotations, time.monotonic()))
        return time.monotonic() - self._dedupe_began[0][1]

    def _redis_mark(self, state: PartitionState) -> tuple[str, str]:
        """What Redis has acknowledged, if that is news: a Redis just met has not acknowledged what was adopted."""
        through = self._place.scores.acknowledged(self.partition)
        run_id = self._place.scores.run_id
        if run_id is None or through <= state.redis_through:
            return state.redis_through, state.redis_id
        return through, run_id

    async def settle_redis(self, patience_seconds: float) -> None:
        """At a clean end: wait for Redis, and journal that it has everything."""
        until = time.monotonic() + patience_seconds
        state = self.owner.state
        while state is not None and state.has_unacknowledged and time.monotonic() < until:
            await asyncio.sleep(0.05)
            async with self._lock:
                if not await self._flush(score=False):
                    return

    def _beat(self, state: PartitionState) -> None:
        self._place.scores.heartbeat(
            self.partition,
            version=self.owner.last_version,
            at=self._place.clock.wall_ms() / 1000,
            as_of=state.event_ms / 1000 if state.event_ms else None,
            behind_seconds=self.behind_seconds(),
            owner=self._place.identity.owner,
            counted_from=state.counted_from,
            scoring=self._place.identity.scoring_hash,
        )


def _never() -> bool:
    return False


def slices(chunk: Chunk) -> Iterator[Chunk]:
    """The chunk in parts of at most `SLICE_RECORDS` and `SLICE_BYTES`; the first reaches back, and the last on, as the
    chunk does."""
    n = len(chunk.values)
    from_offset, start = chunk.from_offset, 0
    while True:
        stop = min(start + SLICE_RECORDS, n)
        stop = start + _within_bytes(chunk.values[start:stop])
        to_offset = int(chunk.offsets[stop]) if stop < n else chunk.to_offset
        part = slice(start, stop)
        yield replace(
            chunk,
            from_offset=from_offset,
            to_offset=to_offset,
            offsets=chunk.offsets[part],
            timestamps_ms=chunk.timestamps_ms[part],
            values=chunk.values[part],
            headers={at - start: each for at, each in chunk.headers.items() if start <= at < stop},
        )
        if stop == n:
            return
        from_offset, start = to_offset, stop


def _within_bytes(values: Sequence[bytes | None]) -> int:
    """How many of the first of them have at most `SLICE_BYTES`; one at least."""
    if sum(map(len, filter(None, values))) <= SLICE_BYTES:
        return len(values)
    ends = accumulate(len(value or b"") for value in values)
    return max(1, sum(end <= SLICE_BYTES for end in ends))
