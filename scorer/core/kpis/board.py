"""The KPIs of one partition, kept up to date. A cache of the fold: nothing of it is journaled.

Rule 1: what is counted again is counted whole, as one unit: the members of an account; of a large account, or of none,
        those in a block of rows. It is due when one of them had an event; everyone is when a day is over.
Rule 2: the product's total and those of the segments are sums of accounts' shares. A share that is counted again is
        taken away as it was and added as it is.
Rule 3: a new day begins with empty totals. Until everyone is counted anew, those of the day before stand.
"""

from collections.abc import Iterable, Iterator
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scorer.core.cells import MAX_TYPES
from scorer.core.events import Int64s
from scorer.core.kpis.census import Census, Licenses, Members
from scorer.core.kpis.figures import Figures
from scorer.core.kpis.share import Share, Total
from scorer.core.kpis.spans import Spans
from scorer.core.kpis.totals import Counted, Totals, segment_id
from scorer.core.model import Kind, Scoring

if TYPE_CHECKING:
    from scorer.core.fold import Fold

STEP_MEMBERS = 4_096
"""Members that are counted in one step, which takes well under 50 ms. An account with more is large."""

STEP_CELLS = 262_144
"""About how many cells they may have."""

STEP_TYPES = 1_000_000
"""Members by event types of the file."""

NO_ACCOUNT = -1
WHOLE = -1

Unit = tuple[int, int]
"""Who is counted at once: an account's row (`NO_ACCOUNT`: users without one), and a block of rows (`WHOLE`: all)."""

NOBODY = Members(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))

Step = tuple[list[Unit], Members, list[int]]
"""Units with their members, and when each was noted."""

_PAUSE: Step = ([], NOBODY, [])


