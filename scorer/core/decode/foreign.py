"""Names the format of a record that isn't a native event, so that its refusal says what it is."""

from collections.abc import Mapping
from typing import Any, Final

_SEGMENT_TYPES: Final = frozenset(["track", "page", "screen", "identify", "group", "alias"])
_SEGMENT_FIELDS: Final = frozenset(["userId", "anonymousId", "messageId"])
_SNOWPLOW_FIELDS: Final = frozenset(["event_name", "derived_tstamp", "collector_tstamp"])


def foreign_format(fields: Mapping[Any, Any]) -> str | None:
    """The format by the fields that only it has (INTERFACES 4), or None."""
    kind = fields.get("type")
    if "specversion" in fields:
        return "a CloudEvents record"
    if "distinct_id" in fields:
        return "a PostHog record"
    if not _SNOWPLOW_FIELDS.isdisjoint(fields):
        return "a Snowplow record"
    segment_type = isinstance(kind, str) and kind in _SEGMENT_TYPES and "user_id" not in fields
    if segment_type or not _SEGMENT_FIELDS.isdisjoint(fields):
        return "a Segment record"
    return None
