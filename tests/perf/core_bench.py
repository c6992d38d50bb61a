"""CPU time of the core, without Kafka and Redis: python -m tests.perf.core_bench [stages large]

stages  one partition's share of the job of `make bench`, by stage: 250,000 events, 25,000 users of 1,250 accounts, 12
        types, 30 days
large   one partition with 1,000,000 users: `tests/perf/large_partition.py`
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np

from scorer.core.events import MICRO, EventColumns
from scorer.core.footing import Basis, OneGroup
from scorer.core.journal.records import Entry, Part, decode, encode
from scorer.core.model import BenchmarkRule, Kind, Model, Scoring, Weight
from scorer.core.partition import PartitionState
from scorer.core.snapshot import freeze, load
from tests.perf import large_partition

EVENTS, USERS, ACCOUNTS, TYPES, CHUNK = 250_000, 25_000, 1_250, 12, 5_000
NOW_MS = 1_795_355_044_000
DAY_MS = 86_400_000
VERSION = "0" * 22


def scoring() -> Scoring:
    types = tuple(f"type_{i}" for i in range(TYPES))
    weights = {name: Weight(float(i + 1)) for i, name in enumerate(types)}
    kinds = (Kind.USER, Kind.ACCOUNT)
    rule = BenchmarkRule(initial=50.0)
    return Scoring(
        86_400,
        types,
        (
            Model("engagement", kinds, 30, weights, benchmark=rule),
            Model("recent", kinds, 30, weights, half_life=14.0, benchmark=rule),
        ),
    )


def chunks(file: Scoring, seed: int = 1) -> list[EventColumns]:
    """Freshly made strings, as decoding makes them: an interned id would be found too quickly."""
    rng = np.random.default_rng(seed)
    user = rng.integers(0, USERS, EVENTS)
    types = rng.integers(0, TYPES, EVENTS)
    ts_ms = NOW_MS - rng.integers(0, 29 * DAY_MS, EVENTS)
    made = []
    for at in range(0, EVENTS, CHUNK):
        part = user[at : at + CHUNK]
        made.append(
            EventColumns(
                np.arange(CHUNK, dtype=np.int32),
                [file.events[i] for i in types[at : at + CHUNK]],
                [f"user-{u:06d}" for u in part],
                [f"account-{u % ACCOUNTS:05d}" for u in part],
                [f"event-{at + i:016x}" for i in range(CHUNK)],
                ts_ms[at : at + CHUNK],
                np.full(CHUNK, MICRO),
            )
        )
    return made


class Stopwatch:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, stage: str, action: Callable[[], object]) -> None:
        began = time.process_time()
        action()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.process_time() - began


def run() -> None:
    """Count, score, restore and reload one partition, and print what each stage cost."""
    file, watch = scoring(), Stopwatch()
    prepared = chunks(file)
    state = new_state(file)
    state.restored(5)
    state.position = 0
    bases = OneGroup({(model.name, kind): Basis(50.0) for model in file.models for kind in model.kinds})
    entries: list[bytes] = []

    def cut() -> None:
        for each in state.cut():
            entries.append(encode(Entry(1, len(entries) + 1, each.body)))
            state.landed(each, VERSION)

    for number, columns in enumerate(prepared):
        first = number * CHUNK
        offsets, times = np.arange(first, first + CHUNK), np.full(CHUNK, NOW_MS)
        watch.time("count", lambda c=columns, o=offsets, t=times, e=first: state.apply(c, o, t, e + CHUNK, NOW_MS))  # type: ignore[misc]
        if state.draft.size > 600_000:
            watch.time("cut", cut)
    watch.time("score", lambda: exhaust(state.score(NOW_MS, bases)))
    watch.time("cut", cut)
    restored, reloaded = new_state(file), new_state(file)
    watch.time("restore", lambda: exhaust(restored.restore(decode(entry).body, VERSION) for entry in entries))  # type: ignore[union-attr, func-returns-value]
    watch.time("restore", restored.counts.settle)
    parts: list[bytes] = []
    watch.time(
        "freeze", lambda: parts.extend(encode(Part(1, i, False, 0, 0, 0, b)) for i, b in enumerate(freeze(state)))
    )
    watch.time("reload", lambda: exhaust(load(reloaded, decode(part).body) for part in parts))  # type: ignore[union-attr, func-returns-value]
    watch.time("reload", reloaded.counts.settle)
    check_same(state, restored, reloaded)
    report(watch, len(state.roster), len(state.counts.all()), sum(map(len, entries)))


def new_state(file: Scoring) -> PartitionState:
    return PartitionState(file, 0, 1, 1_000_000)


def exhaust(steps: Iterable[object]) -> None:
    for _ in steps:
        pass


def check_same(state: PartitionState, *others: PartitionState) -> None:
    cells = state.counts.all()
    for other in others:
        again = other.counts.all()
        if not (np.array_equal(cells.keys, again.keys) and np.array_equal(cells.values, again.values)):
            sys.exit("a restored state isn't the one that was counted")


def report(watch: Stopwatch, rows: int, cells: int, journal_bytes: int) -> None:
    seconds = watch.seconds
    print(f"count    {seconds['count'] / EVENTS * 1e6:6.2f} us an event")
    print(f"score    {seconds['score'] / rows * 1e6:6.2f} us an entity (2 models, {cells / rows:.0f} cells each)")
    print(f"cut      {seconds['cut'] / EVENTS * 1e6:6.2f} us an event, {journal_bytes / EVENTS:.1f} bytes")
    print(f"restore  {EVENTS / seconds['restore']:,.0f} events per CPU second")
    print(f"reload   {cells / seconds['reload']:,.0f} cells per CPU second")


def main() -> None:
    sections = {"stages": run, "large": large_partition.run}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", default=[*sections], help=" ".join(sections))
    chosen = parser.parse_args().sections
    if unknown := set(chosen).difference(sections):
        parser.error(f"no section {' '.join(unknown)}: there are {' '.join(sections)}")
    gc.set_threshold(200_000, 20, 20)
    for section in chosen:
        sections[section]()


if __name__ == "__main__":
    main()
