"""The past of a made-up company: what its customers' people did, day by day, as records for the input topic.

Pure and seeded: the same company, habits and time give the same records. Working days are busier than weekends, office
hours (of the account's region) than nights; one day something new is launched.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Int64s
from scorer.embedded.company import Company, Role
from scorer.embedded.habits import Habits
from scorer.embedded.records import JUNK, REPEATED, Fate, Record, junk

DAY_SECONDS = 86_400
_DAY_MS = DAY_SECONDS * 1000
_WEEKEND = (0.22, 0.16)
"""Of a working day's visits, on Saturday and Sunday."""

_SATURDAY = 5
_HOURS = (1, 0.6, 0.4, 0.3, 0.4, 1, 3, 7, 16, 24, 27, 24, 17, 20, 26, 25, 20, 13, 8, 5, 4, 3, 2, 1.5)
"""How visits spread over the hours of a region."""

_UTC_OFFSETS = {"us": -6, "eu": 1, "apac": 9}
_LAUNCH_DAYS_AGO = 17
_LAUNCH_FADES_DAYS = 4.0
_REPEATED_WITHIN = 200
"""So many records later at most."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Day:
    """A day's records in the order in which they arrive. `begins`: its midnight, epoch seconds, UTC."""

    begins: int
    records: list[Record]

    @property
    def events(self) -> int:
        return sum(record.fate is Fate.EVENT for record in self.records)


@dataclass(frozen=True, slots=True)
class _Actions:
    """Events of one day as columns; `value` is nan where there is none."""

    at_ms: Int64s
    person: Int64s
    event: Int64s
    value: Floats


class History:
    """`days` whole days (UTC) up to that of `until` (epoch seconds), and that day so far."""

    def __init__(self, company: Company, habits: Habits, until: float, days: int = 60) -> None:
        self._company = company
        self._habits = habits
        self._until_ms = math.floor(until * 1000)
        self._first_day = self._until_ms // _DAY_MS - days
        self._days = days
        self.launch_day = days - _LAUNCH_DAYS_AGO
        """Counted from 0."""
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
        self._moods = _moods(company, days + 1)

    def __iter__(self) -> Iterator[Day]:
        for day in range(self._days + 1):
            yield self._day(day)

    def begins(self, day: int) -> int:
        """Midnight (UTC) of a day counted from 0, epoch seconds."""
        return (self._first_day + day) * DAY_SECONDS

    def _day(self, day: int) -> Day:
        rng = self._company.randomness(f"day {day}")
        begins_ms = (self._first_day + day) * _DAY_MS
        actions = self._actions(rng, day, begins_ms)
        records = self._records(actions, day)
        damaged = self._damaged(day, begins_ms / 1000, math.ceil(len(records) * JUNK))
        arrivals = [
            Record(account.account_id, account.json(), Fate.TRAITS)
            for account in self._company.accounts
            if account.joins == day
        ]
        return Day(begins_ms // 1000, arrivals + _mixed(rng, records, damaged))

    def _damaged(self, day: int, begins: float, number: int) -> list[Record]:
        rng = random.Random(f"junk {day} {self._company.seed}")
        names = [account.account_id for account in self._company.accounts if account.joins <= day]
        now = self._until_ms / 1000
        return [
            junk(rng, self._habits.opening, rng.choice(names), day << 20 | n, min(begins + n, now), now)
            for n in range(number)
        ]

    def _visits_of(self, day: int) -> Floats:
        """How often each person comes on a day, on average."""
        weekday = (self._first_day + day + 3) % 7  # 1970-01-01 was a Thursday
        pace = np.array([account.pace(day) for account in self._company.accounts]) * self._moods[day]
        if weekday >= _SATURDAY:
            pace *= _WEEKEND[weekday - _SATURDAY]
        if day >= self.launch_day:
            pace[self._adopts] *= 1.0 + 1.3 * math.exp((self.launch_day - day) / _LAUNCH_FADES_DAYS)
        visits: Floats = self._visits * pace[self._account]
        return visits

    def _actions(self, rng: np.random.Generator, day: int, begins_ms: int) -> _Actions:
        """Visits within one day: the product opened, some actions, the session's length."""
        visitor = np.repeat(np.arange(len(self._visits)), rng.poisson(self._visits_of(day)))
        seconds = np.minimum(np.rint(rng.lognormal(6.0, 0.9, len(visitor))), 4 * 3600.0)
        local_ms = (np.searchsorted(self._hours, rng.random(len(visitor))) + rng.random(len(visitor))) * 3_600_000
        opened = (local_ms.astype(np.int64) - self._offset_ms[self._account[visitor]]) % _DAY_MS
        opened = np.minimum(opened, _DAY_MS - 1 - (seconds * 1000).astype(np.int64))
        closed = opened + (seconds * 1000).astype(np.int64)
        visit = np.repeat(np.arange(len(visitor)), 1 + rng.poisson(2.0, len(visitor)))
        acted = opened[visit] + (rng.random(len(visit)) * seconds[visit] * 1000).astype(np.int64)
        opening = self._habits.events.index(self._habits.opening)
        parts = [
            (opened, visitor, np.full(len(visitor), opening), np.full(len(visitor), np.nan)),
            (acted, visitor[visit], self._drawn(rng, visitor[visit], day), np.full(len(visit), np.nan)),
        ]
        if self._habits.closing is not None:
            closing = self._habits.events.index(self._habits.closing)
            parts.append((closed, visitor, np.full(len(visitor), closing), seconds))
        at, person, event, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(at, kind="stable")
        order = order[begins_ms + at[order] <= self._until_ms]
        return _Actions(begins_ms + at[order], person[order], event[order], value[order])

    def _drawn(self, rng: np.random.Generator, people: Int64s, day: int) -> Int64s:
        """An event for each of some people, by their roles."""
        without, using = (self._habits.chances(launched=launched) for launched in (False, True))
        uses = self._adopts[self._account[people]] & (day >= self.launch_day)
        chances = np.where(uses[:, None], using[self._role[people]], without[self._role[people]])
        drawn: Int64s = (rng.random(len(people))[:, None] >= chances).sum(axis=1)
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


def _moods(company: Company, days: int) -> Floats:
    """What each day makes of each account's visits, by day and account: good weeks and bad ones."""
    rng = company.randomness("moods")
    noise = rng.normal(0.0, 0.16, (days, len(company.accounts)))
    for day in range(1, days):
        noise[day] += 0.8 * noise[day - 1]
    moods: Floats = np.exp(noise)
    return moods


def _mixed(rng: np.random.Generator, records: list[Record], damaged: list[Record]) -> list[Record]:
    """The records with some of them once more, a little later, and the damaged among them."""
    again = np.flatnonzero(rng.random(len(records)) < REPEATED)
    repeats = [records[i]._replace(fate=Fate.REPEAT) for i in again.tolist()]
    place = np.concatenate(
        [
            np.arange(len(records), dtype=np.float64),
            again + rng.integers(1, _REPEATED_WITHIN, len(again)) + 0.5,
            rng.random(len(damaged)) * max(len(records), 1),
        ]
    )
    everything = records + repeats + damaged
    return [everything[i] for i in np.argsort(place, kind="stable").tolist()]
