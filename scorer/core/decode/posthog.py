"""PostHog's events: https://posthog.com/docs/api/capture (INTERFACES 4).

Rule 1: the account is the group of one type, `company` unless the settings say otherwise: PostHog's own examples
  call it so. `$groupidentify` tells traits, of groups of that type.
Rule 2: `distinct_id` stands beside `properties` in what PostHog exports, and within them in what its libraries send.
"""

from collections.abc import Mapping
from typing import Any, Final

from scorer.core.decode.account_record import NO_ACCOUNT, CheckedTraits, checked_traits
from scorer.core.decode.faults import FaultFound
from scorer.core.decode.told import Told, first_of, within
from scorer.core.decode.trait_values import is_trait
from scorer.core.events import Reason

_NAMES: Final = {
    "event": "event",
    "user_id": "distinct_id",
    "account_id": "the group in $groups",
    "event_id": "uuid",
    "ts": "timestamp",
    "value": "value",
}


def is_posthog(fields: Mapping[Any, Any]) -> bool:
    """By the field that only PostHog has."""
    return "distinct_id" in fields or within(fields, "properties", "distinct_id") is not None


def told(fields: Mapping[Any, Any], group_type: str) -> Told | CheckedTraits:
    """An event, or the traits of a group of this type. Raises FaultFound."""
    if fields.get("event") == "$groupidentify":
        return _traits(fields.get("properties"), group_type)
    groups = first_of(within(fields, "properties", "$groups"), fields.get("$groups"))
    event = {
        "event": fields.get("event"),
        "user_id": _user(fields),
        "account_id": first_of(within(groups, group_type)),
        "event_id": first_of(fields.get("uuid")),
        "ts": fields.get("timestamp"),
    }
    return Told(event, _NAMES)


def _user(fields: Mapping[Any, Any]) -> Any:
    found = fields.get("distinct_id")
    return within(fields, "properties", "distinct_id") if found is None else found


def _traits(properties: Any, group_type: str) -> CheckedTraits:
    if within(properties, "$group_type") != group_type:
        return NO_ACCOUNT
    account, traits = within(properties, "$group_key"), within(properties, "$group_set")
    if account is None:
        raise FaultFound(Reason.MISSING_FIELD, "$group_key is missing; it is required of $groupidentify")
    if isinstance(traits, dict):
        traits = {name: value for name, value in traits.items() if is_trait(name, value)}
    return checked_traits(
        {"account_id": account, "traits": {} if traits is None else traits}, account_name="$group_key"
    )
