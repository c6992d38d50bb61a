"""The KPIs of one partition, kept up to date. A cache of the fold: nothing of it is journaled.

Rule 1: what is counted again is counted whole, as one unit: the members of an account; of a large account, or of none,
        those in a block of rows. It is due when one of them had an event; everyone is when a day is over.
Rule 2: the product's total and those of the segments are sums of accounts' shares. A share that is counted again is
        taken away as it was and added as it is.
Rule 3: a new day begins with empty totals. Until everyone is counted anew, those of the day before stand.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import numpy as np

from scorer.core.cells import MAX_TYPES
from scorer.core.events import Int64s, TraitChanges
from scorer.core.kpis.census import Census, Licenses, Members
from scorer.core.kpis.figures import Figures
from scorer.core.kpis.share import Share, Total
from scorer.core.kpis.spans import Spans
from scorer.core.model import Kind, Scoring

if TYPE_CHECKING:
    from scorer.core.fold import Fold

STEP_MEMBERS = 4_096
"""Members that are counted in one step, which takes well under 50 ms. An account with more is large."""

GROUP_MEMBERS = 65_536
"""Members that are put in order by their accounts at once."""

LICENSES = frozenset({"licenses", "active_licenses"})

NO_ACCOUNT = -1
WHOLE = -1

Unit = tuple[int, int]
"""Who is counted at once: an account's row (`NO_ACCOUNT`: users without one), and a block of rows (`WHOLE`: all)."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The share of an account, or of a block of users without one; of which day, and which segments it is part of."""

    day: int
    share: Share
    segments: tuple[str, ...] = ()


class _Block(NamedTuple):
    """What a block of a large account's members adds, as of a day."""

    day: int
    share: Share


class Totals:
    """Sums of shares as of one day: of the product, and of each segment (`trait=value`, percent-encoded)."""

    def __init__(self, spans: Spans, types: int) -> None:
        self.spans = spans
        self._types = types
        self.product = Total.empty(spans.days, types)
        self.segments: dict[str, Total] = {}

    def add(self, counted: Counted) -> None:
        self.product.add(counted.share)
        for name in counted.segments:
            if name not in self.segments:
                self.segments[name] = Total.empty(self.spans.days, self._types)
            self.segments[name].add(counted.share)

    def take_away(self, counted: Counted) -> None:
        self.product.take_away(counted.share)
        for name in counted.segments:
            total = self.segments[name]
            total.take_away(counted.share)
            if not total.shares:
                del self.segments[name]


