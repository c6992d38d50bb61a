"""A native record's fields, read by type at C speed (INTERFACES 4).

Other formats' records that read well become one, too: what the columns are made of.
"""

from typing import Annotated, Final

from msgspec import Meta, MsgspecError, Struct
from msgspec.json import Decoder as JsonDecoder
from msgspec.msgpack import Decoder as MsgpackDecoder

from scorer.core.decode.loose import MSGPACK_MAP

NonEmpty = Annotated[str, Meta(min_length=1)]

Absent = Annotated[int, Meta(gt=0, lt=0)]
"""The type of a field that must not be there: nothing is of it, and a default isn't checked."""


class Odd(ValueError):
    """A record to be read with care."""


class NativeRecord(Struct, gc=False):
    """The fields of a native record, of the right types, not yet checked. gc=False: it can't be part of a cycle."""

    event: NonEmpty
    user_id: NonEmpty
    ts: str | int | float
    account_id: NonEmpty | None = None
    event_id: NonEmpty | None = None
    value: float | None = 1.0


UNREAD: Final = NativeRecord(event="-", user_id="-", ts="1970-01-01T00:00:00.000Z")
"""Stands in the columns for a record that has yet to be read on its own."""

read_json: Final = JsonDecoder(NativeRecord).decode
read_msgpack: Final = MsgpackDecoder(NativeRecord).decode

CANT_READ: Final = (MsgspecError, ValueError, TypeError, RecursionError)
"""What the typed readers raise, Odd among it: broken text, a wrong type, broken UTF-8, None, nesting."""


def read_native(value: bytes) -> NativeRecord:
    """JSON or msgpack. Raises one of CANT_READ."""
    return read_msgpack(value) if value and value[0] in MSGPACK_MAP else read_json(value)
