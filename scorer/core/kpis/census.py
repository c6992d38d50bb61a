"""Shares of many accounts at once, from the counts of their members."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scorer.core.cells import MAX_TYPES, TYPE_BITS
from scorer.core.events import Int64s
from scorer.core.kpis.share import SUMS, USES, Share, Sum, Use
from scorer.core.kpis.spans import Spans
from scorer.core.runs import Run
from scorer.core.sheets import Sheet

_WINDOW, _BEFORE, _TODAY, _NEITHER = range(4)
_LOW_BITS = 30


@dataclass(frozen=True, slots=True)
class Members:
    """Some members, in the order of their accounts: the place of each one's account, and the day that each was first
    seen."""

    row: Int64s
    account: Int64s
    first_day: Int64s


@dataclass(slots=True)
class _Tally:
    """What cells add up to: `active` by member and day; `used` by member, type and whether in the window or the one
    before; `value` by account, type and span, in two halves, for float64 adds up whole numbers to 2**53 only."""

    active: NDArray[np.bool_]
    used: NDArray[np.bool_]
    value: Int64s


@dataclass(frozen=True, slots=True)
class Census:
    """What the file says that a census has to know. `place`: by code of the fold, the type's place among the file's, -1
    where the file doesn't name it."""

    spans: Spans
    place: NDArray[np.int32]
    types: int
    buckets_per_day: int

    def shares(self, members: Members, accounts: int, sheet: Sheet) -> list[Share]:
        """What the members of each of so many accounts add, licences left out. `sheet` has all cells of the members."""
        tally = _Tally(
            np.zeros((len(members.row), self.spans.days), np.bool_),
            np.zeros((len(members.row), self.types * 2), np.bool_),
            np.zeros(accounts * self.types * 4, np.int64),
        )
        order = np.argsort(members.row)
        ascending = members.row[order]
        for run in sheet.apart():
            if len(run):
                self._tally(run, order[np.searchsorted(ascending, run.rows)], members.account, tally)
        daily = _by_account(tally.active, members.account, accounts)
        sums = self._sums(tally.active, members, accounts)
        users = _by_account(tally.used, members.account, accounts).reshape(accounts, self.types, 2)
        uses = np.empty((accounts, self.types, USES), np.int64)
        uses[:, :, [Use.USERS, Use.USERS_BEFORE]] = users
        uses[:, :, [Use.VALUE, Use.VALUE_BEFORE, Use.VALUE_TODAY]] = tally.value.reshape(-1, self.types, 4)[:, :, :3]
        used = (uses != 0).any(axis=2)
        edges = np.concatenate([[0], np.cumsum(used.sum(axis=1))]).tolist()
        types, kept = np.nonzero(used)[1].astype(np.int32), uses[used]
        return [
            Share(daily[at].copy(), sums[at].copy(), types[first:stop].copy(), kept[first:stop].copy())
            for at, (first, stop) in enumerate(pairwise(edges))
        ]

    def _tally(self, run: Run, owner: Int64s, account: Int64s, tally: _Tally) -> None:
        """Add up a run, the rows of which are these members."""
        spans = self.spans
        places = run.places.astype(np.int64)
        place = self.place[places & (MAX_TYPES - 1)]
        places >>= TYPE_BITS
        places += run.low >> TYPE_BITS
        first_bucket = max(run.first, spans.first * self.buckets_per_day)
        counted = (place >= 0) & (places >= first_bucket) & (places < (spans.today + 1) * self.buckets_per_day)
        member = np.repeat(owner, np.diff(run.starts))
        value = run.counts
        if not counted.all():
            places, place, member, value = places[counted], place[counted], member[counted], value[counted]
        day = places // self.buckets_per_day - spans.first
        tally.active[member, day] = True
        which = np.full(spans.days, _NEITHER)
        which[spans.of_window], which[spans.of_window_before], which[-1] = _WINDOW, _BEFORE, _TODAY
        span = which[day]
        in_windows = np.flatnonzero(span < _TODAY)
        tally.used[member[in_windows], place[in_windows] * 2 + span[in_windows]] = True
        tally.value += _summed((account[member] * self.types + place) * 4 + span, value, run.unit, len(tally.value))

    def _sums(self, active: NDArray[np.bool_], members: Members, accounts: int) -> Int64s:
        """By account; licences are still missing."""
        spans = self.spans
        now, before = _any(active, spans.of_window), _any(active, spans.of_window_before)
        fresh = members.first_day >= spans.window_begins
        of_member = np.zeros((len(members.row), SUMS), np.bool_)
        of_member[:, Sum.MAU], of_member[:, Sum.MAU_BEFORE] = now, before
        of_member[:, Sum.WAU], of_member[:, Sum.WAU_BEFORE] = _any(active, spans.week), _any(active, spans.week_before)
        of_member[:, Sum.NEW] = now & fresh & ~before
        of_member[:, Sum.RETURNING] = now & before
        of_member[:, Sum.RECOVERED] = now & ~before & ~fresh
        of_member[:, Sum.DROPPED] = before & ~now
        return _by_account(of_member, members.account, accounts)


