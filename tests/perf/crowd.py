"""Many users of one event each, the scores that they must come to, and events that move their benchmark."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import MICRO, Int64s
from tests.perf.recount import Floats
from tests.perf.workload import ACCOUNTS, SEED, Workload, account_id, type_name, user_id

STEEPNESS = 3.0
PERCENTILE = 90.0

_TYPES = 2
_WEIGHTS = {"engagement": (6.0, 7.0), "reach": (7.0, 6.0)}
MODELS = tuple(_WEIGHTS)
_LIFT = 1.5
"""Who is lifted lands so far above the benchmark, in every model, that it doesn't come after him soon."""


def crowd_scoring(models: int, half_life: str = "null") -> str:
    """One or two models of the defaults; the last one with the half-life."""
    chosen = MODELS[:models]
    texts = [
        f"  {name}:\n    score: weighted\n    weights: {{{type_name(0)}: {first:g}, {type_name(1)}: {second:g}}}\n"
        f"    half_life: {half_life if name == chosen[-1] else 'null'}\n"
        for name, (first, second) in _WEIGHTS.items()
        if name in chosen
    ]
    return f"version: 1\nevents:\n  {type_name(0)}: {{}}\n  {type_name(1)}: {{}}\nmodels:\n" + "".join(texts)


@dataclass
class Crowd:
    """`users` of one event each, all at `ts_ms`, in `ACCOUNTS` accounts.

    Their values are far apart: log-normal, the median `scale`.
    """

    users: int
    ts_ms: int
    accounts: int = ACCOUNTS
    scale: float = 1.0
    lifted: int = 0
    """How many events were made since by `lift`."""
    types: Int64s = field(init=False)
    micros: Int64s = field(init=False)
    _random: np.random.Generator = field(init=False)
    _untouched: NDArray[np.bool_] = field(init=False)
    _faded: dict[str, float] = field(default_factory=lambda: dict.fromkeys(MODELS, 1.0))

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(SEED)
        self.types = self._random.integers(0, _TYPES, self.users)
        values = self.scale * self._random.lognormal(0.0, 1.0, self.users)
        self.micros = np.rint(values * MICRO).astype(np.int64) + 1
        self._untouched = np.ones(self.users, np.bool_)

    def workload(self) -> Workload:
        everyone = np.arange(self.users)
        moments = np.full(self.users, self.ts_ms)
        return Workload(everyone, self.types, moments, self.micros.copy(), self.accounts, with_ids=False)

    def raws(self, model: str) -> dict[str, Floats]:
        """By kind: everyone's raw score, by number (SCORING 2.1)."""
        weights = self._faded[model] * np.array(_WEIGHTS[model])
        users: Floats = weights[self.types] * (self.micros / MICRO)
        accounts = np.bincount(np.arange(self.users) % self.accounts, users, minlength=self.accounts)
        return {"user": users, "account": accounts.astype(np.float64)}

    def names(self, kind: str, numbers: Int64s) -> Iterator[str]:
        """The ids of entities as readers know them."""
        for number in numbers.tolist():
            account = account_id(number % self.accounts)
            yield account if kind == "account" else f"{account}/{user_id(number)}"

    def needed(self, share: float) -> int:
        """How many users must pass the benchmark of the first model for it to move up by a share of itself."""
        raws = self.raws("engagement")["user"]
        benchmark = np.percentile(raws, PERCENTILE)
        return int(np.count_nonzero((raws > benchmark) & (raws <= benchmark * (1.0 + share))))

    def lift(self, count: int) -> Workload:
        """Events of `count` users who were well below the benchmark and are well above it now, each once."""
        value = 0
        below = self._untouched.copy()
        for model, weights in _WEIGHTS.items():
            raws = self.raws(model)["user"]
            benchmark = float(np.percentile(raws, PERCENTILE))
            below &= raws < 0.8 * benchmark
            value = max(value, round(_LIFT * benchmark / min(weights) * MICRO))
        chosen = self._random.permutation(np.flatnonzero(below))[:count]
        self.micros[chosen] += value
        self._untouched[chosen] = False
        self.lifted += len(chosen)
        moments, values = np.full(len(chosen), self.ts_ms), np.full(len(chosen), value)
        return Workload(chosen, self.types[chosen], moments, values, self.accounts, with_ids=False)

    def sign_of_life(self, ts_ms: int) -> Workload:
        """An event that counts for nothing, of the first user."""
        nothing = np.zeros(1, np.int64)
        return Workload(nothing, nothing, nothing + ts_ms, nothing, self.accounts, with_ids=False)

    def fade(self, model: str, factor: float) -> None:
        """All that was counted is worth less in a model from here on."""
        self._faded[model] *= factor
