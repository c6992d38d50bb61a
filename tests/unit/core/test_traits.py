"""Traits of accounts: merged per name, counted, shared and forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.events import MAX_TRAITS
from scorer.core.fold import Fold
from scorer.core.roster import NO_PARENT
from scorer.core.traits import TooManyTraits, Traits


def test_the_last_value_of_each_name_wins() -> None:
    traits = Traits()
    assert traits.set(3, {"plan": "free", "region": "eu"})
    assert traits.set(3, {"plan": "pro", "licenses": "50"})
    assert traits.of(3) == {"plan": "pro", "region": "eu", "licenses": "50"}
    assert traits.value(3, "plan") == "pro"
    assert traits.value(3, "trial") is None
    assert traits.value(2, "plan") is None


def test_null_takes_a_trait_away_and_the_last_one_the_row() -> None:
    traits = Traits()
    traits.set(3, {"plan": "free", "region": "eu"})
    assert traits.set(3, {"plan": None})
    assert dict(traits.of(3)) == {"region": "eu"}
    assert traits.set(3, {"region": None})
    assert 3 not in traits
    assert len(traits) == 0


def test_what_is_known_is_no_news() -> None:
    traits = Traits()
    traits.set(3, {"plan": "free", "region": "eu"})
    revision = traits.revision.tolist()
    assert not traits.set(3, {"plan": "free", "trial": None})
    assert traits.news(3, {"plan": "free", "region": "us", "trial": None}) == {"region": "us"}
    assert not traits.set(4, {"trial": None})
    assert not traits.set(4, {})
    assert traits.revision.tolist() == revision
    assert traits.rows().tolist() == [3]


def test_an_account_has_64_traits_and_no_more() -> None:
    traits = Traits()
    traits.set(0, {str(n): "x" for n in range(MAX_TRAITS)})
    with pytest.raises(TooManyTraits, match="would have 65 traits; allowed are 64"):
        traits.set(0, {"one": "more"})
    assert len(traits.of(0)) == MAX_TRAITS
    assert traits.set(0, {"one": "more", "7": None})
    assert len(traits.of(0)) == MAX_TRAITS


def test_what_was_given_out_never_changes() -> None:
    traits = Traits()
    traits.set(0, {"plan": "free"})
    held, copied = traits.of(0), traits.items()
    traits.set(0, {"plan": "pro"})
    traits.forget(0)
    assert held == {"plan": "free"}
    assert copied == [(0, {"plan": "free"})]


def test_a_change_of_a_row_moves_its_revision_and_no_other() -> None:
    traits = Traits()
    traits.set(2, {"plan": "free"})
    traits.set(90, {"plan": "free"})
    before = traits.revision.copy()
    traits.set(90, {"plan": "pro"})
    assert (traits.revision - before).nonzero()[0].tolist() == [90]
    before = traits.revision.copy()
    traits.forget(2)
    traits.forget(3)
    assert (traits.revision - before).nonzero()[0].tolist() == [2]


def test_equal_texts_are_one_object() -> None:
    traits = Traits()
    for row in range(2):
        traits.set(row, {"".join(["pl", "an"]): "".join(["p", "ro"])})
    (name, value), (same_name, same_value) = (next(iter(traits.of(row).items())) for row in range(2))
    assert name is same_name
    assert value is same_value


changes = st.dictionaries(st.sampled_from("abc"), st.none() | st.sampled_from("abc"), max_size=3)


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | changes)))
def test_no_text_is_kept_that_no_row_has(steps: list[tuple[int, dict[str, str | None] | None]]) -> None:
    traits = Traits()
    naive: dict[int, dict[str, str]] = {}
    for row, change in steps:
        if change is None:
            traits.forget(row)
            naive.pop(row, None)
            continue
        before = naive.get(row, {})
        merged = {name: value for name, value in (before | change).items() if value is not None}
        assert traits.set(row, change) == (merged != before)
        naive[row] = merged
    assert {row: dict(held) for row, held in traits.items()} == {row: held for row, held in naive.items() if held}
    uses = [text for held in naive.values() for pair in held.items() for text in pair]
    assert traits._texts._uses == {text: uses.count(text) for text in uses}
    assert traits._texts._shared.keys() == set(uses)


def test_a_released_rows_traits_are_forgotten() -> None:
    fold = Fold(10)
    fold.roster.enter(0, ("acme", None), NO_PARENT)
    fold.fit()
    fold.traits.set(0, {"plan": "pro"})
    fold.release(fold.roster.live_rows())
    assert fold.traits.items() == []
