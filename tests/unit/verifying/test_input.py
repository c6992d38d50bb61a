"""Which events the recount counts: by the tests' own oracle, over every rule."""

import json
import random
from collections import defaultdict

from scorer.core.decode import Decoder
from scorer.core.model import Kind, Model, Scoring, Weight
from scorer.stream.input_reader import Records
from scorer.verifying.input import IdsRead, Recount, home_partition
from scorer.verifying.sample import Chosen, Drawn, Entity, Sample
from tests.oracle import Oracle
from tests.oracle_input import partition_of

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
NOW_MS = 20_000 * DAY_MS + 43_200_000
PARTITIONS = 3
SCORING = Scoring(
    bucket_seconds=86_400,
    events=("opened", "shared"),
    models=(Model("m", (Kind.USER, Kind.ACCOUNT), 30, {"opened": Weight(1.0)}),),
    exclude_users=("bot-*",),
)

Record = tuple[int, int, bytes]
"""Partition, broker timestamp, value."""


def records(seed: int, count: int) -> list[Record]:
    """Every kind of trouble: repeats (of whatever came before), the excluded, the future, the wrong place, nonsense."""
    chance = random.Random(seed)
    made: list[Record] = []
    for number in range(count):
        account = chance.choice([None, *(f"acme/{n}" for n in range(6))])
        user = chance.choice(["ann", "bo", "bot-1", "c%d"])
        ts_ms = NOW_MS - chance.randrange(20 * DAY_MS)
        stamp_ms = ts_ms + chance.randrange(-2 * HOUR_MS, DAY_MS) if chance.random() < 0.9 else -1
        said = {
            "event": chance.choice(["opened", "shared", "unheard of"]),
            "user_id": user,
            "account_id": account,
            "ts": ts_ms,
            "value": chance.choice([0, 1, 0.1, 7.000001]),
            "event_id": chance.choice([None, f"e{number}", f"e{chance.randrange(count)}"]),
        }
        partition = partition_of(account or user, PARTITIONS)
        if chance.random() < 0.1:
            partition = chance.randrange(PARTITIONS)
        value = json.dumps({key: value for key, value in said.items() if value is not None}).encode()
        made.append((partition, stamp_ms, value if chance.random() < 0.97 else b"{"))
    return made


def recounted(sample: Sample, made: list[Record], chunk: int) -> Recount:
    recount = Recount(SCORING, PARTITIONS, sample, Decoder())
    by_partition: dict[int, list[Record]] = defaultdict(list)
    for record in made:
        by_partition[record[0]].append(record)
    for partition, own in by_partition.items():
        for start in range(0, len(own), chunk):
            _, stamps, values = zip(*own[start : start + chunk], strict=True)
            recount.take(Records(partition, list(stamps), list(values), {}, 0), NOW_MS)
            if start % 2:
                recount.settle()
    recount.settle()
    return recount


def expected(made: list[Record]) -> dict[Entity, dict[tuple[int, str], int]]:
    oracle = Oracle(SCORING, partitions=PARTITIONS)
    for partition, stamp_ms, value in made:
        limit_ms = min(stamp_ms, NOW_MS) if stamp_ms >= 0 else NOW_MS
        oracle.feed(value, limit_ms, partition=partition)
    return {Entity.of_id(kind, entity_id): cells for (kind, entity_id), cells in oracle.counts().items()}


def test_counts_equal_the_oracles_whatever_the_chunks() -> None:
    for seed in range(8):
        made = records(seed, 1500)
        want = expected(made)
        for chunk in (1, 7, 400, 5000):
            sample = Drawn({Kind.USER: 1000, Kind.ACCOUNT: 1000}, 1)
            assert recounted(sample, made, chunk).records == 1500
            assert {entity: tally.cells for entity, tally in sample.tallies.items() if tally.cells} == want


def test_a_part_of_the_entities_is_counted_as_all_are() -> None:
    """An id that somebody else's event had first counts for nobody after, though nothing else is kept of it."""
    repeats = 0
    for seed in range(8):
        made = records(seed, 1500)
        want = expected(made)
        for sample in (Drawn({Kind.USER: 3, Kind.ACCOUNT: 2}, seed), Chosen(["acme/1"])):
            recounted(sample, made, 60)
            assert sample.tallies
            for entity, tally in sample.tallies.items():
                assert tally.cells == want.get(entity, {})
                repeats += tally.repeats
    assert repeats > 100


def test_what_came_since_is_added_one_event_after_the_other() -> None:
    sample = Chosen(["acme"])
    recount = Recount(SCORING, 1, sample, Decoder())

    def opened(value: float) -> bytes:
        return json.dumps(
            {"event": "opened", "user_id": "ann", "account_id": "acme", "ts": NOW_MS, "value": value}
        ).encode()

    recount.take(Records(0, [NOW_MS], [opened(1)], {}, 0), NOW_MS)
    recount.settle()
    recount.take(Records(0, [NOW_MS, NOW_MS], [opened(2), opened(4)], {}, 0), NOW_MS)
    tally = sample.tallies[Entity("acme", "ann")]
    assert [sum(cells.values()) // 1_000_000 for cells in tally.states()] == [1, 3, 7]
    assert [sum(cells.values()) // 1_000_000 for cells in tally.states()] == [1, 3, 7]
    recount.settle()
    assert [sum(cells.values()) // 1_000_000 for cells in tally.states()] == [7]


def test_ids_read_are_known_and_others_are_not() -> None:
    chance = random.Random(1)
    ids, held = IdsRead(), set[int]()
    for _ in range(200):
        some = [chance.randrange(2**64) for _ in range(chance.randrange(40))]
        ids.add(some)
        held.update(some)
        asked = [chance.randrange(2**64), *chance.sample(sorted(held), min(len(held), 5))]
        assert ids.known(asked) == [each in held for each in asked]
    assert ids.known([]) == []


def test_the_partition_is_the_default_partitioners() -> None:
    for number in range(200):
        entity = Entity(f"acme {number} ü", "ann")
        assert home_partition(entity, 16) == partition_of(f"acme {number} ü", 16)
