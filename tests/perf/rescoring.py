"""What it costs to judge everyone anew, without telling anybody: CPU seconds per million users and model.

    python -m tests.perf.rescoring [USERS]

One partition of a quarter as many users, of 15 cells each. The last line of the output is JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scorer.core.events import EventColumns
from scorer.core.footing import Basis, OneGroup
from scorer.core.model import BenchmarkRule, Kind, Model, Scoring, Weight
from scorer.core.partition import PartitionState
from tests.perf.producing import PARTITIONS
from tests.perf.workload import DAYS, NOW, Workload, account_id, habits, type_name, user_id

_CHUNK = 5_000
_TYPES = 12
_DAY_MS = 86_400_000
_KINDS = (Kind.USER, Kind.ACCOUNT)
_ROUNDS = 3


def scoring() -> Scoring:
    types = tuple(type_name(kind) for kind in range(_TYPES))
    weights = {name: Weight(float(at + 1)) for at, name in enumerate(types)}
    rule = BenchmarkRule(initial=50.0)
    plain = Model("plain", _KINDS, DAYS, weights, benchmark=rule)
    fading = Model("fading", _KINDS, DAYS, weights, half_life=14.0, benchmark=rule)
    return Scoring(86_400, types, (plain, fading))


@dataclass
class Subject:
    """A partition that was counted and scored. `now_ms` and the benchmark move on; a pass tells who can't wait."""

    state: PartitionState
    now_ms: int
    benchmark: float = 200.0
    version: int = 1

    def score(self, sweep_rows: int | None = 0) -> tuple[float, float]:
        """One pass: CPU seconds of all and of the longest step. What it tells is thrown away."""
        basis = Basis(self.benchmark, self.version)
        models = self.state.scoring.models
        bases = OneGroup({(model.name, kind): basis for model in models for kind in _KINDS})
        steps = self.state.score(self.now_ms, bases, sweep_rows)
        began = before = time.process_time()
        longest = 0.0
        for _ in steps:
            now = time.process_time()
            longest, before = max(longest, now - before), now
        spent = time.process_time() - began
        self.state.cut()
        return spent, longest

    def move_benchmark(self, share: float) -> None:
        self.benchmark *= 1.0 + share
        self.version += 1


def counted(users: int) -> Subject:
    workload = habits(users, 5, _TYPES)
    now_ms = int(NOW.timestamp() * 1000)
    state = PartitionState(scoring(), 0, 1, 1_000)
    state.restored(5)
    state.position = 0
    for start in range(0, len(workload), _CHUNK):
        columns = _columns(workload, slice(start, start + _CHUNK))
        offsets = np.arange(start, start + len(columns))
        state.apply(columns, offsets, columns.ts_ms, start + len(columns), now_ms)
    subject = Subject(state, now_ms)
    subject.score(sweep_rows=None)
    return subject


def _columns(workload: Workload, part: slice) -> EventColumns:
    users, types = workload.users[part], workload.types[part]
    return EventColumns(
        np.arange(len(users), dtype=np.int32),
        [type_name(kind) for kind in types.tolist()],
        [user_id(user) for user in users.tolist()],
        [account_id(account) for account in workload.account_of(users).tolist()],
        [""] * len(users),
        workload.ts_ms[part],
        workload.values[part],
    )


def main() -> None:
    users = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    subject = counted(users // PARTITIONS)
    figures: dict[str, float] = {}

    def measure(name: str, prepare: Callable[[], None]) -> None:
        spent, longest = zip(*(_prepared(subject, prepare) for _ in range(_ROUNDS)), strict=True)
        models = len(subject.state.scoring.models)
        figures[f"{name}_cpu_per_million"] = min(spent) * 1_000_000 / (users // PARTITIONS) / models
        figures[f"{name}_longest_step"] = min(longest)

    def next_day() -> None:
        subject.now_ms += _DAY_MS

    measure("benchmark_moved_0.01_percent", lambda: subject.move_benchmark(0.0001))
    measure("benchmark_moved_1_percent", lambda: subject.move_benchmark(0.01))
    measure("bucket_closed", next_day)
    print(json.dumps(figures))


def _prepared(subject: Subject, prepare: Callable[[], None]) -> tuple[float, float]:
    prepare()
    return subject.score()


if __name__ == "__main__":
    main()
