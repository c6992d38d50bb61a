"""docs/scoring-file.md: every key with what is allowed, its default and an example, by the schema's own words."""

import json
import re
from typing import Any

from docs.pages.markdown import block, code, table
from docs.pages.scoring_examples import BY_SECTION, COMPLETE, MISTAKEN, SMALLEST
from scorer.durations import DURATION_PATTERN
from scorer.scoring_file import ScoringFileError, json_schema, parse

_BEFORE = """\
<!-- made by `make docs` from scorer/scoring_file/schema.py -->
# The scoring file

One YAML 1.2 file says what events are worth and what comes of them. `scorer check scoring.yaml` says whether it is right, what each event weighs and what example users would score; a worker reads it at its start (`SCORER_SCORING`). Every key but three has a default: this is a whole file.
"""

_COMPLETE = """\
This one uses nearly all that there is. `scorer check --schema > scoring.schema.json` is its JSON Schema ([published here too](scoring.schema.json)): with the first line an editor completes the keys and marks mistakes.
"""

_MISTAKES = """\
## What is said of mistakes

A key that isn't known, a value that isn't allowed and two keys that contradict each other are errors, each with its line, the value and what was probably meant. All that is wrong by itself is named at once; what keys must agree on, when each of them is right. A worker then ends with status 2 before it touches anything. What a later version will know is refused as "not yet supported", never ignored. Of this file
"""

_AGREE = """\
## What several keys must agree on

- `bucket` divides a day; a `window` is whole buckets, at most 100,000 of them, the current one included.
- `timezone` is for `bucket: 1d`; other buckets are aligned to UTC. Days of a zone begin at local midnight, or at the first instant after it where clocks are set forward over it; ages are counted in calendar days, however many hours those have. Its rules are those of the machine's tz database, else of the package tzdata: what was counted stays in its day when they change.
- Each type in `weights` stands in `events`, and one of them weighs other than 0.
- `bands` ascend; the first has no lower bound, whatever stands there. Without `bands` they are {bands}.
- `peers` are among the `segments`, if the file names any. `steepness: auto` is for the shape `exponential`.
- A rule's model scores its kind, and its bands are that model's, or `inactive`. Thresholds are 1 to 100, unless the model's shape is `none`.

## What a change does

A file is read at a worker's start. A model of which anything changed is another model: its scores are set anew, without alerts, once its first benchmark is in force, and its history begins anew. Events of a type that is newly named count from then on, not back. Another `bucket` or `timezone` stops the start with status 2 and needs a new namespace: the counts that are kept are of the old buckets.
"""

_SECTIONS = {
    "ScoringKeys": ("The file", ""),
    "EventKeys": ("`events`: a type", "In the file, by the type's name: `report_created: {core: true}`, or `{}`."),
    "ExcludeKeys": ("`exclude`", ""),
    "ModelKeys": ("`models`: a model", "In the file, by the model's name: 1 to 64 of a-z, 0-9, `_` and `-`."),
    "WeightKeys": ("`weights`: a weight", "A number alone is the weight; with a cap it is a mapping."),
    "CapKeys": ("`cap`", "A number alone bounds users only."),
    "BenchmarkKeys": (
        "`benchmark`",
        "A peer group with fewer active members than `min_population` has the benchmark of the group without the last "
        "trait, in the end that of everyone.",
    ),
    "CurveKeys": ("`curve`", ""),
    "RuleKeys": ("`alerts`: a rule", "In the file, by the rule's name: 1 to 64 of a-z, 0-9, `_` and `-`."),
    "WhenKeys": ("`when`", ""),
    "KpiKeys": (
        "`kpis`",
        "What each KPI is, and what it rests on, is in [decision 10](decisions/0010-kpis.md). They look at complete days "
        "(of `timezone`), so counts are kept for two windows and today. In a deployment that counted without `kpis` what lies "
        "further back is gone: what would need it is null until two windows have passed.",
    ),
    "HistoryKeys": ("`history`", ""),
}

