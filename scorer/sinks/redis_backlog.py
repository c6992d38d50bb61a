"""Values that Redis hasn't confirmed yet. No I/O.

Rule 1: only the newest value of a key waits. Two generations, one being sent and one being filled, bound the memory
        at two values a key, however long Redis is away.
Rule 2: an overwritten value keeps its place in line, so an older version's place holds a newer value: when a place has
        been written, everything submitted before it, or something newer, stands in Redis.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from scorer.sinks.score_json import Account, Rows


@dataclass(slots=True)
class _Generation:
    values: dict[str, str] = field(default_factory=dict)
    freed: set[str] = field(default_factory=set)
    accounts: dict[str, Account] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Portion:
    """What one script call writes. `freed` are positions within `keys`, `accounts` the ranked ones among the keys."""

    keys: list[str]
    values: list[str]
    freed: list[int]
    accounts: dict[str, Account]


class Backlog:
    """Values on their way to Redis, in order of their keys' first submission."""

    def __init__(self) -> None:
        self._sending = _Generation()
        self._keys: list[str] = []
        self._next = 0
        self._filling = _Generation()
        self.accepted = 0
        """Places given out so far; a place is one value to be written."""
        self.written = 0
        """Places that Redis has confirmed."""

    def __len__(self) -> int:
        return self.accepted - self.written

    def add(self, rows: Rows) -> None:
        filling = self._filling
        before = len(filling.values)
        filling.values.update(zip(rows.keys, rows.values, strict=True))
        self.accepted += len(filling.values) - before
        filling.accounts.update(rows.accounts)
        if filling.freed:
            filling.freed.difference_update(rows.keys)
        filling.freed.update(rows.freed)

    def portion(self, limit: int) -> Portion:
        """The next values, the same ones until `confirm`."""
        if self._next == len(self._keys):
            self._sending, self._filling = self._filling, _Generation()
            self._keys, self._next = list(self._sending.values), 0
        sending = self._sending
        keys = self._keys[self._next : self._next + limit]
        freed = [i for i, key in enumerate(keys) if key in sending.freed] if sending.freed else []
        accounts = {key: sending.accounts[key] for key in keys if key in sending.accounts} if sending.accounts else {}
        return Portion(keys, [sending.values[key] for key in keys], freed, accounts)

    def confirm(self, portion: Portion) -> None:
        self._next += len(portion.keys)
        self.written += len(portion.keys)
        if self._next == len(self._keys):
            self._sending, self._keys, self._next = _Generation(), [], 0  # else the last values stay in memory


class Ranking:
    """Accounts whose place in a sorted set may be out of date."""

    def __init__(self) -> None:
        self._due: dict[str, dict[str, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    def add(self, key: str, account: Account) -> None:
        self._due.setdefault(account.model, {})[account.id] = key

    def portions(self, limit: int) -> Iterator[tuple[str, list[str], list[str]]]:
        """A model, ids of its accounts and the keys of their scores, `limit` at a time."""
        for model, keys in self._due.items():
            ids = list(keys)
            for start in range(0, len(ids), limit):
                part = ids[start : start + limit]
                yield model, part, [keys[account_id] for account_id in part]

    def clear(self) -> None:
        self._due.clear()
