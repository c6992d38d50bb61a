"""The naive KPIs, composites, rollups and tenure against numbers worked out by hand, or published (SCORING 3 and 5)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from scorer.core.model import BenchmarkRule, Curve, EventTags, Kind, KpiRules, Model, Scoring, Shape, Weight
from tests.oracle import Oracle, Result, first_day, retention
from tests.oracle_composites import Composite, health, kpi_part, pes, trait_part
from tests.oracle_kpis import (
    KpiKey,
    compare_kpis,
    frequency,
    growth,
    kpis,
    licence_count,
    perhaps,
    quick_ratio,
    segment_id,
)
from tests.oracle_rules import Rules, self_benchmark, tenure_factor

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
TODAY = 20_000
NOW_MS = TODAY * DAY_MS + 5 * HOUR_MS
ACME: KpiKey = ("account", "acme")
PRODUCT: KpiKey = ("product", "all")

SEEN = Model("seen", (Kind.USER, Kind.ACCOUNT), 90, {"seen": Weight(1.0)}, curve=Curve(Shape.NONE), margin=0.0)
TAGS = {
    "report": EventTags(core=True, advanced=True),
    "export": EventTags(core=True),
    "slack": EventTags(integration=True),
    "jira": EventTags(integration=True),
    "session": EventTags(duration=True),
}
EVENTS = ("seen", "report", "export", "slack", "jira", "session")
SCORING = Scoring(86_400, EVENTS, (SEEN,), segments=("plan",), tags=TAGS, kpis=KpiRules(30))


def with_window(days: int, **changes: Any) -> Scoring:
    return replace(SCORING, kpis=KpiRules(days, **changes))


class Fed:
    """An oracle, told of days ago."""

    def __init__(self, scoring: Scoring = SCORING, *, rules: Mapping[str, Rules] | None = None) -> None:
        self.oracle = Oracle(scoring, rules=rules)

    def event(
        self, user: str, *days_ago: float, account: str | None = "acme", event: str = "seen", value: float = 1
    ) -> "Fed":
        for ago in days_ago:
            ts = int(NOW_MS - ago * DAY_MS)
            told = {"event": event, "user_id": user, "account_id": account, "ts": ts, "value": value}
            assert self.oracle.feed(told, ts) == "counted"
        return self

    def users(self, number: int, *days_ago: float, first: int = 0, **more: Any) -> "Fed":
        for at in range(first, first + number):
            self.event(f"u{at}", *days_ago, **more)
        return self

    def traits(self, account: str = "acme", **traits: object) -> "Fed":
        assert self.oracle.feed({"type": "account", "account_id": account, "traits": traits}, NOW_MS) == "trait"
        return self

    def kpis(self, key: KpiKey = ACME, now_ms: int = NOW_MS) -> dict[str, Any]:
        return kpis(self.oracle, now_ms)[key]


def shares(found: Mapping[str, object], *names: str) -> list[object]:
    return [found[name] for name in names]


# SCORING 3's examples


def test_40_of_50_licences_used_are_80_percent() -> None:
    assert Fed().users(40, 3).traits(licenses=50).kpis()["license_utilization"] == 0.8


@pytest.mark.parametrize("traits", [{"licenses": 40}, {"licenses": 100, "active_licenses": 40}])
def test_22_active_on_the_day_of_40_licences_are_an_adoption_of_55_percent(traits: dict[str, Any]) -> None:
    found = Fed().users(22, 1).users(9, 2, first=50).traits(**traits).kpis()
    assert shares(found, "dau", "adoption_rate") == [22, 0.55]


def test_18_of_45_are_a_stickiness_of_40_percent() -> None:
    found = Fed().users(18, 1).users(27, 12, first=18).kpis()
    assert shares(found, "dau", "mau", "stickiness") == [18, 45, 0.4]


def test_dau_over_wau_is_half_where_one_of_two_came_today() -> None:
    found = Fed().event("one", 1).event("other", 5).kpis()
    assert found["dau"] / found["wau"] == 0.5


def test_an_accounts_active_days_are_those_of_any_user() -> None:
    found = Fed(with_window(7)).event("one", 1, 3, 7).event("other", 3, 4, 6).kpis()
    assert found["active_days"] == 5


@pytest.mark.parametrize(
    ("active_days", "window", "often"),
    [
        (0, 30, None),
        (1, 30, "low"),
        (4, 30, "low"),
        (5, 30, "medium"),
        (12, 30, "medium"),
        (13, 30, "high"),
        (30, 30, "high"),
        (1, 7, "low"),  # 4.3 of 30
        (2, 7, "medium"),
        (3, 7, "medium"),  # 12.9
        (4, 7, "high"),
        (1, 90, "low"),
        (15, 90, "medium"),
        (38, 90, "medium"),
        (39, 90, "high"),
    ],
)
def test_frequency_has_its_bounds_at_5_and_13_days_of_30(active_days: int, window: int, often: str | None) -> None:
    assert frequency(active_days, window) == often


def test_quick_ratio_and_growth() -> None:
    movers = [(30, 6, 12), (1, 0, 0), (0, 0, 4), (0, 0, 0)]
    assert [quick_ratio(*each) for each in movers] == [3, None, 0, None]
    assert [growth(*each) for each in movers] == [75, 100, 0, None]


def test_the_published_pes() -> None:
    known: dict[str, object] = {"feature_adoption": 0.4, "stickiness": 250 / 1000, "growth": 75.0}
    assert pes(known).score == pytest.approx(46.67, abs=0.005)
    assert pes(known, "product").score == pytest.approx(7.5, rel=1e-12)


def test_pes_from_events() -> None:
    """10 active users; core events used by 5 and 1 of them; 4 on the day; 6 new, 1 recovered, 3 dropped."""
    fed = Fed().users(6, 10).users(1, 70, 10, first=6).users(3, 40, 20, first=7).users(3, 45, first=20)
    fed.users(5, 9, event="report").users(1, 9, event="export").users(4, 1)
    found = fed.kpis()
    assert shares(found, "new", "returning", "recovered", "dropped") == [6, 3, 1, 3]
    assert shares(found, "mau", "dau", "feature_adoption", "stickiness", "growth") == [10, 4, 0.3, 0.4, 70]
    assert found["quick_ratio"] == 7 / 3
    assert pes(found).score == pytest.approx((30 + 40 + 70) / 3)
    assert pes(found, "product").score == pytest.approx(0.3 * 0.4 * 0.7 * 100)


def test_core_events_of_8_6_2_and_0_users_of_10_are_an_adoption_of_40_percent() -> None:
    four = {event: EventTags(core=True) for event in ("a", "b", "c", "d")}
    fed = Fed(replace(SCORING, events=(*EVENTS, "a", "b", "c", "d"), tags=four)).users(10, 2)
    fed.users(8, 3, event="a").users(6, 4, event="b").users(2, 5, event="c")
    assert fed.kpis()["feature_adoption"] == 0.4


def test_pes_names_what_is_undefined_and_has_no_score() -> None:
    nobody = Fed().traits(plan="pro").kpis()
    assert pes(nobody).undefined == ["adoption", "stickiness", "growth"]
    assert pes(nobody).score is None
    no_core = Fed(replace(SCORING, tags={})).event("one", 1).kpis()
    for combine in ("mean", "product"):
        found = pes(no_core, combine)
        assert (found.score, found.undefined) == (None, ["adoption"])
        assert found.parts == {"adoption": None, "stickiness": 100.0, "growth": 100.0}


def test_pes_takes_the_stickiness_that_is_chosen() -> None:
    found = Fed().event("one", 2, event="report").kpis()
    parts = [pes(found, stickiness=form).parts["stickiness"] for form in ("stickiness", "stickiness_wau_mau")]
    assert parts == [0.0, 100.0]
    assert pes(found, stickiness="stickiness_mean").parts["stickiness"] == pytest.approx(100 / 30)
    assert pes(found, "product").score == 0.0  # 0 is defined


# Health


def test_the_published_composites() -> None:
    weights = {"a": 0.30, "b": 0.25, "c": 0.20, "d": 0.15, "e": 0.10}
    assert health(weights, {"a": 85, "b": 60, "c": 70, "d": 40, "e": 80}).score == 68.5
    found = health({"a": 3, "b": 2, "c": 2, "d": 2}, {"a": 1, "b": 0.470588, "c": 0, "d": None})
    assert found.score == pytest.approx(0.563025, abs=5e-7)
    assert found.undefined == ["d"]


def test_a_composite_without_parts_is_none() -> None:
    assert health({"a": 1, "b": 2}, {"a": None, "b": None}) == Composite(None, {"a": None, "b": None})
    assert health({"a": 0, "b": 2}, {"a": 5.0, "b": None}).score is None


def test_kpis_count_as_percent_of_their_goal_and_traits_as_they_are() -> None:
    assert [kpi_part(value, 0.8) for value in (0.4, 0.8, 0.9, 0, None)] == [50, 100, 100, 0, None]
    assert [kpi_part(0.5, goal) for goal in (None, 0)] == [None, None]
    assert [trait_part(text) for text in ("0", "70", "99.5", "100")] == [0, 70, 99.5, 100]
    assert [trait_part(text) for text in (None, "", "good", "-1", "100.1", "nan")] == [None] * 6


# Who counts, and when


def test_nobody() -> None:
    found = Fed().traits(plan="pro").kpis()
    assert found == {
        "window": 30,
        "licenses": None,
        "active_licenses": None,
        "dau": 0,
        "wau": 0,
        "mau": 0,
        "license_utilization": None,
        "adoption_rate": None,
        "stickiness": None,
        "stickiness_wau_mau": None,
        "stickiness_mean": None,
        "breadth": 0,
        "depth": None,
        "active_days": 0,
        "frequency": None,
        "time_spent": 0,
        "integrations": 0,
        "feature_adoption": None,
        "new": 0,
        "returning": 0,
        "recovered": 0,
        "dropped": 0,
        "quick_ratio": None,
        "growth": None,
        "growth_rates": dict.fromkeys(found["growth_rates"]),
        "goals": {},
        "today": {"dau": 0, "events": 0},
    }
    assert list(found["growth_rates"]) == [
        *("dau", "wau", "mau", "license_utilization", "adoption_rate", "stickiness", "stickiness_wau_mau"),
        *("stickiness_mean", "breadth", "depth", "active_days", "time_spent", "integrations", "feature_adoption"),
    ]
    assert Fed().kpis(PRODUCT)["mau"] == 0


@pytest.mark.parametrize(
    ("n", "days_ago", "dau", "wau", "mau", "before"),
    [
        *((7, ago, *expected) for ago, expected in {0: (0, 0, 0, 0), 1: (1, 1, 1, 0), 2: (0, 1, 1, 0)}.items()),
        *((7, ago, *expected) for ago, expected in {7: (0, 1, 1, 0), 8: (0, 0, 0, 1), 14: (0, 0, 0, 1)}.items()),
        (7, 15, 0, 0, 0, 0),
        *((30, ago, *expected) for ago, expected in {0: (0, 0, 0, 0), 1: (1, 1, 1, 0), 7: (0, 1, 1, 0)}.items()),
        *((30, ago, *expected) for ago, expected in {8: (0, 0, 1, 0), 30: (0, 0, 1, 0), 31: (0, 0, 0, 1)}.items()),
        *((30, ago, *expected) for ago, expected in {60: (0, 0, 0, 1), 61: (0, 0, 0, 0)}.items()),
        *((1, ago, *expected) for ago, expected in {1: (1, 1, 1, 0), 2: (0, 1, 0, 1), 3: (0, 1, 0, 0)}.items()),
    ],
)
def test_windows_end_with_yesterday_and_hold_their_days(
    n: int, days_ago: int, dau: int, wau: int, mau: int, before: int
) -> None:
    found = Fed(with_window(n)).event("one", days_ago).kpis()
    assert shares(found, "dau", "wau", "mau", "dropped") == [dau, wau, mau, before]
    assert found["today"]["dau"] == (days_ago == 0)


@pytest.mark.parametrize("seconds", [86_400, 3_600, 900])
def test_a_day_begins_and_ends_at_midnight_whatever_the_bucket(seconds: int) -> None:
    fed = Fed(replace(SCORING, bucket_seconds=seconds))
    for number, ts in enumerate((TODAY * DAY_MS, TODAY * DAY_MS - 1, (TODAY - 1) * DAY_MS, (TODAY - 1) * DAY_MS - 1)):
        assert fed.oracle.feed({"event": "seen", "user_id": f"u{number}", "ts": ts}, ts) == "counted"
    assert shares(fed.kpis(PRODUCT), "dau", "mau", "active_days") == [2, 3, 2]
    assert fed.kpis(PRODUCT)["today"] == {"dau": 1, "events": 1}
    one_later = (TODAY + 1) * DAY_MS
    assert shares(fed.kpis(PRODUCT, one_later), "dau", "mau") == [1, 4]
    assert fed.kpis(PRODUCT, one_later)["today"]["dau"] == 0


def test_wau_is_of_7_days_even_where_the_window_is_shorter() -> None:
    found = Fed(with_window(3)).event("one", 2).event("other", 7).kpis()
    assert shares(found, "wau", "mau", "stickiness_wau_mau") == [2, 1, 2]


def test_a_mean_stickiness_is_of_every_day_of_the_window() -> None:
    found = Fed(with_window(7)).event("one", 1, 2, 3).event("other", 3, 7).event("other", 8).kpis()
    assert found["stickiness_mean"] == pytest.approx(5 / 7 / 2)


def test_an_event_of_value_0_is_activity() -> None:
    found = Fed().event("one", 1, value=0, event="report").kpis()
    assert shares(found, "dau", "breadth", "feature_adoption", "depth") == [1, 1 / 6, 0.5, None]


def test_what_was_done_before_an_exclusion_stays_and_nothing_comes_after() -> None:
    fed = Fed().event("bot-1", 3, 40)
    fed.oracle.scoring = replace(SCORING, exclude_users=("bot-*",))
    ts = NOW_MS - DAY_MS
    told = {"event": "seen", "user_id": "bot-1", "account_id": "acme", "ts": ts}
    assert fed.oracle.feed(told, ts) == "excluded"
    assert shares(fed.kpis(), "dau", "mau", "returning") == [0, 1, 1]


def test_a_type_that_the_file_names_no_more_is_no_activity_but_remembered_as_first_seen() -> None:
    fed = Fed().event("one", 40, event="slack").event("one", 3).event("other", 3, event="slack")
    fed.oracle.scoring = replace(SCORING, events=("seen", "report"))
    assert shares(fed.kpis(), "mau", "new", "recovered", "dropped", "integrations", "breadth") == [1, 0, 1, 0, 0, 0.5]


def test_a_user_in_two_accounts_is_two_members_and_one_without_is_a_third() -> None:
    fed = Fed().event("one", 1).event("one", 1, account="other").event("one", 1, account=None)
    assert [fed.kpis(key)["mau"] for key in (ACME, ("account", "other"), PRODUCT)] == [1, 1, 3]
    assert len(kpis(fed.oracle, NOW_MS)) == 3


# Movers


@pytest.mark.parametrize(
    ("days_ago", "mover"),
    [
        ([1], "new"),
        ([15], "new"),
        ([30], "new"),
        ([30, 1], "new"),
        ([31, 30], "returning"),
        ([60, 1], "returning"),
        ([61, 1], "recovered"),
        ([61, 31, 1], "returning"),
        ([31], "dropped"),
        ([60], "dropped"),
        ([61], None),
        ([0], None),
        ([45, 0], "dropped"),
        ([401, 1], "recovered"),  # 400 days later: still remembered
        ([402, 1], "new"),
        ([430, 30], "recovered"),
        ([431, 30], "new"),
        ([900, 500, 100, 1], "recovered"),  # never away for more than 400 days
        ([900, 499, 98, 1], "recovered"),
        ([900, 402, 1], "new"),
        ([450, 40, 1], "returning"),
    ],
)
def test_how_a_member_moved(days_ago: list[int], mover: str | None) -> None:
    found = Fed().event("one", *days_ago).kpis()
    moved = [name for name in ("new", "returning", "recovered", "dropped") if found[name]]
    assert moved == ([] if mover is None else [mover])


def test_who_returns_within_a_window_of_more_than_400_days_is_returning_only() -> None:
    found = Fed(replace(with_window(500), models=(replace(SEEN, window=1_100),))).event("one", 600, 100).kpis()
    assert shares(found, "new", "returning", "mau") == [0, 1, 1]


def test_a_late_event_makes_first_seen_earlier() -> None:
    late_last, in_order = Fed().event("one", 5, 70), Fed().event("one", 70, 5)
    assert late_last.kpis() == in_order.kpis()
    assert late_last.kpis()["recovered"] == 1


def test_first_seen_begins_anew_after_more_than_400_days() -> None:
    assert first_day([]) is None
    assert first_day([7]) == 7
    assert first_day([400, 0]) == 0
    assert first_day([401, 0]) == 401
    assert first_day([401, 0, 200]) == 0


# Sums


def test_breadth_depth_time_spent_integrations() -> None:
    fed = Fed().event("one", 2, event="report", value=3).event("other", 30, event="export", value=4.5)
    fed.event("other", 3, value=2.5).event("one", 1, event="session", value=90.5).event("one", 4, event="slack")
    fed.event("one", 31, event="jira").event("one", 0, event="session", value=7).event("one", 0, value=2, event="jira")
    found = fed.kpis()
    assert shares(found, "breadth", "time_spent", "integrations") == [5 / 6, 90.5, 1]
    assert found["depth"] == pytest.approx(3 / 11)
    assert found["today"] == {"dau": 1, "events": 2}


def test_a_duration_counts_in_no_share_of_events_though_it_is_advanced() -> None:
    tags = {"session": EventTags(duration=True, advanced=True)}
    found = Fed(replace(SCORING, tags=tags)).event("one", 1, event="session", value=60).event("one", 1).kpis()
    assert shares(found, "depth", "time_spent") == [0, 60]


def test_growth_rates_are_against_the_kpis_one_window_ago_with_todays_licences() -> None:
    fed = Fed(with_window(7)).traits(licenses=10).users(2, 8).users(1, 1, 3).users(2, 5, first=10)
    found = fed.kpis()
    assert shares(found, "dau", "wau", "mau", "license_utilization", "stickiness") == [1, 3, 3, 0.3, 1 / 3]
    expected: dict[str, float | Fraction] = {
        "dau": -0.5,
        "wau": 0.5,
        "mau": 0.5,
        "license_utilization": 0.5,
        "stickiness": -2 / 3,
    }
    expected |= {"adoption_rate": -0.5, "stickiness_wau_mau": 0, "active_days": 2, "breadth": 0}
    expected |= {"stickiness_mean": Fraction(4, 21) / Fraction(2, 14) - 1}
    rates = found["growth_rates"]
    assert {name: rates[name] for name in expected} == pytest.approx(expected)
    assert shares(rates, "depth", "time_spent", "integrations", "feature_adoption") == [None] * 4


def test_goals_tell_the_distance_to_any_kpi_that_is_a_number() -> None:
    goals = {"license_utilization": 0.8, "mau": 3.0, "quick_ratio": 1.0}
    found = Fed(with_window(30, goals=goals)).traits(licenses=5).users(2, 1).kpis()
    assert found["goals"] == {
        "license_utilization": {"goal": 0.8, "distance": -0.4},
        "mau": {"goal": 3.0, "distance": -1},
        "quick_ratio": {"goal": 1.0, "distance": None},
    }


# Licences, segments


@pytest.mark.parametrize(
    "said", [0, "0", "0.0", "many", "", "nan", "inf", "-5", " 5", "+5", "5 ", "1_000", True, "\uff15"]
)
def test_a_trait_that_is_no_number_above_0_tells_no_licences(said: object) -> None:
    found = Fed().event("one", 1).traits(licenses=said, active_licenses=said).kpis()
    assert shares(found, "licenses", "active_licenses", "license_utilization", "adoption_rate") == [None] * 4


@pytest.mark.parametrize(("said", "number"), [("50", 50), (50.0, 50), (12.5, 12.5), ("1e3", 1000), (1e-7, 1e-7)])
def test_a_number_in_any_form_tells_licences(said: object, number: float) -> None:
    assert Fed().traits(licenses=said).kpis()["licenses"] == number


def test_adoption_falls_back_on_licences_where_active_ones_are_no_number() -> None:
    found = Fed().users(1, 1).traits(licenses=4, active_licenses="?").kpis()
    assert shares(found, "licenses", "active_licenses", "adoption_rate") == [4, None, 0.25]
    found = Fed().users(1, 1).traits(active_licenses=2).kpis()
    assert shares(found, "license_utilization", "adoption_rate") == [None, 0.5]
    assert licence_count(None) is None


def test_the_newest_licences_count() -> None:
    fed = Fed().users(2, 1, 40).traits(licenses=2).traits(licenses=4)
    assert shares(fed.kpis(), "licenses", "license_utilization") == [4, 0.5]
    assert fed.traits(licenses=None).kpis()["license_utilization"] is None


def test_a_segments_ratios_of_licences_are_over_the_accounts_that_tell_them() -> None:
    """Beside `silent`, whose users are in neither sum: used 3 of 10 + 20, and on the day 1 + 1 of 4 + 20."""
    fed = Fed().traits("acme", plan="pro", licenses=10, active_licenses=4).traits("empty", plan="pro", licenses=20)
    fed.traits("silent", plan="pro").traits("other", plan="free", licenses=5)
    fed.users(3, 2).users(1, 1).users(1, 1, account="empty").users(6, 1, account="silent").users(5, 1, account="other")
    fed.users(7, 1, account=None)
    pro = fed.kpis(("segment", "plan=pro"))
    assert shares(pro, "licenses", "active_licenses", "dau", "mau") == [30, 4, 8, 10]
    assert shares(pro, "license_utilization", "adoption_rate") == [pytest.approx(4 / 30), pytest.approx(2 / 24)]
    everyone = fed.kpis(PRODUCT)
    assert shares(everyone, "licenses", "active_licenses", "dau", "mau") == [35, 4, 20, 22]
    assert shares(everyone, "license_utilization", "adoption_rate") == [pytest.approx(9 / 35), pytest.approx(7 / 29)]


def test_a_segment_is_asked_itself_and_not_the_mean_of_its_accounts() -> None:
    fed = Fed().traits("acme", plan="pro").traits("other", plan="pro")
    fed.users(3, 5).users(1, 1, account="other").users(3, 1, account="other", event="report")
    pro = fed.kpis(("segment", "plan=pro"))
    assert shares(pro, "stickiness", "feature_adoption", "breadth") == [0.5, 0.25, pytest.approx(1 / 3)]
    assert pro["active_days"] == 2


def test_an_account_is_in_the_segment_that_its_traits_name_now() -> None:
    fed = Fed().users(2, 1).traits(plan="free", size="9")
    assert set(kpis(fed.oracle, NOW_MS)) == {ACME, ("segment", "plan=free"), PRODUCT}
    fed.traits(plan="a=b/c")
    assert set(kpis(fed.oracle, NOW_MS)) == {ACME, ("segment", "plan=a%3Db%2Fc"), PRODUCT}
    assert fed.kpis(("segment", segment_id("plan", "a=b/c")))["mau"] == 2
    assert perhaps(fed.oracle, NOW_MS) == {("segment", "plan=free")}


def test_an_account_is_there_while_it_has_events_in_the_retention_or_traits() -> None:
    fed = Fed(with_window(45)).event("one", 90).event("two", 91, account="other").traits("other", licenses=3)
    assert retention(fed.oracle.scoring) == 91
    assert ACME in kpis(fed.oracle, NOW_MS)
    assert ACME not in kpis(fed.oracle, NOW_MS + DAY_MS)
    assert perhaps(fed.oracle, NOW_MS + DAY_MS) == {ACME}
    assert fed.kpis(("account", "other"), NOW_MS + DAY_MS)["licenses"] == 3


@pytest.mark.parametrize(
    ("bucket", "window", "buckets"), [(86_400, 30, 61), (86_400, 7, 15), (86_400, 1, 9), (3_600, 30, 61 * 24)]
)
def test_retention_reaches_back_two_windows_and_a_week(bucket: int, window: int, buckets: int) -> None:
    scoring = replace(SCORING, bucket_seconds=bucket, models=(replace(SEEN, window=5),), kpis=KpiRules(window))
    assert retention(scoring) == buckets
    assert retention(replace(scoring, kpis=None)) == 5


# Comparing


def test_documents_that_say_the_same_are_no_difference() -> None:
    fed = Fed(with_window(30, goals={"mau": 5})).users(2, 1).traits(plan="pro", licenses=7)
    right = kpis(fed.oracle, NOW_MS)
    documents = {f"scorer:kpi:{kind}:{name}": {"v": "1", "as_of": 1, **found} for (kind, name), found in right.items()}
    assert compare_kpis(right, documents) == []
    documents["scorer:kpi:account:acme"]["mau"] = 3
    documents["scorer:kpi:product:all"]["growth_rates"] = {}
    del documents["scorer:kpi:segment:plan=pro"]
    documents |= {"scorer:kpi:account:old": {"mau": 0}, "scorer:kpi:account:older": {"mau": 1}}
    differences = compare_kpis(right, documents, perhaps=[("account", "old"), ("account", "older")])
    assert "account:acme: mau is 3, expected 2" in differences
    assert "account:older: nobody belongs to it, but mau is 1" in differences
    assert [what for what in differences if what.startswith("missing: segment:plan=pro")]
    assert len(differences) == 3 + 14
    assert compare_kpis({}, {"scorer:kpi:account:old": {"mau": 0}}) == ["surplus: account:old, found {'mau': 0}"]


# Rollup, tenure, against oneself


USERS = (Kind.USER, Kind.ACCOUNT)


def weighted(**changes: Any) -> Model:
    plain = Model("one", USERS, 30, {"seen": Weight(1.0)}, curve=Curve(Shape.LINEAR), margin=0.0)
    return replace(plain, benchmark=BenchmarkRule(initial=10.0), **changes)


def scored(model: Model, rules: Rules, told: Iterable[tuple[str, float, float]]) -> dict[tuple[str, str], Result]:
    """`told`: user of `acme`, days ago, value. By kind and id."""
    fed = Fed(Scoring(86_400, EVENTS, (model,)), rules={"one": rules})
    for user, days_ago, value in told:
        fed.event(user, days_ago, value=value)
    return {(kind, entity_id): result for (_, kind, entity_id), result in fed.oracle.results(NOW_MS).items()}


PLAIN = weighted(curve=Curve(Shape.NONE), weights={"seen": Weight(1.0, cap_user=5.0, cap_account=6.0)})


@pytest.mark.parametrize(("rollup", "raw"), [("counts", 6), ("sum", 5 + 3), ("mean", 4)])
def test_rollup_decides_what_an_accounts_raw_is(rollup: str, raw: float) -> None:
    """Caps bound a user's own count in a sum, the account's in its counts."""
    results = scored(PLAIN, Rules(rollup=rollup), [("one", 0, 9), ("other", 0, 3), ("old", 29, 0)])
    assert results["account", "acme"] == Result(raw, raw, "at_risk", "scored", None)


def test_a_sum_adds_users_that_are_floored_each() -> None:
    model = replace(PLAIN, weights={"seen": Weight(-1.0), "report": Weight(1.0)})
    fed = Fed(Scoring(86_400, EVENTS, (model,)), rules={"one": Rules(rollup="sum")})
    fed.event("one", 1, value=4).event("other", 1, event="report", value=3)
    assert fed.oracle.results(NOW_MS)["one", "account", "acme"].raw == 3


def test_a_sum_is_measured_against_other_accounts() -> None:
    fed = Fed(
        Scoring(86_400, EVENTS, (replace(weighted(), benchmark=BenchmarkRule(min_population=2)),)),
        rules={"one": Rules(rollup="sum")},
    )
    fed.users(2, 1).users(4, 1, account="other")
    results = fed.oracle.results(NOW_MS)
    assert results["one", "account", "acme"].benchmark == 3.8  # between 2 and 4
    assert results["one", "account", "acme"].score == pytest.approx(1 + 99 * 2 / 3.8)


def test_a_mean_is_of_the_scores_of_active_users_and_has_no_benchmark() -> None:
    told = [("one", 1, 10), ("other", 2, 5), ("zero", 3, 0), ("silent", 31, 7)]
    results = scored(weighted(), Rules(rollup="mean"), told)
    assert [results["user", f"acme/{user}"].score for user in ("one", "other", "zero")] == [100, 50.5, 1]
    assert results["account", "acme"] == Result(75.25, 75.25, "champion", "scored", None)
    only = scored(weighted(kinds=(Kind.ACCOUNT,)), Rules(rollup="mean"), told)
    assert only == {("account", "acme"): results["account", "acme"]}


@pytest.mark.parametrize(
    ("initial", "told", "expected"),
    [
        (10.0, [("one", 31, 5)], Result(1.0, 0.0, "inactive", "inactive", None)),
        (10.0, [("one", 1, 0)], Result(1.0, 0.0, "at_risk", "scored", None)),
        (None, [("one", 1, 5)], Result(None, 0.0, None, "warming_up", None)),
        (None, [("one", 31, 5)], Result(1.0, 0.0, "inactive", "inactive", None)),
    ],
)
def test_a_mean_of_nobody(initial: float | None, told: list[tuple[str, float, float]], expected: Result) -> None:
    model = replace(weighted(), benchmark=BenchmarkRule(initial=initial))
    fed = Fed(Scoring(86_400, EVENTS, (model, SEEN)), rules={"one": Rules(rollup="mean")})
    for user, days_ago, value in told:
        fed.event(user, days_ago, value=value)
    assert fed.oracle.results(NOW_MS)["one", "account", "acme"] == expected
    assert ("one", "account", "all") not in fed.oracle.group_benchmarks(NOW_MS)


def test_a_mean_of_an_account_that_only_has_traits_is_never_used() -> None:
    fed = Fed(Scoring(86_400, EVENTS, (weighted(),)), rules={"one": Rules(rollup="mean")}).traits(plan="pro")
    assert fed.oracle.results(NOW_MS)["one", "account", "acme"].state == "never_used"


@pytest.mark.parametrize(
    ("window", "days_ago", "factor"),
    [
        (30, 0, Fraction(30, 7)),
        (30, 7, Fraction(30, 7)),
        (30, 8, Fraction(30, 8)),
        (30, 29, Fraction(30, 29)),
        (30, 30, Fraction(1)),
        (30, 400, Fraction(1)),
        (5, 0, Fraction(1)),
        (7, 6, Fraction(1)),
    ],
)
def test_tenure(window: int, days_ago: int, factor: Fraction) -> None:
    assert tenure_factor(Fraction(window), days_ago) == factor


@pytest.mark.parametrize(
    ("days_ago", "raw"),
    [
        ([3], 30 / 7),
        ([15], 2),
        ([15, 3], 4),
        ([29], 30 / 29),
        ([40, 3], 1),  # no newcomer
        ([403, 3], 1),  # away for 400 days
        ([404, 3], 30 / 7),
    ],
)
@pytest.mark.parametrize("bucket", [86_400, 3_600])
def test_newcomers_are_scored_as_if_they_had_been_there_all_the_window(
    days_ago: list[float], raw: float, bucket: int
) -> None:
    model = replace(SEEN, window=30 * 86_400 // bucket)
    fed = Fed(Scoring(bucket, EVENTS, (model,)), rules={"seen": Rules(tenure="normalise")})
    results = fed.event("one", *days_ago).oracle.results(NOW_MS)
    assert results["seen", "user", "acme/one"].raw == pytest.approx(raw)
    assert results["seen", "account", "acme"].raw == pytest.approx(raw)


def test_an_account_is_as_old_as_its_oldest_user_and_tenure_applies_once() -> None:
    for rollup, raw in (("counts", 2.0), ("sum", 2.0)):
        told = [("old", 40, 1), ("old", 2, 1), ("young", 1, 1)]
        results = scored(weighted(curve=Curve(Shape.NONE)), Rules(rollup=rollup, tenure="normalise"), told)
        assert results["user", "acme/young"].raw == pytest.approx(30 / 7)
        assert results["account", "acme"].raw == raw


def test_the_published_self_benchmark() -> None:
    benchmark = self_benchmark({TODAY - ago: 10.0 for ago in range(28, 85)}, TODAY)
    assert benchmark == 8.5
    assert [min(current / 8.5, 1) for current in (12, 4, 0)] == [1, pytest.approx(0.470588, abs=5e-7), 0]
    assert self_benchmark({}, TODAY) is None


def test_a_self_benchmark_looks_28_to_84_days_back() -> None:
    noise = {TODAY - ago: 99.0 for ago in (0, 1, 27, 85, 200)}
    assert self_benchmark(noise, TODAY) is None
    assert self_benchmark({**noise, TODAY - 28: 2.0, TODAY - 84: 4.0}, TODAY) == 2.55
    assert self_benchmark({TODAY - 50: 0.0, TODAY - 40: 0.0, TODAY - 30: 5.0}, TODAY) is None


def against_self(*told: tuple[float, float]) -> Result:
    """A sum over one day, of (days ago, value)."""
    model = weighted(window=1, kinds=(Kind.USER,))
    scoring = Scoring(86_400, EVENTS, (model, SEEN))
    fed = Fed(scoring, rules={"one": Rules(against="self")})
    for days_ago, value in told:
        fed.event("one", days_ago, value=value)
    return fed.oracle.results(NOW_MS)["one", "user", "acme/one"]


def test_against_oneself() -> None:
    usual = [(ago, 10.0) for ago in range(28, 85)]
    assert against_self(*usual, (0, 12)) == Result(100.0, 12.0, "champion", "scored", 8.5)
    assert against_self(*usual, (0, 4)).score == pytest.approx(1 + 99 * 0.470588, abs=5e-5)
    assert against_self(*usual, (0, 0)).score == 1
    assert against_self(*usual).state == "inactive"
    assert against_self((27, 10), (0, 12)) == Result(None, 12.0, None, "warming_up", None)
    assert against_self((28, 10), (0, 12)).benchmark == 8.5
    assert against_self((29, 10), (28, 0), (0, 12)).benchmark == 4.25  # between 10 and the silence after it
    assert against_self((31, 10), (0, 12)).state == "warming_up"  # a median of 0


def test_history_may_be_what_was_noted() -> None:
    scoring = Scoring(86_400, EVENTS, (weighted(kinds=(Kind.USER,)),))
    fed = Fed(scoring, rules={"one": Rules(against="self")}).event("one", 0, value=12)
    noted = {("one", "user", "acme/one"): {TODAY - 28: 100.0}}
    assert fed.oracle.results(NOW_MS, noted)["one", "user", "acme/one"].benchmark == 85
