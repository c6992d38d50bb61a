"""A worker's ownership of one partition: a pure state machine.

Each flow is a generator of steps: it yields what is to be done, is sent what came of it, and does no I/O itself.
One flow of an owner runs at a time; events may be applied to its state between any two steps. Whoever ends a flow
before its end (a revocation, say) must `drop` the state: an append may be on its way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from scorer.core.draft import Cut
from scorer.core.journal.ledger import Ledger
from scorer.core.journal.records import MAX_ENTRY_BYTES, Claim, Entry, JournalError, Part, encode
from scorer.core.journal.restore import LogRecord, Restore
from scorer.core.journal.steps import (
    Append,
    Bounds,
    Commit,
    Landed,
    MayClaim,
    Publish,
    Read,
    ResolveStart,
    SendAlerts,
    SendDeadLetters,
    Steps,
    Trim,
    Trimmed,
)
from scorer.core.model import Scoring
from scorer.core.partition import PartitionState
from scorer.core.publish import version
from scorer.core.snapshot import freeze

SNAPSHOT_FLOOR_BYTES = 8_000_000
"""A journal shorter than this isn't worth a snapshot."""

PARTS_A_FLUSH = 2


@dataclass(frozen=True, slots=True)
class Identity:
    """What a worker writes into its claims."""

    owner: str
    bucket_seconds: int
    timezone: str
    scoring_hash: str

    @classmethod
    def of(cls, owner: str, scoring: Scoring) -> "Identity":
        return cls(owner, scoring.bucket_seconds, scoring.timezone, scoring.hash)


