"""The search's command line."""

import argparse
import os
import sys

from tests.journal_search.faults import FAULTS
from tests.journal_search.search import search_in_processes


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.journal_search", description="Search the journal for holes.")
    parser.add_argument("--seeds", type=int, default=5_000, help="how many schedules")
    parser.add_argument("--first", type=int, default=0, help="the first schedule's seed")
    parser.add_argument("--faults", action="store_true", help="switch each rule off in turn")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    if not options.faults:
        found = search_in_processes(seeds, options.processes)
        print(found)
        return 1 if found.holes else 0
    missed = 0
    for rule in FAULTS:
        found = search_in_processes(seeds, options.processes, rule)
        missed += not found.holes
        print(f"without {rule}: {found.holes} of {found.schedules} broken; {found.first[:160]}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
