"""Made-up histories for KPIs: what a few accounts' members did over 100 days, and what was said of the accounts.

Nobody is away for more than 400 days: whether a member is still remembered then depends on when it is looked for.

`histories` is a strategy: few members with habits, which shrink to single events of one member on the last complete
day. `big_history` is the same at random for many accounts, the same for the same seed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from hypothesis import strategies as st

from scorer.core.model import Curve, EventTags, Kind, KpiRules, Model, Scoring, Shape, Weight
from tests.oracle import DAY_MS, HOUR_MS, Oracle

START_DAY = 20_000
DAYS = 100

TAGS = {
    "report": EventTags(core=True, advanced=True),
    "export": EventTags(core=True),
    "slack": EventTags(integration=True),
    "jira": EventTags(integration=True, core=True),
    "session": EventTags(duration=True),
    "call": EventTags(duration=True, advanced=True),
}
EVENTS = ("seen", *TAGS)
UNNAMED = "scrolled"
"""A type that no file names."""
EXCLUDED = "bot-1"
GOALS = {"license_utilization": 0.8, "stickiness": 0.25, "mau": 3.0, "quick_ratio": 1.5, "time_spent": 60.0}
MODEL = Model("points", (Kind.USER, Kind.ACCOUNT), 1, {"seen": Weight(1.0)}, curve=Curve(Shape.NONE), margin=0.0)


class Told(NamedTuple):
    """A native record, and when it came: the worker's clock and the broker's timestamp."""

    at_ms: int
    record: dict[str, object]


@dataclass(frozen=True)
class KpiHistory:
    """`told` in the order in which it came; `now_ms`, not before, is when KPIs are asked for."""

    scoring: Scoring
    told: list[Told]
    now_ms: int

    def oracle(self, partitions: int | None = None) -> Oracle:
        recount = Oracle(self.scoring, partitions=partitions)
        for at_ms, record in self.told:
            recount.feed(record, at_ms, now_ms=at_ms)
        return recount


@dataclass(frozen=True)
class Habit:
    """A member's events of a type, `times` times, every so many days from day `first` on; `days_late` when they come.

    Days are counted from `START_DAY`; `hour` is of the event.
    """

    account: str | None
    user: str
    event: str
    value: float
    first: int
    every: int
    times: int
    hour: int
    days_late: int
    event_id: str | None

    def told(self) -> Iterator[Told]:
        for number in range(self.times):
            at_ms = (START_DAY + self.first + number * self.every) * DAY_MS + self.hour * HOUR_MS
            record: dict[str, object] = {"event": self.event, "user_id": self.user, "value": self.value, "ts": at_ms}
            if self.account is not None:
                record["account_id"] = self.account
            if self.event_id is not None:
                record["event_id"] = f"{self.event_id}-{number}"
            yield Told(at_ms + self.days_late * DAY_MS, record)


@dataclass(frozen=True)
class Said:
    """What is said of an account on a day from `START_DAY` on; None takes a trait away."""

    account: str
    traits: dict[str, object]
    day: int

    def told(self) -> Iterator[Told]:
        at_ms = (START_DAY + self.day) * DAY_MS + 1
        yield Told(at_ms, {"type": "account", "account_id": self.account, "traits": self.traits})


def scoring(window: int, bucket_seconds: int = 86_400) -> Scoring:
    """KPIs over a window of days, with types of every tag."""
    kpis = KpiRules(window, GOALS)
    return Scoring(bucket_seconds, EVENTS, (MODEL,), ("bot-*",), segments=("plan", "region"), tags=TAGS, kpis=kpis)


@st.composite
def scorings(draw: st.DrawFn) -> Scoring:
    drawn = scoring(draw(st.sampled_from([30, 7, 30, 45, 30, 7, 3, 1])), draw(st.sampled_from([86_400, 3_600, 21_600])))
    segments = draw(st.sampled_from([("plan", "region"), ("plan",), ()]))
    tags = draw(st.sampled_from([TAGS, TAGS, TAGS, {}]))
    models = (replace(MODEL, window=draw(st.sampled_from([1, 10, 120]))),)
    return replace(drawn, segments=segments, tags=tags, models=models)


days_ago = st.sampled_from([1, 0, 1, 2, 3, 0, 6, 7, 8, 14, 15, 29, 30, 31, 59, 60, 61, 90]) | st.integers(1, DAYS)
habits = st.builds(
    Habit,
    account=st.sampled_from(["acme", "acme", "other", "one/two", None]),
    user=st.sampled_from(["ann", "ann", "bob", "cid", "dan", "eve", "fay", EXCLUDED]),
    event=st.sampled_from(["seen", "report", "slack", *EVENTS, *EVENTS, UNNAMED]),
    value=st.sampled_from([1, 0, 2.5, 90, 1e-6]),
    first=(days_ago | days_ago | st.sampled_from([390, 395, 398, 399])).map(lambda ago: DAYS - ago),
    every=st.sampled_from([1, 2, 1, 7, 14, 29, 30, 31, 60, 399, 400]),
    times=st.integers(1, 6),
    hour=st.sampled_from([0, 12, 23]),
    days_late=st.sampled_from([0, 0, 0, 0, 0, 0, 1, 8, 40, 90]),
    event_id=st.sampled_from([None, None, None, "e"]),
)
said = st.builds(
    Said,
    account=st.sampled_from(["acme", "other", "one/two", "quiet"]),
    traits=st.fixed_dictionaries(
        {},
        optional={
            "licenses": st.sampled_from([4, 1, 3, 0, "9", "many", None]),
            "active_licenses": st.sampled_from([2, 0, "3", "few", None]),
            "plan": st.sampled_from(["pro", "free", "a=b", "", None]),
            "region": st.sampled_from(["eu", "us", None]),
            "size": st.just(7),
        },
    ),
    day=st.integers(0, DAYS - 1),
)


@st.composite
def histories(draw: st.DrawFn) -> KpiHistory:
    """Ends on day `DAYS`; what would have come later isn't there."""
    drawn = draw(scorings())
    now_ms = (START_DAY + DAYS) * DAY_MS + draw(st.sampled_from([13, 0, 23])) * HOUR_MS
    done = draw(st.lists(habits, max_size=3) | st.lists(habits, min_size=4, max_size=14))
    everything: list[Habit | Said] = [*done, *draw(st.lists(said, max_size=6))]
    return KpiHistory(drawn, _until(now_ms, [each for source in everything for each in source.told()]), now_ms)


