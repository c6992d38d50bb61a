"""Rules, looks and a small world to try alerts in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import msgpack
import numpy as np

from scorer.core.alert_columns import Alerts, Look, pack_rule_change, unpack_rule_change
from scorer.core.alert_rules import Cause, Rule, When
from scorer.core.alerts import RuleState
from scorer.core.model import Kind
from scorer.core.standing import INACTIVE_CODE, NO_BAND
from tests.alert_oracle import NaiveChange, NaiveCrossing, Told

BANDS = ("at_risk", "low", "healthy", "champion")
CODES = {None: NO_BAND, "inactive": INACTIVE_CODE} | {name: code for code, name in enumerate(BANDS)}
NAMES = {code: name for name, code in CODES.items()}


def rule(
    when: When = When.CROSSED_BELOW,
    threshold: float | None = 25.0,
    bands: tuple[str, ...] = (),
    *,
    cooldown_ms: int = 0,
    margin: float = 2.0,
    hold_ms: int = 0,
) -> Rule:
    if when is When.BAND_CHANGED:
        threshold, margin, hold_ms = None, 0.0, 0
    else:
        bands = ()
    return Rule(
        "r", "m", Kind.ACCOUNT, when, threshold, bands, cooldown_ms, margin=margin, hold_ms=hold_ms, model_bands=BANDS
    )


def naive(rule: Rule) -> NaiveCrossing | NaiveChange:
    if rule.on_any_change:
        return NaiveChange(rule.cooldown_ms)
    return NaiveCrossing(rule.when.value, rule.threshold, rule.bands, rule.margin, rule.hold_ms, rule.cooldown_ms)


T = TypeVar("T")


class Choose(Protocol):
    """Picks one of some options; in a failing example as early a one as will do."""

    def __call__(self, options: Sequence[T], /) -> T: ...


def any_rule(choose: Choose) -> Rule:
    names = (*BANDS, "inactive")
    return rule(
        choose(list(When)),
        choose([25.0, 50.0]),
        choose([(), names[:1], (names[0], names[4]), names[1:3]]),
        cooldown_ms=choose([0, 3, 40]),
        margin=choose([0.0, 2.0, 0.1]),
        hold_ms=choose([0, 2, 5]),
    )


def scores_near(rule: Rule) -> list[float | None]:
    """Scores on the rule's bounds and about them, and none."""
    threshold = rule.threshold or 25.0
    edges = [threshold + sign * rule.margin for sign in (-1, 0, 1)]
    return [1.0, 99.0, None, *edges, *(math.nextafter(edge, -math.inf) for edge in edges)]


ANY_BAND = (*BANDS, "inactive", None)


def numbers(scores: Sequence[float | None]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([np.nan if score is None else score for score in scores], np.float64)


def codes(bands: Sequence[str | None]) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    return np.array([CODES[band] for band in bands], np.int8)


@dataclass
class World:
    """One rule over some rows; scores and bands that move; what was told of each row."""

    rule: Rule
    rows: int
    state: RuleState = field(init=False)
    scores: list[float | None] = field(init=False)
    bands: list[str | None] = field(init=False)
    told: list[list[Told]] = field(init=False)
    journal: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = RuleState(self.rule, 7, rows=self.rows)
        self.scores, self.bands = [None] * self.rows, [None] * self.rows
        self.told = [[] for _ in range(self.rows)]

    def move(self, row: int, score: float | None, band: str | None = None) -> None:
        self.scores[row], self.bands[row] = score, band

    def look(
        self,
        rows: Sequence[int],
        before: tuple[Sequence[float | None], Sequence[str | None]],
        silent: Sequence[int] = (),
    ) -> Look:
        at = np.array(rows, np.int64)
        score, band = numbers(self.scores)[at], codes(self.bands)[at]
        score_before, band_before = numbers(before[0])[at], codes(before[1])[at]
        mask = np.isin(at, np.array(silent, np.int64))
        return Look(at, score, score * 2, band, score_before, score_before * 2, band_before, mask)

    def evaluate(self, now_ms: int, look: Look) -> Alerts:
        found = self.state.evaluate(look, now_ms)
        if not found.is_nothing:
            packed = msgpack.packb(pack_rule_change(found.change))
            assert len(packed) <= found.change.size
            self.journal.append(packed)
            self.state.apply(unpack_rule_change(msgpack.unpackb(packed)))
        for told_of, told in zip(found.alerts.rows.tolist(), as_told(found.alerts), strict=True):
            self.told[told_of].append(told)
        return found.alerts

    def restored(self) -> RuleState:
        """The state that the journal adds up to."""
        state = RuleState(self.rule, 7, rows=self.rows)
        for packed in self.journal:
            state.apply(unpack_rule_change(msgpack.unpackb(packed)))
        return state


def as_told(alerts: Alerts) -> list[Told]:
    return [
        Told(
            "fired" if alerts.fired[at] else "resolved",
            Cause(alerts.cause[at]).label,
            int(alerts.episode[at]),
            _score(alerts.score[at]),
            NAMES[int(alerts.band[at])],
            (_score(alerts.previous_score[at]), NAMES[int(alerts.previous_band[at])]),
        )
        for at in range(len(alerts))
    ]


def _score(number: float) -> float | None:
    return None if math.isnan(number) else float(number)


def contents(state: RuleState) -> tuple[object, ...]:
    """All that a state is, to compare it with another."""
    change = state.columns()
    return change.rows.tolist(), change.side.tobytes(), change.entries.tobytes(), state.floor
