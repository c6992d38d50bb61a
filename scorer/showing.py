"""`scorer show`: what Redis says of one user or account, for a person or for a program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec

from scorer.core.model import Kind
from scorer.durations import format_duration
from scorer.redis_reading import open_redis
from scorer.sinks.score_json import score_key

Score = Mapping[str, Any]
"""One JSON object of INTERFACES 6."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An entity's scores by model, None where Redis holds nothing."""

    kind: Kind
    entity_id: str
    scores: Mapping[str, Score | None]

    @property
    def has_score(self) -> bool:
        """Whether any model has a number for it."""
        return any(score is not None and score["score"] is not None for score in self.scores.values())

    def as_json(self) -> dict[str, object]:
        return {"kind": self.kind.label, "id": self.entity_id, "scores": dict(self.scores)}


def read_scores(url: str, namespace: str, kind: Kind, entity_id: str, models: Sequence[str]) -> Shown:
    """One MGET. Raises RedisUnusable."""
    keys = [score_key(namespace, model, kind, entity_id) for model in models]
    with open_redis(url) as redis:
        values = cast(list[bytes | None], redis.mget(keys))
    scores = {m: None if v is None else msgspec.json.decode(v) for m, v in zip(models, values, strict=True)}
    return Shown(kind, entity_id, scores)


def sentences(shown: Shown, now: datetime) -> list[str]:
    """A line for each model; `now` tells how old the newest event is."""
    width = max(map(len, shown.scores))
    return [f"{model.ljust(width)}  {_sentence(shown, score, now)}" for model, score in shown.scores.items()]


def why_nothing(shown: Shown) -> str:
    """Why an entity may have no score in any model, and how its id is written."""
    written = {
        Kind.USER: "a user's id is {account}/{user}, or the user's id alone where there is no account",
        Kind.ACCOUNT: "an account's id is written as in its events",
    }
    return (
        f"{shown.kind.label} {shown.entity_id} has no score: no event of theirs that counts has been scored yet, "
        f"or the id is another ({written[shown.kind]})"
    )


def _sentence(shown: Shown, score: Score | None, now: datetime) -> str:
    if score is None:
        return "no score: nothing of theirs has counted in this model yet"
    if score["state"] == "warming_up":
        missing = f"{score['population']} of {score['min_population']} active {shown.kind.label}s needed"
        return f"no score yet: warming up, {missing}"
    if score["score"] is None:
        return f"no score: {score['state']}"
    return ", ".join(_facts(score, now))


def _facts(score: Score, now: datetime) -> list[str]:
    band = score["band"] or "no band"
    facts = [f"{score['score']:.1f}  {band}" + (f" (was {score['previous_band']})" if score["previous_band"] else "")]
    if score["state"] not in ("scored", score["band"]):
        facts.append(score["state"])
    if score["delta"] is not None:
        facts.append(f"{score['delta']:+.1f} in 7 days")
    raw = f"raw {score['raw']:g}"
    facts.append(raw if score["benchmark"] is None else f"{raw} against a benchmark of {score['benchmark']:g}")
    if score["as_of"] is not None:
        as_of = datetime.fromtimestamp(score["as_of"], UTC)
        facts.append(f"as of {as_of:%Y-%m-%d %H:%M:%S} UTC ({_age(now - as_of)})")
    return facts


def _age(age: timedelta) -> str:
    """In the largest unit that fits, cut.

    >>> _age(timedelta(minutes=150)), _age(timedelta(seconds=-30))
    ('2h ago', 'in the future')
    """
    if age < timedelta(0):
        return "in the future"
    unit = next((u for u in _UNITS if age >= u), _UNITS[-1])
    return f"{format_duration(age // unit * unit)} ago"


_UNITS = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))
