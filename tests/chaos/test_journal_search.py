"""The journal's protocol is searched for holes; each rule, switched off, makes one that the search finds."""

import os

import pytest

from tests.journal_search.faults import FAULTS, PartsAnywhere
from tests.journal_search.rare import RARE
from tests.journal_search.search import search, search_in_processes, search_without
from tests.journal_search.truth import Hole
from tests.journal_search.world import World

SCHEDULES = 5_000
ENOUGH = 5_000
"""A planted fault is found within so many schedules; the search stops at the first find."""


@pytest.mark.timeout(900)
def test_no_schedule_breaks_the_protocol() -> None:
    found = search_in_processes(range(SCHEDULES), min(2, os.cpu_count() or 1))
    print(found)
    assert not found.holes, found.first
    assert found.schedules == SCHEDULES
    # what it has to have gone through to mean anything
    assert found.zombie_appends > 1_000
    assert found.snapshots_completed > 1_000
    assert found.restores_from_a_snapshot > 500
    assert found.trims > 500
    assert found.trims_during_a_restore > 50
    assert found.rows_used_again > 1_000
    assert found.redis_emptied > 1_000
    assert found.journals_lost > 100
    assert found.alerts_fired > 10_000
    assert found.alerts_resolved > 5_000
    assert found.alerts_repeated > 1_000
    assert found.sends_cut_short > 50
    assert found.schedules_that_alerted > 3_000


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rule", FAULTS)
def test_a_rule_switched_off_breaks_some_schedule(rule: str) -> None:
    found = search_without(rule, range(ENOUGH), stop_at_first=True)
    print(found)
    assert found.holes


def test_with_ids_parts_of_snapshots_may_land_anywhere() -> None:
    """So that it is the ids, not where parts land, whose absence the test above shows."""
    assert not search(range(300), PartsAnywhere).holes


@pytest.mark.parametrize("rule", RARE)
def test_a_schedule_written_out_breaks_only_without_its_rule(rule: str) -> None:
    schedule, switched_off = RARE[rule]
    for seed in range(10):
        schedule(World(seed))
        with switched_off(), pytest.raises(Hole):
            schedule(World(seed))
