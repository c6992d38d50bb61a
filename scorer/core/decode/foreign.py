"""Tells the format of a record that isn't a native event, by the fields that only it has (INTERFACES 4)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from scorer.core.decode import cloudevents, posthog, segment, snowplow
from scorer.core.decode.account_record import CheckedTraits
from scorer.core.decode.told import Told

Reader = Callable[[Mapping[Any, Any]], Told | CheckedTraits]

_SEGMENT_FIELDS: Final = frozenset(["userId", "anonymousId", "messageId", "batch"])
_SNOWPLOW_FIELDS: Final = frozenset(["event_name", "derived_tstamp", "collector_tstamp"])


def foreign_reader(fields: Mapping[Any, Any]) -> Reader | None:
    """What reads a record of this format, or None where no format is known by these fields."""
    if "specversion" in fields:
        return cloudevents.told
    if "distinct_id" in fields:
        return posthog.told
    if not _SNOWPLOW_FIELDS.isdisjoint(fields):
        return snowplow.told
    kind = fields.get("type")
    segment_type = isinstance(kind, str) and kind in segment.CALLS and "user_id" not in fields
    if segment_type or not _SEGMENT_FIELDS.isdisjoint(fields):
        return segment.told
    return None
