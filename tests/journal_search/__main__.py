"""The search's command line."""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Sequence

from tests.journal_search.faults import FAULTS
from tests.journal_search.findings import Findings
from tests.journal_search.search import search, search_fault


def in_processes(seeds: Sequence[int], processes: int, fault: str | None = None) -> Findings:
    """Search with several processes."""
    shares = [(seeds[at::processes], fault) for at in range(processes)]
    found = Findings()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for share in pool.starmap(_search, shares):
            found.add(share)
    return found


def _search(seeds: Sequence[int], fault: str | None) -> Findings:
    return search(seeds) if fault is None else search_fault(fault, seeds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.journal_search", description="Search the journal's protocol for holes.")
    parser.add_argument("--seeds", type=int, default=5_000, help="how many schedules")
    parser.add_argument("--first", type=int, default=0, help="the first schedule's seed")
    parser.add_argument("--faults", action="store_true", help="switch each rule off in turn")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    if not options.faults:
        found = in_processes(seeds, options.processes)
        print(found)
        return 1 if found.holes else 0
    missed = 0
    for fault in FAULTS:
        found = in_processes(seeds, options.processes, fault)
        missed += not found.holes
        print(f"without {fault}: {found.holes} of {found.schedules} broken; {found.first}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
