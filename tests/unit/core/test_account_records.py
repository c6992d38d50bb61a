"""The way of account records: who gets a row, who keeps it, what readers and the journal are told."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from scorer.core.events import Reason
from scorer.core.intake import Applied
from scorer.core.journal.records import Entry
from scorer.core.journal.records import decode as decode_record
from scorer.core.model import BenchmarkRule, Curve, HistoryDays, Kind, Model, Scoring, Shape, Weight
from scorer.core.partitioner import partition_of
from tests.decoding import decode
from tests.property.harness import Home, World, fold_of, small_steps, traits_of

DAY_MS = 86_400_000
NOW_MS = 20_000 * DAY_MS
BOTH = (Kind.USER, Kind.ACCOUNT)
AGAINST = Model(
    "against", BOTH, 3, {"a": Weight(1.0)}, benchmark=BenchmarkRule(initial=4.0), curve=Curve(Shape.LINEAR), margin=0.0
)
PLAIN = replace(AGAINST, name="plain", curve=Curve(Shape.NONE))
SCORING = Scoring(86_400, ("a", "b"), (AGAINST, PLAIN), history=HistoryDays(user=0, account=0))
"""Without history nothing but traits holds a row whose window is empty."""

ACME = "scorer:score:against:account:acme"


def account(traits: dict[str, object], account_id: str = "acme") -> dict[str, object]:
    return {"type": "account", "account_id": account_id, "traits": traits}


def event(user: str = "u", account_id: str | None = "acme", **more: object) -> dict[str, object]:
    return {"event": "a", "user_id": user, "account_id": account_id} | more


def tell(world: World, *records: dict[str, object]) -> None:
    for record in records:
        said = record if record.get("type") == "account" else {"ts": world.now_ms} | record
        world.produce(json.dumps(said).encode(), str(record["account_id"] or record["user_id"]), world.now_ms)


@pytest.fixture
def world() -> World:
    """One partition, owned; nothing happened yet."""
    world = World(SCORING, 1, NOW_MS, floor=10**9)
    assert world.own(world.homes[0])
    return world


@pytest.fixture
def home(world: World) -> Home:
    return world.homes[0]


def applied(home: Home, world: World, *records: dict[str, object] | bytes, start: int = 0) -> Applied:
    """Apply records as one chunk that begins at the offset `start`."""
    values = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    columns, _ = decode(values)
    offsets = np.arange(start, start + len(values))
    times = np.full(len(values), world.now_ms)
    return home.state.apply(columns, offsets, times, start + len(values), world.now_ms)


def bodies(home: Home) -> Iterator[dict[str, object]]:
    for record in home.journal.records:
        entry = decode_record(record.value)
        if isinstance(entry, Entry):
            yield entry.body


def test_an_account_known_only_by_its_traits_is_told_as_never_used(world: World) -> None:
    tell(world, account({"plan": "pro"}))
    world.settle()
    never = {"score": None, "raw": 0.0, "band": None, "state": "never_used", "benchmark": 4.0, "delta": None}
    assert world.redis.documents[ACME] == never
    assert world.redis.documents[ACME.replace("against", "plain")] == never | {"benchmark": None}
    assert len(world.redis.documents) == 2


def test_the_first_event_ends_it_and_silence_is_inactive_then(world: World) -> None:
    tell(world, account({"plan": "pro"}))
    world.settle()
    tell(world, event())
    world.settle()
    assert world.redis.documents[ACME]["state"] == "scored"
    world.now_ms += 5 * DAY_MS
    world.settle()
    assert world.redis.documents[ACME]["state"] == "inactive"
    assert world.redis.documents[ACME]["score"] == 1.0


def test_an_event_that_weighs_nothing_ends_it_too(world: World) -> None:
    tell(world, account({"plan": "pro"}), event(event="b"))
    world.settle()
    assert world.redis.documents[ACME]["state"] == "inactive"


def test_a_row_with_traits_is_kept_however_long_it_is_silent(world: World, home: Home) -> None:
    tell(world, account({"plan": "pro"}), event("u"), event("v", "other"))
    world.settle()
    world.now_ms += 5 * DAY_MS
    world.settle()
    assert home.state.roster.row_of.keys() == {("acme", None)}
    world.now_ms += 5 * DAY_MS
    world.settle()
    tell(world, account({"plan": None}))
    world.settle()
    assert home.state.roster.row_of.keys() == {("acme", None)}  # until the next bucket closes
    world.now_ms += DAY_MS
    world.settle()
    assert home.state.roster.row_of == {}
    assert world.redis.documents[ACME]["state"] == "inactive"


def test_traits_that_come_between_a_closed_bucket_and_the_freeing_keep_the_row(world: World, home: Home) -> None:
    tell(world, event(), event("v", "other"))
    world.settle()
    world.now_ms += 5 * DAY_MS
    world.score(home)
    tell(world, account({"plan": "pro"}))
    world.apply(home, 1)
    world.settle()
    assert home.state.roster.row_of.keys() == {("acme", None)}


def test_what_names_no_trait_makes_nobody_known(world: World, home: Home) -> None:
    outcome = applied(home, world, account({}), account({"plan": None}), account({"plan": None}, "other"))
    assert +outcome.outcomes == Counter(trait=3)
    assert home.state.roster.row_of == {}
    world.settle()
    assert world.redis.documents == {}


def test_records_below_the_position_are_skipped(world: World, home: Home) -> None:
    first = applied(home, world, account({"plan": "free"}), event(ts=NOW_MS), account({"plan": "pro"}))
    assert +first.outcomes == Counter(trait=2, counted=1)
    late = account({"region": "eu"})
    again = applied(home, world, account({"plan": "free"}), event(ts=NOW_MS), account({"plan": "pro"}), late)
    assert +again.outcomes == Counter(replayed=3, trait=1)
    assert traits_of(home.state) == {"acme": {"plan": "pro", "region": "eu"}}


def test_a_record_of_another_partition_is_refused() -> None:
    world = World(SCORING, 2, NOW_MS)
    foreign = next(name for name in map(str, range(99)) if partition_of(name, 2) == 1)
    own = next(name for name in map(str, range(99)) if partition_of(name, 2) == 0)
    (home, _) = world.homes
    assert world.own(home)
    outcome = applied(home, world, account({"plan": "pro"}, foreign), account({"plan": "pro"}, own))
    assert +outcome.outcomes == Counter(dead_letter=1, trait=1)
    (reject,) = outcome.rejects
    assert (reject.index, reject.reason) == (0, Reason.WRONG_PARTITION)
    assert f"account_id '{foreign}' belongs into partition 1" in reject.detail
    assert traits_of(home.state).keys() == {own}


def test_a_record_that_would_leave_more_than_64_traits_changes_nothing(world: World, home: Home) -> None:
    full: dict[str, object] = {f"trait {n}": n for n in range(64)}
    outcome = applied(home, world, account(full), account({"one": "more"}), account({"one": "more", "trait 0": None}))
    assert +outcome.outcomes == Counter(trait=2, dead_letter=1)
    (reject,) = outcome.rejects
    assert (reject.index, reject.reason) == (1, Reason.BAD_VALUE)
    assert reject.detail == "the account would have 65 traits; allowed are 64"
    assert len(traits_of(home.state)["acme"]) == 64


def test_the_journal_holds_what_changed_and_nothing_else(world: World, home: Home) -> None:
    tell(world, account({"plan": "pro", "region": "eu"}))
    world.settle()
    tell(world, account({"plan": "pro", "region": None, "licenses": 5}), account({"plan": "pro"}))
    world.settle()
    told = [body["tr"] for body in bodies(home) if "tr" in body]
    assert told == [[[0, {"plan": "pro", "region": "eu"}]], [[0, {"region": None, "licenses": "5"}]]]


def test_a_restore_brings_traits_back_also_from_a_snapshot() -> None:
    world = World(SCORING, 1, NOW_MS, floor=0)
    (home,) = world.homes
    with small_steps():
        tell(world, *(account({"plan": str(n), "n": n}, f"account {n}") for n in range(20)), event())
        world.settle()
        for _ in range(100):
            assert world.flush(home)
        assert home.journal.start > 0
        live = fold_of(home.state)
        assert len(live["traits"]) == 20
        world.restart(home)
        assert fold_of(home.state) == live


def test_a_chunk_in_many_entries_restores_at_each_of_them() -> None:
    """An account's row, given out with an event, may be needed by an earlier entry's traits."""
    records = [
        account({"plan": "x" * 60}, f"account {n % 4}") if n % 3 else event(f"u{n}", f"account {n % 4}")
        for n in range(30)
    ]
    for steps in range(0, 40, 2):
        world = World(SCORING, 1, NOW_MS)
        (home,) = world.homes
        with small_steps():
            assert world.own(home)
            tell(world, *records)
            world.apply(home, len(records))
            world.flush(home, steps)
            world.restart(home)
            assert all(
                key is None or key[1] is None
                for key in (home.state.roster.keys[row] for row in home.state.traits.rows())
            )
            world.settle()
            assert world.traits() == world.oracle().traits
            assert world.counts(0) == world.oracle().counts()


def test_users_are_judged_anew_when_their_peer_group_may_have_changed() -> None:
    model = replace(AGAINST, benchmark=BenchmarkRule(initial=4.0, peers=("plan",)))
    world = World(replace(SCORING, models=(model,)), 1, NOW_MS)
    (home,) = world.homes
    tell(world, event("u"), event("v"), event("w", "other"), event("acme", None))
    world.settle()

    def dirty() -> set[tuple[str | None, str | None] | None]:
        return {home.state.roster.keys[row] for row in np.flatnonzero(home.state.dirty).tolist()}

    assert dirty() == set()
    tell(world, account({"region": "eu"}))
    world.apply(home, 1)
    assert dirty() == {("acme", None)}
    world.settle()
    tell(world, account({"plan": "pro"}))
    world.apply(home, 1)
    assert dirty() == {("acme", None), ("acme", "u"), ("acme", "v")}
    world.settle()
    tell(world, account({"plan": "pro"}))
    world.apply(home, 1)
    assert dirty() == set()
    groups = home.state.passes.peer_groups(model)
    rows = home.state.roster.live_rows()
    named = {
        home.state.roster.keys[row]: groups.names[code] for row, code in zip(rows, groups.codes(rows), strict=True)
    }
    pro = [("acme", None), ("acme", "u"), ("acme", "v")]
    assert named == dict.fromkeys(named, "all") | dict.fromkeys(pro, "plan=pro")


def test_a_record_that_tells_of_no_account_makes_nobody_known() -> None:
    columns, rejects = decode([b'{"type":"identify","userId":"ann","traits":{"plan":"pro"}}'])
    assert not rejects
    assert [(record.account_id, record.traits) for record in columns.traits] == [(None, {})]
