"""The rules for Prometheus under deploy/, by its own promtool, and against what a worker exposes and the docs say."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from ruamel.yaml import YAML

from scorer.core.model import Kind, Model
from scorer.metrics import Metrics

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/prometheus"
RULES, RULE_TESTS = FOLDER / "scorer.rules.yaml", FOLDER / "scorer.rules.test.yaml"
SEVERITIES = {"critical", "warning", "info"}


def read(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def rules(kind: str) -> list[dict[str, Any]]:
    """All that are an `alert`, or a `record`."""
    return [rule for group in read(RULES)["groups"] for rule in group["rules"] if kind in rule]


def promtool_says(promtool: str, *arguments: str | Path, stdin: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [promtool, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def exposed() -> str:
    metrics = Metrics(CollectorRegistry(), version="1")
    metrics.expect([Model("use", (Kind.USER,), 30, {})], ["churn_risk"])
    metrics.scores.labels("use", "user", "low").set(1)
    metrics.entities.labels("user", "scored").set(1)
    metrics.benchmark_raw.labels("use", "user", "all").set(1)
    metrics.consumer_lag_records.labels("product-events", "0").set(1)
    return generate_latest(metrics.registry).decode()


@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", RULES), ("test", "rules", RULE_TESTS), ("check", "config", FOLDER / "prometheus.example.yaml")],
    ids=["rules", "tests", "config"],
)
def test_promtool_agrees(promtool: str, arguments: tuple[str | Path, ...]) -> None:
    status, said = promtool_says(promtool, *arguments)
    assert status == 0 and "SUCCESS" in said, said


def test_every_alert_fires_in_the_rules_tests() -> None:
    fired = set()
    for case in read(RULE_TESTS)["tests"]:
        for expected in case.get("promql_expr_test", ()):
            for sample in expected.get("exp_samples", ()):
                fired.update(re.findall(r'alertname="(\w+)"', sample["labels"]))
        fired.update(each["alertname"] for each in case.get("alert_rule_test", ()) if each.get("exp_alerts"))
    assert fired == {rule["alert"] for rule in rules("alert")}


def test_the_rules_tests_can_fail(promtool: str, tmp_path: Path) -> None:
    (tmp_path / RULE_TESTS.name).write_text(RULE_TESTS.read_text())
    (tmp_path / RULES.name).write_text(RULES.read_text().replace("== 0 or absent", "== 1 or absent"))
    status, said = promtool_says(promtool, "test", "rules", tmp_path / RULE_TESTS.name)
    assert status == 1 and "FAILED" in said and "ScorerDown" in said


def test_promtool_finds_nothing_wrong_with_the_metrics_names(promtool: str) -> None:
    assert promtool_says(promtool, "check", "metrics", stdin=exposed()) == (0, "")


def test_the_rules_ask_for_nothing_that_no_worker_exposes() -> None:
    there = set(re.findall(r"^(scorer_\w+)[ {]", exposed(), re.MULTILINE))
    recorded = {rule["record"] for rule in rules("record")}
    for rule in [*rules("record"), *rules("alert")]:
        asked = set(re.findall(r"(?<![\w:])(?:\w+:)?scorer_\w+(?::\w+)?", rule["expr"]))
        assert {name for name in asked if ":" not in name} <= there, rule
        assert {name for name in asked if ":" in name} <= recorded, rule


def test_every_alert_says_what_it_is_and_what_to_do() -> None:
    headings = set(re.findall(r"^## (\w+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE))
    assert {rule["alert"] for rule in rules("alert")} == headings
    for rule in rules("alert"):
        assert rule["labels"]["severity"] in SEVERITIES
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert rule["annotations"]["runbook"].endswith(f" docs/operations.md#{rule['alert'].lower()}")
