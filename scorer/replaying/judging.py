"""Records as the worker would judge them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scorer.core.decode import decode
from scorer.core.events import Reject
from scorer.stream.input_writer import Keyed

_OF_NO_ACCOUNT: Final = "-"
"""The key of a record that is only counted: any partition will do."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Those that it could use, by their index and keyed right, and the others.

    `without_id`: events among the usable ones that have no event_id, and so would count each time they are written.
    """

    records: list[tuple[int, Keyed]]
    rejects: list[Reject]
    without_id: int


def judged(values: Sequence[bytes | None]) -> Judged:
    columns, rejects = decode(values)
    homes = (account or user for account, user in zip(columns.account_id, columns.user_id, strict=True))
    keys = dict(zip(columns.index.tolist(), homes, strict=True))
    keys |= {record.index: record.account_id or _OF_NO_ACCOUNT for record in columns.traits}
    records = [(row, (keys[row], value)) for row in sorted(keys) if (value := values[row]) is not None]
    return Judged(records, rejects, columns.event_id.count(""))
