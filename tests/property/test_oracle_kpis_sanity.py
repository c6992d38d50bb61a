"""The naive KPIs keep what follows from their definitions, whatever happened; the histories hold what they promise."""

from collections import Counter
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kpi_histories import KpiHistory, big_history, histories
from tests.oracle import DAY_MS, Oracle
from tests.oracle_kpis import KpiKey, Kpis, kpis

ADDING_UP = ("dau", "wau", "mau", "new", "returning", "recovered", "dropped", "time_spent")


def check(history: KpiHistory, told: dict[KpiKey, Kpis]) -> None:
    assert history.scoring.kpis is not None
    for key, found in told.items():
        numbers: dict[str, Any] = found
        assert numbers["new"] + numbers["returning"] + numbers["recovered"] == numbers["mau"], key
        assert numbers["dau"] <= min(numbers["mau"], numbers["wau"])
        assert (numbers["mau"] == 0) == (numbers["active_days"] == 0) == (numbers["frequency"] is None)
        assert (numbers["stickiness"] is None) == (numbers["mau"] == 0)
        for ratio in ("stickiness", "stickiness_mean", "breadth", "depth", "feature_adoption"):
            assert numbers[ratio] is None or 0 <= numbers[ratio] <= 1
        assert numbers["active_days"] <= history.scoring.kpis.window
        assert numbers["growth"] is None or 0 <= numbers["growth"] <= 100
        assert (numbers["quick_ratio"] is None) == (numbers["dropped"] == 0)
        assert numbers["goals"].keys() == history.scoring.kpis.goals.keys()
    accounts: list[dict[str, Any]] = [found for (kind, _), found in told.items() if kind == "account"]
    product: dict[str, Any] = told["product", "all"]
    for name in ADDING_UP:
        assert sum(Fraction(account[name]) for account in accounts) <= Fraction(product[name]) + Fraction(1, 10**6)
    assert sum(account["today"]["dau"] for account in accounts) <= product["today"]["dau"]


@settings(max_examples=150)
@given(histories())
def test_kpis_keep_what_follows_from_their_definitions(history: KpiHistory) -> None:
    check(history, kpis(history.oracle(), history.now_ms))


@settings(max_examples=60)
@given(histories(), st.randoms(use_true_random=False))
def test_kpis_are_free_of_the_order_in_which_counted_events_come(history: KpiHistory, random: Random) -> None:
    recount, shuffled = Oracle(history.scoring), Oracle(history.scoring)
    counted, traits = [], []
    for at_ms, record in history.told:
        outcome = recount.feed(record, at_ms, now_ms=at_ms)
        if outcome == "counted":
            counted.append((at_ms, {**record, "event_id": None}))
        elif outcome == "trait":
            traits.append((at_ms, record))
    random.shuffle(counted)
    for at_ms, record in (*counted, *traits):
        shuffled.feed(record, at_ms)
    assert kpis(recount, history.now_ms) == kpis(shuffled, history.now_ms)


@settings(max_examples=60)
@given(histories())
def test_growth_rates_are_against_the_kpis_one_window_ago(history: KpiHistory) -> None:
    recount = history.oracle()
    now: dict[KpiKey, Any] = kpis(recount, history.now_ms)
    n = now["product", "all"]["window"]
    then: dict[KpiKey, Any] = kpis(recount, history.now_ms - n * DAY_MS)
    for key, found in now.items():
        for name, rate in found["growth_rates"].items():
            before = then[key][name]
            if found[name] is None or not before:
                assert rate is None
            else:
                assert abs(rate - (found[name] - before) / before) < 1e-9


def test_a_big_history_is_the_same_for_a_seed_and_holds_everything() -> None:
    history = big_history(1)
    assert history == big_history(1)
    recount = history.oracle()
    assert recount.outcomes.keys() == {"counted", "duplicate", "excluded", "late", "trait", "unknown_type"}
    told = kpis(recount, history.now_ms)
    check(history, told)
    product: dict[str, Any] = told["product", "all"]
    assert min(product[mover] for mover in ("new", "returning", "recovered", "dropped")) > 5
    assert [name for name, value in product.items() if value is None] == []
    assert [name for name, value in product["growth_rates"].items() if value is None] == []
    assert Counter(kind for kind, _ in told)["segment"] == 6
    frequencies = Counter(found["frequency"] for found in told.values())
    assert frequencies.keys() == {None, "low", "medium", "high"}
