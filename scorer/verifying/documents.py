"""What Redis holds, for a recount to be compared with: scores, benchmarks, heartbeats. Plain reads, a few at a time."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from redis import Redis

from scorer.core.model import Kind
from scorer.redis_reading import named_errors
from scorer.sinks.score_json import score_key
from scorer.verifying.sample import Entity

EVERYONE = "all"
"""The peer group that everyone is in."""

_PATIENCE_SECONDS = 10.0
_KEYS_AT_ONCE = 1_000

Document = Mapping[str, Any]
"""One JSON object of INTERFACES 6."""


@dataclass(frozen=True, slots=True)
class BenchmarkKey:
    """A benchmark's place."""

    model: str
    kind: Kind
    peers: str = EVERYONE


class Documents:
    """The keys of one namespace. Every method raises RedisUnusable."""

    def __init__(self, url: str, namespace: str) -> None:
        self._url, self._namespace = url, namespace
        self._redis = Redis.from_url(
            url, socket_timeout=_PATIENCE_SECONDS, socket_connect_timeout=_PATIENCE_SECONDS, protocol=2
        )

    def close(self) -> None:
        self._redis.close()

    def entities(self, model: str, kind: Kind, beginning: str = "") -> Iterator[Entity]:
        """Who has a score in a model, with ids that begin so. Looks at every key of the database, in small steps; one
        may come twice."""
        prefix = score_key(self._namespace, model, kind, "")
        for key in self._keys(prefix + beginning):
            yield Entity.of_id(kind, key.removeprefix(prefix))

    def peer_groups(self) -> list[BenchmarkKey]:
        """Every benchmark that is there. Looks at every key, too."""
        prefix = f"{self._namespace}:benchmark:"
        parts = (key.removeprefix(prefix).split(":") for key in self._keys(prefix))
        return [BenchmarkKey(model, Kind[kind.upper()], peers) for model, kind, peers in parts]

    def scores(self, model: str, entities: Sequence[Entity]) -> dict[Entity, Document | None]:
        """By entity its score in a model, None where there is none."""
        keys = [score_key(self._namespace, model, each.kind, each.id) for each in entities]
        return dict(zip(entities, self._get(keys), strict=True))

    def ranked(self, model: str, accounts: Sequence[Entity]) -> dict[Entity, float | None]:
        """By account the score that the model's ranking has it at, None where it isn't in it."""
        found: list[float | None] = []
        with named_errors(self._url):
            for start in range(0, len(accounts), _KEYS_AT_ONCE):
                ids = [each.id for each in accounts[start : start + _KEYS_AT_ONCE]]
                found += self._redis.zmscore(f"{self._namespace}:rank:{model}:{Kind.ACCOUNT.label}", ids)
        return dict(zip(accounts, found, strict=True))

    def ending(self, model: str, entities: Iterable[Entity]) -> set[Entity]:
        """Whose score has a time to live."""
        with named_errors(self._url):
            keys = {each: score_key(self._namespace, model, each.kind, each.id) for each in entities}
            return {each for each, key in keys.items() if self._redis.pttl(key) >= 0}

    def benchmarks(self, wanted: Collection[BenchmarkKey]) -> dict[BenchmarkKey, Document]:
        """Of those that are there."""
        keys = [f"{self._namespace}:benchmark:{each.model}:{each.kind.label}:{each.peers}" for each in wanted]
        return {at: found for at, found in zip(wanted, self._get(keys), strict=True) if found is not None}

    def heartbeats(self, partitions: Iterable[int]) -> dict[int, Document]:
        """Of those partitions that have one."""
        numbers = sorted(partitions)
        found = self._get([f"{self._namespace}:partition:{number}" for number in numbers])
        return {number: beat for number, beat in zip(numbers, found, strict=True) if beat is not None}

    def _get(self, keys: Sequence[str]) -> list[Document | None]:
        found: list[Document | None] = []
        with named_errors(self._url):
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                values = cast(list[bytes | None], self._redis.mget(keys[start : start + _KEYS_AT_ONCE]))
                found += [None if value is None else msgspec.json.decode(value) for value in values]
        return found

    def _keys(self, prefix: str) -> Iterator[str]:
        with named_errors(self._url):
            for key in self._redis.scan_iter(match=_literally(prefix) + "*", count=_KEYS_AT_ONCE):
                yield key.decode()


def _literally(text: str) -> str:
    """As a pattern of Redis that only the text itself fits.

    >>> _literally("a*[1]")
    'a\\\\*\\\\[1\\\\]'
    """
    return "".join(f"\\{each}" if each in "*?[]\\^" else each for each in text)
