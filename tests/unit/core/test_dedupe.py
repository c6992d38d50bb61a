"""Recent event ids are known: at least the last `capacity` of them."""

import random

import numpy as np
import pytest

from scorer.core.dedupe import NO_ID, Hashes, RecentIds, hash_ids


def hashes(*numbers: int) -> Hashes:
    return np.array(numbers, np.uint64)


def test_no_id_is_never_a_duplicate() -> None:
    ids = RecentIds(10)
    found = hash_ids(["", "a", ""], 7)
    assert found[0] == found[2] == NO_ID != found[1]
    ids.remember(found)
    assert len(ids) == 1
    assert ids.first_seen(found).tolist() == [True, False, True]


def test_nothing_hashes_to_nothing() -> None:
    assert len(hash_ids([], 7)) == 0
    assert len(RecentIds(3).first_seen(hash_ids([], 7))) == 0


def test_only_the_first_of_a_chunk_is_new() -> None:
    assert RecentIds(10).first_seen(hash_ids(["b", "a", "b", "", "a", ""], 7)).tolist() == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]


def test_another_seed_gives_other_hashes() -> None:
    assert hash_ids(["a"], 1)[0] != hash_ids(["a"], 2)[0]
    assert hash_ids(["a"], 2**63 - 1)[0] == hash_ids(["a"], 2**63 - 1)[0]


def test_a_rotation_forgets_the_generation_before_the_last() -> None:
    ids = RecentIds(2)
    ids.remember(hashes(1, 2))
    assert ids.full
    ids.rotate()
    assert not ids.full
    assert ids.first_seen(hashes(1, 2, 3)).tolist() == [False, False, True]
    ids.remember(hashes(3))
    ids.rotate()
    assert ids.first_seen(hashes(1, 2, 3)).tolist() == [True, True, False]


@pytest.mark.parametrize("shift", [0, 40, 55])
def test_ids_that_want_the_same_slot_are_all_held(shift: int) -> None:
    ids = RecentIds(10_000)
    crowd = np.arange(1, 400, dtype=np.uint64) << np.uint64(shift)  # alike in their highest bits, or in the lowest
    ids.remember(crowd[:300])
    assert ids.first_seen(crowd).tolist() == [False] * 300 + [True] * 99


@pytest.mark.parametrize("start", range(10))
def test_it_knows_what_two_naive_generations_know(start: int) -> None:
    chance = random.Random(start)
    ids = RecentIds(500)
    current: set[int] = set()
    previous: set[int] = set()
    for _ in range(60):
        chunk = [chance.randrange(1, 4_000) for _ in range(chance.randrange(200))]
        expected = []
        for number in chunk:
            expected.append(number not in current and number not in previous)
            current.add(number) if expected[-1] else None
        first = ids.first_seen(hashes(*chunk))
        assert first.tolist() == expected
        ids.remember(hashes(*chunk)[first])
        assert ids.full == (len(current) >= 500)
        if ids.full:
            ids.rotate()
            previous, current = current, set()
    again = RecentIds(500)
    for generation, column in enumerate(ids.columns()):
        for part in np.array_split(column, 3):
            again.load(*((part, hashes()) if generation == 0 else (hashes(), part)))
    assert [set(column.tolist()) for column in again.columns()] == [previous, current]
    assert len(again) == len(previous) + len(current)
