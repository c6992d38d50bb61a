"""Made-up events as columns: the same for the same seed, to be produced as JSON and to be recounted with numpy."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import MICRO, Int64s
from scorer.core.partitioner import partition_of

NOW = datetime(2026, 11, 1, 18, tzinfo=UTC)
"""Where the workers' clock stands still (SCORER_CLOCK)."""

DAYS = 30
ACCOUNTS = 5_000
SEED = 7

_DAY_MS = 86_400_000
_SERIAL_BITS = 24
_JSON_BLOCK = 50_000


@dataclass(frozen=True, slots=True)
class Workload:
    """Events in the order of their production. `values` in units of 1e-6, `days` 0 today to 29; all of one length."""

    users: Int64s
    types: Int64s
    ts_ms: Int64s
    values: Int64s
    accounts: int
    with_ids: bool

    def __len__(self) -> int:
        return len(self.users)

    @property
    def days(self) -> Int64s:
        """Age in days of each event, 0 for today's."""
        ages: Int64s = int(NOW.timestamp() * 1000) // _DAY_MS - self.ts_ms // _DAY_MS
        return ages

    def account_of(self, users: Int64s) -> Int64s:
        return users % self.accounts

    def partitions(self, count: int) -> Int64s:
        """The partition of each event: Kafka's default partitioner over the account id."""
        by_account = np.array([partition_of(account_id(account), count) for account in range(self.accounts)])
        return by_account[self.account_of(self.users)]

    def records(self, chosen: Int64s) -> Iterator[tuple[int, bytes, bytes]]:
        """(broker timestamp, key, JSON) of the chosen events, in their order."""
        for start in range(0, len(chosen), _JSON_BLOCK):
            yield from self._block(chosen[start : start + _JSON_BLOCK])

    def _block(self, at: Int64s) -> Iterator[tuple[int, bytes, bytes]]:
        times = np.datetime_as_string(self.ts_ms[at].astype("datetime64[ms]")).tolist()
        columns = (at, self.ts_ms[at], self.users[at], self.types[at], self.values[at])
        for serial, ms, user, kind, value, ts in zip(*(column.tolist() for column in columns), times, strict=True):
            account = account_id(user % self.accounts)
            event_id = f'"event_id":"{_scattered(serial):032x}",' if self.with_ids else ""
            amount = "" if value == MICRO else f',"value":{value / MICRO}'
            text = (
                f'{{{event_id}"event":"{type_name(kind)}","user_id":"{user_id(user)}","account_id":"{account}",'
                f'"ts":"{ts}Z"{amount},"source":"web","page":"/projects/{serial % 97}"}}'
            )
            yield ms, account.encode(), text.encode()


def account_id(account: int) -> str:
    return f"account-{account:06d}"


def user_id(user: int) -> str:
    return f"user-{user:08d}"


def type_name(kind: int) -> str:
    return f"report_kind_{kind:03d}"


def _scattered(serial: int) -> int:
    """Another 120 bits for each serial, without order (an odd factor permutes)."""
    return (serial + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC9 & ((1 << 120) - 1)


def everyday(events: int, users: int = 100_000, types: int = 12) -> Workload:
    """Users, types and moments by chance, over 30 days, oldest first; one event in four has a value of its own."""
    random = np.random.default_rng(SEED)
    end_ms = int(NOW.timestamp() * 1000)
    begin_ms = (end_ms // _DAY_MS - DAYS + 1) * _DAY_MS
    values = np.where(
        random.random(events) < 0.25, random.choice(np.array([100_000, 2 * MICRO, 12_750_000]), events), MICRO
    )
    return Workload(
        random.integers(0, users, events),
        random.integers(0, types, events),
        np.sort(random.integers(begin_ms, end_ms, events)),
        values.astype(np.int64),
        ACCOUNTS,
        with_ids=True,
    )


def habits(users: int, used_types: int, all_types: int, *, times: int = 1, active_days: int = 3) -> Workload:
    """Each user uses some types, so many times, on each of some days of its own; without ids: nothing is remembered."""
    random = np.random.default_rng(SEED)
    per_user = used_types * active_days
    user = np.tile(np.repeat(np.arange(users), per_user), times)
    first_type = np.repeat(random.integers(0, all_types, users), per_user)
    kinds: NDArray[np.int64] = (first_type + np.tile(np.arange(used_types), users * active_days)) % all_types
    age = np.repeat(np.argsort(random.random((users, DAYS)), axis=1)[:, :active_days].ravel(), used_types)
    today_ms = int(NOW.timestamp() * 1000) // _DAY_MS * _DAY_MS
    ts_ms = today_ms - np.tile(age, times) * _DAY_MS + random.integers(0, _DAY_MS // 2, len(user))
    order = np.argsort(ts_ms, kind="stable")
    ones = np.full(len(user), MICRO, np.int64)
    accounts = max(1, min(ACCOUNTS, users // 20))
    return Workload(user[order], np.tile(kinds, times)[order], ts_ms[order], ones, accounts, with_ids=False)
