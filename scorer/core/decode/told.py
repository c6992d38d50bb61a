"""What a record of any format tells, in the native format's fields, with the names that its producer knows."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from scorer.core.decode import timestamps, values
from scorer.core.decode.faults import FaultFound, checked_id, refused
from scorer.core.decode.input_rules import FIELDS
from scorer.core.events import MICRO, Reason

REQUIRED: Final = ("event", "user_id", "ts")
OWN_NAMES: Final = {name: name for name in FIELDS}
"""Of a native record."""


class Told(NamedTuple):
    """Unchecked fields of a native record; `names` are what each is called where it came from, for a refusal."""

    fields: Mapping[str, Any]
    names: Mapping[str, str]


class CheckedRecord(NamedTuple):
    """A usable event, as `EventColumns` holds it."""

    event: str
    user_id: str
    account_id: str | None
    event_id: str
    ts_ms: int
    value: int


def within(holder: Any, *path: str) -> Any:
    """What lies at the end of a path of objects, or None where there is none."""
    for name in path:
        holder = holder.get(name) if isinstance(holder, dict) else None
    return holder


def first_of(*found: Any) -> Any:
    """The first that isn't null or an empty text, which client libraries write for null."""
    return next((each for each in found if each is not None and each != ""), None)


def checked(told: Told) -> CheckedRecord:
    """The event. Raises FaultFound."""
    fields, names = told
    missing = next((name for name in REQUIRED if fields.get(name) is None), None)
    if missing is not None:
        raise _missing(fields, missing, names)
    account_id, event_id, amount = (fields.get(name) for name in ("account_id", "event_id", "value"))
    return CheckedRecord(
        event=checked_id(names["event"], fields["event"]),
        user_id=checked_id(names["user_id"], fields["user_id"]),
        account_id=None if account_id is None else checked_id(names["account_id"], account_id),
        event_id="" if event_id is None else checked_id(names["event_id"], event_id),
        ts_ms=_ts_ms(names["ts"], fields["ts"]),
        value=MICRO if amount is None else _micro(names["value"], amount),
    )


def _missing(fields: Mapping[str, Any], name: str, names: Mapping[str, str]) -> FaultFound:
    # What a format has under two names is missing under both: only a native null is told apart.
    found = "null" if name in fields and names is OWN_NAMES else "missing"
    required = ", ".join(names[each] for each in REQUIRED)
    return FaultFound(Reason.MISSING_FIELD, f"{names[name]} is {found}; {required} are required")


def _ts_ms(name: str, ts: Any) -> int:
    if isinstance(ts, bool) or not isinstance(ts, str | int | float):
        raise refused(Reason.BAD_TYPE, name, ts, timestamps.ALLOWED)
    ts_ms = timestamps.epoch_ms(ts)
    if ts_ms == timestamps.INVALID:
        raise refused(Reason.BAD_TIMESTAMP, name, ts, timestamps.ALLOWED)
    return ts_ms


def _micro(name: str, amount: Any) -> int:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise refused(Reason.BAD_TYPE, name, amount, values.ALLOWED)
    micro = values.micro(amount)
    if micro == values.INVALID:
        raise refused(Reason.BAD_VALUE, name, amount, values.ALLOWED)
    return micro
