"""Whose events are kept."""

import random

from hypothesis import given
from hypothesis import strategies as st

from scorer.core.model import Kind
from scorer.core.roster import entity_id
from scorer.verifying.sample import Chosen, Drawn, Entity

EVERYBODY = [
    *(Entity(f"a{n}", None) for n in range(50)),
    *(Entity(f"a{n % 50}", f"u{n}") for n in range(200)),
    *(Entity(None, f"lone {n}") for n in range(50)),
]


def drawn(entities: list[Entity], seed: int = 1, users: int = 20, accounts: int = 10) -> set[Entity]:
    sample = Drawn({Kind.USER: users, Kind.ACCOUNT: accounts}, seed)
    for entity in entities:
        sample.meet(entity)
    return set(sample.tallies)


def test_the_sample_is_the_same_in_whatever_order_they_are_met() -> None:
    expected = drawn(EVERYBODY)
    assert len([each for each in expected if each.kind is Kind.USER]) == 20 and len(expected) == 30
    for seed in range(5):
        order = EVERYBODY * 2
        random.Random(seed).shuffle(order)
        assert drawn(order) == expected
    assert drawn(EVERYBODY, seed=2) != expected


def test_everybody_has_the_same_chance() -> None:
    times = dict.fromkeys(EVERYBODY, 0)
    for seed in range(400):
        for entity in drawn(EVERYBODY, seed, users=25, accounts=5):
            times[entity] += 1
    assert min(times.values()) > 15 and max(times.values()) < 75  # 40 expected, six deviations to either side


def test_who_is_in_it_in_the_end_was_in_it_from_its_first_event_on() -> None:
    """Else its events would have to be read again."""
    sample = Drawn({Kind.USER: 20, Kind.ACCOUNT: 10}, 3)
    chance = random.Random(4)
    lost: set[Entity] = set()
    for _ in range(5000):
        entity = chance.choice(EVERYBODY)
        tally = sample.meet(entity)
        if tally is None:
            lost.add(entity)
        else:
            tally.cells[0, "met"] = tally.cells.get((0, "met"), 0) + 1
            assert entity not in lost
    assert not lost & set(sample.tallies)


def test_a_sample_smaller_than_its_size_has_everybody_and_a_kind_may_be_left_out() -> None:
    assert drawn(EVERYBODY, users=1000, accounts=1000) == set(EVERYBODY)
    assert {each.kind for each in drawn(EVERYBODY, users=5, accounts=0)} == {Kind.USER}
    sample = Drawn({Kind.ACCOUNT: 3}, 1)
    assert sample.meet(Entity("a", "u")) is None and sample.meet(Entity("a", None)) is not None


def test_a_closed_sample_takes_nobody_else() -> None:
    for sample in (Drawn({Kind.USER: 5}, 1), Chosen(["a"])):
        known = sample.meet(Entity("a", "u"))
        sample.close()
        assert known is not None and sample.meet(Entity("a", "u")) is known
        assert sample.meet(Entity("a", "v")) is None


def test_chosen_accounts_come_with_their_users() -> None:
    sample = Chosen(["a", "b", "a"])
    met = [Entity("a", None), Entity("a", "u"), Entity("b", "u"), Entity("c", "u"), Entity(None, "a")]
    assert [sample.meet(each) is not None for each in met] == [True, True, True, False, False]
    assert sample.accounts == ("a", "b")


@given(st.text(min_size=1) | st.none(), st.text(min_size=1))
def test_ids_are_the_workers_and_read_back(account: str | None, user: str) -> None:
    entity = Entity(account, user)
    assert entity.id == entity_id((account, user))
    assert Entity.of_id(Kind.USER, entity.id) == entity
    assert entity.home == (user if account is None else account)
    whole = Entity(account or user, None)
    assert whole.id == entity_id((account or user, None)) and Entity.of_id(Kind.ACCOUNT, whole.id) == whole