_DEFAULT_BANDS = "`at_risk` below 25, `low` from 25, `healthy` from 50, `champion` from 75"

Schema = dict[str, Any]


def scoring_file_page() -> str:
    schema = json_schema()
    kinds: dict[str, Schema] = {"ScoringKeys": schema, **schema["$defs"]}
    if kinds.keys() != _SECTIONS.keys():
        raise ValueError(f"each kind of keys has a section: {kinds.keys() ^ _SECTIONS.keys()}")
    parts = [_BEFORE, block("yaml", SMALLEST), _COMPLETE, block("yaml", COMPLETE)]
    for name, (title, remark) in _SECTIONS.items():
        parts += _section(title, remark, kinds[name], BY_SECTION[name])
    parts += [_AGREE.format(bands=_DEFAULT_BANDS), _MISTAKES, block("yaml invalid", MISTAKEN), "it says\n", _mistakes()]
    return "\n".join(parts)


def _section(title: str, remark: str, schema: Schema, example: str) -> list[str]:
    parts = [f"## {title}\n"]
    parts += [f"{text}\n" for text in (schema.get("description", ""), remark) if text and text != "A scoring file."]
    required = schema.get("required", ())
    rows = [_row(name, key, name in required) for name, key in schema["properties"].items()]
    parts.append(table(["key", "default", "what it is", "allowed"], rows))
    if example:
        parts.append(block("yaml", example))
    return parts


def _row(name: str, key: Schema, required: bool) -> tuple[str, str, str, str]:
    default = "**required**" if required else _default(key.get("default"))
    return code(name), default, key.get("description", ""), _allowed(key)


def _default(value: Any) -> str:
    """A section's own defaults stand there."""
    if isinstance(value, dict):
        return "none" if not value else "see there"
    return code(", ".join(value) or "[]") if isinstance(value, list) else code(json.dumps(value).strip('"'))


def _allowed(key: Schema) -> str:
    for several in ("anyOf", "oneOf"):
        if several in key:
            return ", or ".join(_allowed(each) for each in key[several])
    if "$ref" in key:
        title = _SECTIONS[key["$ref"].rpartition("/")[2]][0]
        return f"keys, see [{title.replace('`', '')}](#{_anchor(title)})"
    if "enum" in key:
        return " or ".join(code(each) for each in key["enum"])
    if "const" in key:
        return code(json.dumps(key["const"]).strip('"'))
    return _of_type(key)


def _of_type(key: Schema) -> str:
    match key["type"]:
        case "null":
            return code("null")
        case "boolean":
            return "`true` or `false`"
        case "string":
            return "a duration, such as `12h` or `30d`" if key.get("pattern") == DURATION_PATTERN else "text"
        case "array":
            return f"a list{_size(key, 'Items')}: {_allowed(key['items'])}"
        case "object":
            return f"by name{_size(key, 'Properties')}: {_allowed(key['additionalProperties'])}"
        case _:
            return ("a whole number" if key["type"] == "integer" else "a number") + _range(key)


def _size(key: Schema, of: str) -> str:
    bounds = (("at least ", f"min{of}"), ("at most ", f"max{of}"))
    words = [f"{word}{key[name]:,}" for word, name in bounds if name in key]
    return f" ({', '.join(words)})" if words else ""


def _range(key: Schema) -> str:
    upto = ", at most " if "exclusiveMinimum" in key else " to "
    bounds = ((" above ", "exclusiveMinimum"), (" from ", "minimum"), (upto, "maximum"))
    return "".join(f"{word}{key[name]:,.12g}" for word, name in bounds if name in key)


def _anchor(title: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _mistakes() -> str:
    try:
        parse(MISTAKEN)
    except ScoringFileError as error:
        return block("text", str(error))
    raise ValueError("the mistaken example is right")
