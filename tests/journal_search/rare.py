"""Schedules that chance doesn't find in ten thousand, written out: (the schedule, what switches its rule off)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from scorer.core.alerts import RuleState
from scorer.core.draft import Cut, Draft
from scorer.core.events import Int64s
from scorer.core.footing import Basis
from scorer.core.journal.steps import Landed
from scorer.core.outbox import SentAlert
from scorer.core.partition import PartitionState
from scorer.core.publish import ScoreBatch
from scorer.core.scoring_pass import ScoringPass
from tests.journal_search.outside import Event
from tests.journal_search.setting import BUCKET_MS, WINDOW
from tests.journal_search.truth import Hole
from tests.journal_search.worker import Worker
from tests.journal_search.world import World


def redis_acknowledges_before_what_is_owed_is_told(world: World) -> None:
    """A restored worker's first flush tells a last document only: its version says nothing of older, lost ones."""
    first = hired(world)
    opened(world, "u")
    flushed(world, first)
    world.now_ms += WINDOW * BUCKET_MS
    opened(world, "v")
    flushed(world, first)  # "u" is freed; Redis hears neither of it nor of "v"
    world.workers.remove(first)
    second = hired(world)
    for _ in range(2):
        flushed(world, second, scored=False)
        world.write_all(second)
    world.workers.remove(second)
    hired(world)
    world.settle()


def a_zombie_comes_back_to_an_empty_redis(world: World) -> None:
    """What it appended just before it was replaced is confirmed when its entity is gone and Redis empty."""
    zombie = hired(world)
    opened(world, "u")
    flushed(world, zombie)
    world.write_all(zombie)
    opened(world, "u")
    landed = flush_lands_unheard_of(world, zombie)
    owner = hired(world)
    flushed(world, owner)
    world.now_ms += WINDOW * BUCKET_MS
    flushed(world, owner)  # "u" is freed
    world.write_all(owner)
    flushed(world, owner)  # the journal knows that Redis has it all
    world.restart_redis()
    world.write_all(zombie)
    world.step(zombie, landed)
    world.write_all(zombie)
    world.finish_flow(zombie)
    world.settle()


def redis_is_lost_again_while_it_is_refilled(world: World) -> None:
    """Between two steps of the flush that tells everything again: what it told is lost, and was acknowledged."""
    world.small_entries = True
    with world.sizes():
        worker = hired(world)
        worker.serve_redis()
        fired(world, worker, "u")
        world.restart_redis()
        worker.serve_redis(0)
        for user in "vwxyz":
            opened(world, user)
        world.apply(worker, len(world.source))
        world.flush(worker, scored=True)
        while worker.flight is not None:
            world.step(worker, world.append(worker.flight.value))
        while len(world.redis.stream) < 2 * len(world.alerting.journaled):  # once more each
            worker.serve_redis(1)
        world.restart_redis()
        worker.serve_redis(0)
        world.finish_flow(worker)
        for _ in range(9):
            worker.serve_redis()
        flushed(world, worker)
        flushed(world, worker, scored=False)  # the journal knows what Redis has acknowledged
        world.workers.remove(worker)
        hired(world)
        world.settle()


def an_account_expires_before_its_user(world: World) -> None:
    """The user has an open alert, of which nobody has seen that it is over."""
    worker = hired(world)
    fired(world, worker, "u", account="a")
    world.now_ms += WINDOW * BUCKET_MS
    world.rules_pause = 1.0
    flushed(world, worker, hurried=True)
    world.rules_pause = 0.0
    opened(world, "v", account="b")
    flushed(world, worker)
    opened(world, "u", account="a")
    world.settle()


def a_worker_dies_in_the_flush_of_the_first_benchmark(world: World) -> None:
    """Everybody's score moves, and nobody may be alerted of it."""
    world.small_entries, world.basis = True, Basis(20.0)
    with world.sizes():
        worker = hired(world)
        for user in "uvwxyz":
            opened(world, user)
        flushed(world, worker)
        world.basis = Basis(2.0, 1)
        flush_lands_unheard_of(world, worker)
        world.workers.remove(worker)
        hired(world)
        world.settle()
    if world.alerting.journaled:
        raise Hole("alerted of the first benchmark")


