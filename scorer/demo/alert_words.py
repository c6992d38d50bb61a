"""An alert as a person reads it: what was crossed, by which margin, from where to where."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from scorer.durations import format_duration

_MOST_DECIMALS = 6


def told(alert: Mapping[str, Any], margin: float, hold: timedelta = timedelta(0)) -> str:
    """In words, an alert (INTERFACES 5) of a model with a margin and a hold.

    >>> alert = {"state": "fired", "cause": "crossed_below", "threshold": 25.0, "previous_score": 23.04, "score": 22.97}
    >>> told(alert, 2.0)
    'fell below 25 by the margin of 2 (23.04 → 22.97)'
    >>> told(alert, 2.0, timedelta(hours=1))
    'fell below 25 by the margin of 2, for 1h (22.97)'
    """
    cause, threshold = alert["cause"], alert["threshold"]
    if cause not in ("crossed_below", "crossed_above", "band_changed", "recovered", "superseded"):
        return f"ended: {cause.replace('_', ' ')}"
    if threshold is None:
        return f"{_band(alert)}{_way(alert, hold)}"
    below = alert["score"] < threshold
    side = f"{'below' if below else 'above'} {threshold:g}"
    if abs(alert["score"] - threshold) >= margin > 0:
        side += f" by the margin of {margin:g}"
    bound = threshold - margin if below else threshold + margin
    if cause == "recovered":
        return f"came back {side}{_way(alert, hold, bound)}"
    before = alert["previous_score"]
    # a cooldown made it wait: it crossed before its last step
    waited = not hold and before is not None and (before < bound if below else before >= bound)
    verb = "has stayed" if waited else "fell" if below else "rose"
    return f"{verb} {side}{_way(alert, hold, bound)}"


def _band(alert: Mapping[str, Any]) -> str:
    band, before = (
        None if name is None else name.replace("_", " ") for name in (alert["band"], alert["previous_band"])
    )
    if alert["cause"] == "recovered":
        return f"is {band} again" if before == band else f"came back to {band}"
    return f"became {band}" if before in (None, band) else f"went from {before} to {band}"


def _way(alert: Mapping[str, Any], hold: timedelta, bound: float | None = None) -> str:
    """The score before and now, with as many decimals as tell them apart; only now where there is no before.

    With a hold the crossing was then, and the step before now tells nothing of it.
    """
    before, now = alert["previous_score"], alert["score"]
    if hold or before is None:
        span = f", for {format_duration(hold)}" if hold else ""
        return f"{span} ({_apart(now, bound)})"
    steps = dict.fromkeys((_apart(before, now), _apart(now, before)))  # one, if they are as good as equal
    return f" ({' → '.join(steps)})"


def _apart(score: float, other: float | None) -> str:
    """A score with as many decimals as tell it from another one; one where none do."""
    for decimals in range(1, _MOST_DECIMALS):
        if other is not None and f"{score:.{decimals}f}" != f"{other:.{decimals}f}":
            return f"{score:.{decimals}f}"
    return f"{score:.1f}"
