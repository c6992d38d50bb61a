"""The scoring file as it is written (INTERFACES 3): keys, types, ranges, defaults. Also the source of its JSON Schema.

Keys and values of later versions aren't here: `scorer.scoring_file.validation` knows them and says "not yet".
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from scorer.core.decode.identifiers import ALLOWED, is_id
from scorer.core.decode.trait_values import NAME_ALLOWED, is_trait_name
from scorer.core.kpis.figures import NUMBERS as KPI_NUMBERS
from scorer.core.model import INACTIVE_BAND
from scorer.durations import DURATION_ALLOWED, DURATION_PATTERN, parse_duration
from scorer.scoring_file.timezones import ALLOWED as ALLOWED_TIMEZONES
from scorer.scoring_file.timezones import is_timezone

MOST_EVENT_TYPES = 4_096
MOST_MODELS = 64
AUTO = "auto"
MOST_PEER_TRAITS = 8
"""Each is one more level of groups, and each level is exchanged in full."""
MOST_SEGMENTS = 64
MOST_RULES = 256
MOST_BANDS = 100
MODEL_NAME_PATTERN = "^[a-z0-9_-]{1,64}$"

NUMBER, MAPPING, WORD, FLAG, LIST = "@number", "@mapping", "@word", "@flag", "@list"
"""Which form of a value was written. They stand in pydantic's locations, so they look like no key."""

_LARGEST = 1e9


def _event_name(name: str) -> str:
    if not is_id(name):
        raise ValueError(f"an event type must be {ALLOWED}")
    return name


def _model_name(name: str) -> str:
    if re.fullmatch(MODEL_NAME_PATTERN, name) is None:
        raise ValueError("a model's name must be 1 to 64 of a-z, 0-9, _ and -")
    return name


def _rule_name(name: str) -> str:
    if re.fullmatch(MODEL_NAME_PATTERN, name) is None:
        raise ValueError("a rule's name must be 1 to 64 of a-z, 0-9, _ and -")
    return name


def _band_name(name: str) -> str:
    if not is_id(name) or len(name) > 64 or name != name.strip():
        raise ValueError("a band's name must be 1 to 64 characters, no control characters, no space at its ends")
    if name.casefold() == INACTIVE_BAND:
        raise ValueError("the name is reserved for entities that went silent: take another")
    return name


def _trait_name(name: str) -> str:
    if not is_trait_name(name):
        raise ValueError(f"a trait's name must be {NAME_ALLOWED}")
    return name


def _pattern(pattern: str) -> str:
    if not is_id(pattern):
        raise ValueError("must be a pattern of user ids, such as bot-* or *@example.com")
    return pattern


def _duration(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"must be {DURATION_ALLOWED}")
    parse_duration(value)
    return value


def _longer_than_zero(value: str) -> str:
    if not parse_duration(value):
        raise ValueError("must be longer than 0")
    return value


def _timezone(name: str) -> str:
    if not is_timezone(name):
        raise ValueError(ALLOWED_TIMEZONES)
    return name


def _each_once(items: list[Any]) -> list[Any]:
    if len(set(items)) < len(items):
        raise ValueError("must name each only once")
    return items


def _no_flag(value: object) -> object:
    if isinstance(value, bool):  # which equals 1
        raise ValueError("must be 1")
    return value


def _form(value: object) -> str:
    return MAPPING if isinstance(value, dict) else NUMBER


def _flag_or_list(value: object) -> str:
    return LIST if isinstance(value, list) else FLAG


def _number_or_auto(value: object) -> object:
    if value != AUTO and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"must be a number or {AUTO}")
    return value


def _number_or_word(value: object) -> str:
    return WORD if isinstance(value, str) else NUMBER


def _nothing_is_empty(value: object) -> object:
    return {} if value is None else value


EventName = Annotated[str, AfterValidator(_event_name)]
ModelName = Annotated[str, AfterValidator(_model_name)]
RuleName = Annotated[str, AfterValidator(_rule_name)]
BandName = Annotated[str, AfterValidator(_band_name)]
TraitName = Annotated[str, AfterValidator(_trait_name)]
AnyDuration = Annotated[str, BeforeValidator(_duration), Field(json_schema_extra={"pattern": DURATION_PATTERN})]
Duration = Annotated[AnyDuration, AfterValidator(_longer_than_zero)]
Number = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)]
Cap = Annotated[float, Field(gt=0, le=_LARGEST)]


