"""A small world around the real core: source, journals, Redis and benchmarks in memory, one `Owner` a partition.

A worker may be thrown away before any step of a flow; what it had handed to Redis and Redis hadn't taken is lost
with it. Times are epoch milliseconds and never go back.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any
from unittest.mock import patch

import numpy as np

from scorer.core.alerts import RuleState
from scorer.core.benchmark import Benchmarks
from scorer.core.benchmark_merge import merge
from scorer.core.benchmark_summary import Summaries
from scorer.core.draft import Cut
from scorer.core.journal.owner import Identity, Owner
from scorer.core.journal.records import Entry
from scorer.core.journal.records import decode as decode_record
from scorer.core.journal.restore import LogRecord
from scorer.core.journal.steps import (
    Append,
    Bounds,
    Commit,
    Landed,
    MayClaim,
    Publish,
    Read,
    ResolveStart,
    SendAlerts,
    SendDeadLetters,
    Steps,
    Trim,
    Trimmed,
)
from scorer.core.model import Kind, Scoring
from scorer.core.outbox import SentAlert
from scorer.core.partition import PartitionState
from scorer.core.peers import PeerGroups
from scorer.core.publish import ScoreBatch
from scorer.core.roster import EntityKey, entity_id
from scorer.core.standing import band_name
from tests.decoding import decode
from tests.oracle import Oracle, peer_path
from tests.oracle_history import Key, NaiveHistory, Told
from tests.oracle_input import partition_of

REDIS = "the one Redis"
READ_AT_MOST = 3
PEERS = ("plan", "region")

Document = dict[str, object]


@contextmanager
def small_steps() -> Iterator[None]:
    """A few rows, cells and ids are many: everything that is cut into parts is."""
    with (
        patch.multiple("scorer.core.counts", _SETTLE_AT=8),
        patch.multiple("scorer.core.history_parts", PART_BYTES=60),
        patch.multiple("scorer.core.draft", ENTRY_TARGET_BYTES=200, PIECE_BYTES=80),
        patch.multiple("scorer.core.partition", FREED_A_CUT=2),
        patch.multiple("scorer.core.scoring_pass", SLICE_ROWS=3),
        patch.multiple("scorer.core.snapshot", PART_BYTES=200, _CELLS=5, _HASHES=6, _STANDINGS=4),
    ):
        yield


class Journal:
    """One partition's log."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []
        self.start = 0

    @property
    def end(self) -> int:
        return self.start + len(self.records)

    def append(self, value: bytes, timestamp_ms: int) -> Landed:
        self.records.append(LogRecord(self.end, timestamp_ms, value))
        return Landed(self.end - 1, timestamp_ms)

    def read(self, start: int, stop: int) -> list[LogRecord] | Trimmed:
        if start < self.start:
            return Trimmed(self.start)
        at = start - self.start
        return self.records[at : min(at + READ_AT_MOST, stop - self.start)]

    def trim(self, before: int) -> None:
        drop = max(0, before - self.start)
        self.records, self.start = self.records[drop:], self.start + drop


class Redis:
    """The newest document of every key; takes batches in the order in which they come."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.documents: dict[str, Document] = {}
        self.written: list[tuple[str, str]] = []
        self.alerts: list[SentAlert] = []

    def take(self, what: "ScoreBatch | Alerts") -> None:
        if isinstance(what, Alerts):
            self.alerts.extend(what.alerts)
        else:
            self.write(what)

    def write(self, batch: ScoreBatch) -> None:
        for at in range(len(batch)):
            key = f"scorer:score:{batch.model}:{Kind(batch.kind[at]).label}:{batch.entity_id[at]}"
            self.written.append((batch.version, key))
            if self.versions.get(key, "") > batch.version:
                continue
            self.versions[key] = batch.version
            self.documents[key] = {
                "score": _or_none(batch.score[at]),
                "raw": float(batch.raw[at]),
                "band": batch.band[at],
                "state": batch.state[at],
                "benchmark": _or_none(batch.benchmark[at]),
                "delta": _or_none(batch.delta[at]),
            }


def _or_none(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


@dataclass(frozen=True)
class Alerts:
    """Alerts on their way to Redis."""

    version: str
    alerts: list[SentAlert]


@dataclass
class Home:
    """What outlives a partition's worker, and the worker. `applied_at`: the clock when an offset was last applied.

    `cuts` are those of the flush under way that haven't landed yet, with the keys of the rows before it.
    """

    partition: int
    history: NaiveHistory
    journal: Journal = field(default_factory=Journal)
    source: list[tuple[int, int, bytes]] = field(default_factory=list)
    applied_at: dict[int, int] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    committed: int | None = None
    through: str = ""
    owner: Owner | None = None
    queue: "list[ScoreBatch | Alerts]" = field(default_factory=list)
    groups: tuple[PartitionState, PeerGroups] | None = None
    cuts: list[tuple[Cut, list[EntityKey | None]]] = field(default_factory=list)

    @property
    def state(self) -> PartitionState:
        assert self.owner is not None
        assert self.owner.state is not None
        return self.owner.state

    @property
    def read_to(self) -> int:
        """The source's end, an offset."""
        return self.source[-1][0] + 1 if self.source else 0


