"""Whether what Redis holds of a crowd is exact: raw scores, the benchmark in force, the formula (SCORING 2)."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec
import numpy as np
from redis import Redis

from scorer.core.events import Int64s
from tests.perf.crowd import PERCENTILE, STEEPNESS, Crowd

_KEYS_A_CALL = 2_000
_SAMPLE = 2_000
_TOLERANCE = 1e-9
_BENCHMARK_TOLERANCE = 0.0005  # beyond 100,000 active entities (SCORING 2.2)


class _Document(msgspec.Struct):
    raw: float
    score: float | None
    benchmark: float | None = None
    benchmark_version: int = 0


class BenchmarkDocument(msgspec.Struct):
    """`{namespace}:benchmark:...` as Redis holds it."""

    raw: float | None
    version: int
    exact: bool = True


_read_document = msgspec.json.Decoder(_Document).decode
_read_benchmark = msgspec.json.Decoder(BenchmarkDocument).decode


@dataclass
class Exactness:
    """Compares; `problem` says in words what was wrong last."""

    redis: Redis
    namespace: str
    crowd: Crowd
    models: tuple[str, ...]
    problem: str = ""

    def benchmark(self, model: str, kind: str) -> BenchmarkDocument | None:
        value = self.redis.get(f"{self.namespace}:benchmark:{model}:{kind}:all")
        return None if value is None else _read_benchmark(value)

    def of_sample(self) -> bool:
        chosen = np.random.default_rng(1).permutation(self.crowd.users)[:_SAMPLE]
        return self._holds(lambda of_kind: chosen % of_kind)

    def of_all(self) -> bool:
        return self._holds(np.arange)

    def wait(self, patience_seconds: float) -> float:
        """Wait until all is exact; returns when the look at all began that found it so (`time.perf_counter`)."""
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            began = time.perf_counter()
            if self.of_sample() and self.of_all():
                return began
            time.sleep(0.5)
        raise RuntimeError(f"not exact within {patience_seconds:g} s: {self.problem}")

    def _holds(self, chosen: Callable[[int], Int64s]) -> bool:
        of_kinds = {"user": self.crowd.users, "account": self.crowd.accounts}
        return all(self._exact(model, kind, chosen(of)) for model in self.models for kind, of in of_kinds.items())

    def _exact(self, model: str, kind: str, numbers: Int64s) -> bool:
        benchmark = self.benchmark(model, kind)
        raws = self.crowd.raws(model)[kind]
        recounted = float(np.percentile(raws, PERCENTILE))
        if benchmark is None or benchmark.raw is None:
            self.problem = f"{model} has no benchmark for {kind}s"
            return False
        if abs(benchmark.raw / recounted - 1.0) > (_TOLERANCE if benchmark.exact else _BENCHMARK_TOLERANCE):
            self.problem = f"the benchmark of {model} for {kind}s is {benchmark.raw}, recounted {recounted}"
            return False
        names = self.crowd.names(kind, numbers)
        for start in range(0, len(numbers), _KEYS_A_CALL):
            part = numbers[start : start + _KEYS_A_CALL]
            if not self._part_is_exact(f"{model}:{kind}", list(islice(names, len(part))), raws[part], benchmark):
                return False
        return True

    def _part_is_exact(self, of: str, names: list[str], raws: np.ndarray, benchmark: BenchmarkDocument) -> bool:
        values = self.redis.mget([f"{self.namespace}:score:{of}:{name}" for name in names])
        for name, found, wanted in zip(names, _documents(values), _wanted(raws, benchmark), strict=True):
            if found is None or not _close(found, wanted):
                self.problem = f"{of}:{name} is {found}, recounted {wanted}"
                return False
        return True


def _documents(values: Sequence[bytes | str | None]) -> Iterator[_Document | None]:
    return (None if value is None else _read_document(value) for value in values)


def _wanted(raws: np.ndarray, benchmark: BenchmarkDocument) -> Iterator[_Document]:
    assert benchmark.raw is not None
    share = np.minimum(raws / benchmark.raw, 1.0)
    scores = 1.0 + 99.0 * (1.0 - np.exp(-STEEPNESS * share)) / (1.0 - np.exp(-STEEPNESS))
    for raw, score in zip(raws.tolist(), scores.tolist(), strict=True):
        yield _Document(raw, score, benchmark.raw, benchmark.version)


def _close(found: _Document, wanted: _Document) -> bool:
    return (
        found.score is not None
        and wanted.score is not None
        and abs(found.score - wanted.score) <= _TOLERANCE * wanted.score
        and abs(found.raw - wanted.raw) <= _TOLERANCE * wanted.raw
        and (found.benchmark, found.benchmark_version) == (wanted.benchmark, wanted.benchmark_version)
    )