_NAMED: dict[str, Any] = {"propertyNames": {"pattern": MODEL_NAME_PATTERN}}


class _Keys(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, validate_default=False)


class EventKeys(_Keys):
    """What an event type is. The facts are for KPIs; they have no effect on weighted scores."""

    core: bool = Field(False, description="A core feature: counts towards feature adoption.")
    advanced: bool = Field(False, description="An advanced feature: counts towards depth.")
    integration: bool = Field(False, description="Use of an integration.")
    duration: bool = Field(False, description="Its value is seconds.")


class ExcludeKeys(_Keys):
    users: list[Annotated[str, AfterValidator(_pattern)]] = Field(
        [], description="Users who count nowhere, as patterns with * and ?."
    )


class CapKeys(_Keys):
    user: Cap | None = Field(None, description="Most units per bucket that count for a user.")
    account: Cap | None = Field(None, description="Most units per bucket that count for an account.")


class WeightKeys(_Keys):
    weight: Number = Field(description="What one unit is worth; 0 leaves the type out.")
    cap: (
        Annotated[
            Annotated[Cap, Tag(NUMBER)] | Annotated[CapKeys, Tag(MAPPING)],
            Discriminator(_form),
        ]
        | None
    ) = Field(None, description="Most units per bucket that count: a number bounds users only.")


class BenchmarkKeys(_Keys):
    against: Literal["peers"] = Field("peers", description="What an entity is measured against.")
    percentile: float = Field(90, ge=0, le=100, description="Percentile of the active entities' raw scores.")
    peers: Annotated[list[TraitName], Field(max_length=MOST_PEER_TRAITS), AfterValidator(_each_once)] = Field(
        [], description="Traits of an account that its peers share, the coarsest first; none: everyone is a peer."
    )
    min_population: int = Field(20, ge=1, le=1_000_000_000, description="Fewer active entities make no benchmark.")
    initial: Annotated[float, Field(gt=0)] | None = Field(
        None, description="The benchmark while there are too few active entities; null: no score until then."
    )


class CurveKeys(_Keys):
    shape: Literal["none", "linear", "exponential", "power_user", "uncapped"] = Field(
        "exponential", description="How a normalised raw score becomes 1..100; none: the score is the raw."
    )
    # Far beyond 100 the curve is a step, and its exponential overflows.
    steepness: Annotated[
        Annotated[Annotated[float, Field(gt=0, le=100)], Tag(NUMBER)] | Annotated[Literal["auto"], Tag(WORD)],
        Discriminator(_number_or_word),
        BeforeValidator(_number_or_auto),
    ] = Field(3.0, description="k of the exponential and power_user curves; auto: the median active raw scores 50.")


class ModelKeys(_Keys):
    score: Literal["weighted"] = Field("weighted", description="How the model scores.")
    kinds: Annotated[list[Literal["user", "account"]], Field(min_length=1), AfterValidator(_each_once)] = Field(
        ["user", "account"], description="What is scored."
    )
    window: Duration = Field(
        "30d", description="How far back counts reach, in whole buckets, the current one included."
    )
    half_life: Duration | None = Field(None, description="The age at which a count weighs half; null: it never fades.")
    weights: Annotated[
        dict[
            EventName,
            Annotated[Annotated[Number, Tag(NUMBER)] | Annotated[WeightKeys, Tag(MAPPING)], Discriminator(_form)],
        ],
        Field(min_length=1),
    ] = Field(description="What one unit of each event type is worth.")
    rollup: Literal["counts"] = Field("counts", description="How an account is scored: by its own counts.")
    tenure: Literal["as_is"] = Field("as_is", description="Whether new entities' raw scores are scaled up: no.")
    benchmark: BenchmarkKeys = Field(BenchmarkKeys(), description="The raw score that all others are measured against.")
    curve: CurveKeys = Field(CurveKeys(), description="How a raw score becomes a score.")
    bands: Annotated[dict[BandName, Number | None], Field(min_length=1, max_length=MOST_BANDS)] | None = Field(
        None, description="Lower bounds, inclusive, ascending; the lowest has none, whatever stands there."
    )
    margin: float = Field(2, ge=0, le=_LARGEST, description="By how much a score must pass a bound to change its band.")
    hold: AnyDuration = Field("0s", description="How long a score must stay past a bound before that counts.")
    draft: Literal[False] = Field(False, description="Whether the model is computed but not published: no.")


