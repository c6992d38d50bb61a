"""Why a record can't be used, in words for a person."""

from reprlib import Repr
from typing import Any, NamedTuple

from scorer.core.decode import identifiers
from scorer.core.events import Reason

_shown = Repr()
_shown.maxstring = _shown.maxother = _shown.maxlong = 100
_shown.maxlevel = 2


class Fault(NamedTuple):
    """Why a record can't be used."""

    reason: Reason
    detail: str


class FaultFound(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(reason, detail)


def refused(reason: Reason, name: str, found: Any, allowed: str) -> FaultFound:
    return FaultFound(reason, f"{name} is {shown(found)}; allowed is {allowed}")


def shown(found: Any) -> str:
    """Whatever was found, printable, in at most 100 characters."""
    return _shown.repr(found)[:100]


def checked_id(name: str, text: Any) -> str:
    """The id that the field `name` holds. Raises FaultFound."""
    if not isinstance(text, str):
        raise refused(Reason.BAD_TYPE, name, text, "a string")
    if not identifiers.is_id(text):
        raise refused(Reason.BAD_ID, name, text, identifiers.ALLOWED)
    return text
