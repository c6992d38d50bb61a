"""A partition's shares: everyone's raw score in its own peer group and in all around it."""

from collections import defaultdict
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scorer.core import peer_shares as module
from scorer.core.benchmark import EVERYONE
from scorer.core.benchmark_summary import Summary
from scorer.core.model import Kind
from scorer.core.peer_shares import Lineages, peer_shares
from tests.shares import FREE, MODEL, PRO, PRO_EU

BLANK = Summary(MODEL.name, MODEL.hash, Kind.USER, 3, True, 17)

groups = st.lists(st.sampled_from("abc"), max_size=3).map(
    lambda values: ",".join(f"t{depth}={value}" for depth, value in enumerate(values)) or EVERYONE
)
members = st.lists(st.tuples(groups, st.floats(1e-9, 1e9)), max_size=60)


def shares(
    of: list[tuple[str, float]], lineages: Lineages | None = None, names: list[str] | None = None
) -> list[Summary]:
    names = [EVERYONE] if names is None else names
    names.extend(dict.fromkeys(name for name, _ in of if name not in names))
    lineages = Lineages() if lineages is None else lineages
    lineages.follow(names)
    codes = np.array([names.index(name) for name, _ in of], np.int64)
    return list(peer_shares(BLANK, np.array([raw for _, raw in of], np.float64), codes, lineages))


def naive(of: list[tuple[str, float]], most: int) -> tuple[dict[str, list[float]], bool]:
    """By group: its raw scores, ascending; and whether some groups had no room."""
    found: dict[str, list[float]] = defaultdict(list)
    for name, raw in of:
        traits = [] if name == EVERYONE else name.split(",")
        for length in range(1, len(traits) + 1):
            found[",".join(traits[:length])].append(raw)
    ranked = sorted(found, key=lambda name: (-len(found[name]), name))[:most]
    kept = {name: sorted(found[name]) for name in ranked}
    return kept | {EVERYONE: sorted(raw for _, raw in of)}, len(found) > most


@given(members, members, st.sampled_from([1, 3, 1_000]))
def test_every_group_holds_its_members_and_those_of_the_groups_inside(
    first: list[tuple[str, float]], second: list[tuple[str, float]], most: int
) -> None:
    """Twice, for the names grow."""
    lineages, names = Lineages(), [EVERYONE]
    with patch.object(module, "MOST_GROUPS", most):
        for of in (first, second):
            found = shares(of, lineages, names)
            expected, cut = naive(of, most)
            assert {share.peers: share.raws.tolist() for share in found} == expected
            everyone = found[-1]
            assert (everyone.peers, everyone.cut) == (EVERYONE, cut)
            assert list(everyone.groups) == sorted(expected.keys() - {EVERYONE})
            assert len(found) == len(expected)


def test_a_share_says_of_what_it_is() -> None:
    pro, eu, everyone = shares([(PRO_EU, 2.0), (PRO, 1.0)])
    assert [share.peers for share in (pro, eu, everyone)] == [PRO, PRO_EU, EVERYONE]
    for share in (pro, eu, everyone):
        assert (share.model, share.model_hash, share.kind) == ("m", MODEL.hash, Kind.USER)
        assert (share.partition, share.caught_up, share.event_ms) == (3, True, 17)
    assert (pro.groups, everyone.groups) == ((), (PRO, PRO_EU))


def test_nobody_is_a_share_of_everyone() -> None:
    (found,) = shares([])
    assert (found.peers, found.population, found.groups) == (EVERYONE, 0, ())


def test_of_equally_large_groups_the_first_by_name_are_kept() -> None:
    of = [("plan=c", 1.0), ("plan=c", 1.0), ("plan=b", 1.0), (FREE, 1.0), ("plan=a", 1.0)]
    with patch.object(module, "MOST_GROUPS", 3):
        assert shares(of)[-1].groups == ("plan=a", "plan=b", "plan=c")


def test_many_groups_of_many_members() -> None:
    chance = np.random.default_rng(2)
    names = [EVERYONE, *(f"plan={number}" for number in range(3_000))]
    codes = chance.zipf(1.2, 200_000) % len(names)
    raws = chance.random(len(codes)) + 0.5
    lineages = Lineages()
    lineages.follow(names)
    *found, everyone = peer_shares(BLANK, raws, codes, lineages)
    assert (len(found), everyone.cut, everyone.population) == (1_000, True, 200_000)
    for share in found[::97]:
        assert share.raws.tolist() == sorted(raws[codes == names.index(share.peers)].tolist())
    smallest = min(share.population for share in found)
    sizes = np.bincount(codes, minlength=len(names))[1:]
    assert (sizes > smallest).sum() < 1_000 <= (sizes >= smallest).sum()