@dataclass
class Owner:
    """One partition, as one worker owns it. `state` is None while the worker has no state that stands.

    `random_number` gives fresh 63-bit numbers; `letters` are dead letters of what was applied and not flushed.
    """

    new_state: Callable[[], PartitionState]
    identity: Identity
    random_number: Callable[[], int]
    snapshots: bool = True
    snapshot_floor_bytes: int = SNAPSHOT_FLOOR_BYTES
    parts_a_flush: int = PARTS_A_FLUSH
    state: PartitionState | None = None
    ledger: Ledger = field(default_factory=Ledger)
    letters: list[Any] = field(default_factory=list)
    tail: int = -1
    restoring: Restore | None = None
    _bytes_since_snapshot: int = 0
    _snapshot_bytes: int = 0
    _parts: Iterator[Part] | None = None
    _baseless_start: int = -1

    def own(self) -> Steps:
        """Claim the partition and restore its state, unless what is held stands. False: leave the partition."""
        while True:
            claim = self._new_claim()
            landed: Landed = yield Append(encode(claim))
            if self.state is not None and self.in_place(landed):
                self.ledger.claim(claim, landed.timestamp_ms)
                self.tail = landed.offset
                stands = True
            else:
                stands = yield from self._restore(claim, landed)
            if stands and self._held.position is None:
                stands = yield from self._begin()
            if stands:
                return True
            if not (yield MayClaim()):
                return False

    def flush(self, *, redis_through: str, redis_id: str) -> Steps:
        """Make what was applied and scored durable, then let it out. False: the state was lost, `own` again.

        `redis_through` is the version that Redis has acknowledged everything up to, `redis_id` which Redis that was.
        """
        state = self._held
        state.acknowledged(redis_through, redis_id)
        cuts = state.cut()
        letters, self.letters = self.letters, []
        frozen = freeze(state) if cuts and self._snapshot_due() else None
        if letters:
            yield SendDeadLetters(letters)
        if waiting := state.outbox.undelivered():  # a worker before this one may not have come to it
            yield SendAlerts(waiting)
            state.delivered_all()
        for cut in cuts:
            if not (yield from self._append_cut(state, cut)):
                return False
        if cuts and cuts[-1].moved:
            yield Commit(cuts[-1].position)
        if frozen is not None:
            self._parts = self._snapshot(frozen)
            self._bytes_since_snapshot = 0
        return (yield from self._write_parts())

    @property
    def snapshot_under_way(self) -> bool:
        """Whether parts of a snapshot are still to be written."""
        return self._parts is not None

    def drop(self) -> None:
        """Give up the state: it may not be what the journal says."""
        self.state = None
        self.letters = []
        self._parts = None

    def in_place(self, landed: Landed) -> bool:
        """Whether an append landed right behind the last one. Rule 3."""
        return landed.offset >= 0 and landed.offset == self.tail + 1

    @property
    def _held(self) -> PartitionState:
        if self.state is None:
            raise RuntimeError("the partition's state doesn't stand")
        return self.state

    def _new_claim(self) -> Claim:
        who = self.identity
        return Claim(
            self.random_number(), self.random_number(), who.bucket_seconds, who.timezone, who.scoring_hash, who.owner
        )

    def _restore(self, claim: Claim, landed: Landed) -> Steps:
        """Fold the journal up to the own claim. False: what is there isn't enough, claim again."""
        self.drop()
        if landed.offset < 0:
            return False
        start: int = yield Bounds()
        at = start
        self.restoring = Restore(self.new_state, start)
        while at <= landed.offset:
            got: list[LogRecord] | Trimmed = yield Read(at, landed.offset + 1)
            if isinstance(got, Trimmed):
                at = start = got.log_start
                self.restoring = Restore(self.new_state, start)
                continue
            for record in got:
                self.restoring.read(record)
            at = got[-1].offset + 1 if got else landed.offset + 1
        restored, self.restoring = self.restoring, None
        if restored.newest_claim != claim.nonce:
            return False
        restored.ledger.check(claim)
        if restored.state is None:
            return self._without_base(start)
        self._baseless_start = -1
        self.state, self.ledger, self.tail = restored.state, restored.ledger, landed.offset
        self._bytes_since_snapshot, self._snapshot_bytes = restored.entry_bytes, restored.snapshot_bytes
        self.state.restored(cast(Claim, self.ledger.first).seed)
        return True

    def _without_base(self, log_start: int) -> bool:
        """No snapshot is complete up to the own claim, though the log was trimmed. Rule 8."""
        if log_start == self._baseless_start:
            raise JournalError(
                "the journal's beginning is gone and no snapshot is complete: something else than Scorer deleted "
                "from it. Count anew in another SCORER_NAMESPACE (`scorer rebuild` isn't there yet)"
            )
        self._baseless_start = log_start
        return False

    def _begin(self) -> Steps:
        """Fix where a new deployment reads from, before the first fetch. Rule 7."""
        start: int = yield ResolveStart()
        body = {"t": start}
        if not (yield from self._append(body)):
            return False
        self._held.restore(body, self.last_version)
        return True

    def _append_cut(self, state: PartitionState, cut: Cut) -> Steps:
        if not (yield from self._append(cut.body)):
            return False
        batches, alerts = state.landed(cut, self.last_version)
        kpis = state.landed_kpis(cut, self.last_version)
        if batches or alerts or kpis:
            yield Publish(self.last_version, batches, alerts, kpis)
        if cut.alerts:
            yield SendAlerts(cut.alerts)
            state.delivered_all()
        return True

    def _append(self, body: dict[str, Any]) -> Steps:
        """Append one entry; False if it didn't land in place, with the state dropped. Rules 2 and 3."""
        data = encode(Entry(self.ledger.epoch, self.ledger.number + 1, body))
        if len(data) > MAX_ENTRY_BYTES:
            raise RuntimeError(f"a journal entry of {len(data)} bytes: at most {MAX_ENTRY_BYTES} are written")
        landed: Landed = yield Append(data)
        if not self.in_place(landed):
            self.drop()
            return False
        self.ledger.number += 1
        self.tail = landed.offset
        self._bytes_since_snapshot += len(data)
        return True

    @property
    def last_version(self) -> str:
        """The version of the last entry that landed in place."""
        return version(self.ledger.epoch, self.ledger.number)

    def _snapshot_due(self) -> bool:
        """Whether the journal has outgrown its snapshot: what is written is at most doubled."""
        outgrown = self._bytes_since_snapshot > max(self.snapshot_floor_bytes, self._snapshot_bytes)
        return self.snapshots and self._parts is None and outgrown

    def _snapshot(self, frozen: Iterator[dict[str, Any]]) -> Iterator[Part]:
        """The parts of the state as of the entry that has just landed. Rule 5."""
        snapshot, cut, epoch, number = self.random_number(), self.tail, self.ledger.epoch, self.ledger.number
        first = cast(Claim, self.ledger.first)
        head = {"first": [getattr(first, name) for name in Claim.__slots__]}

        def parts() -> Iterator[Part]:
            index, body = 0, head
            for following in frozen:
                yield Part(snapshot, index, False, cut, epoch, number, body)
                index, body = index + 1, following
            yield Part(snapshot, index, True, cut, epoch, number, body)

        return parts()

    def _write_parts(self) -> Steps:
        """Write the next parts of a snapshot in the making, a few between any two entries."""
        for _ in range(self.parts_a_flush):
            part = next(self._parts, None) if self._parts is not None else None
            if part is None:
                return True
            data = encode(part)
            if part.index == 0:
                self._snapshot_bytes = 0
            self._snapshot_bytes += len(data)
            landed: Landed = yield Append(data)
            if not self.in_place(landed):
                self.drop()
                return False
            self.tail = landed.offset
            if part.last:
                self._parts = None
                yield Trim(part.cut + 1)
        return True
