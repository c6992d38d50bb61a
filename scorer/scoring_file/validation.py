"""Document -> ScoringKeys, or problems that name line, key, value, what is allowed and what was probably meant."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scorer.scoring_file.document import Document
from scorer.scoring_file.problems import KeyPath, Problem, ScoringFileError
from scorer.scoring_file.schema import (
    BenchmarkKeys,
    CapKeys,
    CurveKeys,
    EventKeys,
    ExcludeKeys,
    HistoryKeys,
    KpiKeys,
    ModelKeys,
    RuleKeys,
    ScoringKeys,
    WeightKeys,
    WhenKeys,
)
from scorer.scoring_file.timezones import known_timezones
from scorer.suggestion import suggest

_ANY = "*"
_KEYS_AT: dict[KeyPath, type[BaseModel]] = {
    (): ScoringKeys,
    ("events", _ANY): EventKeys,
    ("exclude",): ExcludeKeys,
    ("history",): HistoryKeys,
    ("kpis",): KpiKeys,
    ("models", _ANY): ModelKeys,
    ("models", _ANY, "weights", _ANY): WeightKeys,
    ("models", _ANY, "weights", _ANY, "cap"): CapKeys,
    ("models", _ANY, "benchmark"): BenchmarkKeys,
    ("models", _ANY, "curve"): CurveKeys,
    ("alerts", _ANY): RuleKeys,
    ("alerts", _ANY, "when"): WhenKeys,
}

_LATER_KEYS: set[KeyPath] = {
    ("destinations",),
    ("rankings",),
    ("alerts", _ANY, "kpi"),
    ("alerts", _ANY, "to"),
    *(("alerts", _ANY, "when", later) for later in ("dropped_by", "dropped_while_peers_held", "inactive_for")),
}
_LATER_VALUES: dict[KeyPath, tuple[object, ...]] = {
    ("models", _ANY, "score"): ("pes", "health"),
    ("models", _ANY, "kinds", _ANY): ("segment", "product"),
    ("models", _ANY, "rollup"): ("mean", "sum"),
    ("models", _ANY, "tenure"): ("normalise",),
    ("models", _ANY, "draft"): (True,),
    ("models", _ANY, "benchmark", "against"): ("self",),
    ("alerts", _ANY, "kind"): ("segment", "product"),
}

_KINDS: tuple[KeyPath, ...] = (("score",), ("kpi",))
"""The key, in a model or a rule, that says which other keys there are."""

_ALLOWED = {
    "missing": "is required",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "list_type": "must be a list",
    "finite_number": "must be a finite number",
    "too_short": "must not be empty",
}


def validate(document: Document) -> ScoringKeys:
    """Raises ScoringFileError with every problem that pydantic found."""
    try:
        return ScoringKeys.model_validate(document.data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise ScoringFileError(list(_problems(document, details))) from error


def _problems(document: Document, details: list[ErrorDetails]) -> Iterator[Problem]:
    paths = [_path(document, detail) for detail in details]
    # A model or rule of a kind that isn't there yet has keys of its own: to call them unknown too would mislead.
    of_later_kinds = {path[:2] for path in paths if path[2:] in _KINDS and _is_later(document, path)}
    for path, detail in zip(paths, details, strict=True):
        if path[:2] not in of_later_kinds or path[2:] in _KINDS:
            yield _problem(document, path, detail)


def _path(document: Document, detail: ErrorDetails) -> KeyPath:
    """Where the error is in the file: pydantic's location without the names of union members and of keys."""
    path: KeyPath = ()
    for step in detail["loc"]:
        last_missing = detail["type"] == "missing" and step == detail["loc"][-1]
        if document.holds((*path, step)) or last_missing:
            path = (*path, step)
    return path


def _problem(document: Document, path: KeyPath, detail: ErrorDetails) -> Problem:
    if _is_later(document, path):
        return _not_yet(document, path, _literals(detail))
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = _KEYS_AT[_generic(path[:-1])].model_fields
        meant = suggest(str(path[-1]), known)
        return document.problem(path, f"unknown key: allowed are {', '.join(known)}", meant, valued=False)
    if kind == "literal_error" and path[-1] == "band_changed":
        return document.problem(path, "must be true or a list of bands")
    if kind == "literal_error":
        expected = _literals(detail)
        return document.problem(path, f"must be {expected}", suggest(str(detail["input"]), _quoted(detail)))
    if kind == "float_type" and _generic(path) in _KEYS_AT:
        form = "{weight: ..., cap: ...}" if path[-1] != "cap" else "{user: ..., account: ...}"
        return document.problem(path, f"must be a number or {form}")
    meant = suggest(str(detail["input"]), known_timezones()) if path == ("timezone",) else None
    return document.problem(path, _message(detail), meant)


def _message(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if "error" in context:
        return str(context["error"])
    if detail["type"] == "too_long":
        return f"must hold at most {context['max_length']}"
    return _ALLOWED.get(detail["type"]) or detail["msg"].replace("Input should", "must")


def _is_later(document: Document, path: KeyPath) -> bool:
    if not document.holds(path):
        return False
    place, value = _generic(path), document.value(path)
    return place in _LATER_KEYS or any(value is later or value == later for later in _LATER_VALUES.get(place, ()))


def _not_yet(document: Document, path: KeyPath, allowed: str) -> Problem:
    way_out = f"allowed is {allowed}" if allowed else "leave it out"
    return document.problem(path, f"not yet supported: {way_out}", valued=_generic(path) not in _LATER_KEYS)


def _literals(detail: ErrorDetails) -> str:
    if detail["type"] == "float_type":
        return "a number"
    return str(detail.get("ctx", {}).get("expected", "")).replace("'", "").replace("False", "false")


def _quoted(detail: ErrorDetails) -> list[str]:
    return re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))


def _generic(path: KeyPath) -> KeyPath:
    """`path` with `*` for every name that the file chooses, to look it up in the tables above."""
    generic: list[Any] = list(path)
    named = {1} if path[:1] in (("events",), ("models",), ("alerts",)) else set()
    if path[:1] == ("models",) and path[2:3] in (("weights",), ("kinds",), ("bands",)):
        named.add(3)
    return tuple(_ANY if depth in named else step for depth, step in enumerate(generic))
