"""Every odd record between good neighbours: it costs itself only, and says why."""

import json
from collections import Counter

import numpy as np
import pytest

from scorer import scoring_file
from scorer.core.events import MICRO, Reason, Reject
from scorer.core.intake import Applied
from scorer.core.model import Kind
from scorer.core.partition import PartitionState
from tests.bad_input import COUNTED, EVENT, Odd, odd_records
from tests.decoding import decode
from tests.deployment import NOW_MS, SCORING
from tests.oracle_input import member_id
from tests.property.harness import decoded

ODD = odd_records()
GOOD = json.dumps({**EVENT, "user_id": "neighbour"}).encode()
REASONS = set(Reason)


def taken_in(values: list[bytes | None]) -> tuple[PartitionState, list[Reject], Applied]:
    """What a partition makes of them, read at one moment."""
    state = PartitionState(scoring_file.parse(SCORING), 0, 1, 1_000)
    state.restore({"t": 0}, "")
    state.restored(seed=7)
    columns, rejects = decode(values)
    many = len(values)
    applied = state.apply(columns, np.arange(many), np.full(many, NOW_MS), many, NOW_MS)
    return state, rejects + applied.rejects, applied


def counts_of_users(state: PartitionState) -> Counter[str]:
    """In units of 1e-6."""
    total: Counter[str] = Counter()
    for (kind, entity), _, value in decoded(state):
        if kind is Kind.USER:
            total[entity] += value
    return +total


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_an_odd_record_costs_itself_only(odd: Odd) -> None:
    state, rejects, applied = taken_in([GOOD, odd.value, GOOD, odd.value, GOOD])
    outcomes = {outcome: count for outcome, count in applied.outcomes.items() if count}
    expected = Counter({"acme/neighbour": 3 * MICRO})
    if odd.outcome in REASONS:
        assert [(reject.index, reject.reason) for reject in rejects] == [(1, odd.outcome), (3, odd.outcome)]
        assert odd.says in rejects[0].detail
        assert rejects[0].detail.isprintable() and len(rejects[0].detail) < 300
        assert outcomes.get("counted") == 3
    else:
        assert rejects == []
        assert sum(outcomes.values()) == 5 and outcomes[odd.outcome] >= 2
    if odd.means is not None:
        assert odd.outcome == COUNTED
        expected[member_id("acme", odd.means["user_id"])] = 2 * round(odd.means.get("value", 1) * MICRO)
    assert counts_of_users(state) == +expected


def test_all_odd_records_in_one_chunk_cost_themselves_only() -> None:
    state, rejects, _ = taken_in([value for odd in ODD for value in (GOOD, odd.value)])
    refused = {reject.index: reject.reason for reject in rejects}
    assert refused == {2 * at + 1: odd.outcome for at, odd in enumerate(ODD) if odd.outcome in REASONS}
    assert counts_of_users(state)["acme/neighbour"] == len(ODD) * MICRO


def test_every_reason_has_an_odd_record_but_the_partition() -> None:
    assert {odd.outcome for odd in ODD} & REASONS == REASONS - {Reason.WRONG_PARTITION}
    names = [odd.name for odd in ODD]
    assert len(set(names)) == len(names)
