"""The days of a made-up company: what its customers' people do, as records for the input topic.

Pure and seeded: the same company, habits and times give the same records. Working days are busier than weekends, office
hours (of the account's region) than nights; now and then something new is launched, and some accounts have a bad day.
The present is the past that goes on: one rule makes both.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from scorer.core.events import Int64s
from scorer.embedded.company import Company, Role
from scorer.embedded.habits import Habits
from scorer.embedded.records import DAY_SECONDS, JUNK, REPEATED, Day, Fate, Record, junk
from scorer.embedded.turns import Floats, moods, paces

_DAY_MS = DAY_SECONDS * 1000
_WEEKEND = (0.22, 0.16)
"""Of a working day's visits, on Saturday and Sunday."""

_SATURDAY = 5
_HOURS = (1, 0.6, 0.4, 0.3, 0.4, 1, 3, 7, 16, 24, 27, 24, 17, 20, 26, 25, 20, 13, 8, 5, 4, 3, 2, 1.5)
"""How visits spread over the hours of a region."""

_UTC_OFFSETS = {"us": -6, "eu": 1, "apac": 9}
_LAUNCH_DAYS_AGO = 17
_LAUNCH_EVERY_DAYS = 60
_LAUNCH_FADES_DAYS = 4.0
_FIRST_NEWS = 1.3
_LATER_NEWS = 0.5
"""So much more those come at first who adopt what is launched; what comes later adds to that, and is smaller."""

_ACTIONS_A_VISIT = 1 + 2.0
"""One, and so many more on average."""

_BAD_DAYS = 1 / 150
"""The chance of an account that a day is a bad one."""

_GOES_WRONG = 0.6
"""Of the actions of a bad day."""

_BREAKDOWN_EVENTS = 35
_BREAKDOWN_MS = 3 * 3_600_000
"""What goes wrong at the account to watch as the present begins, and how long it takes."""

_REPEATED_WITHIN = 200
"""So many records later at most."""


@dataclass(frozen=True, slots=True)
class _Actions:
    """Events of one day as columns; `value` is nan where there is none."""

    at_ms: Int64s
    person: Int64s
    event: Int64s
    value: Floats


