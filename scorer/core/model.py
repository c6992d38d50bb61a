"""Scoring models, as the core uses them: validated, resolved to buckets, frozen.

`scorer/scoring_file.py` reads and validates the file and makes these.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from scorer.core.calendar import Calendar

if TYPE_CHECKING:
    from scorer.core.alert_rules import Rule


WEEK = 7


class Kind(IntEnum):
    """What an entity is (SCORING 1). The numbers stand in the journal: never change one."""

    USER = 0
    ACCOUNT = 1

    @property
    def label(self) -> str:
        return self.name.lower()


class Shape(StrEnum):
    """The curve that maps a normalised raw score onto 1..100 (SCORING 2.4)."""

    NONE = "none"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    POWER_USER = "power_user"
    UNCAPPED = "uncapped"


@dataclass(frozen=True, slots=True)
class Weight:
    """What one unit of an event type is worth, and the most units per bucket that count, by kind."""

    weight: float
    cap_user: float | None = None
    cap_account: float | None = None


@dataclass(frozen=True, slots=True)
class BenchmarkRule:
    """How the benchmark is found: a percentile (0..100) over the active entities of the same kind and peer group.

    `peers`: the traits that an entity's peer group shares, the coarsest first; none: everyone is one group.
    """

    percentile: float = 90.0
    min_population: int = 20
    initial: float | None = None
    peers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Curve:
    """`steepness` is k; None (`auto`, exponential only): solved for each benchmark and published with it."""

    shape: Shape = Shape.EXPONENTIAL
    steepness: float | None = 3.0


@dataclass(frozen=True, slots=True)
class Band:
    """A named range of scores from `lower` (inclusive) up to the next band; the lowest has lower = -inf."""

    name: str
    lower: float


DEFAULT_BANDS = (
    Band("at_risk", float("-inf")),
    Band("low", 25.0),
    Band("healthy", 50.0),
    Band("champion", 75.0),
)

INACTIVE_BAND = "inactive"
"""The band of an entity that went silent (SCORING 2.5); no model may define it."""


@dataclass(frozen=True)
class Model:
    """A weighted scoring model (SCORING 2). Window and half-life are in buckets of the scoring file.

    `bands` are sorted by `lower`, ascending; `weights` hold every type with a weight other than 0. A score must stay
    `hold_ms` past a bound (and `margin`) before its band changes or a rule's crossing counts.
    """

    name: str
    kinds: tuple[Kind, ...]
    window: int
    weights: Mapping[str, Weight]
    half_life: float | None = None
    benchmark: BenchmarkRule = BenchmarkRule()
    curve: Curve = Curve()
    bands: tuple[Band, ...] = DEFAULT_BANDS
    margin: float = 2.0
    hold_ms: int = 0

    @cached_property
    def hash(self) -> str:
        """16 hex digits over everything that changes a score: equal hashes mean comparable raws."""
        return digest(asdict(self))


@dataclass(frozen=True, slots=True)
class HistoryDays:
    """For how many days the standings at the close of a day are kept, by kind."""

    user: int = 8
    account: int = 400


@dataclass(frozen=True, slots=True)
class EventTags:
    """What KPIs are to know of an event type; the value of a `duration` type is seconds."""

    core: bool = False
    advanced: bool = False
    integration: bool = False
    duration: bool = False


@dataclass(frozen=True)
class KpiRules:
    """Which KPIs are computed (SCORING 3): over a `window` of complete days, and the goals of some, by name."""

    window: int = 30
    goals: Mapping[str, float] = field(default_factory=dict)

    @property
    def days(self) -> int:
        """How many days they look at: today, the window and the one before it, and the week one window ago."""
        return max(2 * self.window, self.window + WEEK) + 1


@dataclass(frozen=True)
class Scoring:
    """A scoring file: the width of a bucket, the types that count, who is left out, the models, the alerts' rules, and
    how much history is kept.

    `segments`: traits that KPIs and peer groups may be split by; `history`: how much of it is kept; `tags`: of the
    event types that have some; `kpis`: None where none are computed; `timezone`: of days, other than UTC only where a
    bucket is a day.
    """

    bucket_seconds: int
    events: tuple[str, ...]
    models: tuple[Model, ...]
    exclude_users: tuple[str, ...] = ()
    alerts: tuple["Rule", ...] = ()
    segments: tuple[str, ...] = ()
    history: HistoryDays = HistoryDays()
    tags: Mapping[str, EventTags] = field(default_factory=dict)
    kpis: KpiRules | None = None
    timezone: str = "UTC"

    @cached_property
    def calendar(self) -> Calendar:
        """Which bucket and which day an instant lies in."""
        return Calendar(self.bucket_seconds, self.timezone)

    @cached_property
    def retention(self) -> int:
        """In buckets, the longest window of any model, or what KPIs look back: older cells are let go."""
        longest = max(model.window for model in self.models)
        return longest if self.kpis is None else max(longest, self.kpis.days * self.calendar.buckets_a_day)

    @cached_property
    def hash(self) -> str:
        return digest(asdict(self))


def digest(value: object) -> str:
    """16 hex digits of a value of plain data; the order of a mapping makes no difference."""
    canonical = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()
