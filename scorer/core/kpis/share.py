"""What some members add to a KPI: integers that add up, exactly and in any order.

An account's share is of its members; a segment's is the sum of its accounts', the product's that of everyone. Members
of two accounts are two members, so nobody is counted twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Int64s


class Sum(IntEnum):
    """The places of what is told once. "before": the same one window ago. Licences in units of 1e-6.

    `LICENSED` and `SEATED` are the members active in the window, or on the day, in accounts that tell their licences,
    and their active licences or licences: `LICENSES` and `SEATS` are of those accounts.
    """

    MAU = 0
    MAU_BEFORE = 1
    WAU = 2
    WAU_BEFORE = 3
    NEW = 4
    RETURNING = 5
    RECOVERED = 6
    DROPPED = 7
    LICENSES = 8
    LICENSED = 9
    LICENSED_BEFORE = 10
    SEATS = 11
    SEATED = 12
    SEATED_BEFORE = 13
    ACTIVE_LICENSES = 14


SUMS = len(Sum)


class Use(IntEnum):
    """What is told of an event type: members who used it and its value (1e-6), in the window and the one before, and
    its value today."""

    USERS = 0
    USERS_BEFORE = 1
    VALUE = 2
    VALUE_BEFORE = 3
    VALUE_TODAY = 4


USES = len(Use)


@dataclass(slots=True)
class Share:
    """`daily`: members active by day (`Spans.days` of them); `sums` by `Sum`; `uses`: by type (its place among the
    file's) and `Use`, of the types in `types`, ascending: others were not used."""

    daily: Int64s
    sums: Int64s
    types: NDArray[np.int32]
    uses: Int64s

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Share):
            return NotImplemented
        pairs = ((self.daily, other.daily), (self.sums, other.sums), (self.types, other.types), (self.uses, other.uses))
        return all(np.array_equal(one, two) for one, two in pairs)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def nothing(cls, days: int) -> "Share":
        return cls(
            np.zeros(days, np.int64), np.zeros(SUMS, np.int64), np.zeros(0, np.int32), np.zeros((0, USES), np.int64)
        )


@dataclass(slots=True)
class Total:
    """A sum of shares, which may be added and taken away again. `uses` is of every type of the file."""

    daily: Int64s
    sums: Int64s
    uses: Int64s
    shares: int = field(default=0)
    """Of how many."""

    @classmethod
    def empty(cls, days: int, types: int) -> "Total":
        return cls(np.zeros(days, np.int64), np.zeros(SUMS, np.int64), np.zeros((types, USES), np.int64))

    @classmethod
    def of(cls, shares: Sequence[Share], days: int, types: int) -> "Total":
        if not shares:
            return cls.empty(days, types)
        uses = np.zeros((types, USES), np.int64)
        used = np.concatenate([share.types for share in shares])
        if len(used):
            order = np.argsort(used, kind="stable")
            ordered = used[order]
            first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
            of_all = np.concatenate([share.uses for share in shares])
            uses[ordered[first]] = np.add.reduceat(of_all[order], first, axis=0)
        daily = np.stack([share.daily for share in shares]).sum(axis=0)
        return cls(daily, np.stack([share.sums for share in shares]).sum(axis=0), uses, len(shares))

    def add(self, other: "Total") -> None:
        self.daily += other.daily
        self.sums += other.sums
        self.uses += other.uses
        self.shares += other.shares

    def take_away(self, other: "Total") -> None:
        self.daily -= other.daily
        self.sums -= other.sums
        self.uses -= other.uses
        self.shares -= other.shares

    def share(self) -> Share:
        """It as a share."""
        used = np.flatnonzero(self.uses.any(axis=1)).astype(np.int32)
        return Share(self.daily.copy(), self.sums.copy(), used, self.uses[used])

    def packed(self) -> dict[str, Any]:
        """For msgpack: "d" by day, "m" sums, "ty" types used (i4), "u" their uses; all but those i8."""
        share = self.share()
        return {
            "d": share.daily.astype("<i8").tobytes(),
            "m": share.sums.astype("<i8").tobytes(),
            "ty": share.types.astype("<i4").tobytes(),
            "u": share.uses.astype("<i8").tobytes(),
        }
