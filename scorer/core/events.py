"""The canonical event, as columns.

A chunk of records is decoded at once into `EventColumns`; a record that can't be used becomes a `Reject`
and costs itself only. Counts and values are int64 in units of 1e-6 (`MICRO`): exact, free of order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

MICRO = 1_000_000
"""Units of a count: a value of 1 is 1,000,000."""

MAX_VALUE = 1_000_000_000
"""The largest value of an event (SCORING 1)."""

MAX_ID_BYTES = 512
"""The longest id, in bytes of UTF-8 (INTERFACES 4)."""

MAX_RECORD_BYTES = 128 * 1024
"""The longest record (INTERFACES 4)."""

MAX_TRAITS = 64
"""The most traits of an account."""

MAX_TRAIT_NAME_BYTES = 64
"""The longest name of a trait, in bytes of UTF-8."""

MAX_TRAIT_BYTES = 256
"""The longest value of a trait, in bytes of UTF-8."""

Int64s = NDArray[np.int64]

TraitChanges = Mapping[str, str | None]
"""By a trait's name its new value, as canonical text; None takes the trait away."""


Headers = Sequence[tuple[str, bytes | None]]
"""A Kafka record's, in their order."""


class Reason(StrEnum):
    """Why a record went to the dead letters (INTERFACES 4)."""

    EMPTY = "empty"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    BAD_TYPE = "bad_type"
    BAD_TIMESTAMP = "bad_timestamp"
    BAD_VALUE = "bad_value"
    BAD_ID = "bad_id"
    IN_FUTURE = "in_future"
    TOO_LARGE = "too_large"
    UNKNOWN_FORMAT = "unknown_format"
    WRONG_PARTITION = "wrong_partition"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record of a chunk that can't be used: its index in the chunk, the reason, and what was found.

    `call`: of a batch of calls only this one can't be used; its place in the batch.
    """

    index: int
    reason: Reason
    detail: str
    call: int | None = None


@dataclass(frozen=True, slots=True)
class AccountTraits:
    """What a record says of an account; `index` is its place in its chunk. None: it says nothing of any.

    `call`: its place in a batch of calls.
    """

    index: int
    account_id: str | None
    traits: TraitChanges
    call: int | None = None


@dataclass(frozen=True, slots=True)
class EventColumns:
    """The usable events of one chunk, in the order of their records.

    All columns have the same length n. `index` (int32) is each event's record's place in its chunk: not unique, for a
    batch is one record of many events; `ts_ms` (int64) the event's own time in epoch milliseconds; `value` (int64) in
    units of 1e-6. `account_id` is None where there is no account; `event_id` is "" where there is none. `traits` are
    the account records that stood among the events, in the order of the chunk: no part of the columns. `call` (int32)
    is each event's place in its batch, -1 where its record is none; None where no record of the chunk is.
    """

    index: NDArray[np.int32]
    event: list[str]
    user_id: list[str]
    account_id: list[str | None]
    event_id: list[str]
    ts_ms: Int64s
    value: Int64s
    traits: tuple[AccountTraits, ...] = ()
    call: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.event)

    def take(self, mask: NDArray[np.bool_]) -> "EventColumns":
        """The events where `mask` is true; all account records."""
        at = np.flatnonzero(mask)
        lists = ([column[i] for i in at.tolist()] for column in (self.event, self.user_id, self.event_id))
        event, user_id, event_id = lists
        account_id = [self.account_id[i] for i in at.tolist()]
        numbers = self.ts_ms[at], self.value[at]
        call = None if self.call is None else self.call[at]
        return EventColumns(self.index[at], event, user_id, account_id, event_id, *numbers, self.traits, call)

    def call_of(self, at: int) -> int | None:
        """The place of an event in its batch, None where its record is no batch."""
        return None if self.call is None or self.call[at] < 0 else int(self.call[at])