class Board:
    """Shares of accounts and what they add up to.

    `figures`: how KPIs follow from them. `totals`: of everyone, as of a day; None before everyone was counted.
    """

    def __init__(self, fold: "Fold", scoring: Scoring) -> None:
        if scoring.kpis is None:
            raise ValueError("the scoring file asks for no KPIs")
        self._fold = fold
        self._rules = scoring.kpis
        self._segments = scoring.segments
        self._buckets_per_day = scoring.calendar.buckets_a_day
        self.figures = Figures(scoring.kpis, scoring.events, scoring.tags)
        self._place = np.full(MAX_TYPES, -1, np.int32)
        for place, event in enumerate(scoring.events):
            self._place[fold.types[event]] = place
        self._counted: dict[Unit, Counted] = {}
        self._large: dict[int, dict[int, _Block]] = {}
        self._due: dict[Unit, int] = {}
        self._noted = 0
        self._coming: Totals | None = None
        self.totals: Totals | None = None
        self.untold: dict[int, None] = {}
        """Rows of accounts whose KPIs readers don't have."""

    # ---- who is due

    def _note_events(self) -> None:
        due = self._fold.kpis_due
        rows = np.flatnonzero(due)
        due[rows] = False
        self._note_rows(rows)

    def _note_rows(self, rows: Int64s) -> None:
        """Some entities had events, or are about to be gone."""
        roster = self._fold.roster
        rows = rows[roster.live[rows]]
        users = roster.kind[rows] == Kind.USER
        accounts = np.unique(np.where(users, roster.parent[rows], rows)).tolist()
        alone = [NO_ACCOUNT, *(each for each in accounts if each in self._large)]
        self._note((each, WHOLE) for each in accounts if each >= 0)
        users_alone = rows[users & np.isin(roster.parent[rows], alone)]
        parents = roster.parent[users_alone].tolist()
        self._note(set(zip(parents, (users_alone // STEP_MEMBERS).tolist(), strict=True)))

    def note_traits(self, changed: Iterable[tuple[int, TraitChanges]]) -> None:
        """Traits of some accounts' rows have changed."""
        told = LICENSES.union(self._segments)
        self._note((row, WHOLE) for row, changes in changed if not told.isdisjoint(changes))

    def forget(self, rows: Int64s) -> None:
        """Some rows are about to stand for nobody."""
        self._note_rows(rows)
        for row in rows.tolist():
            self._due.pop((row, WHOLE), None)
            self.untold.pop(row, None)
            counted = self._counted.pop((row, WHOLE), None)
            if counted is not None and self._coming is not None and counted.day == self._coming.spans.today:
                self._coming.take_away(counted)
            for block in self._large.pop(row, ()):
                self._due.pop((row, block), None)

    def _note(self, units: Iterable[Unit]) -> None:
        self._noted += 1
        self._due.update(dict.fromkeys(units, self._noted))

    @property
    def settled(self) -> bool:
        """Whether everyone is counted, as of the last call of `count`, and told."""
        return not self._due and not self.untold and self.totals is self._coming

    # ---- counting

    def count(self, today: int) -> Iterator[None]:
        """Count who is due, some in each step. Accounts whose share isn't what it was, or is of a new day, are
        `untold`.

        May be left after any step. Who becomes due meanwhile, or is still, is counted by the next call.
        """
        self._note_events()
        if self._coming is None or today > self._coming.spans.today:
            self._coming = Totals(Spans(self._rules, today), len(self.figures.types))
            self._note_rows(self._fold.roster.live_rows())
        totals = self._coming
        census = Census(totals.spans, self._place, len(self.figures.types), self._buckets_per_day)
        for units, members, noted in self._steps():
            self._note_events()
            kept = [self._due.get(unit) == at for unit, at in zip(units, noted, strict=True)]
            self.untold.update(dict.fromkeys(self._count_some(census, units, members, kept, totals)))
            yield
        if not self._due:
            self.totals = totals

    def _steps(self) -> Iterator[tuple[list[Unit], Members, list[int]]]:
        """Who is due, as units with their members, and when each was noted."""
        self._find_large()
        roster = self._fold.roster
        for unit, noted in list(self._due.items()):
            account, block = unit
            if block != WHOLE:
                rows = np.arange(block * STEP_MEMBERS, min((block + 1) * STEP_MEMBERS, len(roster)))
                rows = rows[roster.live[rows] & (roster.kind[rows] == Kind.USER) & (roster.parent[rows] == account)]
                yield [unit], self._members(rows, np.zeros(len(rows), np.int64)), [noted]
            elif account in self._large:
                yield [unit], self._members(np.zeros(0, np.int64), np.zeros(0, np.int64)), [noted]
        for group in self._groups():
            yield from self._steps_of(group)

    def _steps_of(self, group: Int64s) -> Iterator[tuple[list[Unit], Members, list[int]]]:
        """Some small accounts, ascending, a few at a time."""
        noted = [self._due.get((row, WHOLE), 0) for row in group.tolist()]
        rows = self._users()
        within = np.zeros(len(self._fold.roster) + 1, np.bool_)  # the last is of who has no account
        within[group] = True
        rows = rows[within[self._fold.roster.parent[rows]]]
        account = np.searchsorted(group, self._fold.roster.parent[rows])
        order = np.argsort(account, kind="stable")
        rows, account = rows[order], account[order]
        edges = np.searchsorted(account, np.arange(len(group) + 1))
        first = 0
        while first < len(group):
            stop = max(first + 1, int(np.searchsorted(edges, edges[first] + STEP_MEMBERS, side="right")) - 1)
            own = slice(edges[first], edges[stop])
            ascending = np.argsort(rows[own])
            members = self._members(rows[own][ascending], account[own][ascending] - first)
            yield [(row, WHOLE) for row in group[first:stop].tolist()], members, noted[first:stop]
            first = stop

    def _groups(self) -> Iterator[Int64s]:
        """The small accounts that are due, ascending, in groups of about `GROUP_MEMBERS` members."""
        due = np.array(sorted(account for account, block in self._due if block == WHOLE), np.int64)
        due = due[~np.isin(due, list(self._large))]
        if not len(due):
            return
        through = np.cumsum(self._sizes()[due] + 1) // GROUP_MEMBERS
        yield from np.split(due, np.flatnonzero(np.diff(through)) + 1)

    def _find_large(self) -> None:
        """Accounts that have grown large are counted by blocks from here on."""
        if not self._due:
            return
        roster = self._fold.roster
        for account in np.flatnonzero(self._sizes() > STEP_MEMBERS).tolist():
            if account not in self._large:
                rows = self._users()
                rows = rows[roster.parent[rows] == account]
                nothing = _Block(-1, Share.nothing(self._rules.days))
                self._large[account] = dict.fromkeys(np.unique(rows // STEP_MEMBERS).tolist(), nothing)
                self._note_rows(rows)

    def _sizes(self) -> Int64s:
        """By row: how many members an account has."""
        parents = self._fold.roster.parent[self._users()]
        return np.bincount(parents[parents >= 0], minlength=len(self._fold.roster))

    def _users(self) -> Int64s:
        roster = self._fold.roster
        return np.flatnonzero(roster.live[: len(roster)] & (roster.kind[: len(roster)] == Kind.USER))

    def _members(self, rows: Int64s, account: Int64s) -> Members:
        return Members(rows, account, self._fold.roster.first_bucket[rows].astype(np.int64) // self._buckets_per_day)

    def _count_some(
        self, census: Census, units: list[Unit], members: Members, kept: list[bool], totals: Totals
    ) -> Iterator[int]:
        """Rows of accounts whose share is another than it was, or of another day.

        Units that aren't `kept` had events since their members were looked up: they stay due.
        """
        cells = self._fold.counts.of_rows(members.row).cells()
        for unit, share, keep in zip(units, census.shares(members, len(units), cells), kept, strict=True):
            if not keep:
                continue
            del self._due[unit]
            account, _ = unit
            of_account = share if account not in self._large else self._of_large(unit, share, totals)
            if account == NO_ACCOUNT:
                self._replace(unit, Counted(totals.spans.today, share), totals)
            elif of_account is not None:
                Licenses.of(self._fold.traits.of(account)).complete(of_account, totals.spans)
                counted = Counted(totals.spans.today, of_account, self._segments_of(account))
                if self._replace((account, WHOLE), counted, totals):
                    yield account

    def _of_large(self, unit: Unit, share: Share, totals: Totals) -> Share | None:
        """The share of a large account, one block of which was counted; None while others are of another day."""
        account, block = unit
        blocks = self._large[account]
        if block != WHOLE:
            blocks[block] = _Block(totals.spans.today, share)
        if any(each.day != totals.spans.today for each in blocks.values()):
            return None
        return Total.of((each.share for each in blocks.values()), totals.spans.days, len(self.figures.types)).share()

    def _replace(self, unit: Unit, counted: Counted, totals: Totals) -> bool:
        """Take a share up in the totals; whether it is another than it was."""
        before = self._counted.get(unit)
        if before is not None and before.day == counted.day:
            if before == counted:
                return False
            totals.take_away(before)
        totals.add(counted)
        self._counted[unit] = counted
        return True

    def _segments_of(self, account: int) -> tuple[str, ...]:
        traits = self._fold.traits.of(account)
        return tuple(
            f"{quote(name, safe='')}={quote(traits[name], safe='')}" for name in self._segments if name in traits
        )

    # ---- reading

    def tell_again(self) -> None:
        """Readers lost what they had."""
        self.untold = {account: None for account, block in self._counted if block == WHOLE and account != NO_ACCOUNT}

    def take_untold(self, limit: int) -> list[int]:
        """The rows of some accounts, to be told."""
        rows = list(islice(self.untold, limit))
        for row in rows:
            del self.untold[row]
        return rows

    def kpis(self, account: int) -> dict[str, Any]:
        """The KPIs of an account that was counted, by its row."""
        counted = self._counted[account, WHOLE]
        spans = Spans(self._rules, counted.day)
        return self.figures.of(Total.of([counted.share], spans.days, len(self.figures.types)), spans)

    def nobodys(self) -> dict[str, Any]:
        """The KPIs of an account that is gone."""
        today = 0 if self._coming is None else self._coming.spans.today
        return self.figures.of(Total.empty(self._rules.days, len(self.figures.types)), Spans(self._rules, today))
