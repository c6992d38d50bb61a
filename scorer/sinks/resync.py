"""What Redis holds, rebuilt from the workers' states while they work (`scorer resync`).

Rule 1: nothing is touched before the owner of every partition has been heard.
Rule 2: a partition whose heartbeat vanished is told again, all of it, by its owner; until that is written the heartbeat
        stays away (redis_presence). So a deleted heartbeat is harmless, whenever this ends: it comes back by itself,
        and everything with it.
Rule 3: what is told again has a newer version than the deleted heartbeat had. So what isn't newer once the heartbeat is
        back, no state holds any more. It is judged and deleted in one step, for it may be written anew.
        The key that `ASKED` names goes in the same step, for the owners to know that nothing was lost.
Rule 4: the last document of a freed entity isn't ours to delete: Redis lets it expire.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from scorer.core.model import Kind
from scorer.core.partitioner import partition_of
from scorer.core.publish import EPOCH_DIGITS, NUMBER_DIGITS
from scorer.core.roster import record_key
from scorer.quantities import numbered
from scorer.sinks.redis_presence import ASKED
from scorer.sinks.redis_scripts import RANK, SWEEP, Script

KEYS_PER_CALL = 500
_HEARD_WITHIN_SECONDS = 30.0
"""Heartbeats are written about once a second; a rebalance or a restart holds them up for longer."""

_ASKED_SECONDS = 3600
"""A resync that ended halfway leaves heartbeats that were asked for to whichever worker comes later."""

_PROBE_SECONDS = 0.1
_OLDEST, _NEWEST = "", "9" * (EPOCH_DIGITS + NUMBER_DIGITS)
_KINDS = {kind.label: kind for kind in Kind}


class ResyncFailed(Exception):
    """Redis isn't rebuilt; what it holds is as good as before. The message says why and what to do."""


class _Beat(msgspec.Struct):
    """What of a heartbeat (INTERFACES 6) is read here."""

    v: str


@dataclass(frozen=True, slots=True)
class Resynced:
    """What was found and done: scores that stand, and what no state held and is gone."""

    partitions: int
    scores: int
    removed_scores: int
    removed_from_rankings: int
    removed_benchmarks: tuple[str, ...]
    removed_kpis: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is, of how many; None if that can't be known."""

    stage: str
    done: int
    total: int | None


