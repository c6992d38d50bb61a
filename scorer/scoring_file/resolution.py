"""ScoringKeys -> core.model.Scoring: spans in buckets, bands sorted, and the rules that bind several keys together."""

from collections.abc import Iterator
from datetime import timedelta

from scorer.core.model import (
    DEFAULT_BANDS,
    Band,
    BenchmarkRule,
    Curve,
    EventTags,
    HistoryDays,
    Kind,
    KpiRules,
    Model,
    Scoring,
    Shape,
    Weight,
)
from scorer.durations import format_duration, parse_duration
from scorer.scoring_file.alert_resolution import rule_of, rule_problems
from scorer.scoring_file.document import Document
from scorer.scoring_file.problems import KeyPath, Problem, ScoringFileError
from scorer.scoring_file.schema import AUTO, CapKeys, KpiKeys, ModelKeys, ScoringKeys, WeightKeys
from scorer.suggestion import suggest

_DAY = timedelta(days=1)
_SHORTEST_BUCKET = timedelta(minutes=1)
MOST_BUCKETS = 100_000
"""Of a window. Cells are sparse, but a bucket number must stay small."""

FEWEST_HISTORY_DAYS = 8
"""`delta` looks at the close of 7 days ago, and that of the day before tells whose delta a new day changes."""

MOST_KPI_DAYS = 90
"""Counts are kept for twice as long."""

MOST_HISTORY_DAYS = {"user": 400, "account": 4_000}