class WhenKeys(_Keys):
    """What a rule watches for: one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    crossed_below: Number | None = Field(None, description="The score falls below this (and the model's margin).")
    crossed_above: Number | None = Field(None, description="The score rises to this (and the model's margin) or above.")
    band_changed: (
        Annotated[
            Annotated[Literal[True], Tag(FLAG)]
            | Annotated[Annotated[list[str], Field(min_length=1), AfterValidator(_each_once)], Tag(LIST)],
            Discriminator(_flag_or_list),
        ]
        | None
    ) = Field(None, description="true: the band changes; a list: one of these bands is entered.")


class RuleKeys(_Keys):
    model: str = Field(description="The model whose scores are watched.")
    kind: Literal["user", "account"] = Field(description="Whether those of users or of accounts.")
    when: WhenKeys = Field(description="What fires.")
    cooldown: AnyDuration = Field("0s", description="After an alert, how long until the next of the same entity.")
    severity: Literal["info", "warning", "critical"] = Field("warning", description="How bad it is.")


class KpiKeys(_Keys):
    """Product engagement KPIs of accounts, segments and the product; without this key none are computed."""

    window: Duration = Field("30d", description="Over how many complete days, 1d to 90d.")
    goals: dict[Literal[*KPI_NUMBERS], Number] = Field(  # type: ignore[valid-type]
        {}, description="Goals by KPI; the distance to each is published."
    )


class HistoryKeys(_Keys):
    """How long the standings at the close of each day are kept."""

    user: Duration = Field("8d", description="Of users, in whole days, 8d to 400d.")
    account: Duration = Field("400d", description="Of accounts, in whole days, 8d to 4000d.")


class ScoringKeys(_Keys):
    """A scoring file."""

    version: Annotated[Literal[1], BeforeValidator(_no_flag)] = Field(description="The version of this format.")
    bucket: Duration = Field("1d", description="The width of a count: 1d, 1h, 15m, or another that divides a day.")
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        "UTC", description="The time zone of days, with `bucket: 1d`: a name such as Europe/Berlin."
    )
    events: Annotated[
        dict[
            EventName, Annotated[EventKeys, BeforeValidator(_nothing_is_empty, json_schema_input_type=EventKeys | None)]
        ],
        Field(min_length=1, max_length=MOST_EVENT_TYPES),
    ] = Field(description="The event types that count; others are unknown_type.")
    exclude: ExcludeKeys = Field(ExcludeKeys(), description="Traffic that counts nowhere.")
    segments: Annotated[list[TraitName], Field(max_length=MOST_SEGMENTS), AfterValidator(_each_once)] = Field(
        [], description="Traits of accounts that KPIs and peer groups may be split by."
    )
    models: Annotated[dict[ModelName, ModelKeys], Field(min_length=1, max_length=MOST_MODELS)] = Field(
        description="The scoring models by name.", json_schema_extra=_NAMED
    )
    alerts: Annotated[dict[RuleName, RuleKeys], Field(max_length=MOST_RULES)] = Field(
        {}, description="The rules that alerts follow, by name.", json_schema_extra=_NAMED
    )
    kpis: Annotated[KpiKeys | None, BeforeValidator(_nothing_is_empty, json_schema_input_type=KpiKeys | None)] = Field(
        None, description="Which KPIs are computed: none if the key isn't there."
    )
    history: HistoryKeys = Field(HistoryKeys(), description="How long daily standings are kept.")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the scoring file, for editors."""
    schema = ScoringKeys.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Scorer scoring file"}
