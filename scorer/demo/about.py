"""What never changes while a demo runs, as the page and the terminal tell it."""

from datetime import timedelta

from scorer.core.alert_rules import Rule, When
from scorer.core.model import Kind, Shape
from scorer.demo.board import TRAIL_SECONDS
from scorer.demo.servers import NAMESPACE, Servers
from scorer.demo.subject import Subject
from scorer.durations import format_duration

_SAID = {When.CROSSED_BELOW: "falls below", When.CROSSED_ABOVE: "rises above"}


def about(subject: Subject, seed: int, days: int) -> dict[str, object]:
    """For the page: the model, its bands (the lowest has no bound) and the rules that watch it."""
    model = subject.model
    return {
        "model": model.name,
        "file": subject.file.name,
        "ours": subject.is_ours,
        "namespace": NAMESPACE,
        "seed": seed,
        "suggested": subject.company.spotlight.account_id,
        "days": days,
        "trail_seconds": TRAIL_SECONDS,
        "percentile": model.benchmark.percentile,
        "peers": list(model.benchmark.peers),
        "scale": None if model.curve.shape is Shape.NONE else [1, 100],
        "bands": [{"name": band.name, "lower": None if n == 0 else band.lower} for n, band in enumerate(model.bands)],
        "rules": [
            {"name": rule.name, "severity": rule.severity.value, "when": _when(rule)}
            for rule in subject.scoring.alerts
            if rule.model == model.name and rule.kind is Kind.ACCOUNT
        ],
    }


def _when(rule: Rule) -> str:
    if rule.threshold is not None:
        return f"{_SAID[rule.when]} {rule.threshold:g}{_slack(rule)}"
    return f"becomes {' or '.join(rule.bands)}" if rule.bands else "changes its band"


def _slack(rule: Rule) -> str:
    margin = f" by {rule.margin:g}" if rule.margin else ""
    return margin + (f", for {format_duration(timedelta(milliseconds=rule.hold_ms))}" if rule.hold_ms else "")


def hints(servers: Servers, subject: Subject, made_up: float) -> tuple[str, ...]:
    """What somebody may do with a running demo. `made_up`: the time there; an event of another would move its clock."""
    example = subject.company.accounts[0].account_id
    return (
        f"redis-cli -p {servers.redis.port} GET {NAMESPACE}:score:{subject.model.name}:account:{example}",
        f"scorer top --redis-url {servers.redis.url} --model {subject.model.name}",
        f'scorer replay --brokers {servers.broker.bootstrap} events.jsonl    with "ts": {made_up:.0f}, the time there',
        f"metrics: http://127.0.0.1:{servers.http_port}/metrics    end: Ctrl-C",
    )
