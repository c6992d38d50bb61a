"""/metrics of a real worker, by Prometheus's own parsers: names, types, labels, and figures that are true."""

import asyncio
import importlib.metadata
import json
import math
import platform
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.deployment import NOW_MS, Deployment, Record, deployment, event, events
from tests.oracle_input import partition_of
from tests.servers import KafkaServer, RedisServer
from tests.topic_making import all_records
from tests.worker_process import WorkerProcess, wait_until

OPENMETRICS = "application/openmetrics-text;version=1.0.0"

FAMILIES = {
    "scorer_ready": ("gauge", set()),
    "scorer_events": ("counter", {"outcome"}),
    "scorer_event_to_score_seconds": ("histogram", set()),
    "scorer_consumer_lag_records": ("gauge", {"topic", "partition"}),
    "scorer_last_commit_age_seconds": ("gauge", set()),
    "scorer_dedupe_seconds": ("gauge", {"partition"}),
    "scorer_entities": ("gauge", {"kind", "state"}),
    "scorer_scores": ("gauge", {"model", "kind", "band"}),
    "scorer_score_distribution": ("histogram", {"model", "kind"}),
    "scorer_kpi_ratio": ("gauge", set()),
    "scorer_benchmark_raw": ("gauge", {"model", "kind", "peers"}),
    "scorer_benchmark_age_seconds": ("gauge", set()),
    "scorer_band_transitions": ("counter", {"model", "from", "to"}),
    "scorer_redis_pending_entities": ("gauge", set()),
    "scorer_recovery_seconds": ("histogram", set()),
    "scorer_recovery_events": ("counter", set()),
    "scorer_journal_bytes": ("counter", set()),
    "scorer_snapshot_seconds": ("histogram", set()),
    "scorer_chunk_records": ("histogram", set()),
    "scorer_stage_seconds": ("histogram", {"stage"}),
}
"""Name, type and labels of INTERFACES 7, with what the worker adds (`ready`, `dedupe`).

Alerts need rules, and KPIs have to be asked for.
"""

UNITS = ("_seconds", "_records", "_bytes", "_entities", "_raw", "_ratio")
WITHOUT_UNIT = {"scorer_ready", "scorer_entities", "scorer_scores", "scorer_score_distribution"}

Figures = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def site(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path) as made:
        yield made


def families(worker: WorkerProcess, *, openmetrics: bool) -> dict[str, Metric]:
    status, text = worker.get("/metrics", OPENMETRICS if openmetrics else "text/plain")
    assert status == 200
    found = (parse_openmetrics if openmetrics else parse_text)(text)
    return {family.name: family for family in found if not family.name.endswith("_created")}


def labelled(figures: Figures, name: str) -> dict[tuple[str, ...], float]:
    """A metric's values by its labels' values, in the order of the labels' names."""
    return {tuple(value for _, value in labels): count for (of, labels), count in figures.items() if of == name}


def mixture(site: Deployment) -> list[Record]:
    """Events of every outcome."""
    good = json.loads(event("ann", "acme", "opened", NOW_MS).value)
    home = partition_of("acme", site.partitions)
    bad = [
        Record("acme", b""),
        Record("acme", json.dumps({**good, "ts": NOW_MS + 3_700_000}).encode()),
        Record("acme", json.dumps(good).encode(), (home + 1) % site.partitions),
    ]
    fresh = events(1, 1500)
    mixed = [*fresh, *random.Random(1).sample(fresh, 300), *bad]
    random.Random(2).shuffle(mixed)
    return mixed


@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])
def test_names_types_and_labels_are_those_of_the_interface(site: Deployment, openmetrics: bool) -> None:
    site.produce(mixture(site))
    worker = site.running()
    site.until_scored()
    wait_until(lambda: "scorer_scores{" in worker.get("/metrics")[1], "a census")
    found = families(worker, openmetrics=openmetrics)
    info = found.pop("scorer_build" if openmetrics else "scorer_build_info")
    assert info.type == ("info" if openmetrics else "gauge")
    assert found.pop("scorer_alerts").type == "counter"
    shown = {
        name: (family.type, {label for sample in family.samples for label in sample.labels} - {"le"})
        for name, family in found.items()
    }
    assert shown == FAMILIES
    for name, family in found.items():
        assert family.documentation.endswith("."), name
        assert name.endswith(UNITS) or family.type == "counter" or name in WITHOUT_UNIT
        if family.type == "counter":
            assert all(
                sample.name == f"{name}_total" for sample in family.samples if not sample.name.endswith("_created")
            )


