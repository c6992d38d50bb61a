"""KPIs that are switched on where counts were kept for a shorter time: what rests on days that are gone is null."""

import json
from dataclasses import replace
from typing import Any

from scorer.core.model import KpiRules, Scoring
from scorer.core.partition import PartitionState
from scorer.core.snapshot import freeze, load
from tests.unit.core.test_partition import DAY_MS, NO_HISTORY, NOW_MS, PLAIN, Partition, event

WEEK = Scoring(86_400, ("a",), (replace(PLAIN, window=7),), history=NO_HISTORY)
WITH_KPIS = replace(WEEK, kpis=KpiRules(7, {"mau": 2.0}))


def counted(of: Scoring) -> Partition:
    """One member of acme, active every day for 20 days, as it happened."""
    partition = Partition(of)
    for day in range(-19, 1):
        now_ms = NOW_MS + day * DAY_MS
        partition.apply(event("u", ts=now_ms), now_ms=now_ms)
        partition.score(now_ms=now_ms)
        partition.flush()
    return partition


def kpis(partition: Partition, days: int) -> dict[str, Any]:
    """Those of acme, so many days from now."""
    now_ms = NOW_MS + days * DAY_MS
    partition.apply(event("u", ts=now_ms), now_ms=now_ms)
    partition.score(now_ms=now_ms)
    for _ in partition.state.survey():
        pass
    (body,) = [body for cut in partition.state.cut() for batch in cut.kpis for body in batch.body]
    found: dict[str, Any] = json.loads("{" + body)
    return found


def test_from_the_start_everything_is_known() -> None:
    found = kpis(counted(WITH_KPIS), 0)
    assert (found["mau"], found["wau"], found["active_days"], found["frequency"]) == (1, 1, 7, "high")
    assert (found["new"], found["returning"], found["growth_rates"]["mau"]) == (0, 1, 0.0)
    assert found["goals"] == {"mau": {"goal": 2.0, "distance": -1.0}}


def test_what_rests_on_days_that_are_gone_is_null_until_they_are_out_of_the_windows() -> None:
    partition = counted(WEEK)
    partition.restart(WITH_KPIS)
    found = kpis(partition, 0)  # of today and 6 days before
    assert (found["dau"], found["today"]) == (1, {"dau": 1, "events": 2})
    assert {found[name] for name in ("mau", "wau", "active_days", "frequency", "stickiness", "new", "growth")} == {None}
    assert set(found["growth_rates"].values()) == {None}
    assert found["goals"] == {"mau": {"goal": 2.0, "distance": None}}


def test_they_are_known_again_one_window_after_the_other() -> None:
    partition = counted(WEEK)
    partition.restart(WITH_KPIS)
    kpis(partition, 0)
    assert kpis(partition, 1)["mau"] == 1
    for day in range(2, 8):
        assert kpis(partition, day)["returning"] is None
    found = kpis(partition, 8)
    assert (found["returning"], found["new"], found["growth_rates"]["mau"]) == (1, 0, 0.0)


def test_since_when_counts_are_kept_outlives_a_worker_and_the_journals_beginning() -> None:
    partition = counted(WEEK)
    assert partition.state.kept_from == partition.restored().kept_from == NOW_MS // DAY_MS - 6
    loaded = PartitionState(WEEK, 0, 1, 1_000)
    for body in freeze(partition.state):
        load(loaded, body)
    assert loaded.kept_from == partition.state.kept_from