class WatchedState(PartitionState):
    """Its home sees what it cuts."""

    home: Home

    def cut(self) -> list[Cut]:
        keys = list(self.roster.keys)
        cuts = super().cut()
        self.home.cuts = [(cut, keys) for cut in cuts]
        return cuts


class World:
    """All of it. `dedupe_ids` of a partition; snapshots once a journal has outgrown `snapshot_floor_bytes`;
    `sweep_rows` of a pass while it comes to rest."""

    def __init__(
        self,
        scoring: Scoring,
        partitions: int,
        now_ms: int,
        *,
        dedupe_ids: int = 10_000,
        floor: int = 2_000,
        sweep_rows: int | None = None,
    ) -> None:
        self.sweep_rows = sweep_rows
        self.alerts_in_kafka: list[SentAlert] = []
        self.scoring = scoring
        self.now_ms = now_ms
        self.dedupe_ids = dedupe_ids
        self.floor = floor
        self.redis = Redis()
        self.homes = [
            Home(partition, NaiveHistory(scoring.history, scoring.timezone)) for partition in range(partitions)
        ]
        self.summaries = Summaries()
        self.benchmarks = Benchmarks()
        self._numbers = count(1)

    # ---- the source

    def produce(
        self, record: bytes, key: str, timestamp_ms: int, *, gap: int = 0, partition: int | None = None
    ) -> None:
        """Append a record behind `gap` offsets that hold nothing, to its key's partition or another one."""
        home = self.homes[partition_of(key, len(self.homes)) if partition is None else partition]
        home.source.append((home.read_to + gap, timestamp_ms, record))

    # ---- a worker

    def new_state(self, home: Home) -> PartitionState:
        state = WatchedState(self.scoring, home.partition, len(self.homes), self.dedupe_ids)
        state.home = home
        return state

    def new_owner(self, home: Home) -> Owner:
        return Owner(
            new_state=lambda: self.new_state(home),
            identity=Identity.of("worker", self.scoring),
            random_number=lambda: next(self._numbers),
            snapshot_floor_bytes=self.floor,
        )

    def own(self, home: Home, crash_at: int | None = None) -> bool:
        """Claim a partition, anew if the last worker is gone. False: crashed."""
        fresh = home.owner is None
        home.owner = home.owner or self.new_owner(home)
        owned = self.drive(home, home.owner.own(), crash_at)
        if owned and fresh:
            home.through = home.state.redis_through  # a worker knows only what the journal says
        return owned

    def restart(self, home: Home) -> None:
        """Throw the worker away, and own the partition anew."""
        self.crash(home)
        assert self.own(home)

    def crash(self, home: Home) -> None:
        home.owner = None
        home.queue.clear()
        home.cuts.clear()

    def apply(self, home: Home, records: int, overlap: int = 0) -> None:
        """Apply the next records, as a chunk that starts `overlap` records too early."""
        position = home.state.position
        assert position is not None
        first = next((at for at, (offset, _, _) in enumerate(home.source) if offset >= position), len(home.source))
        chunk = home.source[max(0, first - overlap) : first + records]
        if not chunk:
            return
        offsets = np.array([offset for offset, _, _ in chunk], np.int64)
        record_ms = np.array([timestamp for _, timestamp, _ in chunk], np.int64)
        columns, rejects = decode([record for _, _, record in chunk])
        applied = home.state.apply(columns, offsets, record_ms, int(offsets[-1]) + 1, self.now_ms)
        refused = [int(offsets[reject.index]) for reject in (*rejects, *applied.rejects)]
        assert home.owner is not None
        home.owner.letters.extend(refused)
        new = [int(offset) for offset in offsets if offset >= position]
        home.applied_at.update(dict.fromkeys(new, self.now_ms))
        assert sum(applied.outcomes.values()) == len(columns) + len(columns.traits)
        check_groups(home)

    def score(
        self,
        home: Home,
        between: Sequence[int] = (),
        sweep_rows: int | None = None,
        steps: int | None = None,
        *,
        moves_wait: bool = False,
        rules_paused: bool = False,
    ) -> None:
        """A scoring pass, or the first `steps` of one; after its n-th step `between[n]` records are applied."""
        applying = iter(between)
        run = home.state.score(
            self.now_ms, self.benchmarks, sweep_rows, moves_wait=lambda: moves_wait, rules_paused=rules_paused
        )
        for _ in islice(run, steps):
            self.apply(home, next(applying, 0))

    def flush(self, home: Home, crash_at: int | None = None, between: Sequence[int] = ()) -> bool:
        """Make durable what was applied and scored; before its n-th step `between[n]` records are applied."""
        assert home.owner is not None
        flow = home.owner.flush(redis_through=home.through, redis_id=REDIS)
        return self.drive(home, flow, crash_at, between)

    def drive(self, home: Home, flow: Steps, crash_at: int | None = None, between: Sequence[int] = ()) -> bool:
        """Do a flow's steps. Before step `crash_at // 2` the worker crashes; if it is odd, the step is done even so."""
        applying = iter(between)
        answer: Any = None
        for number in count():
            try:
                step = flow.send(answer)
            except StopIteration as ended:
                return bool(ended.value)
            crashes = crash_at is not None and number == crash_at // 2
            if not crashes or (crash_at or 0) % 2:
                answer = self._do(home, step)
            if crashes:
                self.crash(home)
                return False
            if home.owner is not None and home.owner.state is not None and home.owner.state.position is not None:
                self.apply(home, next(applying, 0))
        raise AssertionError

    def _do(self, home: Home, step: object) -> Any:
        match step:
            case Append(value):
                assert len(value) <= 900_000
                if home.cuts and isinstance(decode_record(value), Entry):
                    note_told(home.history, *home.cuts.pop(0))
                return home.journal.append(value, self.now_ms)
            case Bounds():
                return home.journal.start
            case Read(start, stop):
                return home.journal.read(start, stop)
            case ResolveStart():
                return 0
            case MayClaim():
                return True
            case SendDeadLetters(letters):
                home.refused.update(letters)
            case Publish(version, batches, alerts, _):
                assert all(batch.version == version for batch in batches)
                home.queue.extend(batches)
                if alerts:
                    home.queue.append(Alerts(version, alerts))
            case SendAlerts(alerts):
                self.alerts_in_kafka.extend(alerts)
            case Commit(position):
                home.committed = position
            case Trim(before):
                home.journal.trim(before)
            case _:
                raise AssertionError(step)
        return None

    # ---- the outside

    def redis_takes(self, home: Home, batches: int) -> None:
        """Redis writes the next batches, and says so."""
        for batch in home.queue[:batches]:
            self.redis.take(batch)
            home.through = batch.version
        del home.queue[:batches]
        if home.queue and home.queue[0].version <= home.through:
            home.through = str(int(home.queue[0].version) - 1).zfill(22)

    def exchange(self) -> bool:
        """Publish every partition's summaries, merge them; whether a benchmark changed."""
        for home in self.homes:
            for summary in home.state.passes.summaries(caught_up=True):
                for key, value in summary.records(1, next(self._numbers)):
                    self.summaries.read(key, value)
        steps = merge(self.scoring, len(self.homes), self.summaries, self.benchmarks, self.now_ms / 1000)
        changed = [benchmark for benchmark in steps if benchmark is not None]
        for benchmark in changed:
            self.benchmarks.read(benchmark.key, benchmark.record(1, next(self._numbers)))
        return bool(changed)

    def settle(self) -> None:
        """Everything is read, scored on its benchmark, durable, and in Redis."""
        for home in self.homes:
            if home.owner is None:
                assert self.own(home)
            self.apply(home, len(home.source))
        for _ in range(10):
            for home in self.homes:
                self.come_to_rest(home)
            if not self.exchange():
                assert all(home.state.passes.at_rest for home in self.homes)
                return
        raise AssertionError("the benchmark doesn't come to rest")

    def come_to_rest(self, home: Home) -> None:
        """Passes until nobody is left to be told anything, but what waits for a benchmark of this bucket."""
        for _ in range(1_000):
            self.score(home, sweep_rows=self.sweep_rows)
            self.flush_all(home)
            passes = home.state.passes
            if passes.at_rest or (passes.awaiting and not passes.unfinished):
                return
        raise AssertionError("the sweep doesn't end")

    def flush_all(self, home: Home) -> None:
        """Flush, with Redis keeping up, until there is nothing more to say."""
        for _ in range(1_000):
            before = home.journal.end
            assert self.flush(home)
            self.redis_takes(home, len(home.queue))
            if home.journal.end == before:
                return
        raise AssertionError("the journal doesn't come to rest")

    def oracle(self) -> Oracle:
        """The naive recount of everything that was read, each record judged at the clock of its last applying."""
        recount = Oracle(self.scoring, partitions=len(self.homes))
        for home in self.homes:
            for offset, timestamp_ms, record in home.source:
                now_ms = home.applied_at[offset]
                recount.feed(record, timestamp_ms, now_ms=now_ms, partition=home.partition)
        return recount

    def traits(self) -> dict[str, dict[str, str]]:
        """The states' own traits of accounts, as the oracle tells them."""
        return {account: traits for home in self.homes for account, traits in traits_of(home.state).items()}

    def counts(self, first_bucket: int) -> dict[tuple[Kind, str], dict[tuple[int, str], int]]:
        """The states' own counts, as the oracle tells them."""
        counts: dict[tuple[Kind, str], dict[tuple[int, str], int]] = {}
        for home in self.homes:
            for entity, cell, value in decoded(home.state):
                if cell[0] >= first_bucket:
                    assert cell not in counts.setdefault(entity, {})
                    counts[entity][cell] = value
        return counts