class History:
    """The days of a company: its `past` up to `until` (epoch seconds), `company.days` whole ones, and its `present`.

    `now`: what time it is by the wall's clock; `until` where it isn't said.
    """

    def __init__(self, company: Company, habits: Habits, until: float, now: float | None = None) -> None:
        self._company = company
        self._habits = habits
        self._until_ms = math.floor(until * 1000)
        self._now = until if now is None else now
        self._first_day = self._until_ms // _DAY_MS - company.days
        self._first_launch = company.days - _LAUNCH_DAYS_AGO
        accounts, people = company.accounts, company.people
        self._account = np.array([person.account for person in people])
        self._role = np.array([list(Role).index(person.role) for person in people])
        self._visits = np.array([person.visits_per_day for person in people])
        self._offset_ms = np.array([_UTC_OFFSETS[str(each.traits["region"])] for each in accounts]) * 3_600_000
        self._adopts = np.array([account.adopts for account in accounts])
        self._hours = np.cumsum(_HOURS) / sum(_HOURS)
        self._who = [
            f'"user_id":"{person.user_id}","account_id":"{accounts[person.account].account_id}"' for person in people
        ]

    def past(self) -> Iterator[Day]:
        """Whole days, and the last one so far."""
        for day in self._days():
            if day.number == self._company.days:
                yield day.until(self._until_ms)
                return
            yield day

    def present(self) -> Iterator[Day]:
        """What follows, without end: the rest of the past's last day first."""
        for day in self._days(self._company.days):
            yield day.after(self._until_ms)

    @property
    def events_a_day(self) -> float:
        """How many there are on average, about."""
        week = (_SATURDAY + sum(_WEEKEND)) / 7
        events = 1 + _ACTIONS_A_VISIT + (self._habits.closing is not None)
        return float(self._visits.sum()) * week * events

    def launch_day(self, day: int) -> int:
        """Of the newest launch by a day, or the first if there was none; both count from 0."""
        launches = max(day - self._first_launch, 0) // _LAUNCH_EVERY_DAYS
        return self._first_launch + launches * _LAUNCH_EVERY_DAYS

    def begins(self, day: int) -> int:
        """Midnight (UTC) of a day counted from 0, epoch seconds."""
        return (self._first_day + day) * DAY_SECONDS

    def _days(self, first: int = 0) -> Iterator[Day]:
        """From a day on, without end."""
        for day, pace, mood in zip(count(), paces(self._company), moods(self._company), strict=False):
            if day >= first:
                yield self._day(day, self._visits_of(day, pace * mood))

    def _day(self, day: int, visits: Floats) -> Day:
        rng = self._company.randomness(f"day {day}")
        begins_ms = (self._first_day + day) * _DAY_MS
        actions = self._actions(rng, day, begins_ms, visits)
        records = self._records(actions, day)
        damaged = self._damaged(day, begins_ms / 1000, math.ceil(len(records) * JUNK))
        arrivals = [
            Record(account.account_id, account.json(), Fate.TRAITS)
            for account in self._company.accounts
            if account.joins == day
        ]
        mixed, places = _mixed(rng, records, damaged)
        # what is sent again, or damaged, comes with the event that it follows
        at_ms = np.concatenate([actions.at_ms, [begins_ms]])[np.minimum(places, len(records))]
        moments_ms = np.maximum.accumulate(np.concatenate([np.full(len(arrivals), begins_ms), at_ms]))
        return Day(day, begins_ms // 1000, arrivals + mixed, moments_ms)

    def _damaged(self, day: int, begins: float, number: int) -> list[Record]:
        rng = random.Random(f"junk {day} {self._company.seed}")
        names = [account.account_id for account in self._company.accounts if account.joins <= day]
        return [
            junk(rng, self._habits.opening, rng.choice(names), day << 20 | n, begins + n, self._now)
            for n in range(number)
        ]

    def _visits_of(self, day: int, pace: Floats) -> Floats:
        """How often each person comes on a day, on average; `pace` is that of the accounts."""
        weekday = (self._first_day + day + 3) % 7  # 1970-01-01 was a Thursday
        if weekday >= _SATURDAY:
            pace = pace * _WEEKEND[weekday - _SATURDAY]
        if day >= self._first_launch:
            launch = self.launch_day(day)
            news = _FIRST_NEWS if launch == self._first_launch else _LATER_NEWS
            news *= math.exp((launch - day) / _LAUNCH_FADES_DAYS)
            pace = np.where(self._adopts, pace * (1.0 + news), pace)
        visits: Floats = self._visits * pace[self._account]
        return visits

    def _actions(self, rng: np.random.Generator, day: int, begins_ms: int, visits: Floats) -> _Actions:
        """Visits within one day: the product opened, some actions, the session's length."""
        visitor = np.repeat(np.arange(len(self._visits)), rng.poisson(visits))
        seconds = np.minimum(np.rint(rng.lognormal(6.0, 0.9, len(visitor))), 4 * 3600.0)
        local_ms = (np.searchsorted(self._hours, rng.random(len(visitor))) + rng.random(len(visitor))) * 3_600_000
        opened = (local_ms.astype(np.int64) - self._offset_ms[self._account[visitor]]) % _DAY_MS
        opened = np.minimum(opened, _DAY_MS - 1 - (seconds * 1000).astype(np.int64))
        closed = opened + (seconds * 1000).astype(np.int64)
        visit = np.repeat(np.arange(len(visitor)), 1 + rng.poisson(_ACTIONS_A_VISIT - 1, len(visitor)))
        acted = opened[visit] + (rng.random(len(visit)) * seconds[visit] * 1000).astype(np.int64)
        opening = self._habits.events.index(self._habits.opening)
        parts = [
            (opened, visitor, np.full(len(visitor), opening), np.full(len(visitor), np.nan)),
            (acted, visitor[visit], self._drawn(rng, visitor[visit], day), np.full(len(visit), np.nan)),
        ]
        if self._habits.closing is not None:
            closing = self._habits.events.index(self._habits.closing)
            parts.append((closed, visitor, np.full(len(visitor), closing), seconds))
        if self._habits.bad and day == self._company.days:
            parts.append(self._breakdown(rng, self._until_ms - begins_ms))
        at, person, event, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(at, kind="stable")
        return _Actions(begins_ms + at[order], person[order], event[order], value[order])

    def _breakdown(self, rng: np.random.Generator, since_ms: int) -> tuple[Int64s, Int64s, Int64s, Floats]:
        """So that who looks at the demo sees a score fall for a reason, and an alert."""
        n, last_ms = _BREAKDOWN_EVENTS, _DAY_MS - 1
        at = np.minimum(since_ms + 1 + np.linspace(0, _BREAKDOWN_MS, n).astype(np.int64), last_ms)
        watched = self._company.accounts.index(self._company.spotlight)
        somebody = int(np.flatnonzero(self._account == watched)[0])
        return at, np.full(n, somebody), self._bad(rng, n), np.full(n, np.nan)

    def _bad(self, rng: np.random.Generator, number: int) -> Int64s:
        return rng.choice([self._habits.events.index(event) for event in self._habits.bad], number)

    def _drawn(self, rng: np.random.Generator, people: Int64s, day: int) -> Int64s:
        """An event for each of some people, by their roles."""
        without, using = (self._habits.chances(launched=launched) for launched in (False, True))
        uses = self._adopts[self._account[people]] & (day >= self._first_launch)
        chances = np.where(uses[:, None], using[self._role[people]], without[self._role[people]])
        drawn: Int64s = (rng.random(len(people))[:, None] >= chances).sum(axis=1)
        if self._habits.bad:
            bad_days = rng.random(len(self._adopts)) < _BAD_DAYS
            wrong = np.flatnonzero(bad_days[self._account[people]] & (rng.random(len(people)) < _GOES_WRONG))
            drawn[wrong] = self._bad(rng, len(wrong))
        return drawn

    def _records(self, actions: _Actions, day: int) -> list[Record]:
        events, who, accounts = self._habits.encoded, self._who, self._company.accounts
        keys = [accounts[account].account_id for account in self._account.tolist()]
        instants = np.datetime_as_string(actions.at_ms.astype("datetime64[ms]"))
        values = ["" if math.isnan(value) else f',"value":{value:.0f}' for value in actions.value.tolist()]
        columns = zip(actions.event.tolist(), actions.person.tolist(), instants.tolist(), values, strict=True)
        return [
            Record(
                keys[person],
                f'{{"event":{events[event]},{who[person]},"event_id":"h{day:x}-{number:x}","ts":"{at}Z"{value}}}'.encode(),
                Fate.EVENT,
            )
            for number, (event, person, at, value) in enumerate(columns)
        ]


def _mixed(rng: np.random.Generator, records: list[Record], damaged: list[Record]) -> tuple[list[Record], Int64s]:
    """The records with some of them once more, a little later, and the damaged among them; behind which record each."""
    again = np.flatnonzero(rng.random(len(records)) < REPEATED)
    repeats = [records[i]._replace(fate=Fate.REPEAT) for i in again.tolist()]
    place = np.concatenate(
        [
            np.arange(len(records), dtype=np.float64),
            again + rng.integers(1, _REPEATED_WITHIN, len(again)) + 0.5,
            rng.random(len(damaged)) * max(len(records), 1),
        ]
    )
    everything, order = records + repeats + damaged, np.argsort(place, kind="stable")
    return [everything[i] for i in order.tolist()], place[order].astype(np.int64)
