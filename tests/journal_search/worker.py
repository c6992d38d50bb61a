"""One worker: the real `Owner`, and in a few lines what its driver (`scorer.stream.owned_partition`) does."""

from dataclasses import dataclass, field

from scorer.core.journal.owner import Owner
from scorer.core.journal.steps import Landed, Step, Steps
from scorer.core.partition import PartitionState
from tests.journal_search.outside import Redis
from tests.journal_search.writer import EVERYTHING, Writer


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

    @property
    def is_refilled(self) -> bool:
        """Whether the last flush told everything again, and Redis wasn't lost once more meanwhile."""
        return self._refilling and not self.refill

    def begin_own(self) -> None:
        """Claim. A flow that is cut short has lost the state: an append may be on its way."""
        if self.flow is not None:
            self.flow.close()
            self.owner.drop()
        self.owning = False
        self.flow = self.owner.own()

    def begin_flush(self, state: PartitionState) -> None:
        unfinished = state.passes.unfinished
        self._refilling, self.refill = self.refill and not unfinished, self.refill and unfinished
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
        elif self.is_refilled:
            self.writer.refilled()

    def serve_redis(self, at_most: int = EVERYTHING, *, heard: bool = True) -> None:
        """Beat, which is due about once a second, and write."""
        if self.owning:
            self.writer.heartbeat(self.owner.last_version)
        self.writer.round(at_most, heard=heard)

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
