"""The present of a made-up company: events without end, each due at its time, as records for the input topic.

For some seconds at a time one account has a story: things go wrong there and are mended, or it takes off. So its
score can be seen to move, and alerts to fire and resolve.
"""

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, count

from scorer.embedded.company import Company, Person, Role
from scorer.embedded.habits import Habits
from scorer.embedded.records import JUNK, REPEATED, Fate, Record, iso, junk

_STORY_SHARE = 0.14
"""Of the events."""

_TROUBLE_SECONDS = 12.0
_GOOD_SECONDS = 10.0
_TROUBLE = 0.6
"""The share of stories in which things go wrong first."""

_WATCHED_EVERY = 4
"""So often a story is of the account that is worth looking at first, the first one included."""

_TROUBLED_SIZES = (0.25, 0.8)
"""Stories are of accounts between these quantiles by how much goes on there: the largest don't move for one story."""


@dataclass(frozen=True, slots=True)
class Due:
    """A record and when it is due, epoch seconds."""

    at: float
    record: Record


@dataclass(frozen=True, slots=True)
class _Story:
    people: Sequence[Person]
    events: Sequence[str]
    until: float


class LiveTraffic:
    """`day`: how many days of history there were; accounts go on at the pace that they have then."""

    def __init__(self, company: Company, habits: Habits, day: int) -> None:
        self._company = company
        self._habits = habits
        chances = {launched: habits.chances(launched=launched) for launched in (False, True)}
        self._chances = {
            (role, launched): table[number].tolist()
            for launched, table in chances.items()
            for number, role in enumerate(Role)
        }
        pace = [account.pace(day) for account in company.accounts]
        visits = [person.visits_per_day * pace[person.account] for person in company.people]
        self._shares = list(accumulate(visits))
        self._people: list[list[Person]] = [[] for _ in company.accounts]
        activity = [0.0] * len(company.accounts)
        for person, often in zip(company.people, visits, strict=True):
            self._people[person.account].append(person)
            activity[person.account] += often
        ranked = sorted(range(len(activity)), key=lambda account: (activity[account], account))
        least, most = (int(share * len(ranked)) for share in _TROUBLED_SIZES)
        self._eventful = ranked[least : most + 1]

    def records(self, since: float, per_second: float) -> Iterator[Due]:
        """From `since` (epoch seconds) on, in the order in which they are due."""
        rng = random.Random(f"live {self._company.seed}")
        stories = self._stories(rng, since)
        story = next(stories)
        at = since
        for number in count():
            at += rng.expovariate(per_second)
            while at >= story.until:
                story = next(stories)
            if rng.random() < _STORY_SHARE and story.events:
                person, event = rng.choice(story.people), rng.choice(story.events)
            else:
                person = rng.choices(self._company.people, cum_weights=self._shares)[0]
                event = self._drawn(rng, person)
            due = Due(at, self._record(person, event, number, at))
            yield due
            if rng.random() < REPEATED:
                yield Due(at, due.record._replace(fate=Fate.REPEAT))
            if rng.random() < JUNK:
                yield Due(at, junk(rng, event, due.record.key, number, at, at))

    def _stories(self, rng: random.Random, since: float) -> Iterator[_Story]:
        until = since
        watched = self._company.accounts.index(self._company.spotlight)
        for number in count():
            of_watched = number % _WATCHED_EVERY == 0
            people = self._people[watched if of_watched else rng.choice(self._eventful)]
            if self._habits.bad and (of_watched or rng.random() < _TROUBLE):
                until += _TROUBLE_SECONDS
                yield _Story(people, self._habits.bad, until)
            until += _GOOD_SECONDS
            yield _Story(people, self._habits.good, until)

    def _drawn(self, rng: random.Random, person: Person) -> str:
        cumulative = self._chances[person.role, self._company.accounts[person.account].adopts]
        return rng.choices(self._habits.events, cum_weights=cumulative)[0]

    def _record(self, person: Person, event: str, number: int, at: float) -> Record:
        account = self._company.accounts[person.account].account_id
        milliseconds = math.floor(at * 1000)
        fields = {
            "event": event,
            "user_id": person.user_id,
            "account_id": account,
            # the time is in the id: what follows a pause must not be taken for a repeat
            "event_id": f"l{milliseconds:x}-{number:x}",
            "ts": iso(milliseconds / 1000),
        }
        return Record(account, json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode(), Fate.EVENT)
