"""One worker: the real `Owner`, and in a few lines what its driver and its writer to Redis do.

The driver is `scorer.stream.owned_partition`, the writer `scorer.sinks.redis_scores`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from scorer.core.journal.owner import Owner
from scorer.core.journal.steps import Landed, Step, Steps
from scorer.core.partition import PartitionState
from scorer.core.publish import ScoreBatch
from scorer.sinks.redis_ledger import Ledger
from scorer.sinks.redis_presence import Presence
from tests.journal_search.outside import Redis

PARTITION = 0


class Writer:
    """Scores on their way to Redis, in order. When Redis is found to have lost what it had, they are dropped."""

    def __init__(self, redis: Redis, on_lost: Callable[[], None]) -> None:
        self._redis = redis
        self._on_lost = on_lost
        self._presence = Presence()
        self._ledger = Ledger()
        self._queue: deque[ScoreBatch] = deque()
        self._accepted = 0
        self._written = 0
        self.run_id: str | None = None

    def adopt(self, version: str, run_id: str) -> None:
        self.forget()
        self._ledger.adopt(PARTITION, version)
        if version:
            self._presence.adopt(PARTITION, run_id)

    def forget(self) -> None:
        """What waits may still be written: versions keep it harmless."""
        self._ledger.forget(PARTITION)
        self._presence.forget(PARTITION)

    def submit(self, batch: ScoreBatch) -> None:
        self._presence.meet(PARTITION)
        self._ledger.submitted(PARTITION, batch.version)
        self._queue.append(batch)
        self._accepted += 1
        self._ledger.mark(self._accepted, PARTITION, batch.version)

    def refilled(self) -> None:
        self._ledger.mark(self._accepted, PARTITION, None)

    def acknowledged(self) -> str:
        return self._ledger.acknowledged(PARTITION)

    def heartbeat(self, version: str) -> None:
        self._presence.beat(PARTITION, version)

    @property
    def idle(self) -> bool:
        beats = self._presence.due(self._ledger.lost)
        return not (self._queue or beats or self.run_id != self._redis.run_id)

    def round(self) -> None:
        """Connect where need be, beat, write one batch."""
        self.run_id = self._redis.run_id
        if self._presence.compare(self.run_id):
            self._lose()
        beats = self._presence.due(self._ledger.lost)
        outcomes = [self._redis.beat(version, must_exist) for version, must_exist in beats.values()]
        if self._presence.beaten(beats, outcomes):
            self._lose()
        if self._queue:
            self._redis.write(self._queue.popleft())
            self._written += 1
        self._ledger.written(self._written)
        self._ledger.ranked()

    def _lose(self) -> None:
        self._ledger.lose(PARTITION)
        self._queue.clear()
        self._written = self._accepted
        self._on_lost()


@dataclass
class Flight:
    """An append on its way."""

    value: bytes
    landed: Landed | None = None


@dataclass
class Worker:
    """What it believes need not be true any more."""

    name: int
    owner: Owner
    writer: Writer = field(init=False)
    flow: Steps | None = None
    step: Step | None = None
    flight: Flight | None = None
    owning: bool = False
    refill: bool = False
    _refilling: bool = False
    _adopted: PartitionState | None = None

    def connect(self, redis: Redis) -> None:
        self.writer = Writer(redis, self._lost_by_redis)

    @property
    def idle(self) -> bool:
        return self.flow is None

    def begin_own(self) -> None:
        """Claim. A flow that is cut short has lost the state: an append may be on its way."""
        if self.flow is not None:
            self.flow.close()
            self.owner.drop()
        self.owning = False
        self.flow = self.owner.own()

    def begin_flush(self, state: PartitionState, scored: bool) -> None:
        self._refilling, self.refill = self.refill and scored, self.refill and not scored
        through, run_id = self._redis_mark(state)
        self.flow = self.owner.flush(redis_through=through, redis_id=run_id)

    def end_flow(self, well: bool) -> None:
        """A flow came to its end. Not well: the state is lost, or the partition to be left."""
        self.step = self.flow = None
        began_to_own, self.owning = not self.owning, well
        if not well:
            self.writer.forget()
        elif began_to_own:
            self._adopt()
        elif self._refilling:
            self.writer.refilled()

    def serve_redis(self) -> None:
        """Beat, which is due about once a second, and write."""
        if self.owning:
            self.writer.heartbeat(self.owner.last_version)
        self.writer.round()

    def _adopt(self) -> None:
        state = self.owner.state
        if state is not None and state is not self._adopted:
            self._adopted = state
            self.writer.adopt(state.redis_through, state.redis_id)
        self.writer.heartbeat(self.owner.last_version)

    def _redis_mark(self, state: PartitionState) -> tuple[str, str]:
        through, run_id = self.writer.acknowledged(), self.writer.run_id
        if run_id is None or through <= state.redis_through:
            return state.redis_through, state.redis_id
        return through, run_id

    def _lost_by_redis(self) -> None:
        if self.owner.state is not None:
            self.refill = True
            self.owner.state.tell_all_again()
