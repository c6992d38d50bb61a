"""Shares of many accounts at once, from the counts of their members."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.core.cells import Cells
from scorer.core.events import Int64s
from scorer.core.kpis.share import SUMS, USES, Share, Sum, Use
from scorer.core.kpis.spans import Spans


@dataclass(frozen=True, slots=True)
class Members:
    """Some members, ascending by `row`: the place of each one's account, and the day that each was first seen."""

    row: Int64s
    account: Int64s
    first_day: Int64s


@dataclass(frozen=True, slots=True)
class Census:
    """What the file says that a census has to know. `place`: by code of the fold, the type's place among the file's, -1
    where the file doesn't name it; buckets per day."""

    spans: Spans
    place: NDArray[np.int32]
    types: int
    buckets_per_day: int

    def shares(self, members: Members, accounts: int, cells: Cells) -> Iterator[Share]:
        """What the members of each of so many accounts add, licences left out. `cells` are all those of the members."""
        spans = self.spans
        day = cells.buckets // self.buckets_per_day - spans.first
        place = self.place[cells.types]
        counted = np.flatnonzero((day >= 0) & (day < spans.days) & (place >= 0))
        day, value = day[counted], cells.values[counted]
        member = np.searchsorted(members.row, cells.rows[counted])
        active = np.zeros((len(members.row), spans.days), np.bool_)
        active[member, day] = True
        daily = _by_account(active, members.account, accounts)
        sums = self._sums(active, members, accounts)
        keys, uses = self._uses(member, members.account[member], day, place[counted].astype(np.int64), value)
        edges = np.searchsorted(keys, np.arange(accounts + 1) * self.types)
        types = (keys % max(self.types, 1)).astype(np.int32)
        for at in range(accounts):
            own = slice(edges[at], edges[at + 1])
            yield Share(daily[at].copy(), sums[at].copy(), types[own].copy(), uses[own].copy())

    def _sums(self, active: NDArray[np.bool_], members: Members, accounts: int) -> Int64s:
        spans = self.spans
        now, before = _any(active, spans.of_window), _any(active, spans.of_window_before)
        fresh = members.first_day >= spans.window_begins
        of_member = np.zeros((len(members.row), SUMS), np.bool_)
        of_member[:, Sum.MAU], of_member[:, Sum.MAU_BEFORE] = now, before
        of_member[:, Sum.WAU], of_member[:, Sum.WAU_BEFORE] = _any(active, spans.week), _any(active, spans.week_before)
        of_member[:, Sum.NEW] = now & fresh
        of_member[:, Sum.RETURNING] = now & before
        of_member[:, Sum.RECOVERED] = now & ~before & ~fresh
        of_member[:, Sum.DROPPED] = before & ~now
        return _by_account(of_member, members.account, accounts)

    def _uses(
        self, member: Int64s, account: Int64s, day: Int64s, place: Int64s, value: Int64s
    ) -> tuple[Int64s, Int64s]:
        """(account * types + place, ascending, and the uses of each)."""
        spans = self.spans
        window = np.zeros(spans.days, np.int64) - 1
        window[spans.of_window], window[spans.of_window_before], window[-1] = 0, 1, 2
        which = window[day]
        told = np.flatnonzero(which >= 0)
        member, account, place, value, which = (each[told] for each in (member, account, place, value, which))
        keys, of = np.unique(account * self.types + place, return_inverse=True)
        uses = np.zeros((len(keys), USES), np.int64)
        np.add.at(uses, (of, np.array([Use.VALUE, Use.VALUE_BEFORE, Use.VALUE_TODAY])[which]), value)
        # a member who used a type on several days, or in several buckets of one, used it once
        of_window = np.flatnonzero(which < 2)
        whom = (member[of_window] * self.types + place[of_window]) * 2 + which[of_window]
        once = of_window[np.unique(whom, return_index=True)[1]]
        np.add.at(uses, (of[once], np.array([Use.USERS, Use.USERS_BEFORE])[which[once]]), 1)
        return keys, uses


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
        sums, dau, dau_before = share.sums, share.daily[-2], share.daily[-2 - spans.window]
        sums[Sum.ACTIVE_LICENSES] = self.active
        if self.licenses:
            sums[Sum.LICENSES] = self.licenses
            sums[Sum.LICENSED], sums[Sum.LICENSED_BEFORE] = sums[Sum.MAU], sums[Sum.MAU_BEFORE]
        if seats := self.active or self.licenses:
            sums[Sum.SEATS] = seats
            sums[Sum.SEATED], sums[Sum.SEATED_BEFORE] = dau, dau_before


_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_MOST_LICENSES = 1e12


def _micros(text: str | None) -> int:
    """A trait's number above 0 in units of 1e-6; 0 if it is none."""
    number = float(text) if text is not None and _NUMBER.fullmatch(text) else 0.0
    return round(number * 1e6) if number <= _MOST_LICENSES else 0


def _any(active: NDArray[np.bool_], days: slice) -> NDArray[np.bool_]:
    """By member: whether it was active on one of the days."""
    found: NDArray[np.bool_] = np.logical_or.reduce(active[:, days], axis=1)
    return found


def _by_account(told: NDArray[np.bool_], account: Int64s, accounts: int) -> Int64s:
    """The sums of rows of `told` by account."""
    sums = np.zeros((accounts, told.shape[1]), np.int64)
    if len(account):
        order = np.argsort(account, kind="stable")
        ordered = account[order]
        first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        sums[ordered[first]] = np.add.reduceat(told[order].astype(np.int64), first, axis=0)
    return sums
