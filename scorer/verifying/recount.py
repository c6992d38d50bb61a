"""SCORING 2 and 4 written down once more: counts to a raw score, to a score, to a band. In decimals, one at a time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from functools import lru_cache

from scorer.core.model import INACTIVE_BAND, Curve, Kind, Model, Shape

MICRO = 1_000_000
"""Units of a count: a value of 1 is 1,000,000."""

Cells = Mapping[tuple[int, str], int]
"""By bucket and event type: the sum of the values, in units of 1e-6."""

_DIGITS = Context(prec=50)
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Raw:
    """A raw score. `rounding`: by how much a sum in float64 may be off it, all of it where large terms cancel.

    `active`: there is an event in the window, of a type that the model weighs.
    """

    value: float
    rounding: float
    active: bool


def raw_score(model: Model, kind: Kind, cells: Cells, bucket: int) -> Raw:
    """`max(0, sum_b g(age_b) * sum_t w_t * min(c[t,b], cap_t))` (SCORING 2.1) with `bucket` as the current one."""
    total, absolute, active = Decimal(0), Decimal(0), False
    with localcontext(_DIGITS):
        for (of_bucket, event), micros in cells.items():
            weight, age = model.weights.get(event), bucket - of_bucket
            if weight is None or weight.weight == 0 or not 0 <= age < model.window:
                continue
            count = Decimal(micros) / MICRO
            cap = weight.cap_user if kind is Kind.USER else weight.cap_account
            worth = _exactly(weight.weight) * (count if cap is None else min(count, _exactly(cap)))
            if model.half_life is not None:
                worth *= _fading(age, model.half_life)
            total, absolute, active = total + worth, absolute + abs(worth), True
    return Raw(max(float(total), 0.0), float(absolute) * _ROUNDING, active)


@lru_cache(maxsize=4096)
def _fading(age: int, half_life: float) -> Decimal:
    """`2^(-age/h)`, both in buckets."""
    with localcontext(_DIGITS):
        return Decimal(2) ** (-Decimal(age) / _exactly(half_life))


@lru_cache(maxsize=4096)
def _exactly(number: float) -> Decimal:
    """The number as it was written: 0.1 is a tenth."""
    return Decimal(repr(float(number)))


def curve_score(curve: Curve, raw: float, benchmark: float, steepness: float) -> float:
    """SCORING 2.3 and 2.4 for the shapes that need a benchmark; `steepness` is `auto`'s where the file says so.

    >>> round(curve_score(Curve(), 37, 208.2, 3.0), 2)
    44.05
    """
    ratio, k = raw / benchmark, steepness
    x = min(ratio, 1.0)
    match curve.shape:
        case Shape.LINEAR:
            return 1 + 99 * x
        case Shape.EXPONENTIAL:
            return 1 + 99 * math.expm1(-k * x) / math.expm1(-k)
        case Shape.POWER_USER:
            return 1 + 99 * math.expm1(k * x) / math.expm1(k)
        case Shape.UNCAPPED:
            return 1 + 99 * -math.expm1(-ratio * math.log(10))
    raise ValueError(f"a score of curve {curve.shape} needs no benchmark")


def possible_bands(model: Model, score: float | None, *, active: bool) -> set[str | None]:
    """The bands that a score may be in. With a margin, a band is kept until its bound is passed by so much (SCORING 4),
    so that there may be two; without one there is one.

    >>> from scorer.core.model import Model
    >>> model = Model("m", (Kind.USER,), 30, {}, margin=2.0)
    >>> sorted(possible_bands(model, 51.5, active=True)), possible_bands(model, 52.0, active=True)
    (['healthy', 'low'], {'healthy'})
    """
    if not active:
        return {INACTIVE_BAND}
    if score is None:
        return {None}
    uppers = [band.lower for band in model.bands[1:]] + [math.inf]
    return {
        band.name
        for band, upper in zip(model.bands, uppers, strict=True)
        if band.lower - model.margin <= score < upper + model.margin
    }
