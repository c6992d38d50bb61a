"""Alerts as a person reads them."""

from datetime import timedelta
from typing import Any

import pytest

from scorer.demo.alert_words import told


def alert(cause: str, before: float | None, now: float | None, threshold: float | None = 25.0, **more: Any) -> Any:
    return {
        "state": "fired", "cause": cause, "previous_score": before, "score": now, "threshold": threshold,
        "band": "low", "previous_band": "healthy", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "before", "now", "words"),
    [
        ("crossed_below", 23.4, 22.9, "fell below 25 by the margin of 2 (23.4 → 22.9)"),
        ("crossed_below", 23.04, 22.98, "fell below 25 by the margin of 2 (23.04 → 22.98)"),
        ("crossed_below", 23.0004, 22.9996, "fell below 25 by the margin of 2 (23.0004 → 22.9996)"),
        ("crossed_below", None, 22.9, "fell below 25 by the margin of 2 (22.9)"),
        ("crossed_below", 18.2, 17.9, "has stayed below 25 by the margin of 2 (18.2 → 17.9)"),
        ("crossed_above", 26.8, 27.3, "rose above 25 by the margin of 2 (26.8 → 27.3)"),
        ("recovered", 26.8, 27.3, "came back above 25 by the margin of 2 (26.8 → 27.3)"),
        ("recovered", 23.1, 22.6, "came back below 25 by the margin of 2 (23.1 → 22.6)"),
        ("recovered", 24.9, 25.6, "came back above 25 (24.9 → 25.6)"),  # a silent one needs no margin
        ("rule_changed", None, 25.6, "ended: rule changed"),
        ("model_removed", None, None, "ended: model removed"),
    ],
)
def test_a_crossing_tells_its_margin_and_two_numbers(cause: str, before: Any, now: Any, words: str) -> None:
    assert told(alert(cause, before, now), 2.0) == words


@pytest.mark.parametrize(("before", "now"), [(23.04, 22.98), (23.000004, 22.99999), (0.1 + 0.2, 0.3), (5.0, 5.0)])
def test_one_rounded_number_never_stands_twice(before: float, now: float) -> None:
    shown = told(alert("crossed_below", before, now), 2.0).partition("(")[2].rstrip(")").split(" → ")
    assert len(shown) == len(set(shown)) and all(shown)


@pytest.mark.parametrize(
    ("cause", "before", "now", "words"),
    [
        ("crossed_below", 22.97, 22.97, "fell below 25 by the margin of 2, for 3h (22.97)"),
        ("crossed_above", 27.3, 27.42, "rose above 25 by the margin of 2, for 3h (27.4)"),
        ("recovered", 27.04, 27.04, "came back above 25 by the margin of 2, for 3h (27.04)"),
    ],
)
def test_with_a_hold_the_last_step_tells_nothing(cause: str, before: float, now: float, words: str) -> None:
    assert told(alert(cause, before, now), 2.0, timedelta(hours=3)) == words


def test_without_a_margin_none_is_told() -> None:
    assert told(alert("crossed_below", 25.3, 24.9), 0.0) == "fell below 25 (25.3 → 24.9)"


@pytest.mark.parametrize(
    ("cause", "band", "before", "words"),
    [
        ("band_changed", "at_risk", "low", "went from low to at risk (50.3 → 47.9)"),
        ("superseded", "at_risk", "low", "went from low to at risk (50.3 → 47.9)"),
        ("recovered", "low", "at_risk", "came back to low (50.3 → 47.9)"),
        ("band_changed", "low", None, "became low (50.3 → 47.9)"),
    ],
)
def test_a_change_of_bands_names_both(cause: str, band: str, before: str | None, words: str) -> None:
    assert told(alert(cause, 50.3, 47.9, None, band=band, previous_band=before), 2.0) == words
