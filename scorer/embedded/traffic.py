"""Made-up traffic of a small software company's customers, for trying Scorer out.

Pure and seeded: the same seed and times give the same events. A few accounts and users do most of the work, some
accounts grow, some go quiet, and staff and bots are among them.
"""

import json
import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate, count
from operator import attrgetter

_DAY_SECONDS = 86_400
_SPOTLIGHT_SECONDS = 12.0
_SPOTLIGHT_SHARE = 0.35

_ADJECTIVES = ("amber", "brisk", "copper", "dapper", "ember", "fable", "golden", "hazel", "indigo", "jolly")
_NOUNS = ("labs", "foods", "health", "travel", "bank", "works", "media", "robotics")
_NAMES = (
    "ana", "ben", "chloe", "dev", "elif", "finn", "grace", "hugo", "ines", "jun", "kofi", "lena",
    "mei", "noor", "omar", "pia", "quinn", "rosa", "sam", "tess", "uma", "vera", "wim", "yuki",
)  # fmt: skip

# how often each event type comes, by what a user does all day
_HABITS: dict[str, dict[str, float]] = {
    "reader": {"app_opened": 40, "report_viewed": 45, "comment_added": 10, "support_ticket_opened": 1},
    "maker": {
        "app_opened": 25, "report_viewed": 25, "report_created": 25, "dashboard_shared": 10, "comment_added": 8,
        "export_downloaded": 5, "import_failed": 2,
    },
    "admin": {
        "app_opened": 30, "report_viewed": 15, "teammate_invited": 14, "slack_connected": 6, "api_key_created": 6,
        "support_ticket_opened": 6, "import_failed": 8,
    },
}  # fmt: skip
_PLANS = {"free": 5, "pro": 4, "enterprise": 2}
_TRENDS = {"steady": 0.0, "growing": 1.2, "fading": -1.6}


