"""What leaves a partition for its readers once the journal holds it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EPOCH_DIGITS = 13
NUMBER_DIGITS = 9


def version(epoch: int, number: int) -> str:
    """The fixed-width version of a write: 13 digits of epoch, 9 of the entry's number within it.

    >>> version(1795355044123, 7)
    '1795355044123000000007'
    """
    return f"{epoch:0{EPOCH_DIGITS}d}{number:0{NUMBER_DIGITS}d}"


@dataclass(frozen=True, slots=True)
class KpiBatch:
    """Changed KPIs of some accounts in one partition: by id a JSON object that lacks the version. With `freed` each is
    the last of its account, with a time to live."""

    partition: int
    version: str
    account_id: list[str]
    body: list[str]
    freed: bool = False

    def __len__(self) -> int:
        return len(self.account_id)


@dataclass(frozen=True, slots=True)
class ScoreBatch:
    """Changed scores of one model in one partition, as columns of length n; null is nan in float columns.

    `kind` holds `core.model.Kind`; `as_of` (nan: no event was ever counted) and `computed_at` are epoch seconds;
    `population` and `min_population` go with rows that are `warming_up`; a row in `freed` gets its last write, with a
    time to live.
    """

    partition: int
    version: str
    model: str
    model_version: int
    computed_at: float
    kind: NDArray[np.int8]
    entity_id: list[str]
    score: NDArray[np.float64]
    raw: NDArray[np.float64]
    band: list[str | None]
    previous_band: list[str | None]
    delta: NDArray[np.float64]
    state: list[str]
    benchmark: NDArray[np.float64]
    benchmark_version: NDArray[np.int64]
    population: NDArray[np.int64]
    min_population: int
    as_of: NDArray[np.float64]
    freed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.entity_id)
