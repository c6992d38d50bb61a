"""CloudEvents 1.0, structured: https://github.com/cloudevents/spec (INTERFACES 4)."""

from collections.abc import Mapping
from typing import Any, Final

from scorer.core.decode.faults import refused
from scorer.core.decode.told import Told, within
from scorer.core.events import Reason

_NAMES: Final = {
    "event": "type",
    "user_id": "subject",
    "account_id": "account",
    "event_id": "source and id",
    "ts": "time",
    "value": "data.value",
}


def told(fields: Mapping[Any, Any]) -> Told:
    """An event. Raises FaultFound."""
    if fields.get("specversion") != "1.0":
        raise refused(Reason.UNKNOWN_FORMAT, "specversion", fields.get("specversion"), "1.0")
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
    return Told(event, _NAMES)