def resolve(document: Document, keys: ScoringKeys) -> Scoring:
    """Raises ScoringFileError with every rule that is broken."""
    problems = list(_problems(document, keys))
    if problems:
        raise ScoringFileError(problems)
    bucket = parse_duration(keys.bucket)
    models = {name: _model(name, model, bucket) for name, model in keys.models.items()}
    return Scoring(
        bucket_seconds=int(bucket.total_seconds()),
        # Sorted, for the order in a file means nothing and must not change the hash.
        events=tuple(sorted(keys.events)),
        models=tuple(models.values()),
        exclude_users=tuple(dict.fromkeys(keys.exclude.users)),
        segments=tuple(sorted(keys.segments)),
        alerts=tuple(rule_of(name, rule, models[rule.model]) for name, rule in sorted(keys.alerts.items())),
        tags={
            event: EventTags(tags.core, tags.advanced, tags.integration, tags.duration)
            for event, tags in sorted(keys.events.items())
            if tags.core or tags.advanced or tags.integration or tags.duration
        },
        kpis=None if keys.kpis is None else _kpis(keys.kpis),
        timezone=keys.timezone,
        history=HistoryDays(parse_duration(keys.history.user) // _DAY, parse_duration(keys.history.account) // _DAY),
    )


def _kpis(keys: KpiKeys) -> KpiRules:
    return KpiRules(parse_duration(keys.window) // _DAY, {str(name): float(keys.goals[name]) for name in keys.goals})


def _model(name: str, keys: ModelKeys, bucket: timedelta) -> Model:
    weights = {event: _weight(written) for event, written in keys.weights.items()}
    benchmark, curve = keys.benchmark, keys.curve
    peers = () if curve.shape == "none" else tuple(benchmark.peers)  # nobody would use what they exchange
    return Model(
        name=name,
        kinds=tuple(sorted(Kind[kind.upper()] for kind in keys.kinds)),
        window=parse_duration(keys.window) // bucket,
        weights={event: weight for event, weight in sorted(weights.items()) if weight.weight},
        half_life=None if keys.half_life is None else parse_duration(keys.half_life) / bucket,
        benchmark=BenchmarkRule(float(benchmark.percentile), benchmark.min_population, benchmark.initial, peers),
        curve=Curve(Shape(curve.shape), None if curve.steepness == AUTO else float(curve.steepness)),
        bands=bands_of(keys),
        margin=float(keys.margin),
        hold_ms=parse_duration(keys.hold) // timedelta(milliseconds=1),
    )


def _weight(written: float | WeightKeys) -> Weight:
    if not isinstance(written, WeightKeys):
        return Weight(float(written))
    if isinstance(written.cap, CapKeys):
        return Weight(float(written.weight), written.cap.user, written.cap.account)
    return Weight(float(written.weight), cap_user=written.cap)


def bands_of(keys: ModelKeys) -> tuple[Band, ...]:
    """The bands, lowest first. The default's bounds hold for every curve: SCORING 4 makes no exception."""
    if keys.bands is None:
        return DEFAULT_BANDS
    (lowest, _), *others = keys.bands.items()
    return (
        Band(lowest, float("-inf")),
        *(Band(name, float(lower)) for name, lower in others if lower is not None),
    )


def _history_problems(document: Document, keys: ScoringKeys) -> Iterator[Problem]:
    for kind, most in MOST_HISTORY_DAYS.items():
        kept = parse_duration(getattr(keys.history, kind))
        if kept % _DAY or not FEWEST_HISTORY_DAYS <= kept // _DAY <= most:
            yield document.problem(("history", kind), f"must be whole days, {FEWEST_HISTORY_DAYS}d to {most}d")


def _problems(document: Document, keys: ScoringKeys) -> Iterator[Problem]:
    yield from _history_problems(document, keys)
    if keys.kpis is not None:
        window = parse_duration(keys.kpis.window)
        if window % _DAY or not 1 <= window // _DAY <= MOST_KPI_DAYS:
            yield document.problem(("kpis", "window"), f"must be whole days, 1d to {MOST_KPI_DAYS}d")
    bucket = parse_duration(keys.bucket)
    if bucket < _SHORTEST_BUCKET or _DAY % bucket or bucket % timedelta(seconds=1):
        yield document.problem(("bucket",), "must be at least 1m and divide a day evenly, such as 1d, 1h or 15m")
        return
    if keys.timezone != "UTC" and bucket != _DAY:
        aligned = f"buckets of {format_duration(bucket)} are aligned to UTC"
        allowed = f"is for `bucket: 1d` only: set that, or leave the time zone out ({aligned})"
        yield document.problem(("timezone",), allowed)
    for name, model in keys.models.items():
        path: KeyPath = ("models", name)
        window = parse_duration(model.window)
        if window % bucket or not 1 <= window // bucket <= MOST_BUCKETS:
            allowed = f"must be whole buckets of {format_duration(bucket)}, from 1 to {MOST_BUCKETS} of them"
            yield document.problem((*path, "window"), allowed)
        yield from _weight_problems(document, (*path, "weights"), model, keys)
        yield from _band_problems(document, (*path, "bands"), model)
        yield from _peer_problems(document, (*path, "benchmark", "peers"), model, keys)
        if model.curve.steepness == AUTO and model.curve.shape != "exponential":
            allowed = f"is for the shape exponential only: with {model.curve.shape} give a number"
            yield document.problem((*path, "curve", "steepness"), allowed)
    bands = {name: [band.name for band in bands_of(model)] for name, model in keys.models.items()}
    for name, rule in keys.alerts.items():
        yield from rule_problems(document, ("alerts", name), rule, keys.models, bands)


def _peer_problems(document: Document, path: KeyPath, model: ModelKeys, keys: ScoringKeys) -> Iterator[Problem]:
    """A file that names its segments means all of them: a trait misspelt would be one that no account has."""
    if "segments" not in keys.model_fields_set:
        return
    for number, trait in enumerate(model.benchmark.peers):
        if trait not in keys.segments:
            way_out = "isn't listed in `segments`: add it there, or leave `segments` out"
            yield document.problem((*path, number), way_out, suggest(trait, keys.segments))


def _weight_problems(document: Document, path: KeyPath, model: ModelKeys, keys: ScoringKeys) -> Iterator[Problem]:
    for event, written in model.weights.items():
        if event not in keys.events:
            meant = suggest(event, keys.events)
            yield document.problem((*path, event), "has a weight but isn't named in `events`", meant, valued=False)
        cap = written.cap if isinstance(written, WeightKeys) else None
        if isinstance(cap, CapKeys) and cap.user is None and cap.account is None:
            yield document.problem((*path, event, "cap"), "must bound user, account or both")
    if all(_weight(written).weight == 0 for written in model.weights.values()):
        yield document.problem(path, "must have a weight other than 0")


def _band_problems(document: Document, path: KeyPath, model: ModelKeys) -> Iterator[Problem]:
    previous: float | None = None
    for number, (name, lower) in enumerate((model.bands or {}).items()):
        if lower is None and number:
            yield document.problem((*path, name), "must have a lower bound: only the lowest band, the first, has none")
        elif lower is not None:
            if previous is not None and lower <= previous:
                yield document.problem((*path, name), f"must be above the bound before it, {previous:g}: bands ascend")
            previous = lower