def somebody_comes_back_and_alerts_again(world: World) -> None:
    """Forgotten since, with a row of another number."""
    worker = hired(world)
    for _ in range(2):
        fired(world, worker, "u")
        for _ in range(2):
            world.now_ms += WINDOW * BUCKET_MS
            flushed(world, worker)
    world.settle()


def fired(world: World, worker: Worker, user: str, account: str | None = None) -> None:
    """A user becomes keen."""
    for benchmark in (20.0, 2.0):
        world.basis = Basis(benchmark, world.basis.version + 1)
        opened(world, user, account)
        flushed(world, worker)
    if not world.alerting.journaled:
        raise Hole("nobody is alerted")


def hired(world: World) -> Worker:
    worker = world.hire()
    world.finish_flow(worker)
    return worker


def opened(world: World, user: str, account: str | None = None) -> None:
    number = len(world.source)
    world.source.append(Event(f"e{number}", "opened", account, user, world.now_ms, world.now_ms))


def flushed(world: World, worker: Worker, *, scored: bool = True, hurried: bool = False) -> None:
    """Everything is applied and flushed."""
    world.apply(worker, len(world.source))
    world.flush(worker, scored=scored, hurried=hurried)
    world.finish_flow(worker)


def flush_lands_unheard_of(world: World, worker: Worker) -> Landed:
    """As `flushed`, up to the append, whose answer doesn't come yet."""
    world.apply(worker, len(world.source))
    world.flush(worker, scored=True)
    if worker.flight is None:
        raise Hole("nothing to flush")
    worker.flight.landed = world.append(worker.flight.value)
    return worker.flight.landed


_landed = PartitionState.landed


def _tell_whatever_was_cut(state: PartitionState, cut: Cut, version: str) -> tuple[list[ScoreBatch], list[SentAlert]]:
    cut.telling = state.telling
    return _landed(state, cut, version)


def _no_account_has_others(passes: ScoringPass, rows: Int64s) -> NDArray[np.bool_]:
    return np.zeros(len(passes._state.roster), np.bool_)


_cuts = Draft.cuts


def _rules_last(draft: Draft, position: int) -> list[Cut]:
    rules, draft.rules = draft.rules, []
    cuts = _cuts(draft, position)
    if rules:
        cuts.append(Cut(cuts[-1].position, rules=rules))
        cuts[-1].body["rl"] = [[news.tag, news.packed] for news in rules]
        cuts[-1].body["al"] = [list(alert) for alert in cuts[-1].alerts]
    return cuts


def _without_floor(state: RuleState, rows: Int64s) -> None:
    state._side[rows] = 0
    state._entries.drop(rows)


def _owe_nothing(passes: ScoringPass, code: int) -> None:
    """As if it had never been said."""


RARE: dict[str, tuple[Callable[[World], None], Callable[[], AbstractContextManager[Any]]]] = {
    "no mark while scores are owed": (
        redis_acknowledges_before_what_is_owed_is_told,
        lambda: patch.object(ScoringPass, "_owe", _owe_nothing),
    ),
    "nothing cut before Redis was lost": (
        a_zombie_comes_back_to_an_empty_redis,
        lambda: patch.object(PartitionState, "landed", _tell_whatever_was_cut),
    ),
    "not refilled if lost again": (
        redis_is_lost_again_while_it_is_refilled,
        lambda: patch.object(Worker, "is_refilled", property(lambda self: self._refilling)),
    ),
    "what rules made of standings no later than these": (
        a_worker_dies_in_the_flush_of_the_first_benchmark,
        lambda: patch.object(Draft, "cuts", _rules_last),
    ),
    "an account's row outlives those of its users": (
        an_account_expires_before_its_user,
        lambda: patch.object(ScoringPass, "_has_others", _no_account_has_others),
    ),
    "no episode's number twice": (
        somebody_comes_back_and_alerts_again,
        lambda: patch.object(RuleState, "forget", _without_floor),
    ),
}
