"""Example users and accounts for `scorer check`: what a scoring file makes of activity that is made up, not measured.

An example does every event type that has a weight above 0, at a steady pace, up to now: once at each time, or for ten
minutes where the value is seconds. Before there are users nobody knows the benchmark. So the score is against the
file's `initial` or, without one, against the example that does so every day: that one has 100, and the others tell how
curve, window, half-life and caps spread what is less.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from scorer.core.model import Band, Kind, Model, Scoring, Shape
from scorer.core.score import AUTO_STEEPNESS
from scorer.verifying.recount import MICRO, curve_score, raw_score

USERS_OF_AN_ACCOUNT = 10
DURATION_SECONDS = 600
PACES: Mapping[str, int | None] = {"every day": 1, "once a week": 7, "once, today": None}
"""By name, how many days lie between two times; None: it is done once."""


@dataclass(frozen=True, slots=True)
class Example:
    """A user, or an account of ten such users. `benchmark`: what the score is against, None where it is the raw."""

    model: str
    kind: Kind
    pace: str
    raw: float
    benchmark: float | None
    score: float
    band: str

    def as_json(self) -> dict[str, object]:
        return {
            "model": self.model,
            "kind": self.kind.label,
            "users": 1 if self.kind is Kind.USER else USERS_OF_AN_ACCOUNT,
            "pace": self.pace,
            "raw": self.raw,
            "benchmark": self.benchmark,
            "score": self.score,
            "band": self.band,
        }


def examples(scoring: Scoring, durations: frozenset[str]) -> list[Example]:
    """`durations`: the event types whose value is seconds."""
    return [
        example
        for model in scoring.models
        if any(weight.weight > 0 for weight in model.weights.values())
        for kind in model.kinds
        for example in _of_kind(model, kind, scoring.calendar.buckets_a_day, durations)
    ]


def _of_kind(model: Model, kind: Kind, buckets_a_day: int, durations: frozenset[str]) -> Iterator[Example]:
    raws = {pace: _raw(model, kind, days, buckets_a_day, durations) for pace, days in PACES.items()}
    benchmark = None if model.curve.shape is Shape.NONE else model.benchmark.initial or raws["every day"]
    for pace, raw in raws.items():
        score = raw
        if benchmark is not None:
            score = curve_score(model.curve, raw, benchmark, model.curve.steepness or AUTO_STEEPNESS)
        yield Example(model.name, kind, pace, raw, benchmark, score, _band(model.bands, score))


def _raw(model: Model, kind: Kind, days: int | None, buckets_a_day: int, durations: frozenset[str]) -> float:
    """By the rule of SCORING 2.1, with buckets counted so that today is in the window's last."""
    whole = ceil(model.window / buckets_a_day)
    times = range(0, whole, days) if days is not None else range(1)
    users = 1 if kind is Kind.USER else USERS_OF_AN_ACCOUNT
    cells = {
        (model.window - day * buckets_a_day, event): users * MICRO * (DURATION_SECONDS if event in durations else 1)
        for day in times
        for event, weight in model.weights.items()
        if weight.weight > 0
    }
    return raw_score(model, kind, cells, model.window).value


def _band(bands: tuple[Band, ...], score: float) -> str:
    return [band.name for band in bands if score >= band.lower][-1]
