"""The scores that a workload must end with, recounted with numpy from its columns (SCORING 2), and the scoring file."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import MICRO, Int64s
from tests.perf.workload import DAYS, Workload, account_id, type_name, user_id

Floats = NDArray[np.float64]

HALF_LIFE = 14
STEEPNESS = 3.0
PERCENTILE, MIN_POPULATION, INITIAL = 90.0, 20, 100.0
USER_CAP, ACCOUNT_CAP = 5.0, 200.0
"""Most units per day of type 0."""


def weight_of(kind: int) -> int:
    return kind % 12 + 1


def scoring_yaml(types: int) -> str:
    """Two models over the same counts: one with all the trimmings, one a plain sum."""
    weights = ", ".join(f"{type_name(kind)}: {weight_of(kind)}" for kind in range(1, types))
    capped = f"{type_name(0)}: {{weight: 1, cap: {{user: {USER_CAP:g}, account: {ACCOUNT_CAP:g}}}}}"
    plain = ", ".join(f"{type_name(kind)}: {weight_of(kind)}" for kind in range(types))
    events = "\n".join(f"  {type_name(kind)}: {{}}" for kind in range(types))
    return f"""
version: 1
bucket: 1d
events:
{events}
models:
  engagement:
    score: weighted
    kinds: [user, account]
    window: {DAYS}d
    half_life: {HALF_LIFE}d
    weights: {{{capped}, {weights}}}
    benchmark: {{percentile: {PERCENTILE:g}, min_population: {MIN_POPULATION}, initial: {INITIAL:g}}}
    curve: {{shape: exponential, steepness: {STEEPNESS:g}}}
    bands: {{at_risk: 0, low: 25, healthy: 50, champion: 75}}
    margin: 2
  points:
    score: weighted
    kinds: [user, account]
    window: {DAYS}d
    weights: {{{plain}}}
    curve: {{shape: none}}
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """Scores by Redis key (without the namespace), and how many entities have any activity."""

    scores: dict[str, float]
    entities: int


def expect(workload: Workload, sample: int) -> Expected:
    """What Redis must hold in the end for a sample of users and of accounts."""
    random = np.random.default_rng(1)
    scores: dict[str, float] = {}
    entities = 0
    for label, owners, cap in (
        ("user", workload.users, USER_CAP),
        ("account", workload.account_of(workload.users), ACCOUNT_CAP),
    ):
        active, engagement, points = _raws(workload, owners, cap)
        entities += len(active)
        enough = len(active) >= MIN_POPULATION
        against = float(np.percentile(engagement, PERCENTILE)) if enough else INITIAL
        share = np.minimum(engagement / against, 1.0)
        curved = 1.0 + 99.0 * (np.expm1(-STEEPNESS * share) / np.expm1(-STEEPNESS))
        for at in random.permutation(len(active))[:sample].tolist():
            entity = int(active[at])
            name = account_id(entity)
            if label == "user":
                name = f"{account_id(entity % workload.accounts)}/{user_id(entity)}"
            scores[f"engagement:{label}:{name}"] = float(curved[at])
            scores[f"points:{label}:{name}"] = float(points[at])
    return Expected(scores, entities)


def _raws(workload: Workload, owners: Int64s, cap: float) -> tuple[Int64s, Floats, Floats]:
    """(who is active, raw engagement, raw points) over all cells (owner, day, type)."""
    kinds = int(workload.types.max()) + 1
    cells, cell_of = np.unique((owners * DAYS + workload.days) * kinds + workload.types, return_inverse=True)
    amount = np.bincount(cell_of, workload.values) / MICRO  # sums below 2**53: exact
    owner, day, kind = cells // (DAYS * kinds), cells // kinds % DAYS, cells % kinds
    weight = np.array([weight_of(each) for each in range(kinds)], np.float64)[kind]
    capped = np.where(kind == 0, np.minimum(amount, cap), amount)
    active, index = np.unique(owner, return_inverse=True)
    engagement: Floats = np.bincount(index, weight * capped * np.exp2(-day / HALF_LIFE)).astype(np.float64)
    points: Floats = np.bincount(index, weight * amount).astype(np.float64)
    return active, engagement, points
