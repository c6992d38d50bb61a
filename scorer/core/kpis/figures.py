"""A sum of shares -> the KPIs (SCORING 3). Ratios are fractions of 1, `growth` 0..100, None where undefined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scorer.core.events import MICRO, Int64s
from scorer.core.kpis.share import Sum, Total, Use
from scorer.core.kpis.spans import Spans
from scorer.core.model import WEEK, EventTags, KpiRules

LOW, MEDIUM, HIGH = "low", "medium", "high"
MEDIUM_FROM, HIGH_FROM, FREQUENCY_DAYS = 5, 13, 30
"""Active days of 30 (SCORING 3)."""

Number = float | int | None

GROWING = (
    "dau", "wau", "mau", "license_utilization", "adoption_rate", "stickiness", "stickiness_wau_mau",
    "stickiness_mean", "breadth", "depth", "active_days", "time_spent", "integrations", "feature_adoption",
)  # fmt: skip
"""KPIs of one window: they have a growth rate."""

OF_DAY = ("dau", "adoption_rate")
OF_WEEK = ("wau", "stickiness_wau_mau")
OF_WINDOW = (*(name for name in GROWING if name not in (*OF_DAY, "wau")), "frequency")
OF_BOTH_WINDOWS = ("new", "returning", "recovered", "dropped", "quick_ratio", "growth")

NUMBERS = (*GROWING, "licenses", "active_licenses", *OF_BOTH_WINDOWS)
"""Every KPI that is a number, and so may have a goal."""


@dataclass(frozen=True)
class Figures:
    """How KPIs follow from sums. `types` are the file's, in the order of the shares' `uses`."""

    rules: KpiRules
    types: Sequence[str]
    tags: Mapping[str, EventTags]
    _columns: dict[str, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for name in ("core", "advanced", "integration", "duration"):
            self._columns[name] = np.array([getattr(self._tags_of(each), name) for each in self.types], np.bool_)

    def _tags_of(self, event: str) -> EventTags:
        return self.tags.get(event, EventTags())

    def of(self, total: Total, spans: Spans, kept_from: int) -> dict[str, Any]:
        """By name, as INTERFACES 6 lists them, but for `v` and `as_of`.

        `kept_from`: the first day since which all counts are kept. What would need earlier ones is None.
        """
        found = self._of(total, spans)
        for names, first_day in (
            (OF_DAY, spans.today - 1),
            (OF_WEEK, spans.today - WEEK),
            (OF_WINDOW, spans.window_begins),
            (OF_BOTH_WINDOWS, spans.window_begins - spans.window),
        ):
            if kept_from > first_day:
                found |= dict.fromkeys(names)
        if kept_from > spans.first:
            found["growth_rates"] = dict.fromkeys(GROWING)
        found["goals"] = {name: _goal(goal, found[name]) for name, goal in self.rules.goals.items()}
        return found

    def _of(self, total: Total, spans: Spans) -> dict[str, Any]:
        sums = total.sums
        now, then = self._window(total, spans, before=False), self._window(total, spans, before=True)
        new, recovered, dropped = (int(sums[each]) for each in (Sum.NEW, Sum.RECOVERED, Sum.DROPPED))
        found: dict[str, Any] = {
            "window": self.rules.window,
            "licenses": _units(sums[Sum.LICENSES]) or None,
            "active_licenses": _units(sums[Sum.ACTIVE_LICENSES]) or None,
            **now,
            "frequency": frequency(now["active_days"], self.rules.window),
            "new": new,
            "returning": int(sums[Sum.RETURNING]),
            "recovered": recovered,
            "dropped": dropped,
            "quick_ratio": (new + recovered) / dropped if dropped else None,
            "growth": growth(new, recovered, dropped),
        }
        found["growth_rates"] = {name: growth_rate(now[name], then[name]) for name in GROWING}
        found["goals"] = {}
        today = int(total.uses[~self._columns["duration"], Use.VALUE_TODAY].sum())
        found["today"] = {"dau": int(total.daily[-1]), "events": _units(today)}
        return found

    def _window(self, total: Total, spans: Spans, *, before: bool) -> dict[str, Number]:
        """The KPIs of the window, or of the one before it."""
        sums, window = total.sums, self.rules.window
        daily = total.daily[spans.of_window_before if before else spans.of_window]
        mau = int(sums[Sum.MAU_BEFORE if before else Sum.MAU])
        wau = int(sums[Sum.WAU_BEFORE if before else Sum.WAU])
        dau = int(daily[-1])
        users = total.uses[:, Use.USERS_BEFORE if before else Use.USERS]
        value = total.uses[:, Use.VALUE_BEFORE if before else Use.VALUE]
        core, advanced, integration, duration = (
            self._columns[each] for each in ("core", "advanced", "integration", "duration")
        )
        licensed = int(sums[Sum.LICENSED_BEFORE if before else Sum.LICENSED])
        seated = int(sums[Sum.SEATED_BEFORE if before else Sum.SEATED])
        used = users > 0
        return {
            "dau": dau,
            "wau": wau,
            "mau": mau,
            "license_utilization": _ratio(licensed * MICRO, int(sums[Sum.LICENSES])),
            "adoption_rate": _ratio(seated * MICRO, int(sums[Sum.SEATS])),
            "stickiness": _ratio(dau, mau),
            "stickiness_wau_mau": _ratio(wau, mau),
            "stickiness_mean": _ratio(int(daily.sum()), window * mau),
            "breadth": _ratio(int(used.sum()), len(self.types)),
            "depth": _ratio(_sum(value[advanced & ~duration]), _sum(value[~duration])),
            "active_days": int((daily > 0).sum()),
            "time_spent": _units(_sum(value[duration])),
            "integrations": int(used[integration].sum()),
            "feature_adoption": _ratio(_sum(users[core]), int(core.sum()) * mau),
        }


def growth(new: int, recovered: int, dropped: int) -> float | None:
    """The quick ratio Q as a percentage, `100 Q / (1 + Q)`; None without movers (SCORING 3).

    >>> growth(30, 6, 12), growth(1, 0, 0), growth(0, 0, 0)
    (75.0, 100.0, None)
    """
    movers = new + recovered + dropped
    return 100 * (new + recovered) / movers if movers else None


def growth_rate(now: Number, then: Number) -> float | None:
    """`(now - then) / then`; None where either is missing or it was 0.

    >>> growth_rate(12, 10), growth_rate(3, 0), growth_rate(None, 1)
    (0.2, None, None)
    """
    return (now - then) / then if now is not None and then else None


def frequency(active_days: Number, window: int) -> str | None:
    """How often, by active days of 30: low from 1, medium from 5, high from 13 (SCORING 3).

    >>> [frequency(days, 30) for days in (0, 1, 4, 5, 12, 13)], frequency(2, 7)
    ([None, 'low', 'low', 'medium', 'medium', 'high'], 'medium')
    """
    if not active_days:
        return None
    scaled = active_days * FREQUENCY_DAYS / window
    return HIGH if scaled >= HIGH_FROM else MEDIUM if scaled >= MEDIUM_FROM else LOW


def _goal(goal: float, value: Number) -> dict[str, float | None]:
    return {"goal": goal, "distance": None if value is None else value - goal}


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _sum(values: Int64s) -> int:
    """Exact, however large."""
    return sum(values.tolist())


def _units(micros: Any) -> float | int:
    """A number in units of 1e-6 as it is told: whole where it is whole."""
    whole, rest = divmod(int(micros), MICRO)
    return int(micros) / MICRO if rest else whole
