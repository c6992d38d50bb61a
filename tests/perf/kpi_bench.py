"""CPU time of KPIs in one partition with 1,000,000 users of 50,000 accounts: python -m tests.perf.kpi_bench

36 cells a user (12 types on 3 days of 30), 20 users an account, 50 segments. A new day counts everyone anew; else those
of accounts with events since. Everything is CPU time: on a shared machine the clock shows the others.
"""

import resource

import numpy as np

from scorer.core.kpis.board import Board
from scorer.core.model import EventTags, Kind, KpiRules, Model, Scoring, Weight
from tests.perf.large_partition import ACCOUNT_USERS, TODAY, TYPES, USERS, LargePartition, Steps

SEGMENTS = 50
ACCOUNTS = USERS // ACCOUNT_USERS


def scoring() -> Scoring:
    types = tuple(f"type_{code}" for code in range(TYPES))
    tags = {types[0]: EventTags(core=True), types[1]: EventTags(duration=True), types[2]: EventTags(integration=True)}
    model = Model("plain", (Kind.USER,), 30, {types[0]: Weight(1.0)})
    return Scoring(86_400, types, (model,), segments=("plan",), tags=tags, kpis=KpiRules(30, {"stickiness": 0.25}))


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def counted(board: Board, today: int) -> Steps:
    steps, counting = Steps(), board.count(today)
    while steps.time(lambda: next(counting, "end")) != "end":
        pass
    return steps


def told(board: Board, most: int) -> Steps:
    steps = Steps()
    for row in board.take_untold(most):
        steps.time(lambda row=row: board.kpis(row))  # type: ignore[misc]
    return steps


def main() -> None:
    partition = LargePartition()
    fold = partition.fold
    partition.count(partition.past())
    fold.types = {f"type_{code}": code for code in range(TYPES)}
    fold.roster.first_bucket[: len(fold.roster)] = TODAY - 20
    for row in range(ACCOUNTS):
        fold.traits.set(row, {"plan": f"plan-{row % SEGMENTS}", "licenses": "25"})
    before = megabytes()
    board = fold.board = Board(fold, scoring())
    everyone = counted(board, TODAY)
    print(f"new day    {everyone.total:6.2f} CPU s for everyone; longest step {everyone.longest_ms:.0f} ms")
    print(f"memory     {(megabytes() - before) * 1024 * 1024 / ACCOUNTS:6.0f} bytes an account, at the most")
    for share in (0.001, 0.1, 1.0):
        rows = np.arange(ACCOUNTS, ACCOUNTS + USERS)[:: round(ACCOUNT_USERS / share / ACCOUNT_USERS)]
        fold.kpis_due[rows] = True
        some = counted(board, TODAY)
        print(f"{share:6.1%} of the users had events: {some.total:6.2f} CPU s; longest step {some.longest_ms:.0f} ms")
    documents = told(board, 5_000)
    print(f"figures    {documents.total / len(documents.seconds) * 1e6:6.0f} us an account")


if __name__ == "__main__":
    main()
