"""Snowplow's enriched events as JSON, as its analytics SDKs write them (INTERFACES 4).

The account is the entity called `account`, of any vendor and version: its `account_id`, or its `id`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from scorer.core.decode.told import Told, first_of, within

_ENTITY: Final = re.compile(r"contexts_.+_account_\d+")
_WITHOUT_ZONE: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?", re.ASCII)
_NAMES: Final = {
    "event": "event_name",
    "user_id": "user_id",
    "account_id": "the account entity's account_id",
    "event_id": "event_id",
    "ts": "derived_tstamp",
    "value": "value",
}


def told(fields: Mapping[Any, Any]) -> Told:
    """An event."""
    ts = fields.get("derived_tstamp")
    if isinstance(ts, str) and _WITHOUT_ZONE.fullmatch(ts):
        ts += "Z"  # Snowplow's times are UTC, in older SDKs without saying so
    event = {
        "event": fields.get("event_name"),
        "user_id": fields.get("user_id"),
        "account_id": _account(fields),
        "event_id": first_of(fields.get("event_id")),
        "ts": ts,
    }
    return Told(event, _NAMES)


def _account(fields: Mapping[Any, Any]) -> Any:
    for name, entities in fields.items():
        if isinstance(name, str) and _ENTITY.fullmatch(name) and isinstance(entities, list) and entities:
            return first_of(within(entities[0], "account_id"), within(entities[0], "id"))
    return None
