"""From counts to a raw score, from a raw score to 1..100 (SCORING 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import expm1

import numpy as np
from numpy.typing import NDArray

from scorer.core.cells import MAX_TYPES, TYPE_BITS
from scorer.core.events import MICRO, Int64s
from scorer.core.model import Curve, Kind, Model, Shape
from scorer.core.runs import Run

Floats = NDArray[np.float64]

_ROUNDING = 1e-12
"""Of the sum of the absolute terms: less is what rounding leaves where terms cancel, and no activity."""

AUTO_STEEPNESS = 3.0
"""k of `steepness: auto` while there is no computed benchmark."""

AUTO_RANGE = (0.1, 10.0)
_HALF_WAY = 49.0 / 99.0
_HALVINGS = 60
"""Of the range, until nothing of a float64 is left: always as many, so that the same ratio gives the same bits."""

_LONG_AGO = 1 << 40
"""The age of what has expired."""


class RawScorer:
    """One model's weights as columns over the type codes of a journal.

    `raw = max(0, sum_b g(age_b) * sum_t w_t * min(c[t,b], cap_t))` (SCORING 2.1). The sum runs in the order
    (bucket, type code), one cell after the other, so that the same counts give the same last bit whatever the batch.
    """

    def __init__(self, model: Model, type_codes: Mapping[str, int]) -> None:
        self.window = model.window
        self.weight: Floats = np.zeros(MAX_TYPES)
        caps = {Kind.USER: np.full(MAX_TYPES, np.inf), Kind.ACCOUNT: np.full(MAX_TYPES, np.inf)}
        for name, weight in model.weights.items():
            if name not in type_codes:
                continue
            code = type_codes[name]
            self.weight[code] = weight.weight
            for kind, cap in ((Kind.USER, weight.cap_user), (Kind.ACCOUNT, weight.cap_account)):
                if cap is not None:
                    caps[kind][code] = cap
        self._caps = np.concatenate([caps[Kind.USER], caps[Kind.ACCOUNT]])
        self._capped = bool(np.isfinite(self._caps).any())
        self._cancels = bool((self.weight < 0.0).any())
        # Of an age: at 0 for what lies ahead, at age + 1 for what is in the window, then for what has left it.
        ages = np.arange(model.window, dtype=np.float64)
        decay = np.ones(model.window) if model.half_life is None else np.exp2(-ages / model.half_life)
        self._decay = np.concatenate([[0.0], decay, [0.0]])

    def score(self, view: "CellView") -> tuple[Floats, NDArray[np.bool_]]:
        """(raw, has activity in the window) of each of the view's rows."""
        amount = view.amounts
        if self._capped:
            amount = np.minimum(amount, self._caps[view.kinds() * MAX_TYPES + view.types])
        worth = self.weight.take(view.types)
        worth *= amount
        worth *= self._decay.take(view.ages, mode="clip")
        raw = np.bincount(view.owner, worth, len(view.rows))
        if self._cancels:
            raw[raw < _ROUNDING * np.bincount(view.owner, np.abs(worth), len(view.rows))] = 0.0
        active = raw != 0.0
        if not active.all():
            self._find_active(view, active)
        return np.maximum(raw, 0.0) + 0.0, active

    def _find_active(self, view: "CellView", active: NDArray[np.bool_]) -> None:
        """Mark the rows whose activity is worth nothing."""
        open_cells = np.flatnonzero(~active[view.owner])
        ages = view.ages[open_cells]
        counts = (ages > 0) & (ages <= self.window) & (self.weight[view.types[open_cells]] != 0.0)
        active[view.owner[open_cells[counts]]] = True


@dataclass(frozen=True, slots=True)
class CellView:
    """The cells of some rows, taken apart once for all models.

    `owner` is each cell's index into those rows. `ages` count from 1, the bucket of now; 0 and below lie ahead.
    """

    rows: NDArray[np.int32]
    owner: Int64s
    ages: Int64s
    types: Int64s
    amounts: Floats
    kind: NDArray[np.int8]

    @classmethod
    def of(cls, run: Run, kind: NDArray[np.int8], now_bucket: int) -> "CellView":
        """View the rows of a run; `kind` is the column of all rows' kinds."""
        owner = np.repeat(np.arange(len(run.rows)), np.diff(run.starts))
        places = run.places.astype(np.int64)
        types = places & (MAX_TYPES - 1)
        places >>= TYPE_BITS
        ages = np.subtract(now_bucket + 1 - (run.low >> TYPE_BITS), places, out=places)
        if run.has_expired:
            ages[ages > now_bucket + 1 - run.first] = _LONG_AGO
        amounts = run.counts.astype(np.float64)
        if run.unit != MICRO:
            amounts /= MICRO
        return cls(run.rows, owner, ages, types, amounts, kind[run.rows])

    def kinds(self) -> Int64s:
        """Each cell's kind."""
        return self.kind.astype(np.int64)[self.owner]


def curve_scores(
    raw: Floats, benchmark: float | Floats, curve: Curve, steepness: float | Floats | None = None
) -> Floats:
    """Scores of raw scores against a benchmark B > 0 (SCORING 2.3, 2.4).

    `benchmark`, and `steepness` where it is solved, are numbers or columns of the raws' length. nan gives nan.

    >>> float(curve_scores(np.array([37.0]), 208.2, Curve()).round(2)[0])
    44.05
    """
    if curve.shape is Shape.NONE:
        return raw
    k = steepness if steepness is not None else curve.steepness if curve.steepness is not None else AUTO_STEEPNESS
    if curve.shape is Shape.UNCAPPED:
        uncapped: Floats = 1.0 + 99.0 * (1.0 - np.power(10.0, -raw / benchmark))
        return uncapped
    x = np.minimum(raw / benchmark, 1.0)
    if curve.shape is Shape.LINEAR:
        return 1.0 + 99.0 * x
    bend = -k if curve.shape is Shape.EXPONENTIAL else k
    scores: Floats = 1.0 + 99.0 * (np.expm1(bend * x) / np.expm1(bend))
    return scores


def solved_steepness(ratio: float) -> float:
    """`steepness: auto`: the k at which the exponential curve gives 50 to a raw score of `ratio` B (SCORING 2.4).

    >>> round(solved_steepness(0.25), 4), solved_steepness(0.5), solved_steepness(0.01)
    (2.3876, 0.1, 10.0)
    """
    x = min(ratio, 1.0)
    flat, steep = AUTO_RANGE

    def share(k: float) -> float:
        return expm1(-k * x) / expm1(-k)

    if share(flat) >= _HALF_WAY:
        return flat
    if share(steep) <= _HALF_WAY:
        return steep
    for _ in range(_HALVINGS):
        middle = (flat + steep) / 2.0
        if share(middle) < _HALF_WAY:
            flat = middle
        else:
            steep = middle
    return flat