def big_history(seed: int, *, accounts: int = 60, window: int = 30, bucket_seconds: int = 86_400) -> KpiHistory:
    """Many accounts of 1 to 12 members who come, pause, return and stay away; some users without an account."""
    random = Random(seed)
    now_ms = (START_DAY + DAYS) * DAY_MS + 5 * HOUR_MS
    told: list[Told] = []
    for number in range(accounts + 1):
        account = f"account-{number}" if number < accounts else None
        for user in range(random.randint(1, 12)):
            told += _life(random, account, f"user-{user}")
        if account is not None:
            told += _sayings(random, account)
    return KpiHistory(scoring(window, bucket_seconds), _until(now_ms, told), now_ms)


def _life(random: Random, account: str | None, user: str) -> Iterator[Told]:
    """A member's spells of activity with gaps between them."""
    day = random.choice([-290, -250, *(random.randint(0, DAYS) for _ in range(8))])
    while day <= DAYS and random.random() < 0.85:
        habit = Habit(
            account=account,
            user=random.choice([user] * 30 + [EXCLUDED]),
            event=random.choice([*EVENTS, "seen", "seen", UNNAMED]),
            value=random.choice([1, 1, 1, 0, 2.5, random.randint(1, 3600), random.random()]),
            first=day,
            every=random.choice([1, 1, 2, 3, 7]),
            times=random.randint(1, 12),
            hour=random.randint(0, 23),
            days_late=random.choice([0] * 12 + [1, 9, 70]),
            event_id=random.choice([None, f"{account}-{user}-{day}", "repeated"]),
        )
        yield from habit.told()
        day += random.choice([0, 0, 1, habit.times * habit.every + random.choice([1, 20, 45, 390])])


def _sayings(random: Random, account: str) -> Iterator[Told]:
    for _ in range(random.randint(0, 4)):
        all_traits: dict[str, object] = {
            "licenses": random.choice([0, "many", None, *range(1, 20)]),
            "active_licenses": random.choice([None, 0, *range(1, 10)]),
            "plan": random.choice(["pro", "free", "trial", None]),
            "region": random.choice(["eu", "us", "ap"]),
        }
        names = random.sample(sorted(all_traits), random.randint(1, 4))
        yield from Said(account, {name: all_traits[name] for name in names}, random.randint(0, DAYS)).told()


def _until(now_ms: int, told: list[Told]) -> list[Told]:
    """What had come by now, in order; of the same moment, in the order given."""
    return sorted((each for each in told if each.at_ms <= now_ms), key=lambda each: each.at_ms)
