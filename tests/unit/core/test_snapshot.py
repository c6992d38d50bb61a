"""Snapshots: all of a state in parts under 900 KB, as of the entry that they were cut behind."""

import json
from collections.abc import Iterator

import msgpack
import numpy as np
import pytest

from scorer.core.cells import MAX_TYPES
from scorer.core.draft import Cut
from scorer.core.events import MAX_ID_BYTES
from scorer.core.journal.records import MAX_ENTRY_BYTES
from scorer.core.model import Curve, Kind, Model, Scoring, Shape, Weight
from scorer.core.partition import PartitionState
from scorer.core.publish import version
from scorer.core.snapshot import freeze, load
from tests.property.harness import Home, World, fold_of, small_steps

NOW_MS = 20_000 * 86_400_000
PLAIN = Model("plain", (Kind.USER, Kind.ACCOUNT), 3, {"a": Weight(1.0)}, curve=Curve(Shape.NONE), margin=0.0)
SCORING = Scoring(86_400, ("a",), (PLAIN,))


def tell(world: World, *users: str) -> None:
    for user in users:
        record = {"event": "a", "user_id": user, "account_id": f"of {user}", "ts": world.now_ms, "event_id": user}
        world.produce(json.dumps(record).encode(), f"of {user}", world.now_ms)


@pytest.fixture
def world() -> Iterator[World]:
    """One partition that takes a snapshot whenever it may, in tiny parts; the benchmark is at rest."""
    world = World(SCORING, 1, NOW_MS, floor=0)
    with small_steps():
        assert world.own(world.homes[0])
        world.exchange()
        yield world


def snapshot_written(world: World) -> Home:
    """Flush until the log was trimmed up to a snapshot."""
    (home,) = world.homes
    for _ in range(100):
        if home.journal.start:
            return home
        assert world.flush(home)
    raise AssertionError("no snapshot was completed")


def test_a_snapshot_brings_back_the_state(world: World) -> None:
    (home,) = world.homes
    tell(world, "u", "v", "w")
    world.apply(home, 9)
    world.score(home)
    assert world.flush(home)
    snapshot_written(world)
    live = fold_of(home.state)
    world.restart(home)
    assert fold_of(home.state) == live


def test_what_is_applied_while_parts_are_written_is_not_in_them(world: World) -> None:
    (home,) = world.homes
    tell(world, "u", "v", "w", "x", "y")
    world.apply(home, 2)
    world.score(home)
    while not home.journal.start:
        world.apply(home, 1)
        assert world.flush(home, between=[1, 1])
    live = fold_of(home.state)
    world.restart(home)
    assert fold_of(home.state) == live


def test_what_is_published_with_the_snapshots_own_entry_is_told_again(world: World) -> None:
    """It waits for Redis only once the entry has landed: after the state was copied."""
    (home,) = world.homes
    tell(world, "u")
    world.apply(home, 9)
    world.score(home)
    assert world.flush(home)
    snapshot_written(world)
    assert world.redis.documents == {}
    world.restart(home)
    world.settle()
    assert world.redis.documents.keys() == {"scorer:score:plain:user:of u/u", "scorer:score:plain:account:of u"}


def test_history_and_whose_new_delta_was_not_told_yet_are_in_a_snapshot(world: World) -> None:
    (home,) = world.homes
    tell(world, "u", "v", "w", "x")
    world.apply(home, 9)
    for _ in range(7):
        world.score(home)
        assert world.flush(home)
        world.now_ms += 86_400_000
    world.score(home, sweep_rows=2)
    assert world.flush(home)
    (held,) = home.state.models.values()
    assert 0 < held.delta_due.sum() < 8
    live = fold_of(home.state)
    assert [len(days) for days in live["closes"].values()] == [7] * 8
    again = PartitionState(SCORING, 0, 1, 10_000)
    for body in freeze(home.state):
        load(again, msgpack.unpackb(msgpack.packb(body), strict_map_key=False))
    assert fold_of(again) == live


def test_a_snapshot_in_the_making_is_given_up_with_its_worker(world: World) -> None:
    (home,) = world.homes
    tell(world, "u", "v")
    world.apply(home, 9)
    world.score(home)
    assert world.flush(home)
    assert home.journal.start == 0
    live = fold_of(home.state)
    for _ in range(3):
        world.restart(home)
        assert fold_of(home.state) == live
    tell(world, "w")
    world.settle()
    snapshot_written(world)
    live = fold_of(home.state)
    world.restart(home)
    assert fold_of(home.state) == live


def test_every_body_is_under_900_kb() -> None:
    longest = "😀" * (MAX_ID_BYTES // 4 - 2)
    state = PartitionState(SCORING, 0, 1, 1_000_000)
    names = [f"{longest}{n:08d}" for n in range(MAX_TYPES - 1)]
    state.restore({"t": 0, "ty": names}, version(1, 1))
    state.restored(7)
    state.roster.enter_restored(
        [(row, f"{longest}{row:08d}") for row in range(3_000)],
        [(3_000 + row, row, f"{longest}{row:08d}") for row in range(3_000)],
    )
    state.fit()
    state.ids.remember(np.unique(np.random.default_rng(7).integers(1, 2**64 - 1, 200_000, np.uint64)))
    keys = np.arange(200_000, dtype=np.int64) % 6_000 << 38 | np.arange(200_000, dtype=np.int64) << 12
    state.counts.add(keys, np.full(200_000, 1_234_567, np.int64))
    frozen = freeze(state)
    freed = [(f"{longest}{n:08d}", f"{longest}{n:08d}") for n in range(2_000)]
    state.landed(Cut(0, freed=list(freed)), version(1, 2))
    state.unacknowledged.add(version(1, 2), 0, np.arange(99_000))
    bodies = [msgpack.packb(body) for body in frozen]
    assert max(map(len, bodies)) < MAX_ENTRY_BYTES - 100
    again = PartitionState(SCORING, 0, 1, 1_000_000)
    for body in bodies:
        load(again, msgpack.unpackb(body, strict_map_key=False))
    assert fold_of(again) == fold_of(state)


def test_a_snapshot_holds_no_expired_cells_and_all_others_whatever_is_counted_meanwhile() -> None:
    state = PartitionState(SCORING, 0, 1, 1_000_000)
    state.restore({"t": 0}, version(1, 1))
    state.restored(7)
    state.roster.enter_restored([(row, str(row)) for row in range(100)], [])
    state.fit()
    cells = np.arange(100, dtype=np.int64) << 38 | (np.arange(100, dtype=np.int64) % 4) << 12
    state.counts.add(cells, np.arange(100))
    state.counts.expire(2)
    frozen = freeze(state)
    state.counts.add(cells, np.arange(100))
    state.counts.expire(3)
    bodies = list(frozen)
    held = np.concatenate([np.frombuffer(body["ck"], "<i8") for body in bodies if "ck" in body])
    assert sorted(held.tolist()) == [cell for cell in cells.tolist() if (cell >> 12) % 4 >= 2]
    again = PartitionState(SCORING, 0, 1, 1_000_000)
    for body in bodies:
        load(again, body)
    assert again.counts.all().keys.tolist() == sorted(held.tolist())