def test_no_entity_is_named(site: Deployment) -> None:
    site.produce(mixture(site))
    worker = site.running()
    site.until_scored()
    wait_until(lambda: "scorer_scores{" in worker.get("/metrics")[1], "a census")
    values = {
        value
        for family in families(worker, openmetrics=False).values()
        for sample in family.samples
        for value in sample.labels.values()
    }
    said = [json.loads(record.record.value) for record in site.fed if record.record.value[:1] == b"{"]
    assert said and values
    assert not values & {record.get(key) for record in said for key in ("user_id", "account_id", "event_id")}
    assert not [value for value in values if "acme" in value or value.startswith("user ")]


def test_figures_are_true(site: Deployment) -> None:
    site.produce(mixture(site))
    worker = site.running()
    site.until_right()
    site.until_at_rest(worker)
    documents = site.documents()
    bands = Counter((*key.split(":")[2:4], document["band"]) for key, document in documents.items())
    expected = {(band, kind, model): n for (model, kind, band), n in bands.items() if band is not None}

    def counted() -> bool:
        scores = labelled(worker.metrics(), "scorer_scores")
        return {at: n for at, n in scores.items() if n} == expected

    wait_until(counted, lambda: f"{labelled(worker.metrics(), 'scorer_scores')}, expected {expected}")
    for figures in (worker.metrics(), worker.metrics(openmetrics=True)):
        assert_true(site, figures)
    assert worker.terminate() == 0


def benchmarks_in_redis(site: Deployment) -> dict[tuple[str, ...], float | None]:
    """By kind, model and peer group."""
    found: dict[tuple[str, ...], float | None] = {}
    for key, benchmark in site.documents("benchmark").items():
        model, kind, peers = key.split(":")[2:]
        found[kind, model, peers] = benchmark["raw"]
    return found


def benchmarks_shown(figures: Figures) -> dict[tuple[str, ...], float | None]:
    shown = labelled(figures, "scorer_benchmark_raw")
    return {at: None if math.isnan(raw) else raw for at, raw in shown.items()}


def assert_true(site: Deployment, figures: Figures) -> None:
    outcomes: Counter[str] = Counter()
    for outcome, count in site.oracle.outcomes.items():
        outcomes[outcome.split(":")[0]] += count
    assert {"counted", "duplicate", "late", "excluded", "unknown_type", "dead_letter"} <= set(outcomes)
    found = {at[0]: count for at, count in labelled(figures, "scorer_events_total").items()}
    assert {outcome: count for outcome, count in found.items() if count} == outcomes
    assert found["trait"] == found["replayed"] == 0

    documents = site.documents()
    first = f"{site.namespace}:score:counts:"  # entities are counted by their state in the first model
    states = Counter(
        (key.split(":")[3], document["state"]) for key, document in documents.items() if key.startswith(first)
    )
    assert {at: n for at, n in labelled(figures, "scorer_entities").items() if n} == states

    for model, kind in {tuple(key.split(":")[2:4]) for key in documents}:
        own = f"{site.namespace}:score:{model}:{kind}:"
        scores = [d["score"] for key, d in documents.items() if key.startswith(own) and d["score"] is not None]
        assert figures.get(("scorer_score_distribution_count", (("kind", kind), ("model", model))), 0) == len(scores)
        total = figures.get(("scorer_score_distribution_sum", (("kind", kind), ("model", model))), 0)
        assert math.isclose(total, sum(scores), rel_tol=1e-9)

    benchmarks = benchmarks_in_redis(site)
    assert None in benchmarks.values()
    assert benchmarks_shown(figures) == benchmarks
    assert 0 < figures["scorer_benchmark_age_seconds", ()] < 120

    assert figures["scorer_ready", ()] == 1
    partitions = [str(number) for number in range(site.partitions)]
    assert labelled(figures, "scorer_consumer_lag_records") == {(number, site.input): 0 for number in partitions}
    assert figures["scorer_last_commit_age_seconds", ()] == figures["scorer_redis_pending_entities", ()] == 0
    assert {at for (at,) in labelled(figures, "scorer_dedupe_seconds")} == set(partitions)
    assert figures["scorer_recovery_seconds_count", ()] == site.partitions
    assert figures["scorer_recovery_events_total", ()] == 0
    assert figures["scorer_chunk_records_sum", ()] == len(site.fed)
    assert figures["scorer_event_to_score_seconds_count", ()] == len(site.fed)
    assert {at for (at,) in labelled(figures, "scorer_stage_seconds_count")} == {"decode", "count", "score", "flush"}
    journal = asyncio.run(all_records(site.bootstrap, f"{site.namespace}-journal"))
    assert figures["scorer_journal_bytes_total", ()] == sum(len(record.value) for record in journal)
    assert figures["scorer_snapshot_seconds_count", ()] == 0
    version = importlib.metadata.version("scorer")
    assert labelled(figures, "scorer_build_info") == {(platform.python_version(), version): 1}


