"""Every metric of a worker (INTERFACES 7), in one place. Base units; never an entity's id in a label."""

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from scorer.core.model import INACTIVE_BAND, Model
from scorer.core.standing import band_name

OUTCOMES = ("counted", "duplicate", "replayed", "late", "excluded", "unknown_type", "dead_letter", "trait")
"""What becomes of a record; `trait`: it told an account's traits."""

KPI_RATIOS = (
    "license_utilization",
    "adoption_rate",
    "stickiness",
    "stickiness_wau_mau",
    "stickiness_mean",
    "breadth",
    "depth",
    "feature_adoption",
)
"""KPIs that are shares of 1."""

ALERT_STATES = ("fired", "resolved")

_LATENCIES = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_DURATIONS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_STAGES = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_SCORES = (1.0, 10.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 90.0, 99.0, 100.0)
_RECORDS = tuple(4.0**power for power in range(8))


class ColumnHistogram(Collector):
    """A histogram that observes a whole column at once: one value at a time would cost more than counting an event."""

    def __init__(self, name: str, documentation: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name, self._documentation = name, documentation
        self._bounds = np.array([*bounds, np.inf])
        self._counts = np.zeros(len(self._bounds), np.int64)
        self._sum = 0.0
        registry.register(self)

    def observe(self, values: NDArray[np.float64]) -> None:
        self._counts += _bucket_counts(values, self._bounds)
        self._sum += float(values.sum())

    def collect(self) -> Iterator[HistogramMetricFamily]:
        yield HistogramMetricFamily(
            self._name, self._documentation, buckets=_cumulative(self._bounds, self._counts), sum_value=self._sum
        )


class ScoreDistribution(Collector):
    """How the scores are spread now, by model and kind. It describes a state: counts may fall, unlike a counter's."""

    def __init__(self, name: str, documentation: str, registry: CollectorRegistry) -> None:
        self._name, self._documentation = name, documentation
        self._bounds = np.array([*_SCORES, np.inf])
        self._parts: dict[tuple[str, str], dict[int, tuple[NDArray[np.int64], float]]] = {}
        registry.register(self)

    def replace(self, partition: int, model: str, kind: str, scores: NDArray[np.float64]) -> None:
        """The partition's scores of a model and kind as they are now; nan, no score, isn't counted."""
        there = scores[~np.isnan(scores)]
        part = _bucket_counts(there, self._bounds), float(there.sum())
        self._parts.setdefault((model, kind), {})[partition] = part

    def forget(self, partition: int) -> None:
        for parts in self._parts.values():
            parts.pop(partition, None)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._documentation, labels=["model", "kind"])
        for labels, parts in self._parts.items():
            if parts:
                counts = np.sum([counts for counts, _ in parts.values()], axis=0)
                total = sum(total for _, total in parts.values())
                family.add_metric(labels, _cumulative(self._bounds, counts), total)
        yield family


