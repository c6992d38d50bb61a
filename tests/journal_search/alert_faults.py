"""The rules for alerts, each switched off."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

from scorer.core import snapshot
from scorer.core.alerts_in_force import RulesInForce
from scorer.core.draft import Cut, Draft
from scorer.core.fold import Fold
from scorer.core.journal.owner import Owner
from scorer.core.journal.steps import SendAlerts, Steps
from scorer.core.judging import Judge
from scorer.core.outbox import Outbox, SentAlert
from scorer.core.partition import PartitionState
from scorer.core.publish import ScoreBatch

Fault = tuple[Callable[..., Owner], Callable[[], AbstractContextManager[Any]]]
"""The owner to use, and what to patch meanwhile."""


class _AlertsFirst(Owner):
    def _append_cut(self, state: PartitionState, cut: Cut) -> Steps:
        if cut.alerts:
            yield SendAlerts(cut.alerts)
        return (yield from super()._append_cut(state, cut))


class _DeliveredBeforeTheSend(Owner):
    def flush(self, *, redis_through: str, redis_id: str) -> Steps:
        waiting = self._held.outbox.undelivered()
        self._held.delivered_all()
        if not (yield from super().flush(redis_through=redis_through, redis_id=redis_id)):
            return False
        if waiting:
            yield SendAlerts(waiting)
        return True


_restored, _tell_all_again, _landed = (
    PartitionState.restored,
    PartitionState.tell_all_again,
    PartitionState.landed,
)


def _no_alerts_again_after_a_restore(state: PartitionState, seed: int) -> None:
    _restored(state, seed)
    state._alerts_again = False


def _no_alerts_again_after_a_loss(state: PartitionState) -> None:
    before = state._alerts_again
    _tell_all_again(state)
    state._alerts_again = before


def _no_alerts_again_of_what_was_under_way(
    state: PartitionState, cut: Cut, version: str
) -> tuple[list[ScoreBatch], list[SentAlert]]:
    before = state._alerts_again
    told = _landed(state, cut, version)
    state._alerts_again = before
    return told


_first_bodies = snapshot._first_bodies


def _without_the_outbox(head: dict[str, Any], types: list[str], fold: Fold) -> Iterator[dict[str, Any]]:
    empty = Outbox()
    empty.delivered(fold.outbox.delivered_through)
    with patch.object(fold, "outbox", empty):
        return iter(list(_first_bodies(head, types, fold)))


_cuts = Draft.cuts


def _alerts_an_entry_later(draft: Draft, position: int) -> list[Cut]:
    alerts = [replace(news, tag="s", packed=[]) for news in draft.rules if news.alerts]
    draft.rules = [replace(news, alerts=[]) for news in draft.rules]
    cuts = _cuts(draft, position)
    if alerts:
        late = Cut(cuts[-1].position, rules=alerts)
        late.body["al"] = [list(alert) for alert in late.alerts]
        cuts.append(late)
    return cuts


ALERT_FAULTS: dict[str, Fault] = {
    "undelivered alerts are sent again": (Owner, lambda: patch.object(Outbox, "undelivered", lambda self: [])),
    "the entry before its alerts": (_AlertsFirst, nullcontext),
    "delivered when sent": (_DeliveredBeforeTheSend, nullcontext),
    "alerts in the entry of their crossing": (Owner, lambda: patch.object(Draft, "cuts", _alerts_an_entry_later)),
    "the outbox in snapshots": (Owner, lambda: patch("scorer.core.snapshot._first_bodies", _without_the_outbox)),
    "sides in snapshots": (Owner, lambda: patch("scorer.core.snapshot._rule_bodies", lambda sides, holds: iter(()))),
    "alerts again after a restore": (
        Owner,
        lambda: patch.object(PartitionState, "restored", _no_alerts_again_after_a_restore),
    ),
    "alerts again after a loss": (
        Owner,
        lambda: patch.object(PartitionState, "tell_all_again", _no_alerts_again_after_a_loss),
    ),
    "alerts again that were under way in a loss": (
        Owner,
        lambda: patch.object(PartitionState, "landed", _no_alerts_again_of_what_was_under_way),
    ),
    "who has an open alert stays": (
        Owner,
        lambda: patch.object(RulesInForce, "held_rows", lambda self: np.empty(0, np.int64)),
    ),
    "what rules overlooked": (
        Owner,
        lambda: patch.object(Judge, "overlooked", property(lambda self: False, lambda self, value: None), create=True),
    ),
}
"""Each rule by its name (others: `rare`)."""
