"""Which events count, by SCORING 1 and INTERFACES 4: the rules of a record, one record at a time.

Rule 1: the first reason that fits: wrong partition, in the future, excluded, unknown type, repeated id. Only the id of
        what counts is remembered.
Rule 2: nothing is late here. What was late when it came lies outside every window now, for `now` never goes back.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
import xxhash
from aiokafka.partitioner import murmur2
from numpy.typing import NDArray

from scorer.core.decode import Decoder
from scorer.core.events import EventColumns
from scorer.core.model import Scoring
from scorer.stream.input_reader import Records
from scorer.verifying.sample import Entity, Sample, Tally
from scorer.verifying.traits import TraitsRead

HOUR_MS = 3_600_000
"""How far ahead of its record's broker timestamp an event may be."""

_MEMBERS_KEPT = 200_000


def home_partition(entity: Entity, partitions: int) -> int:
    """Where Kafka's default partitioner puts the entity's events."""
    home: int = (murmur2(entity.home.encode()) & 0x7FFFFFFF) % partitions
    return home


class IdsRead:
    """The ids that were read in a partition, as 64-bit hashes: 8 bytes each, however many there are.

    Two of a billion ids collide with a probability of 3 %; that it concerns an entity of the sample is next to
    impossible.
    """

    def __init__(self) -> None:
        self._runs: list[NDArray[np.uint64]] = []

    def known(self, hashes: Sequence[int]) -> list[bool]:
        wanted = np.array(hashes, np.uint64)
        found = np.zeros(len(wanted), np.bool_)
        for run in self._runs:
            at = np.searchsorted(run, wanted)
            found |= run[np.minimum(at, len(run) - 1)] == wanted
        return found.tolist()

    def add(self, hashes: Sequence[int]) -> None:
        run = np.sort(np.array(hashes, np.uint64))
        while self._runs and len(self._runs[-1]) <= len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]))
        if len(run):
            self._runs.append(run)


class _Member(NamedTuple):
    """Who an event is of: at home in which partition, left out or not, and whose tallies it goes to."""

    partition: int
    excluded: bool
    tallies: tuple[Tally, ...]


class _Sampled(NamedTuple):
    """An event that counts, of the sample: (bucket, type, micros), the hash of its id (None: it has none), whether it
    repeats one of the same chunk."""

    tallies: tuple[Tally, ...]
    cell: tuple[int, str, int]
    hashed: int | None
    repeats: bool


class Recount:
    """Reads records as the workers do, and adds up the events of the sample."""

    def __init__(self, scoring: Scoring, partitions: int, sample: Sample, decoder: Decoder) -> None:
        self._decoder = decoder
        self._types = frozenset(scoring.events)
        self._excluded = scoring.exclude_users
        self._calendar = scoring.calendar
        self._partitions = partitions
        self._sample = sample
        self._members: dict[tuple[str | None, str], _Member] = {}
        self._ids: dict[int, IdsRead] = {}
        self.traits = TraitsRead()
        self.records = 0

    def take(self, records: Records, worker_ms: int) -> None:
        """Some records of a partition, in order. A timestamp below 0 is none; `worker_ms` is the worker's clock."""
        partition, timestamps_ms = records.partition, records.timestamps_ms
        columns, _ = self._decoder.decode(records.values, records.headers)
        self.records += len(records.values)
        for told in columns.traits:
            if told.account_id is not None and self._partition_of(told.account_id) == partition:
                self.traits.take(told.account_id, told.traits)
        first: dict[int, int] = {}
        sampled: list[_Sampled] = []
        for at, (index, account, user, event, event_id, ts_ms, micros) in enumerate(_rows(columns)):
            member = self._members.get((account, user)) or self._meet(account, user)
            stamp_ms = timestamps_ms[index]
            limit_ms = min(stamp_ms, worker_ms) if stamp_ms >= 0 else worker_ms
            if member.partition != partition or ts_ms > limit_ms + HOUR_MS or member.excluded:
                continue
            if event not in self._types:
                continue
            hashed = _hash(event_id) if event_id else None
            repeats = hashed is not None and first.setdefault(hashed, at) != at
            if member.tallies:
                cell = self._calendar.bucket_of(ts_ms), event, micros
                sampled.append(_Sampled(member.tallies, cell, hashed, repeats))
        ids = self._ids.setdefault(partition, IdsRead())
        _add(sampled, ids)
        ids.add(list(first))

    def settle(self) -> None:
        """What was read so far is the past: every document must hold all of it."""
        for tally in self._sample.tallies.values():
            tally.settle()

    def _partition_of(self, account: str) -> int:
        return home_partition(Entity(account, None), self._partitions)

    def _meet(self, account: str | None, user: str) -> _Member:
        entities = [Entity(account, user)] + ([Entity(account, None)] if account is not None else [])
        excluded = any(fnmatchcase(user, pattern) for pattern in self._excluded)
        partition = home_partition(entities[0], self._partitions)
        # who is left out is no entity
        tallies = () if excluded else tuple(t for each in entities if (t := self._sample.meet(each)) is not None)
        if len(self._members) >= _MEMBERS_KEPT:
            self._members.clear()
        return self._members.setdefault((account, user), _Member(partition, excluded, tallies))


def _rows(columns: EventColumns) -> Iterator[tuple[int, str | None, str, str, str, int, int]]:
    numbers = (column.tolist() for column in (columns.index, columns.ts_ms, columns.value))
    index, ts_ms, value = numbers
    return zip(index, columns.account_id, columns.user_id, columns.event, columns.event_id, ts_ms, value, strict=True)


def _hash(event_id: str) -> int:
    return xxhash.xxh3_64_intdigest(event_id.encode())


def _add(sampled: Sequence[_Sampled], ids: IdsRead) -> None:
    """Add up what isn't a repeat."""
    known = iter(ids.known([each.hashed for each in sampled if each.hashed is not None]))
    for each in sampled:
        repeats = each.hashed is not None and (next(known) or each.repeats)
        for tally in each.tallies:
            if repeats:
                tally.repeats += 1
            else:
                tally.fresh.append(each.cell)
