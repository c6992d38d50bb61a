"""Scores as Redis holds them (INTERFACES 6): a key and one JSON object for each entity.

Rule 1: `v` comes first and has a fixed width, so that a script finds it without parsing (`VERSION_AT`).
Rule 2: numbers read back as the same float64; a whole column is encoded at once, for the shortest form of a float
        costs 0.05 us in msgspec and 0.4 us in `float.__repr__` (measured).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from scorer.core.model import Kind
from scorer.core.publish import EPOCH_DIGITS, NUMBER_DIGITS, ScoreBatch

OPENING = '{"v":"'
VERSION_AT = (len(OPENING) + 1, len(OPENING) + EPOCH_DIGITS + NUMBER_DIGITS)
"""First and last character of the version within a value, counted from 1 as Lua does."""

WARMING_UP = "warming_up"

_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Account:
    """A member of a ranking: the model's name and the account's id."""

    model: str
    id: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Rendered rows of a batch: columns of equal length, the keys that are freed, and those of accounts."""

    keys: list[str]
    values: list[str]
    freed: list[str]
    accounts: dict[str, Account]


def score_key(namespace: str, model: str, kind: Kind, entity_id: str) -> str:
    """
    >>> score_key("scorer", "engagement", Kind.USER, "acme/ann")
    'scorer:score:engagement:user:acme/ann'
    """
    return f"{namespace}:score:{model}:{kind.label}:{entity_id}"


class Rendering:
    """One batch on its way into JSON, by slices: a large batch must not hold the event loop."""

    def __init__(self, namespace: str, batch: ScoreBatch) -> None:
        self._namespace = namespace
        self.batch = batch
        self._middles: dict[tuple[str | None, str | None, str], tuple[str, str]] = {}

    def rows(self, start: int, stop: int) -> Rows:
        """The rows `start` to `stop` (exclusive), in the batch's order."""
        batch, part = self.batch, slice(start, stop)
        kinds = batch.kind[part].tolist()
        ids = batch.entity_id[part]
        keys = [self._prefixes[kind] + entity_id for kind, entity_id in zip(kinds, ids, strict=True)]
        ranked = np.flatnonzero(batch.kind[part] == Kind.ACCOUNT).tolist()
        accounts = {keys[i]: Account(batch.model, ids[i]) for i in ranked}
        freed = [keys[i] for i in np.flatnonzero(batch.freed[part]).tolist()]
        return Rows(keys, self._values(part), freed, accounts)

    def _values(self, part: slice) -> list[str]:
        batch, ending = self.batch, self._ending
        opening = f'{OPENING}{batch.version}","score":'
        columns = zip(
            _numbers(batch.score[part]),
            _numbers(batch.raw[part]),
            self._middles_of(part),
            _numbers(batch.delta[part]),
            _numbers(batch.benchmark[part]),
            batch.benchmark_version[part].tolist(),
            _numbers(batch.as_of[part]),
            self._populations(part),
            strict=True,
        )
        return [
            f'{opening}{score},"raw":{raw}{middle[0]}{delta}{middle[1]}{benchmark},"benchmark_version":{number}{ending[0]}{as_of}'
            f"{ending[1]}{population}"
            for score, raw, middle, delta, benchmark, number, as_of, population in columns
        ]

    def _middles_of(self, part: slice) -> list[tuple[str, str]]:
        """What stands around delta (bands and state): a handful of combinations, each rendered once."""
        batch, middles = self.batch, self._middles
        combinations = list(zip(batch.band[part], batch.previous_band[part], batch.state[part], strict=True))
        for combination in set(combinations).difference(middles):
            band, previous_band, state = map(_text, combination)
            middles[combination] = (
                f',"band":{band},"previous_band":{previous_band},"delta":',
                f',"state":{state},"benchmark":',
            )
        return [middles[combination] for combination in combinations]

    def _populations(self, part: slice) -> list[str]:
        batch = self.batch
        states = batch.state[part]
        if WARMING_UP not in states:
            return ["}"] * len(states)
        return [
            f',"population":{population},"min_population":{batch.min_population}}}' if state == WARMING_UP else "}"
            for state, population in zip(states, batch.population[part].tolist(), strict=True)
        ]

    @cached_property
    def _prefixes(self) -> Mapping[int, str]:
        return {int(kind): score_key(self._namespace, self.batch.model, kind, "") for kind in Kind}

    @cached_property
    def _ending(self) -> tuple[str, str]:
        computed_at = _encode(self.batch.computed_at).decode()
        return f',"model_version":{self.batch.model_version},"as_of":', f',"computed_at":{computed_at}'


def _text(text: str | None) -> str:
    return _encode(text).decode()


def _numbers(column: NDArray[np.float64]) -> list[str]:
    """A column as JSON numbers, nan as null."""
    return _encode(column.tolist())[1:-1].decode().split(",") if len(column) else []
