"""What `scorer show` prints: the number, its direction, what it rests on, how old it is."""

import time
from collections.abc import Iterator, Mapping

import typer
from rich.console import Console
from rich.text import Text

from scorer.commands import FAILED, Failed, answer, fail
from scorer.consoles import output
from scorer.core.model import DEFAULT_BANDS, Kind, Model, Shape
from scorer.freshness import told_age, told_time
from scorer.looks import MUTED, Looks
from scorer.quantities import counted
from scorer.redis_reading import RedisUnusable, open_redis
from scorer.settings import Settings
from scorer.showing import Score, Shown, read_shown
from scorer.verifying.recount import curve_score

_ROUNDING = 1e-6
_MANY = 10.0
_FORMULAS = {
    Shape.LINEAR: "1 + 99 x",
    Shape.EXPONENTIAL: "1 + 99 (1 - e^(-{k} x)) / (1 - e^-{k})",
    Shape.POWER_USER: "1 + 99 (e^({k} x) - 1) / (e^{k} - 1)",
    Shape.UNCAPPED: "1 + 99 (1 - 10^-x)",
}


def run_show(
    settings: Settings, kind: Kind, entity_id: str, models: Mapping[str, Model | None], *, as_json: bool
) -> None:
    """Ends the process with status 1 if there is no number, or if Redis can't be asked."""
    try:
        with open_redis(settings.redis_url.get_secret_value()) as redis:
            shown = read_shown(redis, settings.namespace, kind, entity_id, models, time.time())
    except RedisUnusable as error:
        fail(error)
    known = any(shown.scores.values())
    if known and not as_json:
        print_shown(shown, output())
        if not shown.has_score:
            raise typer.Exit(FAILED)
    elif not shown.has_score:
        raise Failed(_why_none(shown) if known else _why_nothing(shown), figures=shown.as_json())
    else:
        answer(shown.as_json())


def print_shown(shown: Shown, out: Console) -> None:
    width = max(map(len, shown.scores))
    for model, score in shown.scores.items():
        first, *more = _lines(shown, model, score, out)
        out.print(Text(f"{model:<{width}}  ").append_text(first), soft_wrap=True)
        for line in more:
            out.print(Text(" " * (width + 2)).append_text(line), soft_wrap=True)
    if shown.freshness.ever_worked and (trouble := shown.trouble) is not None:
        out.print(Text(trouble, style="bold yellow"), soft_wrap=True)


def _lines(shown: Shown, model: str, score: Score | None, out: Console) -> Iterator[Text]:
    if score is None:
        yield Text("no score: nothing of theirs has counted in this model yet")
        return
    if score["score"] is None:
        yield Text(_why_no_number(shown, score))
        return
    found = shown.models[model]
    bands = found.bands if found is not None else DEFAULT_BANDS
    yield _headline(score, Looks([band.name for band in bands], ascii_only=out.options.ascii_only))
    yield Text(_reason(shown, model, score))
    formula = _formula(shown, model, score)
    if formula is not None:
        yield Text(formula, style=MUTED)
    if score["as_of"] is not None:
        age = told_age(shown.freshness.now - score["as_of"])
        yield Text(f"newest event {told_time(score['as_of'])} ({age})", style=MUTED)


def _headline(score: Score, looks: Looks) -> Text:
    line = Text.assemble((f"{score['score']:.1f}", "bold"), "  ", looks.band(score["band"]))
    if score["previous_band"]:
        line.append(f" (was {score['previous_band']})")
    if score["delta"] is not None:
        line.append("  ").append_text(looks.direction(score["delta"])).append(" in 7 days")
    return line


def _reason(shown: Shown, model: str, score: Score) -> str:
    if score["state"] == "inactive":
        return "went silent: nothing that counts in this model happened within its window"
    raw, benchmark = score["raw"], score["benchmark"]
    if benchmark is None:
        return f"raw {raw:g}, which is the score"
    ratio = raw / benchmark
    times = f"{ratio:.1%} of" if ratio < _MANY else f"{ratio:,.1f} times"
    version = score["benchmark_version"]
    whose = f"version {version}" if version else "the scoring file's initial"
    return f"raw {raw:g} is {times} the benchmark {benchmark:g} ({whose})"


def _formula(shown: Shown, model: str, score: Score) -> str | None:
    """How the number comes from raw and benchmark, to be computed again; None where nobody knows the curve."""
    found = shown.curve(model)
    if found is None or score["benchmark"] is None or score["state"] != "scored":
        return None
    curve, k = found
    again = curve_score(curve, score["raw"], score["benchmark"], k)
    most = "" if curve.shape is Shape.UNCAPPED else ", at most 1"
    formula = f"{_FORMULAS[curve.shape].format(k=f'{k:g}')}, x = raw / benchmark{most}"
    if abs(again - score["score"]) > _ROUNDING:
        return f"{formula}: gives {again:.1f}. The scoring file here isn't the one that the workers score by"
    return formula


def _why_no_number(shown: Shown, score: Score) -> str:
    if score["state"] == "warming_up":
        needed = counted(score["min_population"], f"active {shown.kind.label}")
        missing = f"{score['population']:,} of {needed} needed"
        return f"no score yet: warming up, {missing}"
    if score["state"] == "never_used":
        return "no score: known by its traits only, never used"
    return f"no score: {score['state']}"


def _why_none(shown: Shown) -> str:
    """Why no model has a number for an entity that is known, in one sentence."""
    reasons = (f"{model}: {_why_no_number(shown, score)}" for model, score in shown.scores.items() if score)
    return f"{shown.kind.label} {shown.entity_id} has no score: {'; '.join(reasons)}"


def _why_nothing(shown: Shown) -> str:
    """Why an entity may have no score in any model, and how its id is written."""
    written = {
        Kind.USER: "a user's id is {account}/{user}, or the user's id alone where there is no account",
        Kind.ACCOUNT: "an account's id is written as in its events",
    }
    said = (
        f"{shown.kind.label} {shown.entity_id} has no score: no event of theirs that counts has been scored yet, "
        f"or the id is another ({written[shown.kind]})"
    )
    if not shown.freshness.ever_worked:
        return f"{said}. No worker has ever written into this Redis under this namespace"
    return said
