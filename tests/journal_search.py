"""A search for holes in the journal's protocol: the real `Owner` and `PartitionState` in a made-up world.

The world has one input partition, its journal, a Redis and a few workers. A seeded schedule chooses what happens
next: appends land late, twice or unheard of, workers pause, crash and are replaced without noticing, trims come
late, Redis is emptied, buckets close so that rows are freed and used again, the journal is lost. In the end a last
worker takes over, and everything must equal a naive recount.

    python -m tests.journal_search --seeds 200000       search; exits 1 at the first hole
    python -m tests.journal_search --faults             switch each rule off: every one must be found
"""

import argparse
import multiprocessing
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import numpy as np

from scorer.core.draft import Cut, Judged
from scorer.core.events import MICRO, EventColumns
from scorer.core.journal.ledger import Ledger
from scorer.core.journal.owner import (
    Append,
    Bounds,
    Commit,
    Identity,
    Landed,
    MayClaim,
    Owner,
    Publish,
    Read,
    ResolveStart,
    SendDeadLetters,
    Step,
    Steps,
    Trim,
    Trimmed,
)
from scorer.core.journal.records import Entry, Part, decode, encode
from scorer.core.journal.restore import LogRecord, Restore
from scorer.core.model import BenchmarkRule, Curve, Kind, Model, Scoring, Shape, Weight
from scorer.core.partition import PartitionState
from scorer.core.publish import ScoreBatch, version
from scorer.core.redis_mark import RedisMark
from scorer.core.standing import Basis
from scorer.core.views import score_batch

BUCKET_SECONDS = 60
BUCKET_MS = BUCKET_SECONDS * 1000
WINDOW = 3
SCORING = Scoring(
    BUCKET_SECONDS,
    ("opened", "made"),
    (
        Model(
            "use",
            (Kind.USER, Kind.ACCOUNT),
            WINDOW,
            {"opened": Weight(1.0), "made": Weight(5.0, cap_user=2.0)},
            half_life=2.0,
            benchmark=BenchmarkRule(initial=10.0),
            curve=Curve(Shape.LINEAR),
            margin=5.0,
        ),
    ),
)
MODEL = SCORING.models[0]
IDENTITY = Identity("searched", BUCKET_SECONDS, SCORING.hash)


class Hole(Exception):
    """The protocol broke a promise."""


@dataclass(frozen=True)
class Event:
    id: str
    type: str
    account: str | None
    user: str
    ts_ms: int


@dataclass
class Log:
    """A partition of the journal topic."""

    records: list[LogRecord] = field(default_factory=list)
    start: int = 0

    def append(self, value: bytes, timestamp_ms: int) -> Landed:
        offset = self.start + len(self.records)
        self.records.append(LogRecord(offset, timestamp_ms, value))
        return Landed(offset, timestamp_ms)

    def trim(self, before: int) -> None:
        if before > self.start:
            del self.records[: before - self.start]
            self.start = before


@dataclass
class Flight:
    """An append on its way."""

    value: bytes
    landed: Landed | None = None


OwnerType = Callable[..., Owner]


@dataclass
class Worker:
    """One process: what it believes need not be true any more."""

    name: int
    owner: Owner
    flow: Steps | None = None
    step: Step | None = None
    flight: Flight | None = None
    owning: bool = False
    mark: RedisMark = field(default_factory=RedisMark)
    to_redis: list[ScoreBatch] = field(default_factory=list)
    redis_id: str = ""
    pass_told_all: bool = False

    @property
    def idle(self) -> bool:
        return self.flow is None

    @property
    def stands(self) -> bool:
        return self.idle and self.owning and self.owner.state is not None


def make_state() -> PartitionState:
    return PartitionState(SCORING, 0, 1, 40)


