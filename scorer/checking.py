"""`scorer check`: is a scoring file right, what does each event weigh, and what is allowed but odd."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from scorer.core.alert_rules import When
from scorer.core.model import Scoring, Shape, Weight
from scorer.examples import Example, examples
from scorer.quantities import counted
from scorer.scoring_file import Problem, ScoringFileError, read_keys, read_text
from scorer.scoring_file.document import Document
from scorer.scoring_file.problems import KeyPath
from scorer.scoring_file.resolution import bands_of
from scorer.scoring_file.schema import CapKeys, ModelKeys, ScoringKeys, WeightKeys

_TOP, _BOTTOM = 100, 1
_STEEP_SHAPES = ("exponential", "power_user")


@dataclass(frozen=True, slots=True)
class EventWeights:
    """What an event type weighs in each model, None where it doesn't count."""

    event: str
    by_model: dict[str, Weight | None]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` found. `scoring` is None, and `weights` and `examples` are empty, if there are errors."""

    file: str
    scoring: Scoring | None
    weights: tuple[EventWeights, ...]
    examples: tuple[Example, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not self.errors

    @property
    def sentence(self) -> str:
        """What is wrong, in short; only if something is."""
        first, *more = self.errors
        return f"{first} (and {counted(len(more), 'more error')})" if more else str(first)

    def as_json(self) -> dict[str, object]:
        """The report for a program (`check --json`)."""
        return {
            "file": self.file,
            "ok": self.ok,
            "errors": [asdict(problem) for problem in self.errors],
            "warnings": [asdict(problem) for problem in self.warnings],
            "bucket_seconds": self.scoring.bucket_seconds if self.scoring else None,
            "timezone": self.scoring.timezone if self.scoring else None,
            "kpis": asdict(self.scoring.kpis) if self.scoring and self.scoring.kpis else None,
            "models": [model.name for model in self.scoring.models] if self.scoring else [],
            "alerts": [rule.name for rule in self.scoring.alerts] if self.scoring else [],
            "weights": {
                row.event: {model: asdict(weight) if weight else None for model, weight in row.by_model.items()}
                for row in self.weights
            },
            "examples": [example.as_json() for example in self.examples],
        }


def check(path: Path | str) -> CheckReport:
    """Never raises for a bad file: what is wrong with it is in the report."""
    try:
        document, keys, scoring = read_keys(read_text(path), str(path))
    except ScoringFileError as error:
        return CheckReport(str(path), None, (), (), error.problems, ())
    weights = tuple(
        EventWeights(event, {model.name: model.weights.get(event) for model in scoring.models}) for event in keys.events
    )
    warnings = sorted(
        [*_warnings(document, keys), *_rule_warnings(document, scoring)], key=lambda problem: problem.line or 0
    )
    durations = frozenset(name for name, event in keys.events.items() if event.duration)
    return CheckReport(str(path), scoring, weights, tuple(examples(scoring, durations)), (), tuple(warnings))


def _warnings(document: Document, keys: ScoringKeys) -> Iterator[Problem]:
    weighed = {event for model in keys.models.values() for event in model.weights}
    for event, tags in keys.events.items():
        if event not in weighed and not (keys.kpis is not None and tags.model_fields_set):
            message = (
                "has no weight in any model: it is counted but changes no score (a weight of 0 says so on purpose)"
            )
            yield document.problem(("events", event), message, valued=False)
    for number, pattern in enumerate(keys.exclude.users):
        if not pattern.strip("*"):
            yield document.problem(("exclude", "users", number), "excludes everyone")
    for name, model in keys.models.items():
        yield from _weight_warnings(document, ("models", name, "weights"), model)
        yield from _unused_warnings(document, ("models", name), model)
        yield from _band_warnings(document, ("models", name, "bands"), model)


def _weight_warnings(document: Document, path: KeyPath, model: ModelKeys) -> Iterator[Problem]:
    amounts = [w.weight if isinstance(w, WeightKeys) else w for w in model.weights.values()]
    if max(amounts) <= 0:
        yield document.problem(path, f"holds no weight above 0: {_without_activity(model)}", valued=False)
    for event, written in model.weights.items():
        if not isinstance(written, WeightKeys) or written.cap is None:
            continue
        cap = written.cap if isinstance(written.cap, CapKeys) else CapKeys(user=written.cap)
        for kind, bound in (("user", cap.user), ("account", cap.account)):
            if bound is not None and kind not in model.kinds:
                yield document.problem((*path, event, "cap"), f"bounds {kind}s, which this model doesn't score")


def _without_activity(model: ModelKeys) -> str:
    """What becomes of scores where nobody's raw can be above 0."""
    if model.curve.shape == "none":
        return "every score will be 0"
    score = "every score will be 1" if model.benchmark.initial is not None else "nobody will ever have a score"
    return f"every raw score will be 0, so nobody is ever active, no benchmark will ever be found, and {score}"


def _unused_warnings(document: Document, path: KeyPath, model: ModelKeys) -> Iterator[Problem]:
    shape = model.curve.shape
    if shape == "none" and "benchmark" in model.model_fields_set:
        yield document.problem((*path, "benchmark"), "has no effect: with `curve: {shape: none}` the score is the raw")
    if shape not in _STEEP_SHAPES and "steepness" in model.curve.model_fields_set:
        yield document.problem((*path, "curve", "steepness"), f"has no effect on the shape {shape}")
    if shape == "none" and model.bands is None:
        bounds = ", ".join(f"{band.name} from {band.lower:g}" for band in bands_of(model)[1:])
        message = f"has no `bands`: the default ones ({bounds}) are for scores of 1 to 100, here they meet the raw"
        yield document.problem(path, message, valued=False)


def _band_warnings(document: Document, path: KeyPath, model: ModelKeys) -> Iterator[Problem]:
    """Bounds that no score can cross. A curve's scores are 1 to 100; a raw score has no upper end."""
    raw = model.curve.shape == "none"
    bottom = 0 if raw else _BOTTOM
    for lowest, bound in list((model.bands or {}).items())[:1]:
        if bound is not None and bound > bottom:
            message = "is the lowest band, so its bound has no effect: it holds everything below the next band too"
            yield document.problem((*path, lowest), message)
    for band in bands_of(model)[1:]:
        up, down = band.lower + model.margin, band.lower - model.margin
        if not raw and up > _TOP:
            message = f"can't be risen into: with margin {model.margin:g} that takes {up:g}, and scores end at {_TOP}"
            yield document.problem((*path, band.name), message)
        if down < bottom:
            message = f"can't be left downward: with margin {model.margin:g} that takes less than {down:g}"
            yield document.problem((*path, band.name), message)


def _rule_warnings(document: Document, scoring: Scoring) -> Iterator[Problem]:
    """Thresholds that no score can cross and its margin, or from beyond which none comes back."""
    raw = {model.name: model.curve.shape is Shape.NONE for model in scoring.models}
    for rule in scoring.alerts:
        if rule.threshold is None:
            continue
        up, down = rule.threshold + rule.margin, rule.threshold - rule.margin
        bottom = 0 if raw[rule.model] else _BOTTOM
        from_above = rule.when is When.CROSSED_BELOW
        path = ("alerts", rule.name, "when", rule.when.value)
        if down <= bottom:
            what = "can't fire" if from_above else "can't resolve"
            yield document.problem(path, f"{what}: with margin {rule.margin:g} that takes less than {down:g}")
        if up > _TOP and not raw[rule.model]:
            what = "can't resolve" if from_above else "can't fire"
            ends = f"that takes {up:g}, and scores end at {_TOP}"
            yield document.problem(path, f"{what}: with margin {rule.margin:g} {ends}")