class Resync:
    """`partitions`: of the input. `timeout_seconds`: how long no partition may come back before this gives up."""

    def __init__(
        self,
        redis: Redis,
        namespace: str,
        partitions: int,
        *,
        timeout_seconds: float,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._redis = redis
        self._namespace = namespace
        self._partitions = partitions
        self._timeout_seconds = timeout_seconds
        self._tell = on_progress
        self._scripts = {script: redis.register_script(script.source) for script in (RANK, SWEEP)}
        self._home_of = lru_cache(1_000_000)(lambda key: partition_of(key, partitions))

    def run(self) -> Resynced:
        """Raises ResyncFailed, and redis-py's errors."""
        self._check_partitions()
        told_until = self._hear_everybody()
        # What no worker can have written may stand in the way of what they write, so it goes before they do.
        newest = max(told_until.values())[:EPOCH_DIGITS].ljust(len(_NEWEST), "9")
        _, removed_strange = self._sweep("what no worker wrote is removed", lambda _: (_OLDEST, newest))
        benchmarks = self._values(f"{self._namespace}:benchmark:*")
        totals = self._values(f"{self._namespace}:kpi:segment:*") | self._values(f"{self._namespace}:kpi:product:*")
        with self._put_back_on_failure(benchmarks | totals):
            self._delete_beats(benchmarks | totals)
            self._wait_for_all("all is written again", self._beats, self._timeout_seconds)
        self._redis.delete(ASKED.format(self._namespace))
        scores, removed = self._sweep(
            "what no state holds is removed", lambda partition: (told_until[partition], _NEWEST)
        )
        removed_kpis = self._sweep_kpis(lambda partition: (told_until[partition], _NEWEST))
        removed_from_rankings = self._rank_again()
        gone = benchmarks.keys() - self._values(f"{self._namespace}:benchmark:*").keys()
        return Resynced(
            partitions=self._partitions,
            scores=scores,
            removed_scores=removed_strange + removed,
            removed_from_rankings=removed_from_rankings,
            removed_benchmarks=tuple(sorted(key.decode(errors="replace") for key in gone)),
            removed_kpis=removed_kpis + len(totals) - len(self._redis_has(totals)),
        )

    # ---- heartbeats

    def _check_partitions(self) -> None:
        """Another input or namespace than the workers' would make us judge by the wrong partitions."""
        numbers = {key.rpartition(b":")[2] for page in self._pages(f"{self._namespace}:partition:*") for key in page}
        foreign = sorted(int(number) for number in numbers if number.isdigit() and int(number) >= self._partitions)
        if foreign:
            raise ResyncFailed(
                f"Redis has heartbeats of {numbered(len(foreign), 'partition', 'the partitions')} {_listed(foreign)}, "
                f"but the input has {self._partitions}: "
                "are SCORER_NAMESPACE and SCORER_INPUT_TOPIC those of the workers?"
            )

    def _hear_everybody(self) -> dict[int, str]:
        """The version of each partition's newest heartbeat, once each has been written while we listened."""
        first = self._beats()
        heard: dict[int, str] = {}

        def listen() -> Collection[int]:
            for partition, value in self._beats().items():
                if value != first.get(partition):
                    heard[partition] = msgspec.json.decode(value, type=_Beat).v
            return heard

        self._wait_for_all("hearing the owner of each partition", listen, _HEARD_WITHIN_SECONDS)
        return heard

    def _wait_for_all(self, stage: str, reached: Callable[[], Collection[int]], patience_seconds: float) -> None:
        """Ask until every partition is among those reached; raises ResyncFailed if none comes for too long."""
        patience_seconds = min(patience_seconds, self._timeout_seconds)
        deadline, before = time.monotonic() + patience_seconds, 0
        while len(now := reached()) < self._partitions:
            self._tell(Progress(stage, len(now), self._partitions))
            if len(now) > before:
                deadline, before = time.monotonic() + patience_seconds, len(now)
            elif time.monotonic() > deadline:
                raise self._unheard(stage, sorted(set(range(self._partitions)).difference(now)), patience_seconds)
            time.sleep(_PROBE_SECONDS)
        self._tell(Progress(stage, self._partitions, self._partitions))

    def _unheard(self, stage: str, partitions: Sequence[int], patience_seconds: float) -> ResyncFailed:
        return ResyncFailed(
            f"{stage}: nothing for {patience_seconds:g} s from the owner of {_listed(partitions)} (partitions of the "
            f"input, which has {self._partitions}). Are workers running and ready, with the same SCORER_NAMESPACE and "
            "SCORER_REDIS_URL? No score was lost. An owner that is only slow goes on by itself: try again later, "
            "or wait longer (--timeout)"
        )

    def _beats(self) -> dict[int, bytes]:
        values = cast(list[bytes | None], self._redis.mget(self._beat_keys()))
        return {partition: value for partition, value in enumerate(values) if value is not None}

    def _beat_keys(self) -> list[str]:
        return [f"{self._namespace}:partition:{partition}" for partition in range(self._partitions)]

    def _delete_beats(self, others: dict[bytes, bytes]) -> None:
        """And benchmarks, and the KPIs of segments and the product, in one step: who misses a heartbeat writes those
        that it knows to be in force."""
        with self._redis.pipeline(transaction=True) as transaction:
            for keys in (list(others), self._beat_keys()):
                if keys:
                    transaction.delete(*keys)
            transaction.set(ASKED.format(self._namespace), "1", ex=_ASKED_SECONDS)
            transaction.execute()

    @contextmanager
    def _put_back_on_failure(self, others: dict[bytes, bytes]) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with suppress(RedisError, OSError):
                for key, value in others.items():
                    self._redis.set(key, value, nx=True)
            raise

    # ---- what no state holds any more

    def _sweep(self, stage: str, kept: Callable[[int], tuple[str, str]]) -> tuple[int, int]:
        """Of users and accounts, how many scores stand and how many were removed.

        `kept`: for a partition, the versions that stay: newer than the first, at most the second.
        """
        standing = removed = 0
        for page in self._pages(f"{self._namespace}:score:*"):
            homes = {key: home for key in page if (home := self._home(key)) is not None}
            bounds = [bound for home in homes.values() for bound in kept(home)]
            count = self._call(SWEEP, list(homes), bounds) if homes else 0
            standing, removed = standing + len(homes) - count, removed + count
            self._tell(Progress(stage, standing + removed, None))
        return standing, removed

    def _sweep_kpis(self, kept: Callable[[int], tuple[str, str]]) -> int:
        """Likewise of accounts, how many KPIs were removed."""
        prefix, removed = f"{self._namespace}:kpi:{Kind.ACCOUNT.label}:", 0
        for page in self._pages(f"{prefix}*"):
            homes = [self._home_of(key.decode(errors="replace").removeprefix(prefix)) for key in page]
            removed += self._call(SWEEP, page, [bound for home in homes for bound in kept(home)])
        return removed

    def _redis_has(self, keys: Collection[bytes]) -> list[bytes]:
        return [key for key in keys if self._redis.exists(key)]

    def _home(self, key: bytes) -> int | None:
        """The partition that a score's key belongs to; None for what isn't of a user or an account."""
        parts = key.decode(errors="replace").removeprefix(f"{self._namespace}:score:").split(":", 2)
        if len(parts) < 3 or parts[1] not in _KINDS:
            return None
        return self._home_of(record_key(_KINDS[parts[1]], parts[2]))

    def _rank_again(self) -> int:
        """Every member of a ranking by the score that stands; returns how many have none and left."""
        removed = 0
        for page in self._pages(f"{self._namespace}:rank:*"):
            for key in page:
                scores = key.replace(b":rank:", b":score:", 1)
                for members in self._members(key):
                    keys = [key, *(scores + b":" + member for member in members)]
                    removed += self._call(RANK, keys, members)
        return removed

    def _members(self, key: bytes) -> Iterator[list[bytes]]:
        cursor: int | None = None
        while cursor != 0:
            cursor, found = cast(Any, self._redis.zscan(key, cursor or 0, count=KEYS_PER_CALL))
            members = [member for member, _ in found]
            for start in range(0, len(members), KEYS_PER_CALL):
                yield members[start : start + KEYS_PER_CALL]

    def _values(self, pattern: str) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for page in self._pages(pattern):
            values = cast(list[bytes | None], self._redis.mget(page))
            found |= {key: value for key, value in zip(page, values, strict=True) if value is not None}
        return found

    def _pages(self, pattern: str) -> Iterator[list[bytes]]:
        """The keys there are, some at a time; one may come twice."""
        cursor: int | None = None
        while cursor != 0:
            cursor, keys = cast(Any, self._redis.scan(cursor or 0, match=pattern, count=KEYS_PER_CALL))
            for start in range(0, len(keys), KEYS_PER_CALL):
                yield keys[start : start + KEYS_PER_CALL]

    def _call(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes | str]) -> int:
        return cast(int, self._scripts[script](keys=keys, args=arguments))


def _listed(numbers: Sequence[int], most: int = 10) -> str:
    """
    >>> _listed(range(3)), _listed(range(99), most=2)
    ('0, 1, 2', '0, 1 and 97 more')
    """
    shown = ", ".join(map(str, numbers[:most]))
    return f"{shown} and {len(numbers) - most} more" if len(numbers) > most else shown
