"""Rollup, tenure and the benchmark against oneself (SCORING 2.1, 2.2), for the oracle. Silent documents, our decisions:

Rule 1: tenure never takes anything away (a window under 7 days), and counts whole days (UTC): first seen today is 0.
Rule 2: tenure is applied once: a `sum` is of users' raws as they are, times the ACCOUNT's tenure.
Rule 3: a `mean` is the account's score and its raw; it has no benchmark and no tenure of its own, for its users' scores
    are measured already. Without an active user that has a score, the first that fits: `inactive` if all users are,
    `warming_up` if any user is, else `scored` at the bottom of the curve.
Rule 4: history is one raw a day, as at the day's close, since first seen: a day of silence is one of raw 0. "Less than
    28 days of history" is none from 28 to 84 days back, both included. A median of 0 is nothing to measure with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

OLDEST, NEWEST = 84, 28
"""The days back between which a self benchmark looks."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a model's dataclass doesn't say yet. `rollup`: `counts`, `mean` or `sum`; `tenure`: `as_is`, `normalise`;
    `against`: `peers`, `self`."""

    rollup: str = "counts"
    tenure: str = "as_is"
    against: str = "peers"


def tenure_factor(window_days: Fraction, days_ago: int) -> Fraction:
    """What the raw of an entity first seen so many days ago is multiplied with."""
    return max(Fraction(1), window_days / max(days_ago, 7))


def self_benchmark(raws: Mapping[int, float], today: int) -> float | None:
    """B from an entity's own raws by day; None where there is too little history."""
    older = [Fraction(raw) for day, raw in raws.items() if NEWEST <= today - day <= OLDEST]
    return float(Fraction(85, 100) * median(older)) or None if older else None
