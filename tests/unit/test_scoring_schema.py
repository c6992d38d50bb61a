"""The published JSON Schema of the scoring file, by a real validator: what an editor marks as wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from scorer import embedded
from scorer.scoring_file import ScoringFileError, json_schema, parse
from tests import deployment
from tests.integration import test_replay, test_top

PUBLISHED = Path(__file__).parents[2] / "docs/scoring.schema.json"
DEMO = Path(embedded.__file__).with_name("demo_scoring.yaml").read_text()
PLAIN = "version: 1\nevents: {a: {}, b: {}}\nmodels:\n  m: {weights: {a: 1, b: {weight: -2, cap: 3}}}\n"

RIGHT = [
    DEMO,
    deployment.SCORING,
    test_replay.SCORING,
    test_top.SCORING,
    PLAIN,
    PLAIN.replace("a: {}, b: {}", "a: , b: null"),
    PLAIN.replace("weights:", "half_life: null, bands: null, hold: 0s, margin: 0, weights:"),
    PLAIN.replace("weights:", "curve: {steepness: auto}, benchmark: {initial: null, peers: [plan]}, weights:"),
    PLAIN.replace("cap: 3", "cap: {user: 1, account: null}"),
    PLAIN.replace("weights:", "bands: {low: null, high: 50.5}, weights:"),
    PLAIN + "alerts: {r: {model: m, kind: user, when: {crossed_below: 25, crossed_above: null}, cooldown: 1d}}",
    PLAIN + "alerts: {r: {model: m, kind: user, when: {band_changed: true}}}",
    PLAIN + "alerts: {r: {model: m, kind: account, when: {band_changed: [low, inactive]}, severity: critical}}",
    PLAIN + "history: {user: 30d}\nexclude: {users: ['bot-*']}\nsegments: [plan]\ntimezone: UTC\nbucket: 1h",
]
WRONG = {
    "an unknown key": PLAIN.replace("weights:", "windo: 7d, weights:"),
    "an unknown key of the file": PLAIN + "alert: {}",
    "a version that isn't there": PLAIN.replace("version: 1", "version: 2"),
    "no models": "version: 1\nevents: {a: {}}\n",
    "a duration without a unit": PLAIN.replace("weights:", "window: 30, weights:"),
    "a duration of another unit": PLAIN.replace("weights:", "window: 4w, weights:"),
    "a weight that is a word": PLAIN.replace("a: 1", "a: lots"),
    "a weight without a number": PLAIN.replace("weight: -2, ", ""),
    "a kind that isn't scored yet": PLAIN.replace("weights:", "kinds: [segment], weights:"),
    "a curve that isn't there": PLAIN.replace("weights:", "curve: {shape: logistic}, weights:"),
    "a percentile above 100": PLAIN.replace("weights:", "benchmark: {percentile: 101}, weights:"),
    "a negative margin": PLAIN.replace("weights:", "margin: -1, weights:"),
    "a bound that is a word": PLAIN.replace("weights:", "bands: {low: few}, weights:"),
    "a model's name with a space": PLAIN.replace("  m:", "  a model:"),
    "a rule that watches nothing": PLAIN + "alerts: {r: {model: m, kind: user, when: {}}}",
    "a rule's name with a space": PLAIN + "alerts: {a rule: {model: m, kind: user, when: {band_changed: true}}}",
    "a rule on no change": PLAIN + "alerts: {r: {model: m, kind: user, when: {band_changed: false}}}",
    "a fact of an event that isn't there": PLAIN.replace("a: {}", "a: {cor: true}"),
}


def problems(text: str) -> list[str]:
    """What the validator of an editor would mark."""
    data: Any = YAML(typ="safe", pure=True).load(text)
    return [error.message for error in Draft202012Validator(json_schema()).iter_errors(data)]


def test_the_published_file_is_the_schema() -> None:
    """If not: scorer check --schema > docs/scoring.schema.json"""
    assert json.loads(PUBLISHED.read_text()) == json.loads(json.dumps(json_schema()))


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_is_marked_nowhere(text: str) -> None:
    parse(text)
    assert problems(text) == []


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_marked(text: str) -> None:
    with pytest.raises(ScoringFileError):
        parse(text)
    assert problems(text)
