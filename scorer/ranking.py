"""`scorer top`: who stands highest or lowest in a model, as Redis has it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from redis import Redis

from scorer.core.model import INACTIVE_BAND, Kind
from scorer.freshness import Freshness, read_freshness
from scorer.redis_reading import decoded
from scorer.sinks.score_json import score_key

_AT_ONCE = 500
_EVERYONE = "all"

Document = Mapping[str, Any]
"""One JSON object of INTERFACES 6."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`lowest`: from the lowest score up, without those who went silent: they have the lowest score of all, and would
    hide everyone else. `bands`: only who is in one of these, silent or not."""

    model: str
    kind: Kind
    limit: int
    lowest: bool = False
    bands: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """`rank` counts from 1, the highest score."""

    rank: int
    id: str
    score: Document


@dataclass(frozen=True, slots=True)
class Ranking:
    """What Redis held at one moment. `ranked`: everyone with a score; `highest`: the best score among them.

    `silent`: who was passed over for being inactive, on the way to the rows.
    """

    wanted: Wanted
    rows: list[Row]
    ranked: int
    silent: int
    highest: float
    benchmark: Document | None
    freshness: Freshness = field(repr=False)

    @property
    def warming_up(self) -> bool:
        """Too few are active for a benchmark. (Never so where the score is the raw: there is none.)"""
        return self.benchmark is not None and self.benchmark["raw"] is None

    def as_json(self) -> dict[str, object]:
        return {
            "model": self.wanted.model,
            "kind": self.wanted.kind.label,
            "ranked": self.ranked,
            "silent_left_out": self.silent,
            "warming_up": self.warming_up,
            "benchmark": self.benchmark,
            "freshness": self.freshness.as_json(),
            "rows": [{"rank": row.rank, "id": row.id, **row.score} for row in self.rows],
        }


def read_ranking(redis: Redis, namespace: str, wanted: Wanted, now: float) -> Ranking:
    """A few commands, however many are ranked; those passed over cost a little each."""
    model, kind = wanted.model, wanted.kind
    rank_key = f"{namespace}:rank:{model}:{kind.label}"
    ranked = redis.zcard(rank_key)
    best = cast(list[tuple[bytes, float]], redis.zrange(rank_key, 0, 0, desc=True, withscores=True))
    rows: list[Row] = []
    silent = 0
    for row in _rows(redis, namespace, wanted, ranked):
        band = row.score["band"]
        if wanted.lowest and not wanted.bands and band == INACTIVE_BAND:
            silent += 1
        elif not wanted.bands or band in wanted.bands:
            rows.append(row)
        if len(rows) >= wanted.limit:
            break
    benchmark = cast(bytes | None, redis.get(f"{namespace}:benchmark:{model}:{kind.label}:{_EVERYONE}"))
    return Ranking(
        wanted,
        rows,
        ranked,
        silent,
        best[0][1] if best else 0.0,
        None if benchmark is None else decoded(benchmark),
        read_freshness(redis, namespace, now),
    )


def _rows(redis: Redis, namespace: str, wanted: Wanted, ranked: int) -> Iterator[Row]:
    """Everyone, in the order that is wanted."""
    rank_key = f"{namespace}:rank:{wanted.model}:{wanted.kind.label}"
    at_once = _AT_ONCE if wanted.lowest or wanted.bands else min(wanted.limit, _AT_ONCE)
    for start in range(0, ranked, at_once):
        found = cast(list[bytes], redis.zrange(rank_key, start, start + at_once - 1, desc=not wanted.lowest))
        ids = [each.decode() for each in found]
        if not ids:
            return
        keys = [score_key(namespace, wanted.model, wanted.kind, each) for each in ids]
        values = cast(list[bytes | None], redis.mget(keys))
        for place, (entity_id, value) in enumerate(zip(ids, values, strict=True), start):
            if value is not None:  # gone since the ranking was last brought up to date
                rank = ranked - place if wanted.lowest else place + 1
                yield Row(rank, entity_id, decoded(value))