def test_what_a_restart_brings_back_is_counted_as_recovered(site: Deployment) -> None:
    site.produce(events(3, 800))
    worker = site.running()
    site.until_right()
    site.until_at_rest(worker)
    counted = labelled(worker.metrics(), "scorer_events_total")["counted",]
    assert worker.terminate() == 0
    worker = site.running()
    figures = worker.metrics()
    assert figures["scorer_recovery_events_total", ()] == counted == site.oracle.outcomes["counted"]
    assert labelled(figures, "scorer_events_total")["counted",] == 0
    assert worker.terminate() == 0


WATCHED = """
version: 1
bucket: 1d
events: {opened: {}, ticket: {}}
segments: [plan]
models:
  points:
    kinds: [user]
    weights: {opened: 1, ticket: -4}
    curve: {shape: none}
    bands: {few: 0, many: 5}
    margin: 0
  ranked: {weights: {opened: 1}, benchmark: {peers: [plan], min_population: 1}}
alerts:
  lost: {model: points, kind: user, when: {crossed_below: 5}}
  never: {model: points, kind: user, when: {crossed_above: 1000}}
"""


def test_moves_between_bands_alerts_and_traits_are_counted(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, scoring_text=WATCHED) as site:
        worker = site.running()
        users = [(f"u{number}", f"acme{number % 3}") for number in range(9)]

        def moved(before: str, after: str) -> float:
            labels = (("from", before), ("model", "points"), ("to", after))
            return worker.metrics()["scorer_band_transitions_total", labels]

        def produce(kind: str, times: int) -> None:
            made = [event(user, account, kind, NOW_MS) for user, account in users for _ in range(times)]
            asyncio.run(site.append(made, remembered=False))

        def until(raw: float) -> None:
            def there() -> bool:
                return [each["raw"] for each in site.documents("score:points").values()] == [raw] * len(users)

            wait_until(there, lambda: str(site.documents("score:points")))

        assert moved("many", "few") == moved("few", "inactive") == 0
        traits = [
            Record(
                f"acme{n}",
                json.dumps({"type": "account", "account_id": f"acme{n}", "traits": {"plan": f"p{n}"}}).encode(),
            )
            for n in range(2)
        ]
        asyncio.run(site.append(traits, remembered=False))
        produce("opened", 6)
        until(6.0)
        assert moved("few", "many") == 0  # a first score is no move
        produce("ticket", 1)
        until(2.0)
        produce("opened", 4)
        until(6.0)
        wait_until(lambda: site.store.xlen(f"{site.namespace}:alerts") == 18, "alerts")
        stream = cast(list[tuple[str, dict[str, str]]], site.store.xrange(f"{site.namespace}:alerts"))
        sent = Counter((fields["rule"], fields["state"]) for _, fields in stream)
        assert sent == {("lost", "fired"): 9, ("lost", "resolved"): 9}

        def told() -> bool:
            return moved("many", "few") == moved("few", "many") == 9

        wait_until(told, lambda: f"{moved('many', 'few')} {moved('few', 'many')}")
        figures = worker.metrics()
        shown = labelled(figures, "scorer_alerts_total")
        assert shown == {("lost", "fired"): 9, ("lost", "resolved"): 9, ("never", "fired"): 0, ("never", "resolved"): 0}
        assert sum(labelled(figures, "scorer_band_transitions_total").values()) == 18
        assert labelled(figures, "scorer_events_total")["trait",] == len(traits)

        def exchanged() -> bool:
            in_redis = benchmarks_in_redis(site)
            all_groups = {peers for _, _, peers in in_redis} == {"all", "plan=p0", "plan=p1"}
            return all_groups and benchmarks_shown(worker.metrics()) == in_redis

        wait_until(exchanged, lambda: f"{benchmarks_shown(worker.metrics())} {benchmarks_in_redis(site)}")
        assert worker.terminate() == 0
