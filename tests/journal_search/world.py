"""One schedule: what happens when is a seed's choice, and at the end everything must be as it should."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch

from scorer.core.journal.owner import Owner
from scorer.core.journal.steps import Landed, Read, SendAlerts
from scorer.core.partition import PartitionState
from tests.journal_search import alert_truth, truth
from tests.journal_search.alerting import key_of
from tests.journal_search.crew import Crew, OwnerType
from tests.journal_search.outside import Log
from tests.journal_search.truth import Hole
from tests.journal_search.worker import Worker
from tests.journal_search.writer import EVERYTHING


class World(Crew):
    """What happens is chosen by the seed."""

    def __init__(self, seed: int, owner_type: OwnerType = Owner, *, loses_journal: bool = False) -> None:
        super().__init__(seed, owner_type, loses_journal=loses_journal)
        self.unrest = self.random.choice([0.15, 0.5, 1.0])
        self.haste = self.random.choice([1.5, 1.5, 4.0])
        self.scored_flushes = self.random.choice([0.9, 0.9, 0.4])
        self.small_entries = self.random.random() < 0.3

    def run(self, steps: int) -> None:
        with self.sizes():
            self.hire()
            if self.random.random() < 0.85:
                self.begin_well()
            actions = (
                (self.produce, 4.0),
                (self.advance, 20.0),
                (self.land, 10.0),
                (self.work, 16.0),
                (self.go_well, 7.0),
                (self.tell_redis, 6.0),
                (self.tick, self.haste),
                (self.rebalance, self.unrest),
                (self.crash, self.unrest * 0.6),
                (self.late_append, 0.8),
                (self.late_alerts, 0.3),
                (self.late_trim, 0.1 if self.trims_wait_for_a_restore else 0.7),
                (self.empty_redis, 0.2),
                (self.move_benchmark, 3.0),
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

    def begin_well(self) -> None:
        """Most entities have a first score, and rules a side of them, before anything goes wrong."""
        if self.member is not None:
            self.finish_flow(self.member)
            for _ in range(6):
                self.produce()
            self.quiesce(self.member, rounds=1)

    # ---- who works

    def rebalance(self) -> None:
        if len(self.workers) < 3 and self.random.random() < 0.5:
            self.hire()
        else:
            self.assign(self.random.choice(self.workers))

    def crash(self) -> None:
        worker = self.workers.pop(self.random.randrange(len(self.workers)))
        self.cut_short(worker)
        if worker.flight is not None and worker.flight.landed is None:
            self.late.append(worker.flight.value)
        if worker is self.member:
            self.hire()

    # ---- what workers do

    def work(self) -> None:
        """A worker that holds a state applies events or flushes, whether or not it still is the owner."""
        worker = self.pick(lambda w: w.owner.state is not None and w.owning)
        if worker is None:
            return
        if self.random.random() < 0.55:
            self.apply(worker, self.random.randint(1, 5))
        elif worker.idle:
            self.flush(worker, scored=self.random.random() < self.scored_flushes, hurried=True)

    def advance(self) -> None:
        """Some worker's step is answered."""
        worker = self.pick(lambda w: w.step is not None)
        if worker is None:
            return
        flight = worker.flight
        if isinstance(worker.step, SendAlerts) and self.random.random() < 0.6:
            return  # Kafka takes its time
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

    # ---- what happens outside

    def land(self) -> None:
        """Some append reaches the log, perhaps to be repeated later."""
        worker = self.pick(lambda w: w.flight is not None and w.flight.landed is None)
        if worker is not None and worker.flight is not None:
            worker.flight.landed = self.append(worker.flight.value)
            if self.random.random() < 0.06:
                self.late.append(worker.flight.value)

    def tell_redis(self) -> None:
        """Some worker has time for Redis."""
        worker = self.pick(lambda w: not w.writer.idle)
        if worker is None:
            return
        self.serve_redis(worker, self.random.choice([1, EVERYTHING]), heard=self.random.random() > 0.05)

    def empty_redis(self) -> None:
        """Redis is restarted without its data, or flushed: that only a heartbeat that is gone can tell."""
        if len(self.workers) == 1 and self.redis.heartbeat and self.random.random() < 0.5:
            self.forgive_redis()
            self.redis.flush()
        else:
            self.restart_redis()

    def restart_redis(self) -> None:
        self.forgive_redis()
        self.redis.restart(f"redis {self.random.getrandbits(30)}")

    def forgive_redis(self) -> None:
        """Alerts that it has acknowledged go with it."""
        acknowledged = (worker.writer.acknowledged() for worker in self.workers)
        self.alerting.forgive(self.redis.stream, max(self.acknowledged, *acknowledged))
        for worker in self.workers:
            worker.writer.emptied()
        self.found.redis_emptied += 1

    def lose_journal(self) -> None:
        """The journal is gone, and with it the workers: all of Kafka was down."""
        self.log, self.late, self.trims, self.workers = Log(self.found, self.alerting), [], [], []
        self.found.journals_lost += 1
        self.now_ms += 10
        self.hire()

    # ---- the end

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
        self.check_alerts(state)

    def check_alerts(self, state: PartitionState) -> None:
        """A journal that is lost takes with it who is on which side, and what nobody was told yet."""
        alert_truth.check_sides(state, self.now_ms)
        sent = [value for _, value in self.alerting.kafka]
        alert_truth.check_order(sent)
        if not self.found.redis_emptied:
            alert_truth.check_order(self.redis.stream)
        if not self.found.journals_lost:
            alert_truth.check_alerts(state, self.alerting, self.redis.stream)
        states = [state for _, state in map(key_of, sent)]
        self.found.alerts_fired += states.count(alert_truth.FIRED)
        self.found.alerts_resolved += states.count(alert_truth.RESOLVED)
        self.found.alerts_repeated += len(sent) - len(set(sent))
        self.found.schedules_that_alerted += bool(sent)

    def quiesce(self, worker: Worker, rounds: int = 4) -> None:
        for _ in range(rounds):
            self.finish_flow(worker)
            while worker.owner.state is not None and (worker.owner.state.position or 0) < len(self.source):
                self.apply(worker, 5)
            self.flush(worker, scored=True)
            self.finish_flow(worker)
            self.write_all(worker)
