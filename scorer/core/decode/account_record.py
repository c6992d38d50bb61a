"""A native account record: `{"type":"account","account_id":"acme","traits":{"plan":"pro"}}` (INTERFACES 4)."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from scorer.core.decode import trait_values
from scorer.core.decode.faults import FaultFound, checked_id, refused, shown
from scorer.core.events import MAX_TRAITS, Reason, TraitChanges

_REQUIRED: Final = ("account_id", "traits")


class CheckedTraits(NamedTuple):
    """A usable account record. Of None where it tells of no account: counted, and otherwise left alone."""

    account_id: str | None
    traits: TraitChanges


NO_ACCOUNT: Final = CheckedTraits(None, {})


def is_account_record(fields: Mapping[Any, Any]) -> bool:
    """Whether this is one: no event, and of the type `account`."""
    return fields.get("event") is None and fields.get("type") == "account"


def checked_traits(fields: Mapping[Any, Any], account_name: str = "account_id") -> CheckedTraits:
    """The traits that an account record names. Raises FaultFound."""
    missing = next((name for name in _REQUIRED if fields.get(name) is None), None)
    if missing is not None:
        found = "null" if missing in fields else "missing"
        detail = f"{missing} is {found}; {' and '.join(_REQUIRED)} are required of an account record"
        raise FaultFound(Reason.MISSING_FIELD, detail)
    account_id, traits = checked_id(account_name, fields["account_id"]), fields["traits"]
    if not isinstance(traits, dict):
        raise refused(Reason.BAD_TYPE, "traits", traits, "an object of names and values")
    if len(traits) > MAX_TRAITS:
        raise FaultFound(Reason.BAD_VALUE, f"traits holds {len(traits)} traits; allowed are {MAX_TRAITS}")
    return CheckedTraits(account_id, {_name(name): _text(name, value) for name, value in traits.items()})


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise refused(Reason.BAD_TYPE, "a trait's name", name, "a string")
    if not trait_values.is_trait_name(name):
        raise refused(Reason.BAD_VALUE, "a trait's name", name, trait_values.NAME_ALLOWED)
    return name


def _text(name: Any, value: Any) -> str | None:
    text = trait_values.canonical(value)
    if isinstance(text, Reason):
        raise refused(text, f"the trait {shown(name)}", value, trait_values.ALLOWED)
    return text
