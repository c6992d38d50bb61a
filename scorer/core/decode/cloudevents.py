"""CloudEvents 1.0: https://github.com/cloudevents/spec (INTERFACES 4).

Rule 1: structured is an object with all of it. Binary is a record whose attributes are headers, `ce_` before their
  names, and whose value is the data: of any kind, or none. A `content-type` that begins with `application/cloudevents`
  makes it structured, whatever other headers say.
Rule 2: data that is no JSON object, or has no `value`, is an event of value 1.
"""

from collections.abc import Mapping
from typing import Any, Final

from scorer.core.decode import loose
from scorer.core.decode.faults import refused
from scorer.core.decode.input_rules import InputFormat
from scorer.core.decode.told import Told, within
from scorer.core.events import Headers, Reason

SIGN: Final = "specversion"
"""The field that only CloudEvents have."""

PREFIX: Final = "ce_"
"""Of the headers that are attributes."""

BINARY_FORMATS: Final = (InputFormat.AUTO, InputFormat.CLOUDEVENTS)
"""The settings with which a record's headers are looked at."""

_CONTENT_TYPE: Final = "content-type"
_NAME_LENGTH: Final = len(_CONTENT_TYPE)
_STRUCTURED: Final = b"application/cloudevents"

NAMES: Final = {
    "event": "type",
    "user_id": "subject",
    "account_id": "account",
    "event_id": "source and id",
    "ts": "time",
    "value": "data.value",
}
BINARY_NAMES: Final = {
    "event": "ce_type",
    "user_id": "ce_subject",
    "account_id": "ce_account",
    "event_id": "ce_source and ce_id",
    "ts": "ce_time",
    "value": "data.value",
}


def is_binary(headers: Headers) -> bool:
    """Whether a record's headers make it an event, and not its value."""
    found = False
    for name, value in headers:
        if name == "ce_specversion":
            found = True
        elif (
            len(name) == _NAME_LENGTH
            and name.lower() == _CONTENT_TYPE
            and (value or b"").lower().startswith(_STRUCTURED)
        ):
            return False
    return found


def binary_fields(headers: Headers, value: bytes | None) -> dict[str, Any]:
    """What the same event would hold if it were structured. Raises FaultFound."""
    attributes = {name[len(PREFIX) :]: text for name, text in headers if name.startswith(PREFIX) and text is not None}
    loose.check_size(sum(map(len, attributes.values())) + len(value or b""))
    fields: dict[str, Any] = {name: text.decode("utf-8", "surrogateescape") for name, text in attributes.items()}
    return {**fields, "data": loose.json_or_none(value)}


def told(fields: Mapping[Any, Any], names: Mapping[str, str] = NAMES) -> Told:
    """An event. Raises FaultFound."""
    if fields.get(SIGN) != "1.0":
        raise refused(Reason.UNKNOWN_FORMAT, SIGN, fields.get(SIGN), "1.0")
    source, own_id = fields.get("source"), fields.get("id")
    for name, text in (("source", source), ("id", own_id)):
        if text is not None and not isinstance(text, str):
            raise refused(Reason.BAD_TYPE, name, text, "a string")
    event = {
        "event": fields.get("type"),
        "user_id": fields.get("subject"),
        "account_id": fields.get("account"),
        # No URI holds a space: two sources can't make one id.
        "event_id": f"{source} {own_id}" if source and own_id else None,
        "ts": fields.get("time"),
        "value": within(fields, "data", "value"),
    }
    return Told(event, names)
