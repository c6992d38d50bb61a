"""The naive KPIs: SCORING 3, INTERFACES 6 and decision 10 written down once more, from an `Oracle`'s counts alone.

Every number is looked up anew among all events of all members; a segment isn't the sum of its accounts but the same
question asked of more people. Ratios are fractions; float comes last. Where the documents are silent, it decides:

Rule 1: days are those of the time zone, whatever the bucket; an event counts on the day of its bucket.
Rule 2: an account has KPIs while it has a counted event within the retention (or ahead of now) or traits; a segment
    while such an account has its value; the product always. `perhaps` names those that may be there all the same.
Rule 3: a member that is active in both windows is `returning` and nothing else, even where it was away for more than
    400 days between them: so `new`, `returning` and `recovered` always add up to `mau`.
Rule 4: a trait is a number if it reads as one in JSON, with nothing around it ("50", "12.5", "1e3"; not "+5" or " 5").
Rule 5: `window` is told in days. Sums of values (`time_spent`, `today.events`) are 0 where nothing was summed.
Rule 6: a segment's id is `trait=value`, both percent-encoded as in a peer group's name.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from urllib.parse import quote

from scorer.core.model import EventTags, Kind, KpiRules, Scoring
from tests.oracle import Oracle
from tests.oracle_input import MICRO, decimal_of

Number = int | Fraction
Kpis = dict[str, object]
"""The JSON object of INTERFACES 6 without `v` and `as_of`."""
KpiKey = tuple[str, str]
"""Kind (`account`, `segment`, `product`) and id."""

NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)

WITH_GROWTH_RATE = (
    "dau",
    "wau",
    "mau",
    "license_utilization",
    "adoption_rate",
    "stickiness",
    "stickiness_wau_mau",
    "stickiness_mean",
    "breadth",
    "depth",
    "active_days",
    "time_spent",
    "integrations",
    "feature_adoption",
)


@dataclass(frozen=True)
class Member:
    """A user in an account, or one without. `used`: (day, event type) -> sum of values in units of 1e-6."""

    account: str | None
    first_seen: int
    used: Mapping[tuple[int, str], int]

    @cached_property
    def days(self) -> set[int]:
        return {day for day, _ in self.used}

    def active(self, days: Collection[int]) -> bool:
        return any(day in days for day in self.days)

    def uses(self, event: str, days: Collection[int]) -> bool:
        return any(day in days and name == event for day, name in self.used)


@dataclass(frozen=True)
class Group:
    """Whose KPIs these are: some members, and the traits of all accounts that belong here, with members or without."""

    members: Sequence[Member]
    traits: Mapping[str, Mapping[str, str]]


def kpis(oracle: Oracle, now_ms: int) -> dict[KpiKey, Kpis]:
    """The KPIs of every account, every segment and the product (`all`) at `now_ms`."""
    scoring, today = oracle.scoring, oracle.day(now_ms)
    return {key: _kpis_of(group, scoring, today) for key, group in _groups(oracle, now_ms).items()}


def perhaps(oracle: Oracle, now_ms: int) -> set[KpiKey]:
    """Accounts and segments that are known no more, or may not be: their KPIs may still be told, of nobody."""
    accounts = {("account", member.account) for member in _members(oracle) if member.account is not None}
    accounts |= {("account", account) for account in oracle.once_had_traits}
    segments = {
        ("segment", segment_id(trait, value)) for trait, value in oracle.once_told if trait in oracle.scoring.segments
    }
    return (accounts | segments) - _groups(oracle, now_ms).keys()


def segment_id(trait: str, value: str) -> str:
    return f"{quote(trait, safe='')}={quote(value, safe='')}"


def licence_count(text: str | None) -> Fraction | None:
    """How many licences a trait tells: a number above 0, else none."""
    if text is None or not NUMBER.fullmatch(text):
        return None
    return Fraction(text) or None


def frequency(active_days: int, window: int) -> str | None:
    """How often: active days brought to 30 days."""
    of_30 = Fraction(active_days * 30, window)
    if of_30 >= 13:
        return "high"
    if of_30 >= 5:
        return "medium"
    return "low" if of_30 > 0 else None


def quick_ratio(new: int, recovered: int, dropped: int) -> Fraction | None:
    return Fraction(new + recovered, dropped) if dropped else None


def growth(new: int, recovered: int, dropped: int) -> Fraction | None:
    """0..100: who came among all who came or went; None without any."""
    movers = new + recovered + dropped
    return Fraction(100 * (new + recovered), movers) if movers else None


def _members(oracle: Oracle) -> list[Member]:
    """Everybody of whom an event ever counted; only what they did of the types that the file names now."""
    found = []
    for (kind, member), cells in oracle.counts().items():
        if kind is not Kind.USER:
            continue
        used: dict[tuple[int, str], int] = {}
        for (bucket, event), micros in cells.items():
            if event in oracle.scoring.events:
                day = oracle.day_of(bucket)
                used[day, event] = used.get((day, event), 0) + micros
        first_seen = oracle.first_seen(Kind.USER, member)
        assert first_seen is not None
        found.append(Member(oracle.account_of(member), first_seen, used))
    return found


def _groups(oracle: Oracle, now_ms: int) -> dict[KpiKey, Group]:
    members = _members(oracle)
    there = {entity_id for kind, entity_id in oracle.counts(now_ms) if kind is Kind.ACCOUNT} | oracle.traits.keys()
    accounts: dict[str, Mapping[str, str]] = {account: oracle.traits.get(account, {}) for account in there}

    def of(chosen: Collection[str]) -> Group:
        return Group(
            [member for member in members if member.account in chosen],
            {account: accounts[account] for account in chosen},
        )

    groups: dict[KpiKey, Group] = {("account", account): of([account]) for account in accounts}
    for trait in oracle.scoring.segments:
        for value in {traits[trait] for traits in accounts.values() if trait in traits}:
            chosen = [account for account, traits in accounts.items() if traits.get(trait) == value]
            groups["segment", segment_id(trait, value)] = of(chosen)
    groups["product", "all"] = Group(members, accounts)
    return groups


def _kpis_of(group: Group, scoring: Scoring, today: int) -> Kpis:
    rules = scoring.kpis or KpiRules()
    n = rules.window
    found = _measured(group, scoring, today, n)
    earlier = _measured(group, scoring, today - n, n)
    numbers: dict[str, Number | None] = {**found, **_movers(group, today, n)}
    told: Kpis = {"window": n, **{name: _plain(number) for name, number in numbers.items()}}
    active_days = numbers["active_days"]
    assert isinstance(active_days, int)
    told["frequency"] = frequency(active_days, n)
    told["growth_rates"] = {name: _plain(_growth_rate(found[name], earlier[name])) for name in WITH_GROWTH_RATE}
    told["goals"] = {
        name: {"goal": goal, "distance": _plain(_distance(numbers[name], goal))} for name, goal in rules.goals.items()
    }
    told["today"] = {
        "dau": _active(group.members, [today]),
        "events": _plain(_sum_of_values(group, [today], _but_durations(scoring))),
    }
    return told


def _measured(group: Group, scoring: Scoring, today: int, n: int) -> dict[str, Number | None]:
    """Everything that has a growth rate, and licences, with now in day `today`."""
    members = group.members
    the_day, week, window = [today - 1], range(today - 7, today), range(today - n, today)
    dau, wau, mau = _active(members, the_day), _active(members, week), _active(members, window)

    licenses, active_licenses, either = {}, {}, {}
    for account, traits in group.traits.items():
        licences, active = licence_count(traits.get("licenses")), licence_count(traits.get("active_licenses"))
        if licences is not None:
            licenses[account] = licences
        if active is not None:
            active_licenses[account] = active
        if active is not None or licences is not None:
            either[account] = active or licences or Fraction(0)
    licensed = [member for member in members if member.account in licenses]
    adopting = [member for member in members if member.account in either]

    used = [event for event in scoring.events if any(member.uses(event, window) for member in members)]
    integrations = [event for event in used if _tags(scoring, event).integration]
    core = [event for event in scoring.events if _tags(scoring, event).core]
    durations = [event for event in scoring.events if _tags(scoring, event).duration]
    others = _but_durations(scoring)
    advanced = [event for event in others if _tags(scoring, event).advanced]
    users_of_core = sum(sum(member.uses(event, window) for member in members) for event in core)

    return {
        "licenses": _total(licenses),
        "active_licenses": _total(active_licenses),
        "dau": dau,
        "wau": wau,
        "mau": mau,
        "license_utilization": _ratio(_active(licensed, window), _total(licenses)),
        "adoption_rate": _ratio(_active(adopting, the_day), _total(either)),
        "stickiness": _ratio(dau, mau),
        "stickiness_wau_mau": _ratio(wau, mau),
        "stickiness_mean": _ratio(Fraction(sum(_active(members, [day]) for day in window), n), mau),
        "breadth": _ratio(len(used), len(scoring.events)),
        "depth": _ratio(_sum_of_values(group, window, advanced), _sum_of_values(group, window, others)),
        "active_days": sum(_active(members, [day]) > 0 for day in window),
        "time_spent": _sum_of_values(group, window, durations),
        "integrations": len(integrations),
        "feature_adoption": _ratio(_ratio(users_of_core, mau), len(core)),
    }


def _movers(group: Group, today: int, n: int) -> dict[str, Number | None]:
    window, before = range(today - n, today), range(today - 2 * n, today - n)
    new = returning = recovered = dropped = 0
    for member in group.members:
        now, then = member.active(window), member.active(before)
        if now and then:
            returning += 1
        elif now and member.first_seen in window:
            new += 1
        elif now:
            recovered += 1
        elif then:
            dropped += 1
    return {
        "new": new,
        "returning": returning,
        "recovered": recovered,
        "dropped": dropped,
        "quick_ratio": quick_ratio(new, recovered, dropped),
        "growth": growth(new, recovered, dropped),
    }


def _tags(scoring: Scoring, event: str) -> EventTags:
    return scoring.tags.get(event, EventTags())


def _but_durations(scoring: Scoring) -> list[str]:
    return [event for event in scoring.events if not _tags(scoring, event).duration]


def _active(members: Sequence[Member], days: Collection[int]) -> int:
    """How many members are active in a span of days."""
    return sum(member.active(days) for member in members)


def _sum_of_values(group: Group, days: Collection[int], events: Collection[str]) -> Fraction:
    micros = sum(
        value
        for member in group.members
        for (day, event), value in member.used.items()
        if day in days and event in events
    )
    return Fraction(micros, MICRO)


def _total(licences: Mapping[str, Fraction]) -> Fraction | None:
    return sum(licences.values(), Fraction(0)) if licences else None


def _ratio(part: Number | None, whole: Number | None) -> Fraction | None:
    return None if part is None or not whole else Fraction(part) / whole


def _growth_rate(now: Number | None, then: Number | None) -> Fraction | None:
    return None if now is None or not then else Fraction(now - then) / then


def _distance(number: Number | None, goal: float) -> Number | None:
    return None if number is None else number - Fraction(decimal_of(goal))


def _plain(number: Number | None) -> float | None:
    """A whole number as an int, any other as the nearest float64."""
    if isinstance(number, Fraction):
        return int(number) if number.denominator == 1 else float(number)
    return number


def compare_kpis(
    expected: Mapping[KpiKey, Kpis],
    documents: Mapping[str, Mapping[str, object]],
    rel: float = 1e-9,
    *,
    namespace: str = "scorer",
    perhaps: Collection[KpiKey] = (),
) -> list[str]:
    """The differences between these KPIs and the documents of Redis (key -> parsed JSON), in words.

    Whole numbers are compared exactly, others to `rel`; `v` and `as_of` aren't compared. Keys that aren't KPIs are
    ignored. `perhaps`: who may be there, with nobody active.
    """
    prefix = f"{namespace}:kpi:"
    found = {key.removeprefix(prefix): document for key, document in documents.items() if key.startswith(prefix)}
    right = {":".join(key): told for key, told in expected.items()}
    allowed = {":".join(key) for key in perhaps}
    differences = [f"missing: {key}, expected {right[key]}" for key in sorted(right.keys() - found.keys())]
    for key in sorted(found.keys() - right.keys()):
        if key not in allowed:
            differences.append(f"surplus: {key}, found {dict(found[key])}")
        elif found[key].get("mau") != 0:
            differences.append(f"{key}: nobody belongs to it, but mau is {found[key].get('mau')!r}")
    for key in sorted(right.keys() & found.keys()):
        got = {name: value for name, value in found[key].items() if name not in ("v", "as_of")}
        differences += [f"{key}: {what}" for what in _differences("", right[key], got, rel)]
    return differences


def _differences(path: str, want: object, got: object, rel: float) -> list[str]:
    if isinstance(want, dict) and isinstance(got, dict):
        different = [f"{path}{name} is missing" for name in want.keys() - got.keys()]
        different += [f"{path}{name} is surplus" for name in got.keys() - want.keys()]
        for name in want.keys() & got.keys():
            different += _differences(f"{path}{name}.", want[name], got[name], rel)
        return different
    same = want == got
    if isinstance(want, int | float) and isinstance(got, int | float) and not isinstance(got, bool):
        same = math.isclose(want, got, rel_tol=rel, abs_tol=1e-12)
    return [] if same else [f"{path.rstrip('.')} is {got!r}, expected {want!r}"]