def note_told(history: NaiveHistory, cut: Cut, keys: list[EntityKey | None]) -> None:
    """The journal holds a cut: readers are told what goes with it, sooner or later. `keys`: of the rows before it.

    A row that a later entry frees has no document of its own here. If that entry never lands, it is told again.
    """
    documented = {
        (batch.model, Kind(kind), entity)
        for batch in cut.batches
        for kind, entity in zip(batch.kind, batch.entity_id, strict=True)
    }
    for judged in cut.judged:
        for row, score, band, delta in zip(
            judged.change.rows.tolist(),
            judged.change.score,
            judged.change.band.tolist(),
            judged.delta,
            strict=True,
        ):
            entity_key = keys[row]
            assert entity_key is not None
            key = (judged.model.name, judged.kind, entity_id(entity_key))
            if key not in documented:
                told = (_or_none(score), band_name(band, judged.model), _or_none(delta))
                history.tell(key, *told, judged.computed_at)
    for batch in cut.batches:
        for at, entity in enumerate(batch.entity_id):
            key = batch.model, Kind(batch.kind[at]), entity
            if batch.freed[at]:
                history.free(key, batch.computed_at)
            else:
                score, delta = _or_none(batch.score[at]), _or_none(batch.delta[at])
                history.tell(key, score, batch.band[at], delta, batch.computed_at)


