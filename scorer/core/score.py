"""From counts to a raw score, from a raw score to 1..100 (SCORING 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import expm1

import numpy as np
from numpy.typing import NDArray

from scorer.core.cells import MAX_TYPES, Cells
from scorer.core.events import MICRO, Int64s
from scorer.core.model import Curve, Kind, Model, Shape

Floats = NDArray[np.float64]

_ROUNDING = 1e-12
"""Of the sum of the absolute terms: less is what rounding leaves where terms cancel, and no activity."""

AUTO_STEEPNESS = 3.0
"""k of `steepness: auto` while there is no computed benchmark."""

AUTO_RANGE = (0.1, 10.0)
_HALF_WAY = 49.0 / 99.0
_HALVINGS = 60
"""Of the range, until nothing of a float64 is left: always as many, so that the same ratio gives the same bits."""


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
        ages = np.arange(model.window, dtype=np.float64)
        self._decay = None if model.half_life is None else np.exp2(-ages / model.half_life)

    def score(self, view: "CellView", now_bucket: int) -> tuple[Floats, NDArray[np.bool_]]:
        """(raw, has activity in the window) of each of the view's rows."""
        age = now_bucket - view.buckets
        weight = self.weight[view.types]
        counts = (age >= 0) & (age < self.window) & (weight != 0.0)
        amount = view.amounts
        if self._capped:
            amount = np.minimum(amount, self._caps[view.kinds * MAX_TYPES + view.types])
        worth = weight * amount
        if self._decay is not None:
            worth = self._decay[np.where(counts, age, 0)] * worth
        worth = np.where(counts, worth, 0.0)
        raw = np.bincount(view.owner, worth, view.rows)
        if self._cancels:
            raw[raw < _ROUNDING * np.bincount(view.owner, np.abs(worth), view.rows)] = 0.0
        active = np.bincount(view.owner[counts], minlength=view.rows) > 0
        return np.maximum(raw, 0.0) + 0.0, active


@dataclass(frozen=True, slots=True)
class CellView:
    """The cells of some rows, taken apart once for all models. `owner` is each cell's index into those rows."""

    rows: int
    owner: Int64s
    buckets: Int64s
    types: Int64s
    kinds: Int64s
    amounts: Floats

    @classmethod
    def of(cls, cells: Cells, rows: Int64s, kind: NDArray[np.int8]) -> "CellView":
        """View `cells` as belonging to `rows` (ascending); `kind` is the column of all rows' kinds."""
        row = cells.rows
        owner = row - rows[0] if len(rows) and rows[-1] - rows[0] + 1 == len(rows) else np.searchsorted(rows, row)
        kinds = kind[row].astype(np.int64)
        return cls(len(rows), owner, cells.buckets, cells.types, kinds, cells.values / MICRO)


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
