"""Who is known: entities and the rows that their numbers stand in.

Users and accounts share one row space. A user is a member of an account: the same person in two accounts is two
rows. A row whose entity is gone may be given to another, but only from the next journal entry on.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Int64s
from scorer.core.model import Kind

EntityKey = tuple[str | None, str | None]
"""(account id or None, user id); an account itself is (account id, None)."""

NO_PARENT = -1

NEVER = np.iinfo(np.int32).max
"""The first bucket of who had no event."""

REMEMBERED_DAYS = 400
"""For so long after a member's last event it is remembered, at least, since when it is known."""


def entity_id(key: EntityKey) -> str:
    """The id that readers see (SCORING 1).

    >>> entity_id(("a/b", "u/1")), entity_id((None, "u/1")), entity_id(("50%", None))
    ('a%2Fb/u/1', 'u%2F1', '50%')
    """
    account, user = key
    if user is None:
        return cast(str, account)
    if account is None:
        return _encoded(user)
    return f"{_encoded(account)}/{user}"


def record_key(kind: Kind, entity_id: str) -> str:
    """The key that an entity's events have in the input: its account's id or, without one, the user's.

    >>> [record_key(Kind.USER, "a%2Fb/u/1"), record_key(Kind.USER, "u%2F1"), record_key(Kind.ACCOUNT, "50%")]
    ['a/b', 'u/1', '50%']
    """
    if kind is Kind.ACCOUNT:
        return entity_id
    return entity_id.partition("/")[0].replace("%2F", "/").replace("%25", "%")


def _encoded(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F") if "%" in text or "/" in text else text


class Roster:
    """Entity keys <-> rows, and what is known of each row: whether it stands for somebody, kind, its account's
    row, its newest event, the bucket of its earliest one.
    """

    def __init__(self) -> None:
        self.row_of: dict[EntityKey, int] = {}
        self.keys: list[EntityKey | None] = []
        self.kind = np.zeros(0, np.int8)
        self.parent = np.zeros(0, np.int32)
        self.last_ms: Int64s = np.zeros(0, np.int64)
        self.first_bucket = np.zeros(0, np.int32)
        self.live = np.zeros(0, np.bool_)
        self._free: dict[int, None] = {}  # an ordered set

    def __len__(self) -> int:
        """How many rows there are, free ones included."""
        return len(self.keys)

    def saw(self, rows: NDArray[np.integer], buckets: NDArray[np.integer], ts_ms: Int64s) -> None:
        """Some entities had events."""
        np.maximum.at(self.last_ms, rows, ts_ms)
        np.minimum.at(self.first_bucket, rows, buckets.astype(np.int32))  # of another type it takes 20 times as long

    def live_rows(self) -> Int64s:
        """The rows that stand for an entity, ascending."""
        return np.flatnonzero(self.live[: len(self.keys)])

    def account_of(self, row: int) -> str | None:
        """The account id that an account's row stands for."""
        key = self.keys[row]
        return key[0] if key is not None else None

    def take_row(self) -> int:
        """A row for a new entity: a free one, else a new one."""
        return self._free.popitem()[0] if self._free else len(self.keys)

    def enter(self, row: int, key: EntityKey, parent: int) -> None:
        """Give a row to an entity. A row beyond the last one must be the next."""
        if row == len(self.keys):
            self.keys.append(key)
            if row >= len(self.kind):
                self._grow(row + 1)
        else:
            self.keys[row] = key
        self.row_of[key] = row
        self.live[row] = True
        self.kind[row] = Kind.ACCOUNT if key[1] is None else Kind.USER
        self.parent[row] = parent
        self.last_ms[row] = 0
        self.first_bucket[row] = NEVER

    def enter_restored(self, accounts: Sequence[tuple[int, str]], users: Sequence[tuple[int, int, str]]) -> None:
        """Enter what a journal entry brought: (row, account id) and (row, account's row or -1, user id).

        Rows beyond the last one may come in any order of the two lists together.
        """
        rows = [item[0] for items in (accounts, users) for item in items]
        self.reserve(max(rows, default=-1) + 1)
        self._retake(rows)
        self._enter_many([row for row, _ in accounts], [(account, None) for _, account in accounts])
        names = {row: self.account_of(row) for row in {parent for _, parent, _ in users} if row >= 0}
        rows = [row for row, _, _ in users]
        self._enter_many(rows, [(names.get(parent), user) for _, parent, user in users])
        self.parent[rows] = [parent for _, parent, _ in users]

    def _enter_many(self, rows: list[int], keys: list[EntityKey]) -> None:
        if not rows:
            return
        for row, key in zip(rows, keys, strict=True):
            self.keys[row] = key
        self.row_of.update(zip(keys, rows, strict=True))
        self.live[rows] = True
        self.kind[rows] = Kind.ACCOUNT if keys[0][1] is None else Kind.USER
        self.parent[rows] = NO_PARENT
        self.last_ms[rows] = 0
        self.first_bucket[rows] = NEVER

    def reserve(self, rows: int) -> None:
        """Have at least so many rows; the new ones are free until they are entered."""
        if rows > len(self.keys):
            self._free.update(dict.fromkeys(range(len(self.keys), rows)))
            self.keys.extend([None] * (rows - len(self.keys)))
            if rows > len(self.kind):
                self._grow(rows)

    def _retake(self, rows: list[int]) -> None:
        """Rows that a journal entry gave out are free no longer."""
        for row in rows:
            self._free.pop(row, None)

    def release(self, rows: Iterable[int]) -> None:
        """Forget the entities of some rows; their rows are free."""
        for row in rows:
            key = self.keys[row]
            self.live[row] = False
            if key is not None:
                del self.row_of[key]
                self.keys[row] = None
            self._free[row] = None

    def _grow(self, needed: int) -> None:
        size = max(needed, len(self.kind) * 3 // 2, 64)
        for name in ("kind", "parent", "last_ms", "first_bucket", "live"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros(size - len(column), column.dtype)]))