class _Block(NamedTuple):
    """What a block of a large account's members adds, as of a day."""

    day: int
    share: Share


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
        parents = roster.parent[rows]
        accounts = np.zeros(len(roster) + 1, np.bool_)  # the last is of who has none
        accounts[np.where(users, parents, rows)] = True
        self._note(zip(np.flatnonzero(accounts[:-1]).tolist(), repeat(WHOLE)))
        for account in (NO_ACCOUNT, *self._large):
            if accounts[account]:
                blocks = np.bincount(rows[users & (parents == account)] // STEP_MEMBERS)
                self._note((account, block) for block in np.flatnonzero(blocks).tolist())

    def forget(self, rows: Int64s) -> None:
        """Some rows are about to stand for nobody."""
        self._note_rows(rows)
        for row in rows.tolist():
            self._due.pop((row, WHOLE), None)
            self.untold.pop(row, None)
            counted = self._counted.pop((row, WHOLE), None)
            if counted is not None and self._coming is not None and counted.day == self._coming.spans.today:
                self._coming.replace([counted], ())
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
            yield
        totals = self._coming
        totals.kept_from = self._kept_from()
        census = Census(totals.spans, self._place, len(self.figures.types), self._buckets_per_day)
        for units, members, noted in self._steps():
            self._note_events()
            kept = [self._due.get(unit) == at for unit, at in zip(units, noted, strict=True)]
            self.untold.update(dict.fromkeys(self._count_some(census, units, members, kept, totals)))
            yield
        if not self._due:
            if totals.waiting:
                totals.settle()
                yield
            self.totals = totals

    def _steps(self) -> Iterator[Step]:
        """Who is due, some in each step."""
        if not self._due:
            return
        users = self._users()
        parents = self._fold.roster.parent[users]
        self._find_large(users, parents)
        yield _PAUSE
        for unit, noted in [(unit, noted) for unit, noted in self._due.items() if not self._is_small(unit)]:
            account, block = unit
            if block != WHOLE:
                rows = users[slice(*np.searchsorted(users, (block * STEP_MEMBERS, (block + 1) * STEP_MEMBERS)))]
                rows = rows[self._fold.roster.parent[rows] == account]
                yield [unit], self._members(rows, np.zeros(len(rows), np.int64)), [noted]
            else:
                yield [unit], NOBODY, [noted]
        yield from self._steps_of_small(users, parents)

    def _steps_of_small(self, users: Int64s, parents: NDArray[np.int32]) -> Iterator[Step]:
        """The small accounts that are due, ascending, a few at a time."""
        due = sorted(unit[0] for unit in self._due if self._is_small(unit))
        if not due:
            return
        yield _PAUSE
        noted = [self._due[row, WHOLE] for row in due]
        place = np.full(len(self._fold.roster) + 1, -1, np.int32)  # the last is of who has no account
        place[due] = np.arange(len(due))
        account = place[parents].astype(np.int64)
        within = account >= 0
        rows, account = users[within], account[within]
        yield _PAUSE
        order = np.argsort(account)
        rows, account = rows[order], account[order]
        yield _PAUSE
        edges = np.searchsorted(account, np.arange(len(due) + 1))
        members, first = self._members_a_step(), 0
        while first < len(due):
            stop = max(first + 1, int(np.searchsorted(edges, edges[first] + members, side="right")) - 1)
            stop = min(stop, first + members)
            own = slice(edges[first], edges[stop])
            units = [(row, WHOLE) for row in due[first:stop]]
            yield units, self._members(rows[own], account[own] - first), noted[first:stop]
            first = stop

    def _is_small(self, unit: Unit) -> bool:
        return unit[1] == WHOLE and unit[0] not in self._large

    def _members_a_step(self) -> int:
        cells = len(self._fold.counts) / max(1, len(self._fold.roster))
        return max(32, min(STEP_MEMBERS, STEP_TYPES // len(self.figures.types), int(STEP_CELLS / max(1.0, cells))))

    def _find_large(self, users: Int64s, parents: NDArray[np.int32]) -> None:
        """Accounts that have grown large are counted by blocks from here on."""
        sizes = np.bincount(parents[parents >= 0], minlength=1)
        for account in np.flatnonzero(sizes > STEP_MEMBERS).tolist():
            if account not in self._large:
                rows = users[parents == account]
                nothing = _Block(-1, Share.nothing(self._rules.days))
                self._large[account] = dict.fromkeys(np.unique(rows // STEP_MEMBERS).tolist(), nothing)
                self._note_rows(rows)

    def _users(self) -> Int64s:
        roster = self._fold.roster
        return np.flatnonzero(roster.live[: len(roster)] & (roster.kind[: len(roster)] == Kind.USER))

    def _members(self, rows: Int64s, account: Int64s) -> Members:
        return Members(rows, account, self._fold.roster.first_bucket[rows].astype(np.int64) // self._buckets_per_day)

    def _count_some(
        self, census: Census, units: list[Unit], members: Members, kept: list[bool], totals: Totals
    ) -> list[int]:
        """Rows of accounts whose share is another than it was, or of another day.

        Units that aren't `kept` had events since their members were looked up: they stay due.
        """
        today = totals.spans.today
        sheet = self._fold.counts.of_rows(np.sort(members.row))
        counted: dict[Unit, Counted] = {}
        for unit, share, keep in zip(units, census.shares(members, len(units), sheet), kept, strict=True):
            if not keep:
                continue
            del self._due[unit]
            account, _ = unit
            of_account = share if account not in self._large else self._of_large(unit, share, totals)
            if account == NO_ACCOUNT:
                counted[unit] = Counted(today, share)
            elif of_account is not None:
                Licenses.of(self._fold.traits.of(account)).complete(of_account, totals.spans)
                counted[account, WHOLE] = Counted(today, of_account, self._segments_of(account))
        return self._replace(counted, totals)

    def _of_large(self, unit: Unit, share: Share, totals: Totals) -> Share | None:
        """The share of a large account, one block of which was counted; None while others are of another day."""
        account, block = unit
        blocks = self._large[account]
        if block != WHOLE:
            blocks[block] = _Block(totals.spans.today, share)
        if any(each.day != totals.spans.today for each in blocks.values()):
            return None
        return Total.of([each.share for each in blocks.values()], totals.spans.days, len(self.figures.types)).share()

    def _replace(self, counted: dict[Unit, Counted], totals: Totals) -> list[int]:
        """Take shares up in the totals; the rows of accounts whose share is another than it was."""
        before = {unit: known for unit in counted if (known := self._counted.get(unit)) is not None}
        news = {unit: each for unit, each in counted.items() if before.get(unit) != each}
        taken = [was for unit, was in before.items() if unit in news and was.day == totals.spans.today]
        totals.replace(taken, news.values())
        self._counted.update(news)
        return [account for account, _ in news if account != NO_ACCOUNT]

    def _segments_of(self, account: int) -> tuple[str, ...]:
        traits = self._fold.traits.of(account)
        return tuple(segment_id(name, traits[name]) for name in self._segments if name in traits)

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
        return self.figures.of(Total.of([counted.share], spans.days, len(self.figures.types)), spans, self._kept_from())

    def nobodys(self) -> dict[str, Any]:
        """The KPIs of an account that is gone."""
        today = 0 if self._coming is None else self._coming.spans.today
        nobody = Total.empty(self._rules.days, len(self.figures.types))
        return self.figures.of(nobody, Spans(self._rules, today), self._kept_from())

    def _kept_from(self) -> int:
        """The first day since which all counts are kept."""
        return -(-self._fold.kept_from // self._buckets_per_day)
