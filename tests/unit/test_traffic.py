"""The made-up company of `scorer demo`, its people and its past."""

import json
from collections import Counter
from datetime import datetime
from functools import lru_cache
from itertools import islice, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from scorer import scoring_file
from scorer.checking import check
from scorer.core.partitioner import partition_of
from scorer.demo.subject import OUR_FILE
from scorer.embedded.company import Company, Course
from scorer.embedded.habits import OURS
from scorer.embedded.records import DAY_SECONDS, JUNK, REPEATED, Day, Fate, Record
from scorer.embedded.traffic import History
from tests.decoding import decode
from tests.oracle import Oracle

NOW = 1_795_355_044.0
"""A Sunday."""

DAYS = 60
PARTITIONS = 4


@lru_cache
def company(seed: int = 7, accounts: int = 80) -> Company:
    return Company(seed, accounts=accounts, days=DAYS)


@lru_cache
def history(seed: int = 7, accounts: int = 80) -> list[Day]:
    return list(History(company(seed, accounts), OURS, NOW).past())


@lru_cache
def present(seed: int, days: int) -> list[Day]:
    return list(islice(History(company(seed, 240), OURS, NOW).present(), days))


def events(days: list[Day]) -> list[Record]:
    return [record for day in days for record in day.records if record.fate is Fate.EVENT]


@lru_cache(200_000)
def fields(record: Record) -> dict[str, object]:
    read = json.loads(record.value)
    assert isinstance(read, dict)
    return read


def test_the_same_seed_gives_the_same_records() -> None:
    again = list(History(Company(7, accounts=80, days=DAYS), OURS, NOW).past())
    assert [day.records for day in again] == [day.records for day in history()]


def test_another_seed_gives_others() -> None:
    assert history(8)[0].records != history(7)[0].records


def test_there_are_whole_days_and_today_so_far() -> None:
    days = history()
    assert len(days) == DAYS + 1
    assert [day.begins for day in days] == [
        int(NOW) // DAY_SECONDS * DAY_SECONDS - n * DAY_SECONDS for n in range(60, -1, -1)
    ]
    for day in days:
        columns, _ = decode([record.value for record in day.records if record.fate is Fate.EVENT])
        assert columns.ts_ms.min() >= day.begins * 1000
        assert columns.ts_ms.max() <= min((day.begins + DAY_SECONDS) * 1000 - 1, NOW * 1000)
        assert all(earlier <= later for earlier, later in pairwise(columns.ts_ms.tolist()))


def test_every_event_is_native_json_that_is_accepted() -> None:
    made = events(history())
    columns, rejects = decode([record.value for record in made])
    assert rejects == [] and len(columns) == len(made)
    assert [record.key for record in made[:1000]] == list(columns.account_id[:1000])


def test_no_event_id_comes_twice_but_in_a_repeat() -> None:
    ids = Counter(fields(record)["event_id"] for record in events(history()))
    assert ids.most_common(1)[0][1] == 1


