"""Workers at work: how their flows' steps are done."""

from collections.abc import Callable
from typing import Any

from scorer.core.footing import OneGroup
from scorer.core.journal.owner import Owner
from scorer.core.journal.steps import (
    Append,
    Bounds,
    MayClaim,
    Publish,
    Read,
    ResolveStart,
    SendAlerts,
    SendDeadLetters,
    Step,
    Trim,
    Trimmed,
)
from scorer.core.partition import PartitionState
from tests.journal_search.setting import IDENTITY, MODEL, as_columns, make_state
from tests.journal_search.surroundings import Surroundings
from tests.journal_search.truth import Hole
from tests.journal_search.worker import Flight, Worker
from tests.journal_search.writer import EVERYTHING

NEVER = 10**9
MOST_STEPS_OF_A_FLOW = 10_000

OwnerType = Callable[..., Owner]


class Crew(Surroundings):
    """The workers, one of whom is the group's member that the partition is assigned to."""

    def __init__(self, seed: int, owner_type: OwnerType, *, loses_journal: bool) -> None:
        super().__init__(seed)
        self.owner_type = owner_type
        self.loses_journal = loses_journal
        self.workers: list[Worker] = []
        self.member: Worker | None = None
        self.letters: set[int] = set()
        self.acknowledged = ""
        self.snapshot_floor = self.random.choice([100, 100, 100, 1_500, NEVER])
        self.parts_a_flush = self.random.choice([1, 4, 12, 12])
        self.trims_wait_for_a_restore = self.random.random() < 0.4
        self.rules_pause = self.random.choice([0.0, 0.0, 0.3])
        self.passes_end_early = self.random.choice([0.0, 0.3])

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
        self.cut_short(worker)
        worker.begin_own()
        self.step(worker, None)

    def pick(self, fits: Callable[[Worker], bool]) -> Worker | None:
        fitting = [worker for worker in self.workers if fits(worker)]
        return self.random.choice(fitting) if fitting else None

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

    def flush(self, worker: Worker, *, scored: bool, hurried: bool = False) -> None:
        """`hurried`: a pass may leave out what can wait, or end before it is done."""
        state = worker.owner.state
        if state is None:
            return
        if scored:
            self.score(state, hurried)
        worker.begin_flush(state)
        self.step(worker, None)
        self.acknowledged = max(self.acknowledged, state.redis_through)

    def score(self, state: PartitionState, hurried: bool) -> None:
        early = self.passes_end_early if hurried else 0.0
        sweep_rows = self.random.randint(0, 5) if self.random.random() < early else None
        paused = hurried and self.random.random() < self.rules_pause
        bases = OneGroup({(MODEL.name, kind): self.basis for kind in MODEL.kinds})
        for _ in state.score(self.now_ms, bases, sweep_rows, rules_paused=paused):
            if self.random.random() < early:
                break

    def cut_short(self, worker: Worker) -> None:
        """Of what `worker` was sending some has arrived, and more may."""
        if isinstance(worker.step, SendAlerts):
            alerts = worker.step.alerts
            arrived = self.random.randint(0, len(alerts))
            self.alerting.kafka.extend(alerts[:arrived])
            if self.random.random() < 0.5:
                self.alerting.late.append(alerts[arrived:])
            self.found.sends_cut_short += 1

    def step(self, worker: Worker, answer: Any) -> None:
        """Send the answer to the worker's flow and take its next step."""
        worker.flight = None
        flow = worker.flow
        if flow is None:
            return
        try:
            step = flow.send(answer)
            while isinstance(step, Publish):  # handed over before anything else can happen to the worker
                worker.writer.submit(step.version, step.batches, [alert for _, alert in step.alerts])
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
            case SendAlerts(alerts):
                self.alerting.kafka.extend(alerts)
            case Trim(before):
                self.found.snapshots_completed += 1
                if self.trims_wait_for_a_restore or self.random.random() < 0.5:
                    self.trims.append(before)
                else:
                    self.trim(before)
        return None

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

    def serve_redis(self, worker: Worker, at_most: int = EVERYTHING, *, heard: bool = True) -> None:
        """What Redis had when it was emptied may be acknowledged before that is noticed: with what came later."""
        worker.serve_redis(at_most, heard=heard)
        self.alerting.forgive_each(worker.writer.unnoticed, worker.writer.acknowledged())

    def write_all(self, worker: Worker) -> None:
        for _ in range(MOST_STEPS_OF_A_FLOW):
            self.serve_redis(worker)
            if worker.writer.idle:
                return
        raise Hole("Redis is never told everything")
