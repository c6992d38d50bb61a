"""Peer groups: from traits to groups, for accounts and their users."""

import numpy as np
import pytest

from scorer.core.events import TraitChanges
from scorer.core.peers import ALL, PeerGroups, group_name
from scorer.core.roster import NO_PARENT, EntityKey, Roster
from scorer.core.traits import Traits
from tests.oracle import peer_path

PEERS = ("plan", "region")


class Accounts:
    """Rows 0 and 1 are accounts, 2 and 3 their users, 4 a user without one, 5 an account that never had a trait."""

    def __init__(self) -> None:
        self.roster = Roster()
        keys: list[tuple[EntityKey, int]] = [
            (("a", None), NO_PARENT),
            (("b", None), NO_PARENT),
            (("a", "u"), 0),
            (("b", "u"), 1),
            ((None, "u"), NO_PARENT),
            (("c", None), NO_PARENT),
        ]
        for row, (key, parent) in enumerate(keys):
            self.roster.enter(row, key, parent)
        self.traits = Traits()
        self.groups = PeerGroups(PEERS, self.traits, self.roster)

    def names(self) -> list[str]:
        """The group of each row."""
        return [self.groups.names[code] for code in self.groups.codes(np.arange(len(self.roster))).tolist()]


def test_a_user_is_in_its_accounts_group() -> None:
    held = Accounts()
    held.traits.set(0, {"plan": "pro", "region": "eu"})
    held.traits.set(1, {"plan": "free"})
    pro, free = "plan=pro,region=eu", "plan=free"
    assert held.names() == [pro, free, pro, free, "all", "all"]


def test_without_traits_everyone_is_with_everyone() -> None:
    assert Accounts().names() == ["all"] * 6


def test_a_trait_behind_one_that_is_missing_says_nothing() -> None:
    held = Accounts()
    held.traits.set(0, {"region": "eu"})
    assert held.names() == ["all"] * 6


def test_groups_follow_the_traits_at_once() -> None:
    held = Accounts()
    steps: list[tuple[TraitChanges, str]] = [
        ({"plan": "free"}, "plan=free"),
        ({"region": "us"}, "plan=free,region=us"),
        ({"plan": "pro"}, "plan=pro,region=us"),
        ({"plan": None}, "all"),
        ({"plan": "free"}, "plan=free,region=us"),
    ]
    for traits, group in steps:
        held.traits.set(1, traits)
        assert held.names() == ["all", group, "all", group, "all", "all"]


def test_a_row_that_is_given_out_again_starts_without_a_group() -> None:
    held = Accounts()
    held.traits.set(5, {"plan": "pro"})
    assert held.names()[5] == "plan=pro"
    held.traits.forget(5)
    held.roster.release([5])
    held.roster.enter(5, ("b", "v"), 1)
    assert held.names()[5] == "all"
    held.traits.set(1, {"plan": "free"})
    assert held.names()[5] == "plan=free"


def test_codes_stay_and_parents_are_known() -> None:
    held = Accounts()
    held.traits.set(0, {"plan": "pro", "region": "eu"})
    before = held.groups.codes(np.array([0]))
    held.traits.set(1, {"plan": "pro", "region": "us"})
    held.names()
    assert held.groups.codes(np.array([0])).tolist() == before.tolist()
    assert held.groups.names == ["all", "plan=pro", "plan=pro,region=eu", "plan=pro,region=us"]
    assert held.groups.parents == [-1, ALL, 1, 1]


def test_no_rows_have_no_codes() -> None:
    held = Accounts()
    held.traits.set(0, {"plan": "pro"})
    assert held.groups.codes(np.empty(0, np.int64)).tolist() == []


def test_no_peers_put_everyone_together() -> None:
    held = Accounts()
    held.traits.set(0, {"plan": "pro"})
    groups = PeerGroups((), held.traits, held.roster)
    assert groups.codes(np.arange(6)).tolist() == [ALL] * 6
    assert groups.names == ["all"]


@pytest.mark.parametrize("text", ["a", "", "a,b=c", "100%", "a/b", "ünï", " "])
def test_names_are_percent_encoded_so_that_no_two_groups_share_one(text: str) -> None:
    name = group_name(PEERS, (text, text))
    assert name == peer_path(PEERS, {"plan": text, "region": text})[-1]
    assert (name.count(","), name.count("=")) == (1, 2)
