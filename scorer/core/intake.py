"""The way of a chunk into a partition: events become counts, account records traits; what is new is drafted."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scorer.core.account_records import take_in
from scorer.core.admission import Gate, Verdict, limits_ms, time_verdicts
from scorer.core.columns import Counted
from scorer.core.dedupe import Hashes, hash_ids
from scorer.core.draft import Newcomers, Piece, TraitNews, pieces
from scorer.core.events import AccountTraits, EventColumns, Int64s, Reject
from scorer.core.roster import NO_PARENT

if TYPE_CHECKING:
    from scorer.core.partition import PartitionState


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a chunk's events and account records, by outcome, and those that go to the dead letters."""

    outcomes: Counter[str]
    rejects: list[Reject]


class Intake:
    """Decides what counts, and counts it."""

    def __init__(self, state: "PartitionState", gate: Gate) -> None:
        self._state = state
        self._gate = gate
        self._calendar = state.scoring.calendar
        self._seed = 0
        self._named_types: dict[str, int] = {}

    def bind(self, seed: int) -> None:
        """The state's type codes are known now, and the seed of its event ids' hashes."""
        self._seed = seed
        self._named_types = {name: self._state.types[name] for name in self._state.scoring.events}

    def take(self, columns: EventColumns, offsets: Int64s, record_ms: Int64s, to: int, clock_ms: int) -> Applied:
        """Take in one chunk of the source: [position, to).

        `offsets` and `record_ms` (broker timestamps) are of all the chunk's records, `columns.index` points into
        them; what stands before the position is skipped. `clock_ms` is the worker's clock.
        """
        state = self._state
        columns, replayed = _since(state.position or 0, columns, offsets)
        outcomes, new = Counter(replayed=replayed), Newcomers()
        rejects, events, events_at = self._apply_events(columns, record_ms, clock_ms, new, outcomes)
        told = self._apply_traits(columns.traits, new, rejects, outcomes) if columns.traits else TraitNews()
        parts: Iterable[Piece] = [Piece(to)]
        if events is not None or told.at:
            parts = pieces(to, events, events_at, offsets, new, told)
        state.position = to
        for part in parts:
            state.draft.add_piece(part)
        return Applied(outcomes, rejects)

    def _apply_events(
        self, columns: EventColumns, record_ms: Int64s, clock_ms: int, new: Newcomers, outcomes: Counter[str]
    ) -> tuple[list[Reject], Counted | None, Int64s]:
        """(refused events, what was counted, in which of the chunk's records it stood)."""
        if not len(columns):
            return [], None, _NOWHERE
        verdict, rows, (buckets, types), limits = self._verdicts(columns, record_ms, clock_ms)
        counted = np.flatnonzero(verdict == Verdict.COUNTED)
        hashes = self._new_hashes(columns, counted, verdict)
        counted = np.flatnonzero(verdict == Verdict.COUNTED)
        events = None
        if len(counted):
            self._state.ids.remember(hashes)
            self._enter_new(columns, counted, rows, new)
            values, ts_ms = columns.value[counted], columns.ts_ms[counted]
            events = Counted(rows[counted], buckets[counted], types[counted], values, hashes, ts_ms)
            self._state.count(events)
        tally = np.bincount(verdict, minlength=len(Verdict)).tolist()
        for code, count in enumerate(tally):
            outcomes[_OUTCOMES[Verdict(code)]] += count
        return self._rejects(columns, verdict, limits), events, columns.index[counted].astype(np.int64)

    def _apply_traits(
        self, records: Sequence[AccountTraits], new: Newcomers, rejects: list[Reject], outcomes: Counter[str]
    ) -> TraitNews:
        """Merge account records; the refused join `rejects`."""
        told, refused = take_in(records, self._state.traits, self._state.roster, self._gate, new)
        outcomes["trait"] += len(records) - len(refused)
        outcomes["dead_letter"] += len(refused)
        rejects.extend(refused)
        self._state.fit()
        accounts = [row for row, _ in told.changes]
        self._state.dirty[accounts] = True
        self._state.kpis_due[accounts] = True
        self._state.passes.regroup(told.changes)
        return told

    def _verdicts(
        self, columns: EventColumns, record_ms: Int64s, clock_ms: int
    ) -> tuple[NDArray[np.int8], Int64s, tuple[Int64s, Int64s], Int64s]:
        """(verdicts, rows or -1, (buckets, types), time limits): all but duplicates is decided."""
        n = len(columns)
        types = np.fromiter(map(self._named_types.get, columns.event, _repeat_minus_one), np.int64, n)
        buckets = self._calendar.buckets_of(columns.ts_ms)
        keys = zip(columns.account_id, columns.user_id, strict=True)
        rows = np.fromiter(map(self._state.roster.row_of.get, keys, _repeat_minus_one), np.int64, n)
        verdict = np.zeros(n, np.int8)
        verdict[types < 0] = Verdict.UNKNOWN_TYPE
        refusals = []
        for at in np.flatnonzero(rows < 0).tolist():
            account = columns.account_id[at]
            at_home = account is not None and (account, None) in self._state.roster.row_of
            refusal = self._gate.judge((account, columns.user_id[at]), at_home=at_home)
            if refusal is Verdict.EXCLUDED:
                verdict[at] = refusal
            elif refusal is Verdict.WRONG_PARTITION:
                refusals.append(at)
        if not self._gate.excludes_nobody:
            known = np.flatnonzero(rows >= 0)
            verdict[known[self._state.passes.excluded_rows()[rows[known]]]] = Verdict.EXCLUDED
        limits = limits_ms(columns, record_ms, clock_ms)
        reference = self._state.event_ms if self._state.event_clock else max(self._state.now_ms, clock_ms)
        first_bucket = self._calendar.bucket_of(reference) - self._state.scoring.retention + 1
        time_verdicts(columns, limits, buckets, first_bucket, verdict)
        verdict[refusals] = Verdict.WRONG_PARTITION
        return verdict, rows, (buckets, types), limits

    def _new_hashes(self, columns: EventColumns, counted: Int64s, verdict: NDArray[np.int8]) -> Hashes:
        """The id hashes of what is counted; marks the duplicates among it."""
        ids = columns.event_id
        if len(counted) < len(columns):
            ids = [ids[at] for at in counted.tolist()]
        hashes = hash_ids(ids, self._seed)
        first = self._state.ids.first_seen(hashes)
        if first.all():
            return hashes
        verdict[counted[~first]] = Verdict.DUPLICATE
        return hashes[first]

    def _enter_new(self, columns: EventColumns, counted: Int64s, rows: Int64s, new: Newcomers) -> None:
        """Give rows to the entities that are counted for the first time."""
        roster = self._state.roster
        for at in counted[rows[counted] < 0].tolist():
            place = int(columns.index[at])
            account, user = columns.account_id[at], columns.user_id[at]
            row = roster.row_of.get((account, user))
            if row is None:
                parent = NO_PARENT
                if account is not None:
                    found = roster.row_of.get((account, None))
                    if found is None:
                        found = roster.take_row()
                        roster.enter(found, (account, None), NO_PARENT)
                        new.enter_account(place, found, account)
                    parent, account = found, roster.account_of(found)
                row = roster.take_row()
                roster.enter(row, (account, user), parent)
                new.enter_user(place, row, parent, user)
            rows[at] = row

    def _rejects(self, columns: EventColumns, verdict: NDArray[np.int8], limits: Int64s) -> list[Reject]:
        refused = np.flatnonzero(verdict >= Verdict.IN_FUTURE)
        return [self._gate.reject(columns, at, Verdict(int(verdict[at])), int(limits[at])) for at in refused.tolist()]


def _since(position: int, columns: EventColumns, offsets: Int64s) -> tuple[EventColumns, int]:
    """What of a chunk stands at `position` or behind it, and how many usable records stand before."""
    before = len(columns) + len(columns.traits)
    traits = tuple(record for record in columns.traits if int(offsets[record.index]) >= position)
    if len(columns) and int(offsets[columns.index[0]]) < position:
        columns = columns.take(offsets[columns.index] >= position)
    if len(traits) < len(columns.traits):
        columns = replace(columns, traits=traits)
    return columns, before - len(columns) - len(columns.traits)


_NOWHERE: Int64s = np.empty(0, np.int64)

_repeat_minus_one = repeat(-1)

_OUTCOMES = {
    Verdict.COUNTED: "counted",
    Verdict.DUPLICATE: "duplicate",
    Verdict.UNKNOWN_TYPE: "unknown_type",
    Verdict.EXCLUDED: "excluded",
    Verdict.LATE: "late",
    Verdict.IN_FUTURE: "dead_letter",
    Verdict.WRONG_PARTITION: "dead_letter",
}
