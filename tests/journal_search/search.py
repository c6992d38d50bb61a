"""Many schedules, and what came of them."""

import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor

from scorer.core.journal.owner import Owner
from tests.journal_search.crew import OwnerType
from tests.journal_search.faults import FAULTS
from tests.journal_search.findings import Findings
from tests.journal_search.setting import short_days
from tests.journal_search.world import World

STEPS = 200


def schedule(seed: int, owner_type: OwnerType = Owner) -> Findings:
    """One schedule; every fourth loses its journal."""
    world = World(seed, owner_type, loses_journal=seed % 4 == 0)
    found = world.found
    found.schedules = 1
    try:
        with short_days():
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


def search_without(rule: str, seeds: Iterable[int], *, stop_at_first: bool = False) -> Findings:
    """Search with one rule switched off."""
    owner_type, patched = FAULTS[rule]
    with patched():
        return search(seeds, owner_type, stop_at_first=stop_at_first)


def search_in_processes(seeds: Sequence[int], processes: int, without: str | None = None) -> Findings:
    """The same, by several processes."""
    found = Findings()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        shares = [seeds[at::processes] for at in range(processes)]
        for share in [pool.submit(_search_share, share, without) for share in shares]:
            found.add(share.result())
    return found


def _search_share(seeds: Sequence[int], without: str | None) -> Findings:
    return search(seeds) if without is None else search_without(without, seeds)
