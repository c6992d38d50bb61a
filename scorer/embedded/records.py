"""Records of the made-up traffic, and what else arrives where events are sent over networks."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from scorer.core.events import Int64s

DAY_SECONDS = 86_400


class Fate(StrEnum):
    """What a record is. Repeats and junk must change no score."""

    EVENT = "event"
    TRAITS = "traits"
    REPEAT = "repeat"
    JUNK = "junk"


class Record(NamedTuple):
    """A record for the input topic; `key` is the account's id, so that its people share a partition."""

    key: str
    value: bytes
    fate: Fate


@dataclass(frozen=True, slots=True)
class Day:
    """A day's records in the order in which they arrive, and when each does (epoch ms, ascending).

    `number` counts from 0; `begins`: its midnight, epoch seconds, UTC.
    """

    number: int
    begins: int
    records: list[Record]
    moments_ms: Int64s

    def until(self, at_ms: int) -> "Day":
        """What has arrived by then."""
        n = int(np.searchsorted(self.moments_ms, at_ms, side="right"))
        return Day(self.number, self.begins, self.records[:n], self.moments_ms[:n])

    def after(self, at_ms: int) -> "Day":
        """What hasn't."""
        n = int(np.searchsorted(self.moments_ms, at_ms, side="right"))
        return Day(self.number, self.begins, self.records[n:], self.moments_ms[n:])

    @property
    def ends(self) -> int:
        return self.begins + DAY_SECONDS

    @property
    def events(self) -> int:
        return sum(record.fate is Fate.EVENT for record in self.records)


REPEATED = 0.01
"""The share of events that a client sends again, not having heard that they arrived."""

JUNK = 0.002
"""So many records as a share of the events can't be used, or come far too late."""

_LATE_TS = "1999-12-31T23:59:59Z"
_AHEAD_SECONDS = 30 * 86_400


def iso(at: float) -> str:
    """
    >>> iso(1795355044.25)
    '2026-11-22T13:44:04.250Z'
    """
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(event: str, account: str, number: int, at: float) -> dict[str, object]:
    return {"event": event, "user_id": "ana", "account_id": account, "event_id": f"j{number:x}", "ts": iso(at)}


def _json(fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def _cut_off(fields: dict[str, object], _now: float) -> bytes:
    return _json(fields)[:-9]


def _without_user(fields: dict[str, object], _now: float) -> bytes:
    return _json({name: value for name, value in fields.items() if name != "user_id"})


def _without_time(fields: dict[str, object], _now: float) -> bytes:
    return _json(fields | {"ts": "yesterday"})


def _negative(fields: dict[str, object], _now: float) -> bytes:
    return _json(fields | {"value": -3})


def _ahead(fields: dict[str, object], now: float) -> bytes:
    return _json(fields | {"ts": iso(now + _AHEAD_SECONDS)})


def _late(fields: dict[str, object], _now: float) -> bytes:
    return _json(fields | {"ts": _LATE_TS})


def _list(fields: dict[str, object], _now: float) -> bytes:
    return _json([fields])


def _empty(_fields: dict[str, object], _now: float) -> bytes:
    return b""


def _latin(fields: dict[str, object], _now: float) -> bytes:
    return _json(fields | {"user_id": "zoë"}).decode().encode("latin-1")


def _unheard_of(fields: dict[str, object], _now: float) -> bytes:
    return _json(fields | {"event": "beta_wizard_opened"})


_DAMAGES: tuple[Callable[[dict[str, object], float], bytes], ...] = (
    _cut_off,
    _without_user,
    _without_time,
    _negative,
    _ahead,
    _late,
    _list,
    _empty,
    _latin,
    _unheard_of,
)


def junk(rng: random.Random, event: str, account: str, number: int, at: float, now: float) -> Record:
    """A record that must not count: damaged, of another time, or of a type that nobody named.

    `at` is its time; `now` about when it is written, by the wall's clock, that judges what is too far ahead. Epoch
    seconds.
    """
    damage = rng.choice(_DAMAGES)
    return Record(account, damage(_fields(event, account, number, at), now), Fate.JUNK)
