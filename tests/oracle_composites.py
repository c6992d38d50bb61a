"""PES and health (SCORING 2.6, 3; decision 10) as plain functions of KPIs, scores and traits.

Where the documents are silent: a KPI without a goal, or with goal 0, is no part; neither is a trait that is no number
of 0..100; a health score of which no part exists doesn't. A part isn't capped but where SCORING says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from tests.oracle_input import decimal_of
from tests.oracle_kpis import NUMBER, Kpis


@dataclass(frozen=True)
class Composite:
    """A score made of parts, each 0..100 or None; `undefined` names the parts that are None, in their order."""

    score: float | None
    parts: Mapping[str, float | None]

    @property
    def undefined(self) -> list[str]:
        return [name for name, part in self.parts.items() if part is None]


def pes(kpis: Kpis, combine: str = "mean", stickiness: str = "stickiness") -> Composite:
    """The product engagement score. `combine`: `mean` or `product`; `stickiness`: the KPI that is taken for it."""
    parts = {
        "adoption": _percent(kpis["feature_adoption"]),
        "stickiness": _percent(kpis[stickiness]),
        "growth": _number(kpis["growth"]),
    }
    exact = [Fraction(part) for part in parts.values() if part is not None]
    if len(exact) < len(parts):
        return Composite(None, parts)
    adoption, sticky, growth = exact
    if combine == "mean":
        return Composite(float((adoption + sticky + growth) / 3), parts)
    assert combine == "product"
    return Composite(float(adoption / 100 * (sticky / 100) * (growth / 100) * 100), parts)


def health(weights: Mapping[str, float], parts: Mapping[str, float | None]) -> Composite:
    """The weighted mean of the parts that exist. `parts`, by the names in `weights`, are in one unit (0..100)."""
    total = weight_of_all = Fraction(0)
    for name, weight in weights.items():
        part = parts[name]
        if part is not None:
            total += Fraction(decimal_of(weight)) * Fraction(part)
            weight_of_all += Fraction(decimal_of(weight))
    score = float(total / weight_of_all) if weight_of_all else None
    return Composite(score, {name: parts[name] for name in weights})


def kpi_part(value: object, goal: float | None) -> float | None:
    """A KPI as percent of its goal, at most 100."""
    number = _number(value)
    if number is None or not goal:
        return None
    return float(min(Fraction(100), 100 * Fraction(number) / Fraction(decimal_of(goal))))


def trait_part(text: str | None) -> float | None:
    """A trait that is given as 0..100."""
    if text is None or not NUMBER.fullmatch(text):
        return None
    number = Fraction(text)
    return float(number) if number <= 100 else None


def _number(value: object) -> float | None:
    assert value is None or isinstance(value, int | float)
    return value


def _percent(ratio: object) -> float | None:
    number = _number(ratio)
    return None if number is None else float(100 * Fraction(number))