def _bucket_counts(values: NDArray[np.float64], bounds: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many values lie in each bucket; an upper bound belongs to its bucket, as Prometheus has it."""
    return np.bincount(np.searchsorted(bounds, values), minlength=len(bounds)).astype(np.int64)


def _cumulative(bounds: NDArray[np.float64], counts: NDArray[np.int64]) -> list[tuple[str, float]]:
    names = [*(str(bound) for bound in bounds[:-1].tolist()), "+Inf"]
    return list(zip(names, np.cumsum(counts).tolist(), strict=True))


class Metrics:
    """The metrics of one worker, in a registry of its own. Gauges that only a scrape needs take `set_function`."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        self.registry = registry
        self._make_stream_metrics(registry)
        self._make_score_metrics(registry)
        self._make_journal_metrics(registry)
        Info("scorer_build", "The version that runs.", registry=registry).info(
            {"version": version, "python": platform.python_version()}
        )

    def _make_stream_metrics(self, registry: CollectorRegistry) -> None:
        self.ready = Gauge(
            "scorer_ready", "Whether the worker is restored and caught up, as /readyz says: 1 or 0.", registry=registry
        )
        self.events = Counter(
            "scorer_events_total", "Input records by what became of them.", ["outcome"], registry=registry
        )
        for outcome in OUTCOMES:
            self.events.labels(outcome)  # a rate needs the 0 before the first event
        self.chunk_records = Histogram(
            "scorer_chunk_records", "Records per fetched chunk.", buckets=_RECORDS, registry=registry
        )
        self.consumer_lag_records = Gauge(
            "scorer_consumer_lag_records",
            "Input records behind the end of the log.",
            ["topic", "partition"],
            registry=registry,
        )
        self.last_commit_age_seconds = Gauge(
            "scorer_last_commit_age_seconds",
            "Seconds since the input's position was last committed, of the partition that waits longest.",
            registry=registry,
        )
        self.dedupe_seconds = Gauge(
            "scorer_dedupe_seconds",
            "How far back repeated event ids are still known.",
            ["partition"],
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "scorer_stage_seconds",
            "Time of a stage per pass: nothing may hold the event loop for more than 0.05.",
            ["stage"],
            buckets=_STAGES,
            registry=registry,
        )

    def _make_score_metrics(self, registry: CollectorRegistry) -> None:
        self.event_to_score_seconds = ColumnHistogram(
            "scorer_event_to_score_seconds",
            "From an event's broker timestamp to its score in Redis.",
            _LATENCIES,
            registry,
        )
        self.entities = Gauge("scorer_entities", "Users and accounts by state.", ["kind", "state"], registry=registry)
        self.scores = Gauge("scorer_scores", "Scores by band.", ["model", "kind", "band"], registry=registry)
        self.score_distribution = ScoreDistribution(
            "scorer_score_distribution", "How the scores are spread now.", registry
        )
        self.benchmark_raw = Gauge(
            "scorer_benchmark_raw", "The benchmark in force.", ["model", "kind", "peers"], registry=registry
        )
        self._kpi_ratio = Gauge(
            "scorer_kpi_ratio",
            "KPIs of segments and the product (all): shares of 1. Told by the owner of partition 0.",
            ["kpi", "segment"],
            registry=registry,
        )
        self.benchmark_age_seconds = Gauge(
            "scorer_benchmark_age_seconds",
            "Seconds since the oldest benchmark in force was computed.",
            registry=registry,
        )
        self._band_transitions = Counter(
            "scorer_band_transitions_total",
            "Changes of band, of users and accounts alike.",
            ["model", "from", "to"],
            registry=registry,
        )
        self._alerts = Counter(
            "scorer_alerts_total", "Alerts that fired or resolved.", ["rule", "state"], registry=registry
        )
        self.redis_pending_entities = Gauge(
            "scorer_redis_pending_entities", "Scores that Redis has not acknowledged.", registry=registry
        )

    def _make_journal_metrics(self, registry: CollectorRegistry) -> None:
        self.recovery_seconds = Histogram(
            "scorer_recovery_seconds",
            "Time to restore a partition's state.",
            buckets=_DURATIONS,
            registry=registry,
        )
        self.recovery_events = Counter(
            "scorer_recovery_events_total", "Events applied from the journal while restoring.", registry=registry
        )
        self.journal_bytes = Counter("scorer_journal_bytes_total", "Bytes appended to the journal.", registry=registry)
        self.snapshot_seconds = Histogram(
            "scorer_snapshot_seconds",
            "From cutting a snapshot to its last part in the journal.",
            buckets=_DURATIONS,
            registry=registry,
        )

    def expect(self, models: Iterable[Model], rules: Iterable[str]) -> None:
        """Show what may be counted before it is for the first time: a rate needs the 0."""
        for model in models:
            bands = [*(band.name for band in model.bands), INACTIVE_BAND]
            for before, after in permutations(bands, 2):
                self._band_transitions.labels(model.name, before, after)
        for rule in rules:
            for state in ALERT_STATES:
                self._alerts.labels(rule, state)

    def count_band_transitions(self, model: Model, moves: Mapping[tuple[int, int], int]) -> None:
        """How many went from one band to another, by the bands' codes (core.standing) in the model."""
        for (before, after), count in moves.items():
            self._band_transitions.labels(model.name, band_name(before, model), band_name(after, model)).inc(count)

    def count_alerts(self, told: Mapping[tuple[str, str], int]) -> None:
        """How many alerts, by rule and state."""
        for (rule, state), count in told.items():
            self._alerts.labels(rule, state).inc(count)

    def set_kpis(self, segment: str, kpis: Mapping[str, Any]) -> None:
        """What is known now of a segment, or of the product. What is undefined has no series."""
        shares = {name: kpis[name] for name in KPI_RATIOS} | {"growth": kpis["growth"] and kpis["growth"] / 100}
        for name, share in shares.items():
            if share is not None:
                self._kpi_ratio.labels(name, segment).set(share)
            else:
                self._kpi_ratio.labels(name, segment)  # `remove` warns about what isn't there
                self._kpi_ratio.remove(name, segment)

    def forget_partition(self, topic: str, partition: int) -> None:
        """The partition went to another worker: its series end here."""
        label = str(partition)
        series: list[tuple[Gauge, tuple[str, ...]]] = [
            (self.consumer_lag_records, (topic, label)),
            (self.dedupe_seconds, (label,)),
        ]
        for gauge, labels in series:
            gauge.labels(*labels)  # `remove` warns about what isn't there
            gauge.remove(*labels)
        self.score_distribution.forget(partition)
        if partition == 0:
            self._kpi_ratio.clear()
