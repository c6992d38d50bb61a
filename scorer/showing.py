"""`scorer show`: what Redis says of one user or account, and what of it can be computed again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from scorer.core.model import Curve, Kind, Model, Shape
from scorer.core.roster import record_key
from scorer.freshness import Freshness, Partition, read_freshness
from scorer.redis_reading import decoded
from scorer.sinks.score_json import score_key

Score = Mapping[str, Any]
"""One JSON object of INTERFACES 6."""

_EVERYONE = "all"


@dataclass(frozen=True, slots=True)
class Shown:
    """An entity's scores by model, None where Redis holds nothing; the models as the scoring file has them, None where
    it is unknown; the steepness that `auto` came to, by model, where it is known."""

    kind: Kind
    entity_id: str
    scores: Mapping[str, Score | None]
    models: Mapping[str, Model | None]
    steepness: Mapping[str, float]
    freshness: Freshness

    @property
    def has_score(self) -> bool:
        """Whether any model has a number for it."""
        return any(score is not None and score["score"] is not None for score in self.scores.values())

    @property
    def stale_seconds(self) -> float:
        """How far its partition is from being up to date; the one worst off, where nobody knows which is its own."""
        own = self._partition
        return self.freshness.stale_seconds if own is None else own.age_seconds(self.freshness.now)

    @property
    def trouble(self) -> str | None:
        """Why what is shown may be old; None if it isn't."""
        own = self._partition
        return self.freshness.trouble() if own is None else own.trouble(self.freshness.now)

    @property
    def _partition(self) -> Partition | None:
        return self.freshness.of_key(record_key(self.kind, self.entity_id))

    def curve(self, model: str) -> tuple[Curve, float] | None:
        """The curve that a score was made with, and its steepness; None if the score is the raw, or nobody knows."""
        found = self.models[model]
        if found is None or found.curve.shape is Shape.NONE:
            return None
        steepness = found.curve.steepness if found.curve.steepness is not None else self.steepness.get(model)
        return None if steepness is None else (found.curve, steepness)

    def as_json(self) -> dict[str, object]:
        curves = {model: self.curve(model) for model in self.scores}
        return {
            "kind": self.kind.label,
            "id": self.entity_id,
            "stale_seconds": self.stale_seconds,
            "scores": dict(self.scores),
            "curves": {
                model: None if curve is None else {"shape": str(curve[0].shape), "steepness": curve[1]}
                for model, curve in curves.items()
            },
        }


def read_shown(
    redis: Redis, namespace: str, kind: Kind, entity_id: str, models: Mapping[str, Model | None], now: float
) -> Shown:
    """A few MGETs; `now` in epoch seconds."""
    scores = _get(redis, {model: score_key(namespace, model, kind, entity_id) for model in models})
    # with peer groups nobody knows which benchmark was the entity's
    everyones = [name for name, model in models.items() if model is not None and not model.benchmark.peers]
    benchmarks = _get(redis, {model: f"{namespace}:benchmark:{model}:{kind.label}:{_EVERYONE}" for model in everyones})
    steepness = {
        model: benchmark["steepness"]
        for model, benchmark in benchmarks.items()
        if benchmark and "steepness" in benchmark and _rests_on(scores[model], benchmark)
    }
    return Shown(kind, entity_id, scores, models, steepness, read_freshness(redis, namespace, now))


def _rests_on(score: Score | None, benchmark: Score) -> bool:
    return score is not None and score["benchmark_version"] == benchmark["version"]


def _get(redis: Redis, keys: Mapping[str, str]) -> dict[str, Score | None]:
    if not keys:
        return {}
    values = cast(list[bytes | None], redis.mget(list(keys.values())))
    return {name: None if value is None else decoded(value) for name, value in zip(keys, values, strict=True)}
