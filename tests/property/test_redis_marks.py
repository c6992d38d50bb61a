"""Whatever is submitted, overwritten, written late or tried again: an acknowledged version stands in Redis."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.model import Kind
from scorer.core.publish import ScoreBatch, version
from scorer.sinks.redis_alerts import AlertQueue
from scorer.sinks.redis_backlog import Backlog
from scorer.sinks.redis_inbox import Inbox
from scorer.sinks.redis_ledger import Ledger

PARTITIONS = 2
ENTITIES = 6

submissions = st.tuples(
    st.just("submit"),
    st.integers(0, PARTITIONS - 1),
    st.lists(st.sets(st.integers(0, ENTITIES - 1)), max_size=2),
    st.integers(0, 3),
)
renderings = st.tuples(st.just("render"), st.integers(1, 9))
writes = st.tuples(st.just("write"), st.integers(1, 9), st.booleans(), st.booleans())
rankings = st.just(("rank",))
steps = st.lists(st.one_of(submissions, renderings, writes, rankings), max_size=60)


def batch(partition: int, model: str, number: int, entities: Sequence[int]) -> ScoreBatch:
    n = len(entities)
    return ScoreBatch(
        partition=partition,
        version=version(1, number),
        model=model,
        model_version=1,
        computed_at=0.0,
        kind=np.full(n, Kind.ACCOUNT, np.int8),
        entity_id=[f"{partition}-{entity}" for entity in entities],
        score=np.full(n, float(number)),
        raw=np.full(n, 1.0),
        band=["low"] * n,
        previous_band=[None] * n,
        delta=np.full(n, np.nan),
        state=["scored"] * n,
        benchmark=np.full(n, 1.0),
        benchmark_version=np.full(n, 1),
        population=np.full(n, 1),
        min_population=1,
        as_of=np.full(n, 1.0),
        freed=np.array([entity % 2 == 0 and number % 2 == 0 for entity in entities], np.bool_),
    )


class World:
    """The queues of the sink, and a Redis: a dict, key -> (version, freed), and the stream of alerts."""

    def __init__(self) -> None:
        self.inbox, self.backlog, self.alerts, self.ledger = Inbox("ns"), Backlog(), AlertQueue(), Ledger()
        self.redis: dict[str, tuple[str, bool]] = {}
        self.stream: list[bytes] = []
        self.submitted: list[tuple[int, str, str, bool]] = []
        self.alerted: list[tuple[int, str, bytes]] = []
        self.number = 0

    def submit(self, partition: int, models: list[set[int]], alerts: int) -> None:
        self.number += 1
        if alerts or not models:
            raised = [b"%d-%d" % (self.number, alert) for alert in range(alerts)]
            self.ledger.submitted(partition, version(1, self.number))
            self.inbox.add_alerts(partition, version(1, self.number), raised)
            self.alerted += [(partition, version(1, self.number), alert) for alert in raised]
        for position, entities in enumerate(models):
            made = batch(partition, f"m{position}", self.number, sorted(entities))
            self.ledger.submitted(partition, made.version)
            self.inbox.add(made)
            for entity_id, freed in zip(made.entity_id, made.freed.tolist(), strict=True):
                self.submitted.append((partition, made.version, f"ns:score:m{position}:account:{entity_id}", freed))

    def render(self, limit: int) -> None:
        self.inbox.render(limit, self.backlog, self.alerts, self.ledger)

    def write(self, limit: int, answered: bool, alerts_answered: bool = True) -> None:
        """Without an answer the script may have run all the same: it is sent again."""
        while self.alerts:
            self.stream += self.alerts.portion(limit)
            if not alerts_answered:
                return
            self.alerts.confirm()
        portion = self.backlog.portion(limit)
        assert len(set(portion.keys)) == len(portion.keys) <= limit
        for position, (key, value) in enumerate(zip(portion.keys, portion.values, strict=True)):
            self.redis[key] = value[6:28], position in portion.freed
            assert key in portion.accounts
        if answered:
            self.backlog.confirm(portion)
        self.ledger.written(self.backlog.written)

    def rank(self) -> None:
        self.ledger.ranked()

    def lose(self) -> None:
        self.redis.clear()
        self.stream.clear()
        self.submitted.clear()
        self.alerted.clear()
        self.ledger.lose(0)
        self.inbox.void_refill(0)

    def drain(self) -> None:
        while self.inbox or self.backlog or self.alerts:
            self.render(3)
            self.write(3, True)
            self.check()
        self.write(1, True)
        self.rank()
        self.check()

    def check(self) -> None:
        for partition, submitted, key, _ in self.submitted:
            if submitted <= self.ledger.acknowledged(partition):
                assert self.redis[key][0] >= submitted
        for partition, submitted, alert in self.alerted:
            if submitted <= self.ledger.acknowledged(partition):
                assert alert in self.stream
        assert len(self.backlog) <= 2 * 2 * PARTITIONS * ENTITIES


@given(steps)
def test_an_acknowledged_version_stands_in_redis_and_in_the_end_all_is_acknowledged(
    plan: list[tuple[object, ...]],
) -> None:
    world = World()
    for name, *arguments in plan:
        getattr(world, str(name))(*arguments)
        world.check()
    world.drain()
    newest = {key: (submitted, freed) for _, submitted, key, freed in world.submitted}
    assert world.redis == newest
    assert list(dict.fromkeys(world.stream)) == [alert for _, _, alert in world.alerted]
    for partition in range(PARTITIONS):
        versions = [submitted for each, submitted, _, _ in world.submitted if each == partition]
        assert world.ledger.acknowledged(partition) >= max(versions, default="")


def test_while_redis_is_away_marks_grow_with_the_entities_and_not_with_time() -> None:
    world = World()
    everyone = set(range(ENTITIES))
    for _ in range(500):
        world.submit(0, [everyone, everyone], 0)
        world.submit(1, [], 0)
        world.render(100)
    assert len(world.ledger) <= 4 and world.ledger.acknowledged(0) == ""
    world.drain()
    assert world.ledger.acknowledged(0) == version(1, world.number - 1)
    assert world.ledger.acknowledged(1) == version(1, world.number)
    assert len(world.ledger) == 0


@given(steps, st.integers(0, 60))
def test_after_a_loss_nothing_is_acknowledged_until_the_refill_is_written(
    plan: list[tuple[object, ...]], lost_at: int
) -> None:
    world = World()
    for step, (name, *arguments) in enumerate(plan):
        if step == lost_at:
            world.lose()
        getattr(world, str(name))(*arguments)
        if step >= lost_at:
            assert world.ledger.acknowledged(0) == ""
    world.inbox.end_refill(0)
    world.lose()  # once more: what was submitted before isn't everything
    world.drain()
    assert world.ledger.acknowledged(0) == ""
    world.submit(0, [set(range(ENTITIES)), set(range(ENTITIES))], 2)
    world.inbox.end_refill(0)
    world.drain()
    world.check()
    assert world.ledger.acknowledged(0) == version(1, world.number)
