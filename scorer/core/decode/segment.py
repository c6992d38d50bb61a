"""Segment's calls: https://segment.com/docs/connections/spec/ (INTERFACES 4).

Rule 1: `track` is an event of its `event`. `page` and `screen` have none: they are called what Segment's own
  libraries call them as events, "Viewed Home Page", "Loaded a Page" without a name, and likewise for a screen.
Rule 2: `group` tells the traits of its account. `identify` tells a person's: where it names an account, those that
  Segment doesn't reserve for people are the account's. Traits that can't be one (objects, lists, long texts) are
  left out: Segment's own `address` is an object.
Rule 3: `alias`, and `identify` without an account, are counted and otherwise left alone.
Rule 4: the time is `timestamp`, unless the three times are there by which the client's clock is corrected.
Rule 5: a batch is its calls, each for itself, with what the batch says of all of them: `context`, where the call's own
  goes before, and when the batch was sent and received. Its `messageId` is the batch's: given to the calls, all but
  the first would be repeats.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from scorer.core.decode import timestamps
from scorer.core.decode.account_record import NO_ACCOUNT, CheckedTraits, checked_traits
from scorer.core.decode.faults import FaultFound, refused
from scorer.core.decode.told import Told, first_of, within
from scorer.core.decode.trait_values import is_trait
from scorer.core.events import Reason

MAX_CALLS: Final = 2_500
"""In a batch: Segment's own limit. Each call that can't be used takes a line of the dead letter."""

EVENTS: Final = frozenset(["track", "page", "screen"])
CALLS: Final = EVENTS | {"identify", "group", "alias"}

_NAMES: Final = {
    "event": "event",
    "user_id": "userId or anonymousId",
    "account_id": "groupId",
    "event_id": "messageId",
    "ts": "timestamp",
    "value": "properties.value",
}
OF_ALL_CALLS: Final = ("receivedAt", "sentAt")
"""Fields of a batch that are its calls', besides its context."""

_OF_PEOPLE: Final = frozenset(
    {
        "address",
        "age",
        "avatar",
        "birthday",
        "company",
        "createdAt",
        "description",
        "email",
        "firstName",
        "gender",
        "id",
        "lastName",
        "name",
        "phone",
        "title",
        "username",
        "website",
    }
)
"""Traits that Segment reserves for a person: as an account's, members would overwrite each other's."""


class Shared(NamedTuple):
    """What a batch says of all its calls, as it is written; empty where it says nothing."""

    context: bytes
    received_at: bytes
    sent_at: bytes


def is_call(fields: Mapping[Any, Any]) -> bool:
    """By the type of call."""
    call = fields.get("type")
    return isinstance(call, str) and call in CALLS


def is_batch(fields: Mapping[Any, Any]) -> bool:
    """Whether this is a batch of calls; a call has no `batch`."""
    return fields.get("batch") is not None and not is_call(fields)


def calls(batch: Mapping[Any, Any]) -> list[Any]:
    """The calls of a batch, each as if it had come alone. Raises FaultFound."""
    found = batch["batch"]
    if not isinstance(found, list):
        raise refused(Reason.BAD_TYPE, "batch", found, "a list of calls")
    if not found:
        raise FaultFound(Reason.EMPTY, "batch holds no call")
    if len(found) > MAX_CALLS:
        raise FaultFound(Reason.BAD_VALUE, f"batch holds {len(found)} calls; allowed are {MAX_CALLS}")
    shared = {name: batch[name] for name in OF_ALL_CALLS if batch.get(name) is not None}
    context = batch.get("context")
    if not isinstance(context, dict):
        context = {}
    return [_alone(call, shared, context) for call in found]


def _alone(call: Any, shared: Mapping[str, Any], context: Mapping[Any, Any]) -> Any:
    if not isinstance(call, dict):
        return call
    if "batch" in call:  # no call has one, and a batch is none
        call = {name: value for name, value in call.items() if name != "batch"}
    own = call.get("context")
    if context and (own is None or isinstance(own, dict)):
        call = {**call, "context": {**context, **(own or {})}}
    return {**shared, **call}


def checked_call(call: Any) -> Mapping[Any, Any]:
    """A call of a batch. Raises FaultFound."""
    if not isinstance(call, dict):
        raise refused(Reason.BAD_TYPE, "the call", call, "an object")
    return call


def told(fields: Mapping[Any, Any]) -> Told | CheckedTraits:
    """An event, or an account's traits, of one call. Raises FaultFound."""
    call = fields.get("type")
    if call in ("identify", "group"):
        return _traits(fields, call)
    if call == "alias":
        return NO_ACCOUNT
    if not isinstance(call, str) or call not in EVENTS:
        raise refused(Reason.UNKNOWN_FORMAT, "a Segment record's type", call, ", ".join(sorted(CALLS)))
    event = {
        "event": fields.get("event") if call == "track" else _view(fields, call),
        "user_id": first_of(fields.get("userId"), fields.get("anonymousId")),
        "account_id": _account(fields),
        "event_id": first_of(fields.get("messageId")),
        "ts": _time(fields),
        "value": within(fields, "properties", "value"),
    }
    return Told(event, _NAMES)


def corrected_ms(received_ms: int, sent_ms: int, original_ms: int) -> int:
    """A client's time by the server's clock (SCORING 1): what passed between event and sending is true on any clock.

    >>> corrected_ms(31_909, 31_581, 31_577)
    31905
    """
    return received_ms - (sent_ms - original_ms)


def _time(fields: Mapping[Any, Any]) -> Any:
    names = ("receivedAt", "sentAt", "originalTimestamp")
    if any(fields.get(name) is None for name in names):
        return fields.get("timestamp")
    received_ms, sent_ms, original_ms = (_instant(name, fields[name]) for name in names)
    ts_ms = corrected_ms(received_ms, sent_ms, original_ms)
    if not timestamps.SECONDS_BELOW <= ts_ms < timestamps.END_MS:
        raise refused(Reason.BAD_TIMESTAMP, "the corrected time", ts_ms, timestamps.ALLOWED)
    return ts_ms


def _instant(name: str, text: Any) -> int:
    if not isinstance(text, str):
        raise refused(Reason.BAD_TYPE, name, text, timestamps.ALLOWED)
    in_ms = timestamps.epoch_ms(text)
    if in_ms == timestamps.INVALID:
        raise refused(Reason.BAD_TIMESTAMP, name, text, timestamps.ALLOWED)
    return in_ms


def _account(fields: Mapping[Any, Any]) -> Any:
    return first_of(within(fields, "context", "groupId"), fields.get("groupId"))


def _view(fields: Mapping[Any, Any], call: str) -> str:
    name = first_of(fields.get("name"), within(fields, "properties", "name"))
    if name is None:
        return f"Loaded a {call.capitalize()}"
    if not isinstance(name, str):
        raise refused(Reason.BAD_TYPE, "name", name, "a string")
    return f"Viewed {name} {call.capitalize()}"


def _traits(fields: Mapping[Any, Any], call: Any) -> CheckedTraits:
    of_group = call == "group"
    account = first_of(fields.get("groupId")) if of_group else _account(fields)
    if account is None:
        if not of_group:
            return NO_ACCOUNT
        raise FaultFound(Reason.MISSING_FIELD, "groupId is missing; it is required of a Segment group call")
    traits = fields.get("traits")
    if traits is None:
        traits = {}
    if isinstance(traits, dict):
        traits = {
            name: value
            for name, value in traits.items()
            if is_trait(name, value) and (of_group or name not in _OF_PEOPLE)
        }
    return checked_traits({"account_id": account, "traits": traits}, account_name="groupId")
