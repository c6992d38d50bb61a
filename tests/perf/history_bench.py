"""CPU time and bytes of the standing history: python -m tests.perf.history_bench

Bytes are those that an entity takes in a model with every day noted, as the process sees them.
"""

import time
import tracemalloc
from collections.abc import Callable

import msgpack
import numpy as np

from scorer.core.history import History
from scorer.core.history_parts import bodies
from scorer.core.model import Kind

ROWS, USER_DAYS = 1_000_000, 8
ACCOUNTS, ACCOUNT_DAYS = 50_000, 400
REPEATS = 5


def run() -> None:
    random = np.random.default_rng(1)
    rows, score = np.arange(ROWS), 1 + 99 * random.random(ROWS)
    band = random.integers(0, 4, ROWS).astype(np.int8)
    users, size = measured(rows, score, band, USER_DAYS, ROWS)
    print(f"user     {size / ROWS:8.1f} bytes a model, {USER_DAYS} days of {ROWS:,}")
    accounts = rows[:: ROWS // ACCOUNTS]
    _, size = measured(accounts, score[accounts], band[accounts], ACCOUNT_DAYS, ROWS)
    print(f"account  {size / ACCOUNTS:8.1f} bytes a model, {ACCOUNT_DAYS} days of {ACCOUNTS:,} among {ROWS:,} rows")
    day = USER_DAYS
    for stage, action in (
        ("close", lambda: users.close(0, [day], rows, score + day, band)),
        ("expire", lambda: users.expire(1)),
        ("reference", lambda: users.reference(0, day - 7, rows)),
        ("delta", lambda: users.delta(0, day, rows, score)),
        ("moved", lambda: users.changed_reference(0, day, rows)),
        ("held", lambda: users.held(rows)),
    ):
        print(f"{stage:<9}{cpu_ms(action):7.1f} ms of CPU for {ROWS:,} rows")
    made = [msgpack.packb(body) for body in bodies({Kind.USER: users})]
    total = sum(map(len, made))
    print(f"snapshot {total / ROWS:8.1f} bytes a user, {len(made)} parts of at most {max(map(len, made)):,} bytes")


def measured(rows: np.ndarray, score: np.ndarray, band: np.ndarray, days: int, of_rows: int) -> tuple[History, int]:
    """A history of some days in which every score changes, and its bytes."""
    tracemalloc.start()
    history = History()
    history.fit(of_rows)
    for day in range(days):
        history.close(0, [day], rows, score + day, band)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return history, size


def cpu_ms(action: Callable[[], object]) -> float:
    """The quickest of some runs."""
    spent = []
    for _ in range(REPEATS):
        began = time.process_time()
        action()
        spent.append(time.process_time() - began)
    return min(spent) * 1e3


if __name__ == "__main__":
    run()
