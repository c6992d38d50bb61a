"""Which decoded events count, and why the others don't (SCORING 1, INTERFACES 4).

The first reason that fits, in this order: wrong partition, in the future, late, excluded, unknown type, duplicate.
Only what is counted is remembered by its id.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from fnmatch import translate

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import EventColumns, Int64s, Reason, Reject
from scorer.core.partitioner import partition_of
from scorer.core.roster import EntityKey

FUTURE_MS = 3_600_000
"""How far ahead of its record's broker timestamp an event may be."""

_REFUSALS_KEPT = 100_000


class Verdict(IntEnum):
    """What becomes of an event; the greater ones go before the smaller."""

    COUNTED = 0
    DUPLICATE = 1
    UNKNOWN_TYPE = 2
    EXCLUDED = 3
    LATE = 4
    IN_FUTURE = 5
    WRONG_PARTITION = 6


class Gate:
    """Decides on the entities that events name: excluded ones, and those of another partition."""

    def __init__(self, exclude_users: Sequence[str], partition: int, partitions: int) -> None:
        self._partition = partition
        self._partitions = partitions
        union = "|".join(f"(?:{translate(pattern)})" for pattern in exclude_users)
        self._excluded = re.compile(union) if union else None
        self._refused: dict[EntityKey, Verdict] = {}

    def excludes(self, user_id: str) -> bool:
        return self._excluded is not None and self._excluded.match(user_id) is not None

    @property
    def excludes_nobody(self) -> bool:
        return self._excluded is None

    def judge(self, key: EntityKey, *, at_home: bool) -> Verdict:
        """The verdict on an entity that has no row yet; `at_home`: its account has one, so the partition is right.

        Refusals are kept, for they come again.
        """
        known = self._refused.get(key)
        if known is not None:
            return known
        account, user = key
        home = account if account is not None else user
        if not at_home and partition_of(home or "", self._partitions) != self._partition:
            verdict = Verdict.WRONG_PARTITION
        elif user is not None and self.excludes(user):
            verdict = Verdict.EXCLUDED
        else:
            return Verdict.COUNTED
        if len(self._refused) >= _REFUSALS_KEPT:
            self._refused.clear()
        self._refused[key] = verdict
        return verdict

    def reject(self, columns: EventColumns, at: int, verdict: Verdict, limit_ms: int) -> Reject:
        """The dead letter of an event that can't be used."""
        if verdict is Verdict.IN_FUTURE:
            ahead = (int(columns.ts_ms[at]) - limit_ms) / 1000
            detail = f"ts is {ahead:.0f} s ahead of the record's broker timestamp: at most 3600 s are allowed"
            return Reject(int(columns.index[at]), Reason.IN_FUTURE, detail, columns.call_of(at))
        place = int(columns.index[at]), columns.call_of(at)
        account = columns.account_id[at]
        if account is not None:
            return self.wrong_partition(place, "account_id", account)
        return self.wrong_partition(place, "user_id", columns.user_id[at])

    def wrong_partition(self, place: tuple[int, int | None], name: str, home: str) -> Reject:
        """The dead letter of a record of somebody else's partition; `home` is the id in its field `name`.

        `place`: the record's index in its chunk, and of a batch the call.
        """
        detail = (
            f"{name} {home[:100]!r} belongs into partition {partition_of(home, self._partitions)}: "
            f"{_NO_ACCOUNT if name == 'user_id' else ''}key the records by account id, or let `scorer dead-letters "
            f"replay` do it for these (SCORER_INPUT_KEY=other, which does it for all, isn't there yet)"
        )
        index, call = place
        return Reject(index, Reason.WRONG_PARTITION, detail, call)


_NO_ACCOUNT = "no account was found in it, so it is its user's; "


def limits_ms(columns: EventColumns, record_ms: Int64s, clock_ms: int) -> Int64s:
    """What each event's time is judged against: its record's broker timestamp or the worker's clock, the smaller.

    A record without a timestamp has -1.
    """
    recorded = record_ms[columns.index]
    return np.minimum(np.where(recorded < 0, clock_ms, recorded), clock_ms)


def time_verdicts(
    columns: EventColumns, limits: Int64s, buckets: Int64s, first_bucket: int, verdict: NDArray[np.int8]
) -> None:
    """Mark events that are late or in the future; what is marked already with less is overruled."""
    verdict[buckets < first_bucket] = Verdict.LATE
    verdict[columns.ts_ms > limits + FUTURE_MS] = Verdict.IN_FUTURE
