"""What scores rest on: the benchmarks in force, by peer group, as columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Int64s
from scorer.core.model import Kind, Model
from scorer.core.score import Floats


@dataclass(frozen=True, slots=True)
class Basis:
    """What a model's scores of one kind and peer group rest on: the benchmark B in force, or None while there is none.

    `steepness` is the benchmark's own where the model's is `auto`, else None. `too_few`: the version is of a record
    that says so, and B the file's `initial`. `bucket`: the one that B was computed in; None where it ages with none.
    """

    benchmark: float | None
    version: int = 0
    model_version: int = 1
    population: int = 0
    steepness: float | None = None
    too_few: bool = False
    bucket: int | None = None

    @property
    def computed_version(self) -> int:
        """The version of the benchmark; 0 where B is the file's `initial`: a computed one is yet to come."""
        return 0 if self.too_few and self.benchmark is not None else self.version


class Bases(Protocol):
    """Where a partition asks for what its scores rest on."""

    def bases(self, model: Model, kind: Kind, groups: Sequence[str]) -> list[Basis]:
        """The basis of each peer group, by name; of one without a benchmark of its own, its parent's."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The same for some rows, as columns of their length. nan: no benchmark; no steepness but the model's."""

    benchmark: Floats
    version: Int64s
    population: Int64s
    steepness: Floats
    model_version: int

    def take(self, mask: NDArray[np.bool_]) -> "Ground":
        columns = {f.name: getattr(self, f.name)[mask] for f in fields(self) if f.name != "model_version"}
        return Ground(**columns, model_version=self.model_version)


class Footing:
    """What a model's scores of one kind rest on, by code of the peer group; code 0 is everyone."""

    def __init__(self, groups: Sequence[Basis]) -> None:
        self.groups = tuple(groups)
        self._benchmark = np.array([np.nan if b.benchmark is None else b.benchmark for b in groups])
        self._version = np.array([basis.computed_version for basis in groups], np.int64)
        self._population = np.array([basis.population for basis in groups], np.int64)
        self._steepness = np.array([np.nan if b.steepness is None else b.steepness for b in groups])
        self.model_version = max(basis.model_version for basis in groups)

    @property
    def counted(self) -> bool:
        """Whether anyone was ever counted: until then, a model that was changed keeps what readers have of it."""
        return self.groups[0].version > 0

    def is_before(self, bucket: int) -> bool:
        """Whether a benchmark is of an earlier bucket: since it closed everyone has aged, and the benchmark hasn't."""
        return any(basis.bucket is not None and basis.bucket < bucket for basis in self.groups)

    def moved_since(self, before: "Footing | None") -> bool:
        """Whether anyone who was known before may score differently. A group that is new has new members only."""
        return before is None or before.groups != self.groups[: len(before.groups)]

    def under(self, codes: Int64s) -> Ground:
        """What rows rest on, by the codes of their peer groups."""
        return Ground(
            self._benchmark[codes],
            self._version[codes],
            self._population[codes],
            self._steepness[codes],
            self.model_version,
        )


@dataclass(frozen=True, slots=True)
class OneGroup:
    """Bases where everybody is in one peer group."""

    of: Mapping[tuple[str, Kind], Basis]

    def bases(self, model: Model, kind: Kind, groups: Sequence[str]) -> list[Basis]:
        return [self.of[(model.name, kind)]] * len(groups)
