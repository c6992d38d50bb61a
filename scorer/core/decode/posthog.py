"""PostHog's events: https://posthog.com/docs/api/capture (INTERFACES 4).

The account is the group of the type `company`, which PostHog's own examples call it. `$groupidentify` tells traits.
"""

from collections.abc import Mapping
from typing import Any, Final

from scorer.core.decode.account_record import NO_ACCOUNT, CheckedTraits, checked_traits
from scorer.core.decode.faults import FaultFound
from scorer.core.decode.told import Told, first_of, within
from scorer.core.decode.trait_values import is_trait
from scorer.core.events import Reason

GROUP_TYPE: Final = "company"
_NAMES: Final = {
    "event": "event",
    "user_id": "distinct_id",
    "account_id": f"$groups.{GROUP_TYPE}",
    "event_id": "uuid",
    "ts": "timestamp",
    "value": "value",
}


def told(fields: Mapping[Any, Any]) -> Told | CheckedTraits:
    """An event, or a group's traits. Raises FaultFound."""
    if fields.get("event") == "$groupidentify":
        return _traits(fields.get("properties"))
    groups = first_of(within(fields, "properties", "$groups"), fields.get("$groups"))
    event = {
        "event": fields.get("event"),
        "user_id": fields.get("distinct_id"),
        "account_id": first_of(within(groups, GROUP_TYPE)),
        "event_id": first_of(fields.get("uuid")),
        "ts": fields.get("timestamp"),
    }
    return Told(event, _NAMES)


def _traits(properties: Any) -> CheckedTraits:
    if within(properties, "$group_type") != GROUP_TYPE:
        return NO_ACCOUNT
    account, traits = within(properties, "$group_key"), within(properties, "$group_set")
    if account is None:
        raise FaultFound(Reason.MISSING_FIELD, "$group_key is missing; it is required of $groupidentify")
    if isinstance(traits, dict):
        traits = {name: value for name, value in traits.items() if is_trait(name, value)}
    return checked_traits(
        {"account_id": account, "traits": {} if traits is None else traits}, account_name="$group_key"
    )
