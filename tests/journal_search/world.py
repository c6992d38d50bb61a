"""One schedule: what happens when is a seed's choice, and at the end everything must be as it should."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch

from scorer.core.journal.owner import (
    Append,
    Bounds,
    Landed,
    MayClaim,
    Owner,
    Publish,
    Read,
    ResolveStart,
    SendDeadLetters,
    Step,
    Trim,
    Trimmed,
)
from scorer.core.standing import Basis
from tests.journal_search import truth
from tests.journal_search.findings import Findings
from tests.journal_search.outside import Event, Log, Redis
from tests.journal_search.setting import BUCKET_MS, IDENTITY, MODEL, as_columns, make_state
from tests.journal_search.truth import Hole
from tests.journal_search.worker import Flight, Worker

NEVER = 10**9
MOST_STEPS_OF_A_FLOW = 10_000

OwnerType = Callable[..., Owner]


class World:
    """What there is, and what may happen to it."""

    def __init__(self, seed: int, owner_type: OwnerType = Owner, *, loses_journal: bool = False) -> None:
        self.random = random.Random(seed)
        self.owner_type = owner_type
        self.loses_journal = loses_journal
        self.source: list[Event] = []
        self.letters: set[int] = set()
        self.found = Findings()
        self.log = Log(self.found)
        self.redis = Redis()
        self.now_ms = 1_000 * BUCKET_MS
        self.workers: list[Worker] = []
        self.member: Worker | None = None
        self.late: list[bytes] = []
        self.trims: list[int] = []
        self.start: int | None = None
        self.basis = Basis(10.0)
        self.snapshot_floor = self.random.choice([100, 100, 100, 1_500, NEVER])
        self.parts_a_flush = self.random.choice([1, 4, 12, 12])
        self.unrest = self.random.choice([0.15, 0.5, 1.0])
        self.haste = self.random.choice([1.5, 1.5, 4.0])
        self.trims_wait_for_a_restore = self.random.random() < 0.4
        self.scored_flushes = self.random.choice([0.9, 0.9, 0.4])
        self.small_entries = self.random.random() < 0.3

    def run(self, steps: int) -> None:
        with self.sizes():
            self.hire()
            actions = (
                (self.produce, 4.0),
                (self.advance, 20.0),
                (self.land, 10.0),
                (self.work, 10.0),
                (self.go_well, 4.0),
                (self.tell_redis, 6.0),
                (self.tick, self.haste),
                (self.rebalance, self.unrest),
                (self.crash, self.unrest * 0.6),
                (self.late_append, 0.8),
                (self.late_trim, 0.1 if self.trims_wait_for_a_restore else 0.7),
                (self.empty_redis, 0.2),
                (self.move_benchmark, 0.3),
                (self.audit, 0.3),
                (self.lose_journal, 0.3 if self.loses_journal else 0.0),
            )
            for action in self.random.choices([a for a, _ in actions], [w for _, w in actions], k=steps):
                action()
            self.settle()

    def sizes(self) -> AbstractContextManager[Any]:
        """In some worlds a flush is several entries."""
        if not self.small_entries:
            return nullcontext()
        return patch.multiple("scorer.core.draft", ENTRY_TARGET_BYTES=300, PIECE_BYTES=120)

    # ---- who works

    def hire(self) -> Worker:
        owner = self.owner_type(make_state, IDENTITY, lambda: self.random.getrandbits(62))
        owner.snapshot_floor_bytes = self.snapshot_floor
        owner.parts_a_flush = self.parts_a_flush
        worker = Worker(self.found.workers, owner)
        worker.connect(self.redis)
        self.found.workers += 1
        self.workers.append(worker)
        self.assign(worker)
        return worker

    def assign(self, worker: Worker) -> None:
        """The group gives the partition to `worker`; whoever had it may not know for long."""
        self.member = worker
        worker.begin_own()
        self.step(worker, None)

    def rebalance(self) -> None:
        if len(self.workers) < 3 and self.random.random() < 0.5:
            self.hire()
        else:
            self.assign(self.random.choice(self.workers))

    def crash(self) -> None:
        worker = self.workers.pop(self.random.randrange(len(self.workers)))
        if worker.flight is not None and worker.flight.landed is None:
            self.late.append(worker.flight.value)
        if worker is self.member:
            self.hire()

    def pick(self, fits: Callable[[Worker], bool]) -> Worker | None:
        fitting = [worker for worker in self.workers if fits(worker)]
        return self.random.choice(fitting) if fitting else None

    # ---- what workers do

    def work(self) -> None:
        """A worker that holds a state applies events or flushes, whether or not it still is the owner."""
        worker = self.pick(lambda w: w.owner.state is not None and w.owning)
        if worker is None:
            return
        if self.random.random() < 0.55:
            self.apply(worker, self.random.randint(1, 5))
        elif worker.idle:
            self.flush(worker, scored=self.random.random() < self.scored_flushes)

    def apply(self, worker: Worker, count: int) -> None:
        state = worker.owner.state
        if state is None or state.position is None:
            return
        if self.start is None:
            self.start = state.position
        at = state.position
        events = self.source[at : at + count]
        if events:
            columns, offsets, record_ms = as_columns(events, at)
            applied = state.apply(columns, offsets, record_ms, at + len(events), self.now_ms)
            worker.owner.letters.extend(int(offsets[reject.index]) for reject in applied.rejects)

    def flush(self, worker: Worker, *, scored: bool) -> None:
        state = worker.owner.state
        if state is None:
            return
        if scored:
            for _ in state.score(self.now_ms, {(MODEL.name, kind): self.basis for kind in MODEL.kinds}):
                pass
        worker.begin_flush(state, scored)
        self.step(worker, None)

    def advance(self) -> None:
        """Some worker's step is answered."""
        worker = self.pick(lambda w: w.step is not None)
        if worker is None:
            return
        flight = worker.flight
        if flight is None:
            if isinstance(worker.step, Read) and self.trims_wait_for_a_restore and self.random.random() < 0.5:
                self.late_trim()
            self.step(worker, self.answer(worker, worker.step))
        elif flight.landed is not None:
            self.step(worker, flight.landed if self.random.random() > 0.03 else Landed(-1, -1))
        elif self.random.random() < 0.04:
            self.late.append(flight.value)
            self.step(worker, Landed(-1, -1))

    def go_well(self) -> None:
        """Some worker's flow goes on to its end, undisturbed."""
        worker = self.pick(lambda w: w.flow is not None)
        if worker is not None:
            self.finish_flow(worker)

    def step(self, worker: Worker, answer: Any) -> None:
        """Send the answer to the worker's flow and take its next step."""
        worker.flight = None
        flow = worker.flow
        if flow is None:
            return
        try:
            step = flow.send(answer)
            while isinstance(step, Publish):  # handed over before anything else can happen to the worker
                for batch in step.batches:
                    worker.writer.submit(batch)
                step = flow.send(None)
        except StopIteration as end:
            worker.end_flow(bool(end.value))
            if not worker.owning and worker is self.member:
                self.assign(worker)
            return
        worker.step = step
        if isinstance(step, Append):
            worker.flight = Flight(step.value)

    def answer(self, worker: Worker, step: Step | None) -> Any:
        match step:
            case Bounds():
                self.found.restores_from_a_snapshot += self.log.start > 0
                return self.log.start
            case Read(start, stop):
                got = self.log.read(start, stop, self.random.randint(1, 6))
                self.found.trims_during_a_restore += isinstance(got, Trimmed)
                return got
            case ResolveStart():
                return 0 if self.loses_journal else len(self.source)
            case MayClaim():
                return worker is self.member
            case SendDeadLetters(letters):
                self.letters.update(letters)
            case Trim(before):
                self.found.snapshots_completed += 1
                if self.trims_wait_for_a_restore or self.random.random() < 0.5:
                    self.trims.append(before)
                else:
                    self.trim(before)
        return None

    # ---- what happens outside

    def produce(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            if self.source and self.random.random() < 0.15:
                self.source.append(self.random.choice(self.source[-10:]))
                continue
            account = self.random.choice(["a", "b", None])
            user = self.random.choice("uvwxyz")
            kind = self.random.choice(["opened", "made", "unknown"])
            ago_ms = self.random.choice([0, 0, 0, BUCKET_MS, 2 * BUCKET_MS, -2 * truth.IN_FUTURE_MS])
            self.source.append(
                Event(f"e{len(self.source)}", kind, account, user, self.now_ms - ago_ms, produced_ms=self.now_ms)
            )

    def land(self) -> None:
        """Some append reaches the log, perhaps to be repeated later."""
        worker = self.pick(lambda w: w.flight is not None and w.flight.landed is None)
        if worker is not None and worker.flight is not None:
            worker.flight.landed = self.append(worker.flight.value)
            if self.random.random() < 0.06:
                self.late.append(worker.flight.value)

    def append(self, value: bytes) -> Landed:
        return self.log.append(value, self.now_ms + self.random.randint(-3, 3))

    def late_append(self) -> None:
        if self.late:
            self.append(self.late.pop(self.random.randrange(len(self.late))))

    def late_trim(self) -> None:
        if self.trims:
            self.trim(self.trims.pop(self.random.randrange(len(self.trims))))

    def trim(self, before: int) -> None:
        if self.log.trim(before):
            self.audit()

    def tell_redis(self) -> None:
        """Some worker has time for Redis."""
        worker = self.pick(lambda w: not w.writer.idle)
        if worker is None:
            return
        worker.serve_redis()

    def empty_redis(self) -> None:
        """Redis is restarted without its data, or flushed: that only a heartbeat that is gone can tell."""
        self.found.redis_emptied += 1
        if len(self.workers) == 1 and self.redis.heartbeat and self.random.random() < 0.5:
            self.redis.flush()
        else:
            self.redis.restart(f"redis {self.random.getrandbits(30)}")

    def tick(self) -> None:
        self.now_ms += self.random.choice([50, 1_000, BUCKET_MS, 2 * BUCKET_MS])

    def move_benchmark(self) -> None:
        self.basis = Basis(self.random.choice([5.0, 10.0, 20.0]), self.basis.version + 1)

    def lose_journal(self) -> None:
        """The journal is gone, and with it the workers: all of Kafka was down."""
        self.log, self.late, self.trims, self.workers = Log(self.found), [], [], []
        self.found.journals_lost += 1
        self.now_ms += 10
        self.hire()

    # ---- the end

    def audit(self) -> None:
        """Whenever the journal is read, it says what the source says."""
        state = truth.restored(self.log)
        if self.start is not None and state.position is not None:
            truth.check_counts(state, self.source, self.start, self.now_ms)

    def settle(self) -> None:
        """A last worker takes over, everything under way arrives, and all must be as a recount says."""
        self.arrive()
        if self.random.random() < 0.5:
            self.workers = []
            self.hire()
        worker = self.member
        if worker is None:
            raise Hole("nobody owns the partition")
        self.quiesce(worker)
        for zombie in self.workers:
            if zombie is not worker:
                self.write_all(zombie)
        self.arrive()
        self.quiesce(worker)
        state = worker.owner.state
        if state is None or state.position != len(self.source):
            raise Hole("the last worker has no state, or not all of it")
        start = self.start if self.start is not None else state.position
        truth.check_counts(state, self.source, start, self.now_ms)
        truth.check_letters(self.letters, self.source, start)
        truth.check_redis(state, self.redis, knows_all=not self.loses_journal)
        truth.check_restore(state, self.log)

    def arrive(self) -> None:
        while self.late:
            self.late_append()

    def quiesce(self, worker: Worker) -> None:
        for _ in range(4):
            self.finish_flow(worker)
            while worker.owner.state is not None and (worker.owner.state.position or 0) < len(self.source):
                self.apply(worker, 5)
            self.flush(worker, scored=True)
            self.finish_flow(worker)
            self.write_all(worker)

    def write_all(self, worker: Worker) -> None:
        for _ in range(MOST_STEPS_OF_A_FLOW):
            worker.serve_redis()
            if worker.writer.idle:
                return
        raise Hole("Redis is never told everything")

    def finish_flow(self, worker: Worker) -> None:
        for _ in range(MOST_STEPS_OF_A_FLOW):
            if worker.flow is None:
                return
            if worker.flight is None:
                self.step(worker, self.answer(worker, worker.step))
            else:
                landed = worker.flight.landed or self.append(worker.flight.value)
                self.step(worker, landed)
        raise Hole("a flow doesn't end")
