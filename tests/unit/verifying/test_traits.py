"""The peer groups that follow from what was read of an account."""

from scorer.core.events import MAX_TRAITS
from scorer.verifying.sample import Entity
from scorer.verifying.traits import TraitsRead

ACME, ANN = Entity("acme", None), Entity("acme", "ann")
PEERS = ("plan", "region")


def read(*records: dict[str, str | None]) -> TraitsRead:
    traits = TraitsRead()
    for record in records:
        traits.take("acme", record)
    return traits


def test_groups_follow_from_the_last_record_of_each_name() -> None:
    traits = read({"plan": "free", "region": "eu/west"}, {"plan": "pro"}, {"seats": "4"})
    expected = ["plan=pro,region=eu%2Fwest", "plan=pro", "all"]
    assert traits.groups(ACME, PEERS, complete=True) == traits.groups(ANN, PEERS, complete=False) == expected
    assert traits.groups(ACME, ("region", "plan"), complete=True) == [
        "region=eu%2Fwest,plan=pro",
        "region=eu%2Fwest",
        "all",
    ]
    assert traits.groups(ACME, (), complete=False) == ["all"]


def test_a_trait_that_was_taken_away_ends_the_list() -> None:
    traits = read({"plan": "free", "region": "eu"}, {"plan": None})
    assert traits.groups(ACME, PEERS, complete=False) == ["all"]
    assert traits.groups(ACME, ("region", "plan"), complete=False) == ["region=eu", "all"]


def test_what_was_not_read_is_unknown_unless_everything_was() -> None:
    assert read({"plan": "pro"}).groups(ACME, PEERS, complete=False) is None
    assert read({"plan": "pro"}).groups(ACME, PEERS, complete=True) == ["plan=pro", "all"]
    assert read().groups(Entity("other", None), PEERS, complete=False) is None
    assert read().groups(Entity(None, "ann"), PEERS, complete=False) == ["all"]


def test_a_record_with_too_many_traits_changes_nothing() -> None:
    many: dict[str, str | None] = {f"t{number}": "1" for number in range(MAX_TRAITS)}
    traits = read(many, {"plan": "pro"}, {"t0": None, "plan": "free"})
    assert traits.groups(ACME, PEERS, complete=True) == ["plan=free", "all"]
    assert read(many, {"plan": "pro"}).groups(ACME, PEERS, complete=True) == ["all"]
