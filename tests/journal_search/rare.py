"""Schedules that chance doesn't find in ten thousand, written out: (the schedule, what switches its rule off)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from scorer.core.draft import Cut
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
    flush_lands_unheard_of(world, zombie)
    owner = hired(world)
    flushed(world, owner)
    world.now_ms += WINDOW * BUCKET_MS
    flushed(world, owner)  # "u" is freed
    world.write_all(owner)
    flushed(world, owner)  # the journal knows that Redis has it all
    world.redis.restart("redis 1")
    world.write_all(zombie)
    world.finish_flow(zombie)
    world.write_all(zombie)
    world.settle()


def hired(world: World) -> Worker:
    worker = world.hire()
    world.finish_flow(worker)
    return worker


def opened(world: World, user: str) -> None:
    number = len(world.source)
    world.source.append(Event(f"e{number}", "opened", None, user, world.now_ms, world.now_ms))


def flushed(world: World, worker: Worker, *, scored: bool = True) -> None:
    """Everything is applied and flushed."""
    world.apply(worker, len(world.source))
    world.flush(worker, scored=scored)
    world.finish_flow(worker)


def flush_lands_unheard_of(world: World, worker: Worker) -> None:
    """As `flushed`, up to the append, whose answer doesn't come yet."""
    world.apply(worker, len(world.source))
    world.flush(worker, scored=True)
    if worker.flight is None:
        raise Hole("nothing to flush")
    worker.flight.landed = world.append(worker.flight.value)


_landed = PartitionState.landed


def _tell_whatever_was_cut(state: PartitionState, cut: Cut, version: str) -> tuple[list[ScoreBatch], list[SentAlert]]:
    cut.telling = state.telling
    return _landed(state, cut, version)


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
}