def test_users_are_heavy_tailed() -> None:
    by_user = Counter((fields(record)["account_id"], fields(record)["user_id"]) for record in events(history()))
    counts = sorted(by_user.values(), reverse=True)
    assert 0.3 < sum(counts[: len(counts) // 10]) / sum(counts) < 0.8


def test_accounts_are_heavy_tailed() -> None:
    counts = sorted(Counter(record.key for record in events(history())).values(), reverse=True)
    assert sum(counts[: len(counts) // 5]) > 0.4 * sum(counts)


def test_weekends_are_quiet() -> None:
    """The history ends on a Sunday; the launch is left out."""
    by_weekday: dict[int, list[int]] = {}
    for number, day in enumerate(history()[:40]):
        by_weekday.setdefault((6 - DAYS + number) % 7, []).append(day.events)
    means = [float(np.mean(by_weekday[weekday])) for weekday in range(7)]
    assert max(means[5:]) < 0.4 * min(means[:5])


def test_office_hours_are_busy() -> None:
    columns, _ = decode([record.value for record in events(history())])
    regions = {account.account_id: account.traits["region"] for account in company().accounts}
    europe = np.array([regions[str(account)] == "eu" for account in columns.account_id])
    hours = np.bincount(columns.ts_ms[europe] // 3_600_000 % 24, minlength=24)
    assert hours[8:17].sum() > 0.7 * hours.sum()
    assert hours[0:5].sum() < 0.1 * hours.sum()


@pytest.mark.parametrize(
    ("course", "least", "most"),
    [(Course.FADING, 0.0, 0.6), (Course.LEAVING, 0.0, 0.35), (Course.RISING, 1.5, 9.0), (Course.STEADY, 0.6, 1.6)],
)
def test_accounts_fade_rise_and_go(course: Course, least: float, most: float) -> None:
    """The last two whole weeks, compared with the first two."""
    many, past = company(accounts=240), history(accounts=240)
    accounts = {each.account_id for each in many.accounts if each.course is course and not each.adopts}
    events_a_day = [sum(record.key in accounts for record in day.records) for day in past]
    assert len(accounts) > 5
    assert least <= sum(events_a_day[46:60]) / sum(events_a_day[:14]) <= most


def test_new_customers_say_nothing_before_they_join() -> None:
    joins = {account.account_id: account.joins for account in company().accounts}
    assert len([day for day in joins.values() if day > 0]) > 2
    for number, day in enumerate(history()):
        assert all(joins[record.key] <= number for record in day.records if record.fate is not Fate.JUNK)


def test_the_launch_makes_a_busy_day_and_a_new_event() -> None:
    launch_day = History(company(), OURS, NOW).launch_day(DAYS)
    before, launch = history()[:launch_day], history()[launch_day]
    assert launch.events > 1.2 * max(day.events for day in before)
    assert not any(fields(record)["event"] == OURS.launched for record in events(before))
    assert any(fields(record)["event"] == OURS.launched for record in events([launch]))


def test_repeats_and_junk_are_counted_and_change_nothing() -> None:
    scoring = scoring_file.load(OUR_FILE)
    oracle, clean = Oracle(scoring, partitions=PARTITIONS), Oracle(scoring, partitions=PARTITIONS)
    fates: Counter[Fate] = Counter()
    outcomes: dict[Fate, Counter[str]] = {fate: Counter() for fate in Fate}
    for day in history():
        for record in day.records:
            fates[record.fate] += 1
            now_ms = (day.begins + DAY_SECONDS) * 1000
            home = partition_of(record.key, PARTITIONS)
            outcome = oracle.feed(record.value, int(NOW * 1000), now_ms=now_ms, partition=home)
            outcomes[record.fate][outcome.partition(":")[0]] += 1
            if record.fate in (Fate.EVENT, Fate.TRAITS):
                clean.feed(record.value, int(NOW * 1000), now_ms=now_ms, partition=home)
    assert set(outcomes[Fate.EVENT]) == {"counted", "excluded"}
    assert set(outcomes[Fate.TRAITS]) == {"trait"}
    assert set(outcomes[Fate.REPEAT]) <= {"duplicate", "excluded"}
    assert set(outcomes[Fate.JUNK]) == {"dead_letter", "late", "unknown_type"}
    assert fates[Fate.REPEAT] == pytest.approx(REPEATED * fates[Fate.EVENT], rel=0.2)
    assert 1.0 <= fates[Fate.JUNK] / (JUNK * fates[Fate.EVENT]) < 1.5  # a bit more than none on a Sunday too
    assert oracle.results(int(NOW * 1000)) == clean.results(int(NOW * 1000))


def test_the_present_goes_on_where_the_past_ends() -> None:
    last, rest = history(7, 240)[-1], present(7, 1)[0]
    assert last.number == rest.number == DAYS
    assert last.moments_ms[-1] <= NOW * 1000 < rest.moments_ms[0] and rest.moments_ms[-1] < rest.ends * 1000
    ids = Counter(fields(record)["event_id"] for record in events([last, rest]))
    assert len(ids) > 100 and ids.most_common(1)[0][1] == 1


@pytest.mark.parametrize("of", [7, 8])
def test_the_present_is_as_busy_as_the_past_for_months(of: int) -> None:
    """Every four weeks of the present, compared with the last four of the past; `of`: the company's seed."""
    usual = float(np.mean([day.events for day in history(of, 240)[32:60]]))
    ahead = [day.events for day in present(of, 1 + 4 * 28)][1:]
    for first in range(0, len(ahead), 28):
        assert float(np.mean(ahead[first : first + 28])) == pytest.approx(usual, rel=0.35)
    said = History(company(of, 240), OURS, NOW).events_a_day
    assert said == pytest.approx(usual, rel=0.25)


@pytest.mark.parametrize("of", [7, 8])
def test_the_benchmark_and_the_bands_stay_about_where_they_were(of: int) -> None:
    """Three months of the present, by the demo's own weights and half-life, without caps."""
    model = scoring_file.load(OUR_FILE).models[0]
    place = {account.account_id: number for number, account in enumerate(company(of, 240).accounts)}
    daily = [np.zeros(len(place)) for _ in range(DAYS + 90)]
    for day in [*history(of, 240), *present(of, 90)]:
        for record in events([day]):
            said = fields(record)
            value = said.get("value", 1)
            assert isinstance(value, int)
            daily[day.number][place[record.key]] += model.weights[str(said["event"])].weight * value

    def standing(day: int) -> tuple[float, NDArray[np.float64]]:
        raw = sum((daily[day - age] * 0.5 ** (age / 14) for age in range(30)), np.zeros(len(place)))
        benchmark = float(np.percentile(raw[raw > 0], 90))
        shares, _ = np.histogram(100 * (1 - 10 ** (-np.maximum(raw, 0) / benchmark)), [0, 25, 50, 75, 100])
        return benchmark, shares / len(place)

    began, shares = standing(DAYS - 1)
    for last in range(DAYS, len(daily) - 1, 3):
        benchmark, now = standing(last)
        assert benchmark == pytest.approx(began, rel=0.3)
        assert now == pytest.approx(shares, abs=0.12)


def test_weekends_stay_quiet_in_the_present() -> None:
    """It begins on a Sunday."""
    ahead = [day.events for day in present(7, 1 + 4 * 28)][1:]
    means = [float(np.mean(ahead[weekday::7])) for weekday in range(7)]
    assert max(means[5:]) < 0.4 * min(means[:5])


def test_accounts_go_on_turning_in_the_present() -> None:
    """In any later month some come that were away, and some go: the company does not freeze."""
    ahead = present(7, 1 + 4 * 28)[1:]
    months = [Counter(record.key for record in events(ahead[n : n + 28])) for n in range(0, len(ahead), 28)]
    for before, after in pairwise(months):
        busy = {account for account in before | after if before[account] + after[account] > 40}
        assert sum(after[account] > 2 * before[account] for account in busy) > 5
        assert sum(before[account] > 2 * after[account] for account in busy) > 5


def test_things_go_wrong_at_the_account_to_watch_as_the_present_begins() -> None:
    """Within three hours there, and nowhere in the past."""
    watched = company(7, 240).spotlight.account_id
    bad = [record for record in events(present(7, 1)) if record.key == watched and fields(record)["event"] in OURS.bad]
    assert len(bad) >= 30
    times = [datetime.fromisoformat(str(fields(record)["ts"])).timestamp() - NOW for record in bad]
    assert times[0] < 60 and times[30] < 3 * 3600
    today = events([history(7, 240)[-1]])
    assert sum(record.key == watched and fields(record)["event"] in OURS.bad for record in today) < 5


def test_the_account_to_watch_is_won_back() -> None:
    watched = company(7, 240).spotlight.account_id
    counts = [sum(record.key == watched for record in events([day])) for day in present(7, 43)[1:]]
    assert sum(counts[28:42]) > 2 * sum(counts[:7])


def test_records_of_the_present_are_due_in_order_and_too_far_ahead_by_the_wall() -> None:
    """What must count nowhere counts nowhere, however far behind the wall's clock the made-up world is."""
    wall = NOW + 600 * DAY_SECONDS
    made = History(company(), OURS, NOW, wall)
    oracle = Oracle(scoring_file.load(OUR_FILE), partitions=PARTITIONS)
    outcomes: Counter[str] = Counter()
    for day in islice(made.present(), 40):
        assert all(earlier <= later for earlier, later in pairwise(day.moments_ms.tolist()))
        assert len(day.moments_ms) == len(day.records)
        for record in day.records:
            home = partition_of(record.key, PARTITIONS)
            outcome = oracle.feed(record.value, int(wall * 1000), now_ms=day.begins * 1000 + 1, partition=home)
            if record.fate is Fate.JUNK:
                outcomes[outcome.partition(":")[0]] += 1
    assert outcomes["counted"] == 0 and min(outcomes[it] for it in ("dead_letter", "late", "unknown_type")) > 3


def test_staff_and_bots_are_among_the_traffic() -> None:
    users = {str(fields(record)["user_id"]) for record in events(history())}
    assert any(user.endswith("@ourcompany.example") for user in users)
    assert any(user.startswith("bot-") for user in users)


def test_every_customer_is_introduced_once_with_its_traits() -> None:
    told = [record for day in history() for record in day.records if record.fate is Fate.TRAITS]
    columns, rejects = decode([record.value for record in told])
    assert rejects == [] and len(told) == 80
    members = Counter(person.account for person in company().people)
    for number, account in enumerate(company().accounts):
        (traits,) = (dict(record.traits) for record in columns.traits if record.account_id == account.account_id)
        assert traits == {name: str(value) for name, value in account.traits.items()}
        assert int(account.traits["licenses"]) >= members[number] - 1  # staff and bots need none


def test_a_company_has_the_traits_that_are_asked_for() -> None:
    for account in Company(1, accounts=5, traits=("team", "plan")).accounts:
        assert account.traits["team"] in ("blue", "green", "red")
        assert account.traits["plan"] in ("free", "pro", "enterprise")


def test_the_demo_scoring_file_is_right_and_knows_every_event() -> None:
    report = check(OUR_FILE)
    assert (report.errors, report.warnings) == ((), ())
    assert report.scoring is not None
    assert {fields(record)["event"] for record in events(history())} == set(report.scoring.events)


def test_sessions_carry_their_seconds() -> None:
    seconds = [fields(record)["value"] for record in events(history()) if fields(record)["event"] == "session"]
    assert seconds and all(isinstance(value, int) and 0 <= value <= 4 * 3600 for value in seconds)


@pytest.mark.parametrize("accounts", [0, 321])
def test_a_company_of_an_impossible_size_is_refused(accounts: int) -> None:
    with pytest.raises(ValueError, match=f"accounts is {accounts}: 1 to 320"):
        Company(1, accounts=accounts)
