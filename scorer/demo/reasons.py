"""Why a score moved, by its own people or by the benchmark; and where bands lie below a benchmark."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from scorer.core.model import Curve, Model, Shape
from scorer.core.score import curve_scores

_HALVINGS = 50
_FAR = 1e6
"""As a share of the benchmark."""


class Close(NamedTuple):
    """How an account stood at the end of a day. `benchmark` is None where the score is the raw one."""

    score: float
    benchmark: float | None

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Self | None:
        """None where there is no score."""
        if document is None or document["score"] is None:
            return None
        return cls(document["score"], document["benchmark"])


def own_part(model: Model, before: Close | None, now: Mapping[str, Any]) -> float | None:
    """How far the score would have moved if the benchmark hadn't; None where there is nothing to compare.

    Not with a steepness that is solved anew for each benchmark.
    """
    if before is None or before.benchmark is None or model.curve.steepness is None or now.get("score") is None:
        return None
    if now["state"] != "scored":
        return None
    return _score(now["raw"] / before.benchmark, model.curve) - before.score


def shares_of_benchmark(model: Model, benchmark: Mapping[str, Any] | None) -> list[float | None]:
    """Of each band but the lowest, at which share of the benchmark it begins; None where no raw score reaches it.

    Empty for a model without a benchmark.
    """
    if model.curve.shape is Shape.NONE:
        return []
    solved = None if benchmark is None else benchmark.get("steepness")
    curve = model.curve if model.curve.steepness is not None else Curve(model.curve.shape, solved)
    return [_share(band.lower, curve) for band in model.bands[1:]]


def _score(share: float, curve: Curve) -> float:
    return float(curve_scores(np.array([share]), 1.0, curve)[0])


def _share(score: float, curve: Curve) -> float | None:
    """The share of the benchmark that gives a score, by halving: every curve rises."""
    low, high = 0.0, 1.0 if curve.shape is not Shape.UNCAPPED else _FAR
    if score > _score(high, curve):
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _score(middle, curve) < score else (low, middle)
    return high
