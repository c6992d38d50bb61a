"""Snowplow's enriched events as JSON, as its analytics SDKs write them (INTERFACES 4).

The account is the entity called `account` (or as the settings say), of any vendor and version: its `account_id`, or
its `id`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from scorer.core.decode.told import Told, first_of, within

SIGNS: Final = frozenset(["event_name", "derived_tstamp", "collector_tstamp"])
"""Fields that only Snowplow has."""

_WITHOUT_ZONE: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?", re.ASCII)
_NAMES: Final = {
    "event": "event_name",
    "user_id": "user_id",
    "account_id": "the account entity's account_id",
    "event_id": "event_id",
    "ts": "derived_tstamp",
    "value": "value",
}


def entity_pattern(name: str) -> re.Pattern[str]:
    """What a field that holds entities of this name is called, of any vendor and version.

    >>> bool(entity_pattern("account").fullmatch("contexts_com_acme_account_1"))
    True
    """
    return re.compile(rf"contexts_.+_{re.escape(name)}_\d+", re.ASCII)


def told(fields: Mapping[Any, Any], entity: re.Pattern[str]) -> Told:
    """An event; `entity`: what the field of the account's entity is called."""
    ts = fields.get("derived_tstamp")
    event = {
        "event": fields.get("event_name"),
        "user_id": fields.get("user_id"),
        "account_id": _account(fields, entity),
        "event_id": first_of(fields.get("event_id")),
        "ts": in_utc(ts) if isinstance(ts, str) else ts,
    }
    return Told(event, _NAMES)


def in_utc(ts: str) -> str:
    """Snowplow's times are UTC, in older SDKs without saying so."""
    return ts + "Z" if not ts.endswith("Z") and _WITHOUT_ZONE.fullmatch(ts) else ts


def _account(fields: Mapping[Any, Any], entity: re.Pattern[str]) -> Any:
    for name, entities in fields.items():
        if isinstance(name, str) and entity.fullmatch(name) and isinstance(entities, list) and entities:
            return first_of(within(entities[0], "account_id"), within(entities[0], "id"))
    return None
