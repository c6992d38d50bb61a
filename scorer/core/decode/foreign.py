"""Tells the format of a record by the fields that only it has (INTERFACES 4)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from scorer.core.decode import cloudevents, posthog, segment, snowplow
from scorer.core.decode.account_record import CheckedTraits, is_account_record
from scorer.core.decode.faults import shown
from scorer.core.decode.input_rules import InputFormat
from scorer.core.decode.told import REQUIRED, Told

Reader = Callable[[Mapping[Any, Any]], Told | CheckedTraits]

_SEGMENT_FIELDS: Final = frozenset(["userId", "anonymousId", "messageId", "batch"])


def format_of(fields: Mapping[Any, Any]) -> InputFormat | None:
    """Whose a record is that is no whole native event; None where no format is known by these fields."""
    if cloudevents.SIGN in fields:
        return InputFormat.CLOUDEVENTS
    if posthog.is_posthog(fields):
        return InputFormat.POSTHOG
    if not snowplow.SIGNS.isdisjoint(fields):
        return InputFormat.SNOWPLOW
    if (segment.is_call(fields) and "user_id" not in fields) or not _SEGMENT_FIELDS.isdisjoint(fields):
        return InputFormat.SEGMENT
    return None


def is_of(form: InputFormat, fields: Mapping[Any, Any]) -> bool:
    """Whether a record can be of this format."""
    match form:
        case InputFormat.CLOUDEVENTS:
            return cloudevents.SIGN in fields
        case InputFormat.POSTHOG:
            return posthog.is_posthog(fields)
        case InputFormat.SNOWPLOW:
            return not snowplow.SIGNS.isdisjoint(fields)
        case InputFormat.SEGMENT:
            return segment.is_call(fields) or segment.is_batch(fields)
        case _:
            whole = all(fields.get(name) is not None for name in REQUIRED)
            return whole or is_account_record(fields) or format_of(fields) is None


def unlike(form: InputFormat, fields: Mapping[Any, Any]) -> str:
    """Why a record isn't of the format that the settings fix, for a person."""
    found = format_of(fields)
    looks = "has the fields " + shown(sorted(map(str, fields))[:5]) if found is None else f"looks like {found}"
    return f"the record {looks}; SCORER_INPUT_FORMAT={form} reads no other format ({InputFormat.AUTO} tells them apart)"
