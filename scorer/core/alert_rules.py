"""Rules for alerts on scores (SCORING 4), as the core uses them: validated, bound to their model, frozen."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, fields
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Any

from scorer.core.model import Kind, digest


class When(StrEnum):
    """What a rule watches for."""

    CROSSED_BELOW = "crossed_below"
    CROSSED_ABOVE = "crossed_above"
    BAND_CHANGED = "band_changed"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Cause(IntEnum):
    """Why an alert fired (the first three) or resolved."""

    CROSSED_BELOW = 0
    CROSSED_ABOVE = 1
    BAND_CHANGED = 2
    RECOVERED = 3
    SUPERSEDED = 4
    RULE_REMOVED = 5
    RULE_CHANGED = 6
    MODEL_REMOVED = 7
    MODEL_CHANGED = 8

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Rule:
    """A rule on the scores of one kind in one model. It stands whole in the journal, where it outlives its file.

    `threshold` goes with crossings. `bands` are those that fire when they are entered; none: any change of the band
    does. `margin`, `hold_ms` and `model_bands` (lowest first) are the model's, bound when the file was read.
    """

    name: str
    model: str
    kind: Kind
    when: When
    threshold: float | None = None
    bands: tuple[str, ...] = ()
    cooldown_ms: int = 0
    severity: Severity = Severity.WARNING
    margin: float = 0.0
    hold_ms: int = 0
    model_bands: tuple[str, ...] = ()
    model_hash: str = ""

    @cached_property
    def hash(self) -> str:
        """16 hex digits over everything that changes the rule's alerts, its model included."""
        return digest(asdict(self))

    @property
    def on_any_change(self) -> bool:
        return self.when is When.BAND_CHANGED and not self.bands

    @property
    def fired_cause(self) -> Cause:
        return Cause[self.when.name]

    def is_like(self, other: "Rule") -> bool:
        """Whether only the model makes a difference."""
        return self._own() == other._own()

    def _own(self) -> tuple[object, ...]:
        return (
            self.name,
            self.model,
            self.kind,
            self.when,
            self.threshold,
            self.bands,
            self.cooldown_ms,
            self.severity,
        )

    def packed(self) -> list[Any]:
        """The rule as a journal entry holds it: its fields in their order, which never changes."""
        own = (getattr(self, field.name) for field in fields(self))
        return [list(value) if isinstance(value, tuple) else value for value in own]

    @classmethod
    def unpacked(cls, packed: list[Any]) -> "Rule":
        name, model, kind, when, threshold, bands, cooldown_ms, severity, *bound = packed
        margin, hold_ms, model_bands, model_hash, *_ = bound
        return cls(
            name=name,
            model=model,
            kind=Kind(kind),
            when=When(when),
            threshold=threshold,
            bands=tuple(bands),
            cooldown_ms=cooldown_ms,
            severity=Severity(severity),
            margin=margin,
            hold_ms=hold_ms,
            model_bands=tuple(model_bands),
            model_hash=model_hash,
        )


def cause_of_end(ended: Rule, rules: Iterable[Rule], models: Collection[str]) -> Cause:
    """Why a rule of an earlier scoring file is in force no longer, given the file's rules and the names of its models.

    What a person wrote comes first: a rule that was changed or removed by hand is no matter of its model.
    """
    successor = next((rule for rule in rules if rule.name == ended.name), None)
    if successor is not None:
        return Cause.MODEL_CHANGED if ended.is_like(successor) else Cause.RULE_CHANGED
    return Cause.RULE_REMOVED if ended.model in models else Cause.MODEL_REMOVED
