import platform

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from scorer.core.model import Kind, Model
from scorer.core.standing import INACTIVE_CODE
from scorer.metrics import Metrics

NAMES = {
    "scorer_ready",
    "scorer_events",
    "scorer_event_to_score_seconds",
    "scorer_consumer_lag_records",
    "scorer_last_commit_age_seconds",
    "scorer_entities",
    "scorer_scores",
    "scorer_kpi_ratio",
    "scorer_score_distribution",
    "scorer_benchmark_raw",
    "scorer_benchmark_age_seconds",
    "scorer_band_transitions",
    "scorer_alerts",
    "scorer_redis_pending_entities",
    "scorer_recovery_seconds",
    "scorer_recovery_events",
    "scorer_journal_bytes",
    "scorer_snapshot_seconds",
    "scorer_chunk_records",
    "scorer_stage_seconds",
    "scorer_build_info",
    "scorer_dedupe_seconds",
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), version="1.2.3")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_every_metric_of_the_interface_is_exposed_and_documented(metrics: Metrics) -> None:
    families = {
        family.name: family for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
    }
    ours = {name: family for name, family in families.items() if not name.endswith("_created")}
    assert set(ours) == NAMES
    assert all(family.documentation.endswith(".") for family in ours.values())
    assert value(metrics, "scorer_build_info", version="1.2.3", python=platform.python_version()) == 1


def test_every_outcome_is_there_before_its_first_event(metrics: Metrics) -> None:
    assert value(metrics, "scorer_events_total", outcome="dead_letter") == 0
    metrics.events.labels("counted").inc(7)
    assert value(metrics, "scorer_events_total", outcome="counted") == 7


def test_every_band_transition_and_alert_is_there_before_its_first_one(metrics: Metrics) -> None:
    model = Model("use", (Kind.USER,), 30, {})
    metrics.expect([model], ["churn_risk"])
    name = "scorer_band_transitions_total"
    shown = {
        (sample.labels["from"], sample.labels["to"])
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    }
    bands = {"at_risk", "low", "healthy", "champion", "inactive"}
    assert shown == {(before, after) for before in bands for after in bands if before != after}
    metrics.count_band_transitions(model, {(3, 0): 2, (INACTIVE_CODE, 2): 1})
    metrics.count_band_transitions(model, {(3, 0): 5})
    counted = {
        (before, after): value(metrics, name, model="use", **{"from": before, "to": after}) for before, after in shown
    }
    assert {pair: count for pair, count in counted.items() if count} == {
        ("champion", "at_risk"): 7,
        ("inactive", "healthy"): 1,
    }
    metrics.count_alerts({("churn_risk", "fired"): 3})
    assert value(metrics, "scorer_alerts_total", rule="churn_risk", state="fired") == 3
    assert value(metrics, "scorer_alerts_total", rule="churn_risk", state="resolved") == 0


def test_a_column_is_observed_as_its_values_one_by_one_would_be(metrics: Metrics) -> None:
    metrics.event_to_score_seconds.observe(np.array([0.05, 0.1, 0.11, 7.0, 1e6]))
    metrics.event_to_score_seconds.observe(np.array([]))
    metrics.event_to_score_seconds.observe(np.array([0.3]))
    name = "scorer_event_to_score_seconds"
    expected = {"0.1": 2, "0.25": 3, "0.5": 4, "5.0": 4, "10.0": 5, "3600.0": 5, "+Inf": 6}
    assert {bound: value(metrics, f"{name}_bucket", le=bound) for bound in expected} == expected
    assert value(metrics, f"{name}_count") == 6
    assert value(metrics, f"{name}_sum") == pytest.approx(0.05 + 0.1 + 0.11 + 7.0 + 1e6 + 0.3)


def test_the_distribution_is_that_of_now_over_all_partitions(metrics: Metrics) -> None:
    distribution = metrics.score_distribution
    distribution.replace(0, "engagement", "user", np.array([1.0, 50.0, 100.0, np.nan]))
    distribution.replace(1, "engagement", "user", np.array([10.0, 250.0]))
    distribution.replace(0, "engagement", "user", np.array([60.0, np.nan]))
    labels = {"model": "engagement", "kind": "user"}
    name = "scorer_score_distribution"
    expected = {"1.0": 0, "10.0": 1, "50.0": 1, "60.0": 2, "100.0": 2, "+Inf": 3}
    assert {bound: value(metrics, f"{name}_bucket", le=bound, **labels) for bound in expected} == expected
    assert value(metrics, f"{name}_count", **labels) == 3
    assert value(metrics, f"{name}_sum", **labels) == 320.0


def test_a_partition_that_went_elsewhere_leaves_no_series(metrics: Metrics) -> None:
    for partition in ("3", "4"):
        metrics.consumer_lag_records.labels("product-events", partition).set(12)
    metrics.dedupe_seconds.labels("3").set(60)
    metrics.score_distribution.replace(3, "engagement", "user", np.array([50.0]))
    metrics.forget_partition("product-events", 3)
    metrics.forget_partition("product-events", 5)  # one that never had any
    exposed = generate_latest(metrics.registry).decode()
    assert 'partition="3"' not in exposed
    assert 'partition="5"' not in exposed
    assert 'model="engagement"' not in exposed
    assert value(metrics, "scorer_consumer_lag_records", topic="product-events", partition="4") == 12