def closes_of(state: PartitionState) -> dict[Key, dict[int, Told]]:
    """A state's own history, as the oracle tells it."""
    closes: dict[Key, dict[int, Told]] = {}
    models = {model.name: model for model in state.scoring.models}
    for row in state.roster.live_rows().tolist():
        key = state.roster.keys[row]
        assert key is not None
        for kind, history in state.history.items():
            for code, held in state.models.items():
                model = models[held.name]
                days = {day: (score, band_name(band, model) or "") for day, score, band in history.of(code, row)}
                if days:
                    closes[held.name, kind, entity_id(key)] = days
    return closes


def decoded(state: PartitionState) -> Iterator[tuple[tuple[Kind, str], tuple[int, str], int]]:
    """Every cell of a state: entity, (bucket, event type), count."""
    types = list(state.types)
    cells = state.counts.all()
    columns = (cells.rows, cells.buckets, cells.types, cells.values)
    for row, bucket, code, value in zip(*(column.tolist() for column in columns), strict=True):
        key = state.roster.keys[row]
        assert key is not None, "a cell of a row that stands for nobody"
        kind = Kind.ACCOUNT if key[1] is None else Kind.USER
        yield (kind, entity_id(key)), (bucket, types[code]), value


def traits_of(state: PartitionState) -> dict[str, dict[str, str]]:
    """The traits of every account of a state that has any."""
    found: dict[str, dict[str, str]] = {}
    for row, traits in state.traits.items():
        key = state.roster.keys[row]
        assert key is not None, "traits of a row that stands for nobody"
        assert key[1] is None, "traits of a user"
        found[key[0] or ""] = dict(traits)
    return found


