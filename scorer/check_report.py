"""What `scorer check` prints for a person: the models, what each event weighs in them, and what is odd."""

from datetime import timedelta

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scorer.checking import CheckReport
from scorer.core.alert_rules import Rule, When
from scorer.core.model import Kind, Model, Scoring, Shape, Weight
from scorer.durations import format_duration
from scorer.examples import DURATION_SECONDS, USERS_OF_AN_ACCOUNT
from scorer.quantities import counted


def print_report(report: CheckReport, out: Console, err: Console) -> None:
    """The tables go to `out`; errors and warnings, one a line, to `err`."""
    for problem in report.errors:
        err.print(f"[bold red]error[/]: {escape(str(problem))}", highlight=False, soft_wrap=True)
    if report.scoring is not None:
        _print_models(report.scoring, out)
        _print_rules(report.scoring, out)
        _print_weights(report, out)
        _print_examples(report, out)
    for problem in report.warnings:
        err.print(f"[bold yellow]warning[/]: {escape(str(problem))}", highlight=False, soft_wrap=True)
    if report.scoring is not None:
        out.print(f"{escape(report.file)} is right: {_held(report.scoring)}{_warned(report)}", highlight=False)


def _held(scoring: Scoring) -> str:
    rules = f", {counted(len(scoring.alerts), 'alert')}" if scoring.alerts else ""
    return f"{counted(len(scoring.events), 'event type')}, {counted(len(scoring.models), 'model')}{rules}"


def _warned(report: CheckReport) -> str:
    return f"; but see {counted(len(report.warnings), 'warning')}" if report.warnings else ""


def _print_models(scoring: Scoring, out: Console) -> None:
    table = _table()
    for heading in ("model", "scores", "window", "benchmark", "curve", "bands"):
        table.add_column(heading)
    for model in scoring.models:
        table.add_row(
            escape(model.name),
            ", ".join(f"{kind.label}s" for kind in model.kinds),
            _window(model, scoring.bucket_seconds),
            _benchmark(model),
            _curve(model),
            escape(_bands(model)),
        )
    out.print(table)
    if scoring.kpis is not None:
        goals = f", {counted(len(scoring.kpis.goals), 'goal')}" if scoring.kpis.goals else ""
        split = f"split by {', '.join(scoring.segments)}" if scoring.segments else "not split by any trait (`segments`)"
        out.print(f"KPIs over {counted(scoring.kpis.window, 'day')}{goals}, {split}.\n", highlight=False, markup=False)
    if scoring.timezone != "UTC":
        out.print(f"Days begin at midnight in {scoring.timezone}.\n", highlight=False)


def _print_rules(scoring: Scoring, out: Console) -> None:
    if not scoring.alerts:
        return
    table = _table()
    for heading in ("alert", "watches", "fires when", "cooldown", "severity"):
        table.add_column(heading)
    for rule in scoring.alerts:
        cooldown = format_duration(timedelta(milliseconds=rule.cooldown_ms)) if rule.cooldown_ms else "none"
        watches = f"{rule.kind.label}s in {rule.model}"
        table.add_row(*map(escape, (rule.name, watches, _when(rule), cooldown, rule.severity)))
    out.print(table)


def _when(rule: Rule) -> str:
    if rule.on_any_change:
        return "the band changes"
    if rule.threshold is None:
        return f"entering {', '.join(rule.bands)}"
    direction = "below" if rule.when is When.CROSSED_BELOW else "above"
    return f"crossing {direction} {rule.threshold:g}" + _margin(rule.margin, rule.hold_ms)


def _margin(margin: float, hold_ms: int) -> str:
    hold = f" for {format_duration(timedelta(milliseconds=hold_ms))}" if hold_ms else ""
    return f" (±{margin:g}{hold})"


def _print_weights(report: CheckReport, out: Console) -> None:
    table = _table()
    table.add_column("event", overflow="fold")
    for model in next(iter(report.weights)).by_model if report.weights else ():
        table.add_column(escape(model), justify="right")
    for row in report.weights:
        table.add_row(escape(row.event), *map(_weight, row.by_model.values()))
    out.print(table)


def _print_examples(report: CheckReport, out: Console) -> None:
    if not report.examples:
        return
    table = _table()
    for heading in ("model", "example", "does so"):
        table.add_column(heading)
    for heading in ("raw", "benchmark", "score"):
        table.add_column(heading, justify="right")
    table.add_column("band")
    for each in report.examples:
        table.add_row(
            escape(each.model),
            "a user" if each.kind is Kind.USER else f"an account of {USERS_OF_AN_ACCOUNT} users",
            each.pace,
            f"{each.raw:,.1f}",
            "-" if each.benchmark is None else f"{each.benchmark:,.1f}",
            f"{each.score:,.1f}",
            escape(each.band),
        )
    out.print(table)
    out.print(_WHAT_EXAMPLES_ARE, highlight=False)


_WHAT_EXAMPLES_ARE = f"""\
Examples, not measurements: each does every event with a weight above 0, once at a time
({DURATION_SECONDS // 60} minutes where the value is seconds). The benchmark here is the file's `initial`, or who does
so every day; the real one comes from your own users.
"""


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)


def _window(model: Model, bucket_seconds: int) -> str:
    window = _buckets(model.window, bucket_seconds)
    return window if model.half_life is None else f"{window}, half after {_buckets(model.half_life, bucket_seconds)}"


def _buckets(number: float, bucket_seconds: int) -> str:
    return format_duration(number * timedelta(seconds=bucket_seconds))


def _benchmark(model: Model) -> str:
    if model.curve.shape is Shape.NONE:
        return "none"
    rule = model.benchmark
    initial = f", at first {rule.initial:g}" if rule.initial is not None else ""
    peers = f" by {', '.join(rule.peers)}" if rule.peers else ""
    return f"p{rule.percentile:g} of at least {rule.min_population}{peers}{initial}"


def _curve(model: Model) -> str:
    shape, steepness = model.curve.shape, model.curve.steepness
    if shape not in (Shape.EXPONENTIAL, Shape.POWER_USER):
        return str(shape)
    return f"{shape} auto" if steepness is None else f"{shape} {steepness:g}"


def _bands(model: Model) -> str:
    lowest, *higher = model.bands
    return ", ".join([lowest.name, *(f"{band.name} {band.lower:g}" for band in higher)]) + _margin(
        model.margin, model.hold_ms
    )


def _weight(weight: Weight | None) -> str:
    if weight is None:
        return "-"
    caps = (("user", weight.cap_user), ("account", weight.cap_account))
    bounds = ", ".join(f"{kind} {cap:g}" for kind, cap in caps if cap is not None)
    return f"{weight.weight:g} (at most: {bounds})" if bounds else f"{weight.weight:g}"
