"""How old what Redis says is: by the heartbeats of the partitions, not by the age of a score (INTERFACES 6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from redis import Redis

from scorer.core.partitioner import partition_of
from scorer.durations import format_age
from scorer.redis_reading import decoded

SILENT_SECONDS = 15.0
"""Heartbeats come about once a second, and up to every 5 s from a worker that is behind."""

BEHIND_SECONDS = 5.0
"""Less is the usual pace of publishing."""

_AT_ONCE = 1_024
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition's heartbeat; times are epoch seconds. `as_of`: its newest event."""

    at: float
    as_of: float | None
    behind_seconds: float
    scoring: str | None

    def age_seconds(self, now: float) -> float:
        """How old its scores are; 0 while a worker keeps them up to date."""
        silent = now - self.at
        if silent > SILENT_SECONDS:
            return silent + self.behind_seconds
        return self.behind_seconds if self.behind_seconds > BEHIND_SECONDS else 0.0

    def trouble(self, now: float) -> str | None:
        """What is wrong with its scores, in one sentence; None if they are up to date."""
        age = self.age_seconds(now)
        if not age:
            return None
        cause = "no worker has its partition" if now - self.at > SILENT_SECONDS else "its worker is that far behind"
        return f"stale for {told_span(age)}: {cause}"


@dataclass(frozen=True, slots=True)
class Freshness:
    """The heartbeats of a namespace at `now` (epoch seconds)."""

    now: float
    partitions: Mapping[int, Partition]

    @property
    def ever_worked(self) -> bool:
        return bool(self.partitions)

    @property
    def as_of(self) -> float | None:
        """The newest event that was counted; None if there was none yet."""
        return max((each.as_of for each in self.partitions.values() if each.as_of is not None), default=None)

    @property
    def count(self) -> int:
        """How many partitions there are, as far as the heartbeats tell."""
        return max(self.partitions, default=-1) + 1

    @property
    def stale_seconds(self) -> float:
        """Of the partition that is worst off; 0 if all are up to date."""
        return max((each.age_seconds(self.now) for each in self.partitions.values()), default=0.0)

    def of_key(self, key: str) -> Partition | None:
        """The partition of an entity, by its record key; None if that can't be told."""
        whole = len(self.partitions) == self.count > 0
        return self.partitions[partition_of(key, self.count)] if whole else None

    def trouble(self) -> str | None:
        """What is wrong, in one sentence; None if all is up to date."""
        silent = [p for p, each in sorted(self.partitions.items()) if self.now - each.at > SILENT_SECONDS]
        missing = sorted(set(range(self.count)) - self.partitions.keys())
        if silent:
            return f"stale for {told_span(self.stale_seconds)}: no worker has {_listed(silent, self.count)}"
        if missing:
            return f"no worker has ever had {_listed(missing, self.count)}"
        if self.stale_seconds:
            return f"stale for {told_span(self.stale_seconds)}: the workers are that far behind their input"
        return None

    def as_json(self) -> dict[str, object]:
        return {
            "partitions": self.count,
            "stale_seconds": self.stale_seconds,
            "as_of": self.as_of,
            "trouble": self.trouble(),
        }


def read_freshness(redis: Redis, namespace: str, now: float) -> Freshness:
    """A few MGETs: the number of partitions stands nowhere in Redis, so it is asked for until none is left."""
    found: dict[int, Partition] = {}
    start = 0
    while True:
        keys = [f"{namespace}:partition:{number}" for number in range(start, start + _AT_ONCE)]
        values = cast(list[bytes | None], redis.mget(keys))
        here = {start + n: _partition(value) for n, value in enumerate(values) if value is not None}
        if not here:
            return Freshness(now, found)
        found |= here
        start += _AT_ONCE


def told_age(seconds: float) -> str:
    """
    >>> told_age(-3), told_age(7300)
    ('in the future', '2h ago')
    """
    return "in the future" if seconds < 0 else f"{told_span(seconds)} ago"


def told_span(seconds: float) -> str:
    return format_age(timedelta(seconds=seconds))


def told_time(epoch_seconds: float) -> str:
    return f"{datetime.fromtimestamp(epoch_seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _partition(value: bytes) -> Partition:
    beat = decoded(value)
    return Partition(beat["at"], beat["as_of"], beat["behind_seconds"], beat.get("scoring"))


def _listed(numbers: list[int], count: int) -> str:
    if len(numbers) == count:
        return "any partition"
    shown = ", ".join(map(str, numbers[:_NAMED]))
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    return f"partition{'s' if len(numbers) > 1 else ''} {shown}{more} of {count}"
