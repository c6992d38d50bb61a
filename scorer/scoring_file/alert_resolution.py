"""RuleKeys -> core.alert_rules.Rule, bound to its model, and what a rule and its model must agree on."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from scorer.core.alert_rules import Rule, Severity, When
from scorer.core.model import INACTIVE_BAND, Kind, Model
from scorer.durations import parse_duration
from scorer.scoring_file.document import Document
from scorer.scoring_file.problems import KeyPath, Problem
from scorer.scoring_file.schema import ModelKeys, RuleKeys, WhenKeys
from scorer.suggestion import suggest

LOWEST_SCORE, HIGHEST_SCORE = 1, 100
"""The ends of every curve but `none`."""


def rule_of(name: str, keys: RuleKeys, model: Model) -> Rule:
    ((when, value),) = _watched(keys.when).items()
    crossing = when is not When.BAND_CHANGED
    return Rule(
        name=name,
        model=model.name,
        kind=Kind[keys.kind.upper()],
        when=when,
        threshold=float(value) if crossing and isinstance(value, int | float) else None,
        bands=tuple(sorted(value)) if isinstance(value, list) else (),
        cooldown_ms=parse_duration(keys.cooldown) // timedelta(milliseconds=1),
        severity=Severity(keys.severity),
        margin=model.margin if crossing else 0.0,
        hold_ms=model.hold_ms if crossing else 0,
        model_bands=tuple(band.name for band in model.bands),
        model_hash=model.hash,
    )


def rule_problems(
    document: Document,
    path: KeyPath,
    keys: RuleKeys,
    models: Mapping[str, ModelKeys],
    bands: Mapping[str, Sequence[str]],
) -> Iterator[Problem]:
    """`bands`: the names of each model's."""
    watched = _watched(keys.when)
    if len(watched) != 1:
        yield document.problem((*path, "when"), f"must hold one of {', '.join(When)}", valued=not watched)
    model = models.get(keys.model)
    if model is None:
        meant = suggest(keys.model, models)
        yield document.problem((*path, "model"), f"is no model of this file: there are {', '.join(models)}", meant)
        return
    if keys.kind not in model.kinds:
        scored = " and ".join(f"{kind}s" for kind in model.kinds)
        yield document.problem((*path, "kind"), f"isn't scored by {keys.model}, which scores {scored}")
    for when, value in watched.items():
        place = (*path, "when", when.value)
        if isinstance(value, list):
            yield from _unknown_bands(document, place, value, keys.model, [*bands[keys.model], INACTIVE_BAND])
        elif when is not When.BAND_CHANGED and model.curve.shape != "none" and not _is_score(value):
            allowed = f"must be {LOWEST_SCORE} to {HIGHEST_SCORE}, as the scores of {keys.model} are"
            yield document.problem(place, allowed)


def _unknown_bands(
    document: Document, path: KeyPath, written: Sequence[str], model: str, known: Sequence[str]
) -> Iterator[Problem]:
    for number, band in enumerate(written):
        if band not in known:
            allowed = f"is no band of {model}: there are {', '.join(known)}"
            yield document.problem((*path, number), allowed, suggest(band, known))


def _watched(keys: WhenKeys) -> dict[When, float | bool | list[str]]:
    values = ((when, getattr(keys, when.value)) for when in When)
    return {when: value for when, value in values if value is not None}


def _is_score(value: float) -> bool:
    return LOWEST_SCORE <= value <= HIGHEST_SCORE
