"""A recount against what Redis says of an entity in a model."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scorer.core.calendar import Calendar
from scorer.core.model import INACTIVE_BAND, Model, Shape
from scorer.verifying.documents import EVERYONE, Document
from scorer.verifying.in_force import InForce
from scorer.verifying.recount import Cells, Raw, curve_score, possible_bands, raw_score
from scorer.verifying.sample import Entity, Tally

NEVER_USED = "never_used"
UNKNOWN_STEEPNESS = "steepness"

RELATIVE = 1e-9
_NEARLY_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of a score that isn't what the recount says.

    `may_settle`: a bucket that closed, or a benchmark that just came, may still be on its way to this entity: at rest
    it is there within a minute.
    """

    entity: Entity
    model: str
    field: str
    in_redis: Any
    recounted: Any
    may_settle: bool = False

    def as_json(self) -> dict[str, object]:
        said = {name: value for name, value in asdict(self).items() if name not in ("entity", "may_settle")}
        return {"kind": self.entity.kind.label, "id": self.entity.id, **said}


@dataclass(frozen=True, slots=True)
class Basis:
    """What a comparison rests on: a model, what is in force of it, and the bucket that `now` is in.

    `groups`: the entity's peer groups, the narrowest first; None where the input no longer tells them.
    """

    model: Model
    benchmarks: InForce
    bucket: int
    calendar: Calendar
    retention: int
    groups: Sequence[str] | None = (EVERYONE,)

    @property
    def ruling_group(self) -> str | None:
        """The peer group whose benchmark the entity is measured against; None if that isn't known."""
        return None if self.groups is None else self.benchmarks.ruling(self.groups)


def differences(entity: Entity, tally: Tally, document: Document | None, basis: Basis) -> list[Difference]:
    """None if the document is what the entity's events give: all those that are settled, and any number of those that
    came since, in their order. Else what differs from all of them together.

    `UNKNOWN_STEEPNESS` among them means that the score could not be compared: nobody knows the one it was made with.
    """
    found: list[Difference] = []
    for cells in tally.states():
        found = list(_differences(entity, cells, document, basis))
        if not found:
            break
    return found


def _differences(entity: Entity, cells: Cells, document: Document | None, basis: Basis) -> Iterator[Difference]:
    model = basis.model
    if document is None:
        if any(bucket > basis.bucket - basis.retention for bucket, _ in cells):
            yield Difference(entity, model.name, "document", None, "a score")
        return
    if document["state"] == NEVER_USED and not cells:
        expected: dict[str, Any] = {"score": None}
        raw = Raw(0.0, 0.0, False)
    else:
        raw = raw_score(model, entity.kind, cells, basis.bucket)
        expected = _expected(raw, document, basis)
    settles = _may_settle(entity, cells, document, basis)
    for field, value in expected.items():
        if not _same(document.get(field), value, raw.rounding):
            moves = field == "benchmark" and _is_another_groups(document, basis)
            yield Difference(entity, model.name, field, document.get(field), value, settles or moves)


def _expected(raw: Raw, document: Document, basis: Basis) -> dict[str, Any]:
    """By field what the document has to say, given the benchmark that it names."""
    model = basis.model
    plain = model.curve.shape is Shape.NONE
    expected: dict[str, Any] = {"state": "scored", "raw": raw.value if raw.active else 0.0}
    if not raw.active:
        expected |= {"state": INACTIVE_BAND, "score": 0.0 if plain else 1.0}
    elif plain:
        expected["score"] = raw.value
    elif document["benchmark"] is None:
        in_force = basis.benchmarks.everyones
        expected["state"] = "warming_up" if in_force is None or in_force["raw"] is None else "scored"
        expected["score"] = None
    else:
        steepness = _steepness(document, basis)
        if steepness is None:
            return expected | {UNKNOWN_STEEPNESS: "that of its benchmark"}
        expected["score"] = curve_score(model.curve, raw.value, document["benchmark"], steepness)
    return expected | _expected_band(raw, document, model) | _expected_benchmark(document, basis)


def _expected_band(raw: Raw, document: Document, model: Model) -> dict[str, Any]:
    """Of the score that stands there: next to a bound the last digit decides."""
    if model.hold_ms:
        return {}  # a band that must be held for a while depends on the past
    possible = possible_bands(model, document["score"], active=raw.active)
    band = document["band"]
    return {"band": band if band in possible else " or ".join(sorted(map(str, possible)))}


def _expected_benchmark(document: Document, basis: Basis) -> dict[str, Any]:
    """The value that the version has in the entity's own group; of a version that nobody has seen there, the newest."""
    in_force, version = basis.benchmarks, document["benchmark_version"]
    group = basis.ruling_group
    if group is None:
        return {}
    of_version = in_force.raw_of(group, version)
    if of_version is not None:
        return {"benchmark": of_version}
    # one that was gone before we came can't be told from another group's, unless we saw whose it is
    return {"benchmark": in_force.newest_raw(group)} if in_force.named_by(document) is not None else {}


def _steepness(document: Document, basis: Basis) -> float | None:
    """The file's, or with `auto` that of the benchmark in force."""
    fixed = basis.model.curve.steepness
    if fixed is not None:
        return fixed
    benchmark = basis.benchmarks.named_by(document)
    return None if benchmark is None else benchmark.get("steepness")


def _may_settle(entity: Entity, cells: Cells, document: Document, basis: Basis) -> bool:
    """Whether it was right when it was computed, in an earlier bucket or before there was a benchmark."""
    if document["state"] == "warming_up":
        return True
    then = basis.calendar.bucket_of(round(document["computed_at"] * 1000))
    if then >= basis.bucket:
        return False
    raw = raw_score(basis.model, entity.kind, cells, then)
    return _same(document["raw"], raw.value, raw.rounding)


def _is_another_groups(document: Document, basis: Basis) -> bool:
    """Whether it rests on the benchmark of a group that the entity was in, or had to do with, a moment ago."""
    group = basis.ruling_group
    return group is not None and basis.benchmarks.raw_of(group, document["benchmark_version"]) is None


def _same(found: Any, expected: Any, rounding: float) -> bool:
    if isinstance(expected, float) and isinstance(found, float | int) and not isinstance(found, bool):
        return math.isclose(found, expected, rel_tol=RELATIVE, abs_tol=max(rounding, _NEARLY_NOTHING))
    return bool(found == expected)
