"""Alerts as readers get them (INTERFACES 5)."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.alert_columns import Alerts
from scorer.core.alert_documents import Alert, alert_documents, alert_id
from scorer.core.alert_rules import Cause, Rule, When
from scorer.core.model import Kind
from scorer.core.standing import NO_BAND
from tests.alert_cases import World, rule

KEYS = (
    *("id", "rule", "state", "cause", "severity", "kind", "entity", "model", "score", "previous_score"),
    *("band", "previous_band", "threshold", "episode", "at", "as_of", "why"),
)


def fired(of: Rule, *, last_ms: int = 1_795_355_044_100, benchmark: float | None = 208.2) -> Alert:
    """The alert of `acme`, whose score fell from 30 to 10 and whose band from healthy to inactive."""
    world = World(of, 1)
    world.move(0, 30.0, "healthy")
    world.evaluate(1, world.look([0], ([None], [None])))
    world.move(0, 10.0, "inactive")
    alerts = world.evaluate(1_795_355_044_600, world.look([0], ([30.0], ["healthy"])))
    (alert,) = alert_documents("scorer", of, alerts, ["acme"], np.array([last_ms]), [benchmark], 1_795_355_044_600)
    return alert


def test_an_alert_has_exactly_these_keys_in_this_order() -> None:
    assert json.loads(fired(rule()).encoded()) == {
        "id": alert_id("scorer", "m", "r", Kind.ACCOUNT, "acme", 1),
        "rule": "r",
        "state": "fired",
        "cause": "crossed_below",
        "severity": "warning",
        "kind": "account",
        "entity": "acme",
        "model": "m",
        "score": 10.0,
        "previous_score": 30.0,
        "band": "inactive",
        "previous_band": "healthy",
        "threshold": 25.0,
        "episode": 1,
        "at": 1795355044.6,
        "as_of": 1795355044.1,
        "why": {"raw": 20.0, "previous_raw": 60.0, "benchmark": 208.2},
    }
    assert tuple(json.loads(fired(rule()).encoded())) == KEYS


def test_a_rule_on_bands_has_no_threshold() -> None:
    alert = fired(rule(When.BAND_CHANGED))
    assert (alert.cause, alert.threshold, alert.band, alert.previous_band) == (
        "band_changed",
        None,
        "inactive",
        "healthy",
    )


def test_what_nobody_knows_is_null() -> None:
    alert = fired(rule(), last_ms=0, benchmark=None)
    assert (alert.as_of, alert.why.benchmark) == (None, None)
    nothing, nowhere = np.array([np.nan]), np.array([NO_BAND], np.int8)
    alerts = Alerts(
        np.array([0]),
        np.array([False]),
        np.array([Cause.MODEL_REMOVED], np.int8),
        np.array([3]),
        nothing,
        nothing,
        nowhere,
        nothing,
        nothing,
        nowhere,
    )
    (told,) = alert_documents("scorer", rule(), alerts, ["acme"], np.array([0]), [None], 1_000)
    said = json.loads(told.encoded())
    assert (said["state"], said["cause"], said["at"]) == ("resolved", "model_removed", 1.0)
    unknown = ("score", "previous_score", "band", "previous_band", "as_of")
    assert [said[key] for key in unknown] == [None] * 5
    assert said["why"] == {"raw": None, "previous_raw": None, "benchmark": None}


def test_an_alert_has_the_same_id_when_it_resolves() -> None:
    world = World(rule(), 1)
    told: list[Alert] = []
    for now, score in enumerate((30.0, 10.0, 30.0)):
        before = list(world.scores), list(world.bands)
        world.move(0, score, "low")
        alerts = world.evaluate(now, world.look([0], before))
        n = len(alerts)
        told += alert_documents("scorer", world.rule, alerts, ["acme"] * n, np.zeros(n, np.int64), [None] * n, now)
    assert [alert.state for alert in told] == ["fired", "resolved"]
    assert told[0].id == told[1].id


Named = tuple[str, str, str, Kind, str, int]
names = st.text(max_size=3)
asked = st.tuples(names, names, names, st.sampled_from(Kind), names, st.integers(0, 99))


@given(asked, asked)
def test_ids_differ_wherever_anything_differs(one: Named, other: Named) -> None:
    assert (alert_id(*one) == alert_id(*other)) == (one == other)
    assert len(alert_id(*one)) == 32


def test_ids_do_not_depend_on_where_one_field_ends_and_the_next_begins() -> None:
    assert alert_id("a", "bc", "d", Kind.USER, "e", 1) != alert_id("ab", "c", "d", Kind.USER, "e", 1)