@dataclass(frozen=True, slots=True)
class Licenses:
    """How many licences an account tells, and how many of them are active; in units of 1e-6, 0: it doesn't tell."""

    licenses: int = 0
    active: int = 0

    @classmethod
    def of(cls, traits: Mapping[str, str]) -> "Licenses":
        """
        >>> Licenses.of({"licenses": "50", "active_licenses": "40.5", "plan": "pro"})
        Licenses(licenses=50000000, active=40500000)
        >>> Licenses.of({"licenses": "many"})
        Licenses(licenses=0, active=0)
        """
        return cls(_micros(traits.get("licenses")), _micros(traits.get("active_licenses")))

    def complete(self, share: Share, spans: Spans) -> None:
        """Add to an account's share what follows from its licences."""
        sums = share.sums
        sums[Sum.ACTIVE_LICENSES] = self.active
        if self.licenses:
            sums[Sum.LICENSES] = self.licenses
            sums[Sum.LICENSED], sums[Sum.LICENSED_BEFORE] = sums[Sum.MAU], sums[Sum.MAU_BEFORE]
        if seats := self.active or self.licenses:
            sums[Sum.SEATS] = seats
            sums[Sum.SEATED], sums[Sum.SEATED_BEFORE] = share.daily[-2], share.daily[-2 - spans.window]


_NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_MOST_LICENSES = 1e12


def _micros(text: str | None) -> int:
    """A trait's number above 0 in units of 1e-6; 0 if it is none."""
    number = float(text) if text is not None and _NUMBER.fullmatch(text) else 0.0
    return round(number * 1e6) if number <= _MOST_LICENSES else 0


def _any(active: NDArray[np.bool_], days: slice) -> NDArray[np.bool_]:
    """By member: whether it was active on one of the days."""
    found: NDArray[np.bool_] = np.logical_or.reduce(active[:, days], axis=1)
    return found


def _summed(keys: Int64s, counts: NDArray[np.unsignedinteger], unit: int, length: int) -> Int64s:
    """Exact sums by key, 0..length-1, of counts in a unit: whole units go in halves through float64."""
    if counts.dtype.itemsize < 8:  # up to 2**32, some 2**20 of them at once
        return np.bincount(keys, counts, length).astype(np.int64) * unit
    low = np.bincount(keys, counts & ((1 << _LOW_BITS) - 1), length).astype(np.int64)
    high = np.bincount(keys, counts >> _LOW_BITS, length).astype(np.int64)
    return (low + (high << _LOW_BITS)) * unit


def _by_account(told: NDArray[np.bool_], account: Int64s, accounts: int) -> Int64s:
    """The sums of rows of `told` by account; they are in the order of their accounts."""
    sums = np.zeros((accounts, told.shape[1]), np.int64)
    if len(account):
        first = np.flatnonzero(np.concatenate([[True], account[1:] != account[:-1]]))
        sums[account[first]] = np.add.reduceat(told, first, axis=0, dtype=np.int64)
    return sums