@dataclass(frozen=True, slots=True)
class MadeUpEvent:
    """One event in the native format. `at` is in epoch seconds, whole milliseconds."""

    event: str
    account_id: str
    user_id: str
    event_id: str
    at: float
    value: float | None = None

    @property
    def key(self) -> bytes:
        """The record's key: the account, so that its users share a partition."""
        return self.account_id.encode()

    def json(self) -> bytes:
        instant = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, object] = {
            "event": self.event,
            "user_id": self.user_id,
            "account_id": self.account_id,
            "event_id": self.event_id,
            "ts": instant.replace("+00:00", "Z"),
        }
        if self.value is not None:
            fields["value"] = self.value
        return json.dumps(fields, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class MadeUpAccount:
    """What is known of a customer, as a record of the native format."""

    account_id: str
    plan: str
    licenses: int

    def json(self) -> bytes:
        traits = {"plan": self.plan, "licenses": self.licenses}
        fields = {"type": "account", "account_id": self.account_id, "traits": traits}
        return json.dumps(fields, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class _User:
    account_id: str
    user_id: str
    habit: str
    visits_per_day: float
    trend: str


@dataclass(frozen=True, slots=True)
class _Moment:
    at: float
    event: str
    user: _User
    value: float | None = None


class Company:
    """The customers of a made-up company. Ask it for its `accounts`, for `history`, then for `live` events."""

    def __init__(self, seed: int, *, accounts: int = 24) -> None:
        if not 1 <= accounts <= len(_ADJECTIVES) * len(_NOUNS):
            raise ValueError(f"accounts is {accounts}: 1 to {len(_ADJECTIVES) * len(_NOUNS)} are possible")
        self._seed = seed
        self._users = list(_people(random.Random(f"people {seed}"), accounts))

    @property
    def users(self) -> list[tuple[str, str]]:
        """(account id, user id) of everyone, staff and bots included."""
        return [(user.account_id, user.user_id) for user in self._users]

    @property
    def accounts(self) -> list[MadeUpAccount]:
        """The customers, each with a plan and at least as many licences as members."""
        rng = random.Random(f"accounts {self._seed}")
        members = Counter(account for account, _ in self.users)
        plans = rng.choices(list(_PLANS), list(_PLANS.values()), k=len(members))
        return [
            MadeUpAccount(account, plan, math.ceil(size * rng.uniform(1.0, 1.6)))
            for (account, size), plan in zip(members.items(), plans, strict=True)
        ]

    def history(self, until: float, days: int = 30) -> Iterator[MadeUpEvent]:
        """The events of the `days` before `until` (epoch seconds), in the order of their time."""
        rng = random.Random(f"history {self._seed}")
        numbers = count()
        for day in range(days):
            begin = until - (days - day) * _DAY_SECONDS
            progress = (day + 1) / days
            moments: list[_Moment] = []
            for user in self._users:
                for _ in range(_poisson(rng, user.visits_per_day * _pace(user.trend, progress))):
                    moments.extend(_visit(rng, user, begin))
            for moment in sorted(moments, key=attrgetter("at")):
                yield self._event(f"h{next(numbers)}", moment)

    def live(self, since: float, per_second: float) -> Iterator[MadeUpEvent]:
        """Events without end from `since` (epoch seconds) on, in the order of their time; publish each when due.

        For some seconds at a time one account gets a large part of them, so that its scores can be seen to move.
        """
        rng = random.Random(f"live {self._seed}")
        shares = list(accumulate(user.visits_per_day * _pace(user.trend, 1.0) for user in self._users))
        spotlight: list[_User] = []
        at, next_spotlight = since, since
        for number in count():
            at += rng.expovariate(per_second)
            if at >= next_spotlight:
                chosen = rng.choice(self._users).account_id
                spotlight = [user for user in self._users if user.account_id == chosen]
                next_spotlight = at + _SPOTLIGHT_SECONDS
            if rng.random() < _SPOTLIGHT_SHARE:
                user = rng.choice(spotlight)
            else:
                user = rng.choices(self._users, cum_weights=shares)[0]
            yield self._event(f"l{number}", _Moment(at, _action(rng, user), user))

    def _event(self, number: str, moment: _Moment) -> MadeUpEvent:
        milliseconds = math.floor(moment.at * 1000)
        # the time is in the id: a second run must not be taken for a repeat of the first
        event_id = f"{self._seed}-{milliseconds:x}-{number}"
        user = moment.user
        return MadeUpEvent(moment.event, user.account_id, user.user_id, event_id, milliseconds / 1000, moment.value)


def _people(rng: random.Random, accounts: int) -> Iterator[_User]:
    names = rng.sample([f"{adjective}-{noun}" for adjective in _ADJECTIVES for noun in _NOUNS], accounts)
    for account in names:
        trend = rng.choices(list(_TRENDS), (6, 2, 2))[0]
        size = min(int(3 * rng.paretovariate(1.1)), 120)
        for number in range(size):
            name = _NAMES[number % len(_NAMES)] + (str(number // len(_NAMES) + 1) if number >= len(_NAMES) else "")
            habit = "admin" if number == 0 else rng.choices(("reader", "maker"), (7, 3))[0]
            yield _User(account, name, habit, min(0.25 * rng.paretovariate(1.3), 6.0), trend)
    # who must not count: our own staff looking in, and a robot
    yield _User(names[0], "support@ourcompany.example", "admin", 2.0, "steady")
    yield _User(names[-1], "bot-nightly-export", "maker", 8.0, "steady")


def _visit(rng: random.Random, user: _User, day_begins: float) -> Iterator[_Moment]:
    """A visit within one day: the app opened, some actions, the session's length."""
    seconds = _session_seconds(rng)
    begin = day_begins + rng.betavariate(4, 4) * (_DAY_SECONDS - seconds)
    yield _Moment(begin, "app_opened", user)
    for _ in range(1 + _poisson(rng, 2.0)):
        yield _Moment(begin + rng.random() * seconds, _action(rng, user), user)
    yield _Moment(begin + seconds, "session", user, seconds)


def _action(rng: random.Random, user: _User) -> str:
    habit = _HABITS[user.habit]
    return rng.choices(list(habit), list(habit.values()))[0]


def _session_seconds(rng: random.Random) -> float:
    return float(min(round(rng.lognormvariate(6.0, 0.9)), 4 * 3600))


def _pace(trend: str, progress: float) -> float:
    """What a trend makes of a user's visits; progress runs from 0 to 1 over the history."""
    return math.exp(_TRENDS[trend] * (progress - 0.5))


def _poisson(rng: random.Random, mean: float) -> int:
    """Knuth's method: fine for the small means here."""
    limit, product, drawn = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        drawn += 1
    return drawn