class World:
    """One schedule."""

    def __init__(self, seed: int, owner_type: OwnerType = Owner, *, loses_journal: bool = False) -> None:
        self.random = random.Random(seed)
        self.owner_type = owner_type
        self.loses_journal = loses_journal
        self.source: list[Event] = []
        self.log = Log()
        self.redis: dict[str, tuple[str, dict[str, Any]]] = {}
        self.redis_id = "redis-0"
        self.now_ms = 1_000 * BUCKET_MS
        self.workers: list[Worker] = []
        self.member: Worker | None = None
        self.late: list[bytes] = []
        self.trims: list[int] = []
        self.start: int | None = None
        self.basis = Basis(10.0)
        self.trimmed = 0
        self.trimmed_reads = 0
        self.snapshot_floor = self.random.choice([100, 100, 1_500, 10**9])
        self.parts_a_flush = self.random.choice([1, 3, 12])
        self.unrest = self.random.choice([0.15, 0.5, 1.0])
        self.hired = 0

    # ---- what may happen

    def run(self, steps: int) -> None:
        self.hire()
        actions = (
            (self.produce, 4),
            (self.advance, 20),
            (self.land, 10),
            (self.work, 10),
            (self.go_well, 4),
            (self.tell_redis, 6),
            (self.tick, 1.5),
            (self.rebalance, self.unrest),
            (self.crash, self.unrest * 0.6),
            (self.late_append, 0.8),
            (self.late_trim, 0.7),
            (self.empty_redis, 0.2),
            (self.move_benchmark, 0.3),
            (self.lose_journal, 0.3 if self.loses_journal else 0),
        )
        chosen = self.random.choices([a for a, _ in actions], [w for _, w in actions], k=steps)
        for action in chosen:
            action()
        self.settle()

    def hire(self) -> Worker:
        owner = self.owner_type(make_state, IDENTITY, lambda: self.random.getrandbits(62))
        owner.snapshot_floor_bytes = self.snapshot_floor
        owner.parts_a_flush = self.parts_a_flush
        worker = Worker(self.hired, owner, redis_id=self.redis_id)
        self.hired += 1
        self.workers.append(worker)
        self.assign(worker)
        return worker

    def assign(self, worker: Worker) -> None:
        """The group gives the partition to `worker`; whoever had it may not know for long."""
        self.member = worker
        if worker.flow is not None:
            worker.flow.close()
            worker.owner.drop()
        worker.owning = False
        worker.flow = worker.owner.own()
        self.step(worker, None)

    def produce(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            if self.source and self.random.random() < 0.15:
                self.source.append(self.random.choice(self.source[-10:]))
                continue
            account = self.random.choice(["a", "b", None])
            user = self.random.choice("uvwxyz")
            kind = self.random.choice(["opened", "made", "unknown"])
            ts_ms = self.now_ms - self.random.choice([0, 0, 0, BUCKET_MS, 2 * BUCKET_MS])
            self.source.append(Event(f"e{len(self.source)}", kind, account, user, ts_ms))

    def pick(self, fits: Callable[[Worker], bool]) -> Worker | None:
        fitting = [worker for worker in self.workers if fits(worker)]
        return self.random.choice(fitting) if fitting else None

    def advance(self) -> None:
        """Some worker's step is answered."""
        worker = self.pick(lambda w: w.step is not None)
        if worker is None:
            return
        if not isinstance(worker.step, Append):
            self.step(worker, self.answer(worker, worker.step))
        elif worker.flight is not None and worker.flight.landed is not None:
            landed = worker.flight.landed if self.random.random() > 0.03 else Landed(-1, -1)
            self.step(worker, landed)
        elif worker.flight is not None and self.random.random() < 0.04:
            self.late.append(worker.flight.value)
            self.step(worker, Landed(-1, -1))

    def land(self) -> None:
        """Some append reaches the log, perhaps to be repeated later."""
        worker = self.pick(lambda w: w.flight is not None and w.flight.landed is None)
        if worker is not None and worker.flight is not None:
            worker.flight.landed = self.append(worker.flight.value)
            if self.random.random() < 0.06:
                self.late.append(worker.flight.value)

    def go_well(self) -> None:
        """Some worker's flow goes on to its end, undisturbed."""
        worker = self.pick(lambda w: w.flow is not None)
        if worker is not None:
            self.finish_flow(worker)

    def late_append(self) -> None:
        if self.late:
            self.append(self.late.pop(self.random.randrange(len(self.late))))

    def late_trim(self) -> None:
        if self.trims:
            before = self.trims.pop(self.random.randrange(len(self.trims)))
            self.trimmed += before > self.log.start
            self.log.trim(min(before, self.log.start + len(self.log.records)))

    def work(self) -> None:
        """A worker that holds a state applies events or flushes, whether or not it still is the owner."""
        worker = self.pick(lambda w: w.owner.state is not None and w.owning)
        if worker is None:
            return
        if self.random.random() < 0.55:
            self.apply(worker, self.random.randint(1, 5))
        elif worker.idle:
            self.flush(worker)

    def apply(self, worker: Worker, count: int) -> None:
        state = worker.owner.state
        if state is None or state.position is None:
            return
        if self.start is None:
            self.start = state.position
        at = state.position
        events = self.source[at : at + count]
        if events:
            columns, offsets = as_columns(events, at)
            state.apply(columns, offsets, np.full(len(events), self.now_ms), at + len(events), self.now_ms)

    def flush(self, worker: Worker) -> None:
        state = worker.owner.state
        if state is None:
            return
        worker.pass_told_all = state.passes.everyone
        for _ in state.score(self.now_ms, self.bases()):
            pass
        worker.flow = worker.owner.flush(redis_through=worker.mark.through, redis_id=worker.mark.redis_id)
        self.step(worker, None)

    def bases(self) -> dict[tuple[str, Kind], Basis]:
        return {(MODEL.name, kind): self.basis for kind in MODEL.kinds}

    def tell_redis(self) -> None:
        """Some worker's next scores reach Redis."""
        worker = self.pick(lambda w: bool(w.to_redis) or w.redis_id != self.redis_id)
        if worker is None:
            return
        if worker.redis_id != self.redis_id:
            worker.redis_id = self.redis_id
            self.refill(worker)
            return
        if worker.to_redis:
            batch = worker.to_redis.pop(0)
            write(self.redis, batch)
            if not any(waiting.version == batch.version for waiting in worker.to_redis):
                worker.mark.acknowledged(batch.version, self.redis_id)

    def refill(self, worker: Worker) -> None:
        """What waits is dropped: only what the journal holds from now on is told to another Redis."""
        worker.to_redis.clear()
        worker.mark.lost(worker.redis_id)
        if worker.owner.state is not None:
            worker.owner.state.tell_all_again()

    def tick(self) -> None:
        self.now_ms += self.random.choice([50, 1_000, BUCKET_MS, 2 * BUCKET_MS])

    def rebalance(self) -> None:
        if len(self.workers) < 3 and self.random.random() < 0.6:
            self.hire()
        else:
            worker = self.random.choice(self.workers) if self.workers else self.hire()
            if worker is not self.member:
                self.assign(worker)

    def crash(self) -> None:
        if self.workers:
            worker = self.workers.pop(self.random.randrange(len(self.workers)))
            if worker.flight is not None and worker.flight.landed is None:
                self.late.append(worker.flight.value)
            if worker is self.member or not self.workers:
                self.hire()

    def empty_redis(self) -> None:
        self.redis = {}
        self.redis_id = f"redis-{self.random.getrandbits(30)}"

    def move_benchmark(self) -> None:
        self.basis = Basis(self.random.choice([5.0, 10.0, 20.0]), self.basis.version + 1)

    def lose_journal(self) -> None:
        self.log, self.late, self.trims, self.workers = Log(), [], [], []
        self.now_ms += 10
        self.hire()

    # ---- how steps are done

    def append(self, value: bytes) -> Landed:
        return self.log.append(value, self.now_ms + self.random.randint(-3, 3))

    def answer(self, worker: Worker, step: Step | None) -> Any:
        match step:
            case Bounds():
                return self.log.start
            case Read(start, stop):
                if start < self.log.start:
                    self.trimmed_reads += 1
                    return Trimmed(self.log.start)
                first = start - self.log.start
                return self.log.records[first : min(first + self.random.randint(1, 6), stop - self.log.start)]
            case ResolveStart():
                return 0 if self.loses_journal else len(self.source)
            case MayClaim():
                return worker is self.member
            case Publish(batches):
                worker.to_redis.extend(batches)
            case Trim(before):
                self.trims.append(before)
            case Commit() | SendDeadLetters():
                pass
        return None

    def step(self, worker: Worker, answer: Any) -> None:
        """Send the answer to the worker's flow and take its next step."""
        worker.flight = None
        flow = worker.flow
        if flow is None:
            return
        try:
            worker.step = flow.send(answer)
            if isinstance(worker.step, Append):
                worker.flight = Flight(worker.step.value)
        except StopIteration as end:
            worker.step = worker.flow = None
            self.finished(worker, bool(end.value))

    def finished(self, worker: Worker, well: bool) -> None:
        if not worker.owning:
            worker.owning = well
            if well and worker.owner.state is not None:
                worker.mark = RedisMark(worker.owner.state.redis_through, worker.owner.state.redis_id)
                if worker.mark.redis_id not in ("", worker.redis_id):
                    self.refill(worker)
        elif well:
            if worker.pass_told_all and worker.owner.state is not None:
                worker.mark.told_again(worker.owner.last_version)
                if not worker.to_redis:
                    worker.mark.acknowledged(worker.owner.last_version, worker.redis_id)
        elif worker is self.member:
            self.assign(worker)
        else:
            worker.owning = False

    def rows_used_again(self) -> int:
        """How many entities in the journal were given a row that another had before."""
        seen: set[int] = set()
        again = 0
        for record in self.log.records:
            parsed = decode(record.value)
            if isinstance(parsed, Entry):
                packed = [parsed.body[name][0] for name in ("na", "nu") if name in parsed.body]
                rows = [row for rows in packed for row in np.frombuffer(rows, "<i4").tolist()]
                again += sum(row in seen for row in rows)
                seen.update(rows)
        return again

    # ---- the end

    def settle(self) -> None:
        """A last worker takes over, everything under way arrives, and all must be as a recount says."""
        while self.late:
            self.late_append()
        keep = self.random.random() < 0.5 and self.member is not None
        if not keep:
            self.workers = []
            self.hire()
        worker = self.member
        assert worker is not None
        self.quiesce(worker)
        while self.late:
            self.late_append()
        self.quiesce(worker)
        self.check(worker)

    def quiesce(self, worker: Worker) -> None:
        for _ in range(4):
            self.finish_flow(worker)
            if worker.owner.state is None or not worker.owning:
                self.assign(worker)
                self.finish_flow(worker)
            while worker.owner.state is not None and (worker.owner.state.position or 0) < len(self.source):
                self.apply(worker, 5)
            self.flush(worker)
            self.finish_flow(worker)
            if worker.redis_id != self.redis_id:
                worker.redis_id = self.redis_id
                self.refill(worker)
            for batch in worker.to_redis:
                write(self.redis, batch)
                worker.mark.acknowledged(batch.version, self.redis_id)
            worker.to_redis.clear()

    def finish_flow(self, worker: Worker) -> None:
        for _ in range(10_000):
            if worker.flow is None:
                return
            if worker.flight is not None:
                if worker.flight.landed is None:
                    worker.flight.landed = self.append(worker.flight.value)
                self.step(worker, worker.flight.landed)
            else:
                self.step(worker, self.answer(worker, worker.step))
        raise Hole("a flow doesn't end")

    def check(self, worker: Worker) -> None:
        state = worker.owner.state
        if state is None:
            raise Hole("the last worker has no state")
        first_bucket = self.now_ms // BUCKET_MS - WINDOW + 1
        start = self.start if self.start is not None else state.position
        expected = recount(self.source[start:], first_bucket)
        found = cells_of(state, first_bucket)
        if found != expected:
            raise Hole(f"counts differ: {_difference(found, expected)}")
        self.check_restore(state, first_bucket)
        self.check_redis(state)

    def check_restore(self, state: PartitionState, first_bucket: int) -> None:
        restored = Restore(make_state, self.log.start)
        for record in self.log.records:
            restored.read(record)
        if restored.state is None:
            raise Hole("the journal can't be restored")
        again = restored.state
        if again.position != state.position or cells_of(again, first_bucket) != cells_of(state, first_bucket):
            raise Hole("a restore gives another state")
        if documents(again) != documents(state):
            raise Hole("a restore gives other standings")

    def check_redis(self, state: PartitionState) -> None:
        expected = documents(state)
        for key, document in expected.items():
            found = self.redis.get(key)
            if found is None or found[1] != document:
                raise Hole(f"Redis has {found} for {key}, the state {document}")
        for key, (_, document) in self.redis.items():
            # What nobody knows after the journal was lost is not known to be stale: `scorer resync` is for that.
            if key not in expected and document["state"] != "inactive" and not self.loses_journal:
                raise Hole(f"Redis has {document} for {key}, which nobody knows")


def as_columns(events: list[Event], at: int) -> tuple[EventColumns, Any]:
    n = len(events)
    columns = EventColumns(
        np.arange(n, dtype=np.int32),
        [e.type for e in events],
        [e.user for e in events],
        [e.account for e in events],
        [e.id for e in events],
        np.array([e.ts_ms for e in events]),
        np.full(n, MICRO),
    )
    return columns, np.arange(at, at + n)


def write(redis: dict[str, tuple[str, dict[str, Any]]], batch: ScoreBatch) -> None:
    """What the server-side script does: an older version changes nothing."""
    for i, entity in enumerate(batch.entity_id):
        key = f"{batch.model}:{Kind(batch.kind[i]).label}:{entity}"
        known = redis.get(key)
        if known is None or known[0] < batch.version:
            redis[key] = (
                batch.version,
                {
                    "score": float(batch.score[i]),
                    "raw": float(batch.raw[i]),
                    "band": batch.band[i],
                    "previous_band": batch.previous_band[i],
                    "state": batch.state[i],
                },
            )


def documents(state: PartitionState) -> dict[str, dict[str, Any]]:
    """What Redis should have of a state's standings."""
    redis: dict[str, tuple[str, dict[str, Any]]] = {}
    rows = state.roster.live_rows()
    for code, held in state.models.items():
        for kind in MODEL.kinds:
            own = rows[state.roster.kind[rows] == kind]
            judged = Judged(held.standing.of(code, own), MODEL, kind, Basis(None), 0.0)
            batch = score_batch(0, judged, state.roster)
            if batch is not None:
                write(redis, replace(batch, version="1"))
    return {key: document for key, (_, document) in redis.items()}


Counts = dict[tuple[str | None, str | None, int, str], int]


def recount(events: list[Event], first_bucket: int) -> Counts:
    """The naive count, by (account, user, bucket, type), of the buckets that still count."""
    seen: set[str] = set()
    cells: Counts = defaultdict(int)
    for event in events:
        bucket = event.ts_ms // BUCKET_MS
        if event.type == "unknown" or bucket < first_bucket or event.id in seen:
            continue
        seen.add(event.id)
        cells[(event.account, event.user, bucket, event.type)] += MICRO
        if event.account is not None:
            cells[(event.account, None, bucket, event.type)] += MICRO
    return dict(cells)


def cells_of(state: PartitionState, first_bucket: int) -> Counts:
    cells = state.counts.all()
    names = list(state.types)
    found: Counts = {}
    columns = zip(cells.rows.tolist(), cells.buckets.tolist(), cells.types.tolist(), cells.values.tolist(), strict=True)
    for row, bucket, kind, value in columns:
        key = state.roster.keys[row]
        if bucket >= first_bucket:
            account, user = key if key is not None else ("nobody", f"row {row}")
            found[(account, user, bucket, names[kind])] = value
    return found


def _difference(found: Counts, expected: Counts) -> str:
    keys = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
    return ", ".join(f"{key}: {found.get(key)} for {expected.get(key)}" for key in keys[:3])


class _NoGapRule(Owner):
    def in_place(self, landed: Landed) -> bool:
        return landed.offset >= 0


class _OutputsFirst(Owner):
    def _append_cut(self, state: PartitionState, cut: Cut) -> Steps:
        batches = state.landed(cut, version(self.ledger.epoch, self.ledger.number + 1))
        if batches:
            yield Publish(batches)
        return (yield from self._append(cut.body))


class _StartNotKept(Owner):
    def _begin(self) -> Steps:
        self._held.position = yield ResolveStart()
        return True


class _TrimsEarly(Owner):
    def _snapshot(self, frozen: Iterator[dict[str, Any]]) -> Iterator[Part]:
        for part in super()._snapshot(frozen):
            yield replace(part, last=part.last or part.index == 1)


class _PartsAnywhere(Owner):
    """Not a fault by itself: a snapshot is whole and true wherever its parts land."""

    def _write_parts(self) -> Steps:
        for _ in range(self.parts_a_flush):
            part = next(self._parts, None) if self._parts is not None else None
            if part is None:
                break
            landed: Landed = yield Append(encode(part))
            self.tail = landed.offset if self.in_place(landed) else self.tail
            if part.last:
                self._parts = None
                if landed.offset >= 0:
                    yield Trim(part.cut + 1)
        return True


def _nothing_unacknowledged(state: PartitionState, seed: int) -> None:
    state.unacknowledged.clear()
    _RESTORED(state, seed)


_RESTORED = PartitionState.restored

Fault = tuple[OwnerType, Callable[[], AbstractContextManager[Any]]]

FAULTS: dict[str, Fault] = {
    "gap rule": (_NoGapRule, nullcontext),
    "journal before outputs": (_OutputsFirst, nullcontext),
    "entry numbers": (Owner, lambda: patch.object(Ledger, "accepts", lambda self, entry: entry.epoch == self.epoch)),
    "newest epoch": (
        Owner,
        lambda: patch.object(Ledger, "accepts", lambda self, entry: entry.number == self.number + 1),
    ),
    "redis_through": (Owner, lambda: patch.object(PartitionState, "restored", _nothing_unacknowledged)),
    "epoch that never goes back": (
        Owner,
        lambda: patch.object(Ledger, "next_epoch", lambda self, timestamp_ms: self.epoch + 1),
    ),
    "durable start": (_StartNotKept, nullcontext),
    "snapshot ids": (_PartsAnywhere, lambda: patch.object(Restore, "snapshot_key", lambda self, part: 0)),
    "whole snapshot before the trim": (_TrimsEarly, nullcontext),
}
"""Each rule of the protocol, switched off: (the owner to use, what to patch meanwhile)."""

STEPS = 200


@dataclass
class Findings:
    """What a search went through, and the first hole of each kind."""

    schedules: int = 0
    holes: int = 0
    first: str = ""
    trims: int = 0
    trims_during_a_restore: int = 0
    rows_used_again: int = 0


def search(seeds: Iterable[int], owner_type: OwnerType = Owner, *, stop_at_first: bool = False) -> Findings:
    """Run a schedule for each seed; every fourth loses its journal."""
    findings = Findings()
    for seed in seeds:
        world = World(seed, owner_type, loses_journal=seed % 4 == 0)
        try:
            world.run(STEPS)
        except Exception as error:  # whatever breaks under a fault is a find
            findings.holes += 1
            findings.first = findings.first or f"seed {seed}: {type(error).__name__}: {error}"
        findings.schedules += 1
        findings.trims += world.trimmed
        findings.trims_during_a_restore += world.trimmed_reads
        findings.rows_used_again += world.rows_used_again()
        if stop_at_first and findings.holes:
            break
    return findings


def search_fault(name: str, seeds: Iterable[int], *, stop_at_first: bool = False) -> Findings:
    """Search with one rule switched off."""
    owner_type, patched = FAULTS[name]
    with patched():
        return search(seeds, owner_type, stop_at_first=stop_at_first)


def main() -> int:
    parser = argparse.ArgumentParser(description="Search the journal's protocol for holes.")
    parser.add_argument("--seeds", type=int, default=5_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--faults", action="store_true", help="switch each rule off in turn")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    if options.faults:
        found = {name: search_fault(name, seeds) for name in FAULTS}
        for name, findings in found.items():
            print(f"without {name}: {findings.holes} of {findings.schedules} broken; {findings.first}")
        return 0 if all(findings.holes for findings in found.values()) else 1
    with multiprocessing.Pool(options.processes) as pool:
        shares = pool.map(search, [seeds[i :: options.processes] for i in range(options.processes)])
    holes = sum(share.holes for share in shares)
    print(
        f"{sum(share.schedules for share in shares)} schedules, {holes} broken, {sum(s.trims for s in shares)} trims, "
        f"{sum(s.trims_during_a_restore for s in shares)} during a restore, "
        f"{sum(s.rows_used_again for s in shares)} rows used again"
    )
    for share in shares:
        if share.first:
            print(share.first)
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
