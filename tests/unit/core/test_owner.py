"""A worker's ownership of a partition, step by step (journal rules 3, 7 and 8; the search does the rest)."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from scorer.core.journal.owner import Identity, Owner
from scorer.core.journal.records import Claim, Entry, JournalError, decode, encode
from scorer.core.journal.steps import Append, Bounds, Landed, MayClaim, Read, ResolveStart, Step, Steps
from scorer.core.model import Curve, Kind, Model, Scoring, Shape, Weight
from scorer.core.partition import PartitionState
from tests.property.harness import Journal

SCORING = Scoring(86_400, ("a",), (Model("m", (Kind.USER,), 3, {"a": Weight(1.0)}, curve=Curve(Shape.NONE)),))
NOW_MS = 1_795_355_044_123


class Site:
    """A journal, and what its workers asked for."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.asked: list[str] = []
        self.may_claim = True
        self._numbers = count(1)

    def owner(self) -> Owner:
        identity = Identity.of("worker", SCORING)
        return Owner(lambda: PartitionState(SCORING, 0, 1, 100), identity, lambda: next(self._numbers))

    def perform(self, flow: Steps, *told: Landed) -> bool:
        """Do a flow's steps; `told` is what is said of its first appends, whatever became of them."""
        answers, answer = iter(told), None
        self.asked = []
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                return bool(end.value)
            self.asked.append(type(step).__name__)
            answer = self._answer(step, answers)

    def _answer(self, step: Step, answers: Iterator[Landed]) -> Any:
        match step:
            case Append(value):
                landed = self.journal.append(value, NOW_MS)
                return next(answers, landed)
            case Bounds():
                return self.journal.start
            case Read(start, stop):
                return self.journal.read(start, stop)
            case ResolveStart():
                return 40
            case MayClaim():
                return self.may_claim
        return None

    def records(self) -> list[str]:
        return [type(decode(record.value)).__name__ for record in self.journal.records]


def test_the_start_of_a_new_deployment_is_journaled_before_anything_is_read() -> None:
    site = Site()
    owner = site.owner()
    assert site.perform(owner.own())
    assert site.records() == ["Claim", "Entry"]
    assert owner.state is not None
    assert owner.state.position == 40
    assert owner.ledger.epoch == NOW_MS


def test_a_claim_right_behind_the_own_last_append_costs_nothing() -> None:
    site = Site()
    owner = site.owner()
    site.perform(owner.own())
    state = owner.state
    assert site.perform(owner.own())
    assert site.asked == ["Append"]
    assert owner.state is state
    assert owner.ledger.epoch == NOW_MS + 1


def test_a_claim_behind_another_ones_restores() -> None:
    site = Site()
    first, second = site.owner(), site.owner()
    for owner in (first, second):
        site.perform(owner.own())
    state = first.state
    assert site.perform(first.own())
    assert "Read" in site.asked
    assert first.state is not state


def test_an_append_behind_another_ones_gives_the_state_up() -> None:
    site = Site()
    first, second = site.owner(), site.owner()
    for owner in (first, second):
        site.perform(owner.own())
    assert not site.perform(first.flush(redis_through="", redis_id=""))
    assert first.state is None
    assert "Publish" not in site.asked
    site.perform(second.flush(redis_through="", redis_id=""))
    assert second.state is None  # the zombie's entry stands between, though nobody heeds it


def test_an_append_that_landed_nobody_knows_where_gives_the_state_up() -> None:
    site = Site()
    owner = site.owner()
    site.perform(owner.own())
    assert not site.perform(owner.flush(redis_through="", redis_id=""), Landed(-1, -1))
    assert owner.state is None


def test_a_claim_that_landed_nobody_knows_where_is_made_again_if_the_group_agrees() -> None:
    site = Site()
    site.may_claim = False
    assert not site.perform(site.owner().own(), Landed(-1, -1))
    assert site.records() == ["Claim"]
    site.may_claim = True
    assert site.perform(site.owner().own(), Landed(-1, -1))
    assert site.records() == ["Claim", "Claim", "Claim", "Entry"]


def test_a_journal_whose_beginning_is_gone_is_claimed_once_more_and_then_refused() -> None:
    site = Site()
    site.perform(site.owner().own())
    site.journal.append(encode(Entry(NOW_MS, 2, {"t": 50})), NOW_MS)
    site.journal.trim(2)
    with pytest.raises(JournalError, match=r"beginning is gone.*`scorer rebuild`"):
        site.perform(site.owner().own())
    assert site.asked.count("Append") == 2


def test_another_bucket_width_is_refused() -> None:
    site = Site()
    claim = Claim(1, 2, 3_600, "UTC", SCORING.hash, "worker")
    site.journal.append(encode(claim), NOW_MS)
    with pytest.raises(JournalError, match="bucket is 86400 seconds"):
        site.perform(site.owner().own())
