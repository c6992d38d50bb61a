"""Many schedules, and what came of them."""

from collections.abc import Iterable

from scorer.core.journal.owner import Owner
from tests.journal_search.faults import FAULTS
from tests.journal_search.findings import Findings
from tests.journal_search.world import OwnerType, World

STEPS = 200


def schedule(seed: int, owner_type: OwnerType = Owner) -> Findings:
    """One schedule; every fourth loses its journal."""
    world = World(seed, owner_type, loses_journal=seed % 4 == 0)
    found = world.found
    found.schedules = 1
    try:
        world.run(STEPS)
    except Exception as error:  # whatever breaks is a find
        found.holes = 1
        found.first = f"seed {seed}: {type(error).__name__}: {error}"
    return found


def search(seeds: Iterable[int], owner_type: OwnerType = Owner, *, stop_at_first: bool = False) -> Findings:
    """A schedule for each seed."""
    found = Findings()
    for seed in seeds:
        found.add(schedule(seed, owner_type))
        if stop_at_first and found.holes:
            break
    return found


def search_fault(name: str, seeds: Iterable[int], *, stop_at_first: bool = False) -> Findings:
    """Search with one rule switched off."""
    owner_type, patched = FAULTS[name]
    with patched():
        return search(seeds, owner_type, stop_at_first=stop_at_first)
