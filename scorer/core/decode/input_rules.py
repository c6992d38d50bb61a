"""What a deployment says of its input: which format, and where in a record a field stands (SCORER_INPUT_FORMAT,
SCORER_FIELD_..., SCORER_POSTHOG_GROUP, SCORER_SNOWPLOW_ENTITY)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

FIELDS: Final = ("event", "user_id", "account_id", "event_id", "ts", "value")
"""Of the canonical event."""

Path = tuple[str, ...]
"""Names of objects within objects, the outermost first."""


class InputFormat(StrEnum):
    """`AUTO`: each record tells its own."""

    AUTO = "auto"
    NATIVE = "native"
    SEGMENT = "segment"
    CLOUDEVENTS = "cloudevents"
    POSTHOG = "posthog"
    SNOWPLOW = "snowplow"


@dataclass(frozen=True, slots=True)
class InputRules:
    """`paths`: by canonical field where it stands instead of the format's own place.

    `posthog_group`: the type of group that is the account; `snowplow_entity`: the name of the entity that is.
    """

    format: InputFormat = InputFormat.AUTO
    paths: Mapping[str, Path] = field(default_factory=dict)
    posthog_group: str = "company"
    snowplow_entity: str = "account"


DEFAULT_RULES: Final = InputRules()
