"""The protocol with one rule switched off: a search that can't find a planted fault proves nothing."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from scorer.core import snapshot
from scorer.core.draft import Cut
from scorer.core.fold import Fold
from scorer.core.journal.ledger import Ledger
from scorer.core.journal.owner import Owner
from scorer.core.journal.records import Claim, JournalError, Part, encode
from scorer.core.journal.restore import Restore
from scorer.core.journal.steps import Append, Landed, Publish, ResolveStart, SendDeadLetters, Steps, Trim
from scorer.core.partition import PartitionState
from scorer.core.publish import version
from scorer.core.unacknowledged import Unacknowledged
from tests.journal_search.alert_faults import ALERT_FAULTS, Fault


class _NoGapRule(Owner):
    def in_place(self, landed: Landed) -> bool:
        return landed.offset >= 0


class _OutputsFirst(Owner):
    def _append_cut(self, state: PartitionState, cut: Cut) -> Steps:
        early = version(self.ledger.epoch, self.ledger.number + 1)
        batches, alerts = state.landed(cut, early)
        if batches or alerts:
            yield Publish(early, batches, alerts)
        return (yield from self._append(cut.body))


class _LettersLast(Owner):
    def flush(self, *, redis_through: str, redis_id: str) -> Steps:
        letters, self.letters = self.letters, []
        if not (yield from super().flush(redis_through=redis_through, redis_id=redis_id)):
            return False
        if letters:
            yield SendDeadLetters(letters)
        return True


class _StartNotKept(Owner):
    def _begin(self) -> Steps:
        self._held.position = yield ResolveStart()
        return True


class _TrimsEarly(Owner):
    def _snapshot(self, frozen: Iterator[dict[str, Any]]) -> Iterator[Part]:
        for part in super()._snapshot(frozen):
            yield replace(part, last=part.last or part.index == 1)


class PartsAnywhere(Owner):
    """Not a fault by itself: with their snapshot's id, parts may land wherever they will.

    One is always under way, half of it written in a flush and the rest at the next one's start: a zombie finishes
    its own among the parts of another.
    """

    def _snapshot_due(self) -> bool:
        return self._parts is None

    def flush(self, *, redis_through: str, redis_id: str) -> Steps:
        while self._parts is not None:
            yield from self._write_parts()
        return (yield from super().flush(redis_through=redis_through, redis_id=redis_id))

    def _write_parts(self) -> Steps:
        for _ in range(5):
            part = next(self._parts, None) if self._parts is not None else None
            if part is None:
                break
            landed: Landed = yield Append(encode(part))
            if landed.offset < 0:
                self._parts = None
                break
            self.tail = landed.offset if self.in_place(landed) else self.tail
            if part.last:
                self._parts = None
                yield Trim(part.cut + 1)
        return True


def _give_up(owner: Owner, log_start: int) -> bool:
    raise JournalError(f"no snapshot is complete, though the log starts at {log_start}")


_restored = PartitionState.restored


def _nothing_is_unacknowledged(state: PartitionState, seed: int) -> None:
    state.unacknowledged = Unacknowledged()
    _restored(state, seed)


_claim = Ledger.claim


def _every_claim_has_a_seed(ledger: Ledger, claim: Claim, timestamp_ms: int) -> None:
    ledger.first = None
    _claim(ledger, claim, timestamp_ms)


_first_bodies = snapshot._first_bodies


def _without_who_waits(head: dict[str, Any], types: list[str], fold: Fold) -> Iterator[dict[str, Any]]:
    with patch.object(fold, "unacknowledged", Unacknowledged()):
        return iter(list(_first_bodies(head, types, fold)))


FAULTS: dict[str, Fault] = {
    "gap rule": (_NoGapRule, nullcontext),
    "journal before outputs": (_OutputsFirst, nullcontext),
    "entry numbers": (Owner, lambda: patch.object(Ledger, "accepts", lambda self, entry: entry.epoch == self.epoch)),
    "newest epoch only": (
        Owner,
        lambda: patch.object(Ledger, "accepts", lambda self, entry: entry.number == self.number + 1),
    ),
    "redis_through": (Owner, lambda: patch.object(PartitionState, "restored", _nothing_is_unacknowledged)),
    "epoch that never goes back": (
        Owner,
        lambda: patch.object(Ledger, "next_epoch", lambda self, timestamp_ms: self.epoch + 1),
    ),
    "durable start": (_StartNotKept, nullcontext),
    "snapshot ids, parts landing anywhere": (
        PartsAnywhere,
        lambda: patch.object(Restore, "snapshot_key", lambda self, part: 0),
    ),
    "claim again without a base, parts landing anywhere": (
        PartsAnywhere,
        lambda: patch.object(Owner, "_without_base", _give_up),
    ),
    "whole snapshot before the trim": (_TrimsEarly, nullcontext),
    "who waits for Redis in snapshots": (
        Owner,
        lambda: patch("scorer.core.snapshot._first_bodies", _without_who_waits),
    ),
    "dead letters before the entry": (_LettersLast, nullcontext),
    "first claim's seed": (Owner, lambda: patch.object(Ledger, "claim", _every_claim_has_a_seed)),
    **ALERT_FAULTS,
}
"""Each rule of the protocol, switched off (others: `rare`)."""