def check_groups(home: Home) -> None:
    """The peer groups of one state, asked all along, are those of the traits of now."""
    state = home.state
    if home.groups is None or home.groups[0] is not state:
        home.groups = state, PeerGroups(PEERS, state.traits, state.roster)
    groups = home.groups[1]
    rows, traits = state.roster.live_rows(), traits_of(state)
    accounts = [account for account, _ in (state.roster.keys[row] or ("", "") for row in rows.tolist())]
    expected = [peer_path(PEERS, traits.get(account or "", {})) for account in accounts]
    codes = groups.codes(rows).tolist()
    assert [groups.names[code] for code in codes] == [path[-1] for path in expected]
    for code, path in zip(codes, expected, strict=True):
        assert groups.parents[code] == (groups.names.index(path[-2]) if len(path) > 1 else -1)


def fold_of(state: PartitionState) -> dict[str, Any]:
    """Everything that a restore must bring back, comparable, by entity instead of row where order is free."""
    live = state.roster.live_rows()
    names = {int(row): state.roster.keys[row] for row in live}
    previous, current = state.ids.columns()
    return {
        "position": state.position,
        "types": state.types,
        "rows": {key: (row, names.get(int(state.roster.parent[row]))) for row, key in names.items()},
        "known": dict(state.roster.row_of),
        "traits": traits_of(state),
        "last_ms": state.roster.last_ms[live].tolist(),
        "event_ms": state.event_ms,
        "cells": sorted((entity, cell, value) for entity, cell, value in decoded(state)),
        "ids": (sorted(previous.tolist()), sorted(current.tolist())),
        "models": {
            code: (
                held.name,
                held.hash,
                held.replaces,
                [str(getattr(held.standing, name)[live].tolist()) for name in held.standing.COLUMNS],
                held.delta_due[live].tolist(),
            )
            for code, held in state.models.items()
        },
        "rules": (state.rules.packed(), {code: _sides(rule) for code, rule in state.rules.states.items()}),
        "holds": {code: held.hold.columns().pack() for code, held in state.models.items()},
        "outbox": (list(state.outbox), state.outbox.delivered_through),
        "today": state.today,
        "closes": closes_of(state),
        "held": state.has_history(live).tolist(),
        "redis": (state.redis_through, state.redis_id),
        "waiting": {(v, m, row) for v, m, rows in state.unacknowledged.rows() for row in rows.tolist()},
        "waiting_freed": sorted(map(str, state.unacknowledged.freed())),
    }


def _sides(rule: RuleState) -> tuple[list[int], list[int], bytes]:
    columns = rule.columns()
    return columns.rows.tolist(), columns.side.tolist(), columns.entries.tobytes()
