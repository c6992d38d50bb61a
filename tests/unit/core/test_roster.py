"""Entities and their rows."""

import pytest

from scorer.core.model import Kind
from scorer.core.roster import NO_PARENT, EntityKey, Roster, entity_id, record_key
from tests.oracle_input import member_id


def entered(*keys: EntityKey) -> Roster:
    roster = Roster()
    for key in keys:
        account, user = key
        parent = NO_PARENT if user is None or account is None else roster.row_of[account, None]
        roster.enter(roster.take_row(), key, parent)
    return roster


@pytest.mark.parametrize("account", [None, "acme", "a/b", "50%", "%2F", "ünï"])
@pytest.mark.parametrize("user", ["u", "u/1", "100%", "%25", "ж"])
def test_a_members_id_is_the_oracles(account: str | None, user: str) -> None:
    assert entity_id((account, user)) == member_id(account, user)


@pytest.mark.parametrize("account", [None, "acme", "a/b", "50%", "%2F", "%252F/%", "ünï"])
@pytest.mark.parametrize("user", ["u", "u/1", "100%", "%25", "ж"])
def test_from_an_id_follows_the_key_of_its_events(account: str | None, user: str) -> None:
    assert record_key(Kind.USER, entity_id((account, user))) == (user if account is None else account)
    if account is not None:
        assert record_key(Kind.ACCOUNT, entity_id((account, None))) == account


def test_an_accounts_id_is_left_as_it_is() -> None:
    assert entity_id(("a/b%", None)) == "a/b%"


def test_a_person_in_two_accounts_is_two_rows() -> None:
    roster = entered(("a", None), ("b", None), ("a", "u"), ("b", "u"), (None, "u"))
    assert [roster.row_of[key] for key in (("a", "u"), ("b", "u"), (None, "u"))] == [2, 3, 4]
    assert roster.parent[:5].tolist() == [NO_PARENT, NO_PARENT, 0, 1, NO_PARENT]
    assert roster.kind[:5].tolist() == [Kind.ACCOUNT, Kind.ACCOUNT, Kind.USER, Kind.USER, Kind.USER]


def test_a_freed_row_is_given_out_again() -> None:
    roster = entered(("a", None), ("a", "u"), ("a", "v"))
    roster.last_ms[1] = 99
    roster.release([1])
    assert roster.live_rows().tolist() == [0, 2]
    assert ("a", "u") not in roster.row_of
    row = roster.take_row()
    assert row == 1
    roster.enter(row, (None, "w"), NO_PARENT)
    assert roster.keys[1] == (None, "w")
    assert roster.last_ms[1] == 0
    assert roster.take_row() == 3


def test_restored_rows_may_come_in_any_order_and_leave_gaps() -> None:
    roster = Roster()
    roster.enter_restored([(5, "b"), (2, "a")], [(0, 2, "u"), (3, -1, "v")])
    assert len(roster) == 6
    assert roster.live_rows().tolist() == [0, 2, 3, 5]
    assert roster.row_of == {("b", None): 5, ("a", None): 2, ("a", "u"): 0, (None, "v"): 3}
    assert {roster.take_row(), roster.take_row(), roster.take_row()} == {1, 4, 6}


def test_a_row_that_a_restore_gave_out_is_free_no_longer() -> None:
    roster = Roster()
    roster.enter_restored([(0, "a")], [(1, 0, "u")])
    roster.release([1, 0])
    roster.enter_restored([], [(1, -1, "v")])
    assert roster.take_row() == 0
    roster.enter(0, (None, "w"), NO_PARENT)
    assert roster.take_row() == 2


def test_an_account_is_known_by_one_text() -> None:
    roster = entered(("acme", None))
    assert roster.account_of(0) == "acme"
    roster.release([0])
    assert roster.account_of(0) is None
