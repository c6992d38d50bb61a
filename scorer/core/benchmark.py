"""Benchmarks: each partition's summary of its raw scores, and what they merge to (SCORING 2.2, ARCHITECTURE 1.8).

Merging is a union of numbers: deterministic and free of order, so that two owners for a moment, a restart or a
rebuild all arrive at the same benchmark. Records carry (epoch, number); of two about the same thing the greater is
true, for compaction keeps the last write, not the greatest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgpack
import numpy as np

from scorer.core.footing import Basis
from scorer.core.model import Kind, Model, Scoring, Shape
from scorer.core.score import Floats

EVERYONE = "all"
"""The peer group that everyone is in."""

PART_VALUES = 50_000
"""Raw scores in one record of a summary (400 KB)."""

SCHEMA = 1


def percentile(raws: Floats, p: float) -> float:
    """The p-th percentile by R-7, numpy's default: linear between the closest ranks.

    >>> percentile(np.array([475.0, 89, 101, 7, 3, 21, 2, 149, 223, 1, 13, 9, 37]), 90)
    208.2
    """
    below, rest = divmod((len(raws) - 1) * p, 100.0)  # not numpy's own: its 12 * 0.9 isn't 10.8
    at = int(below)
    above = min(at + 1, len(raws) - 1)
    ordered = np.partition(raws, (at, above))
    low, high = float(ordered[at]), float(ordered[above])
    return low + (high - low) * (rest / 100.0)


@dataclass(frozen=True, slots=True)
class Summary:
    """One partition's share of a benchmark: the raw scores above 0 of one model and kind.

    `caught_up`: the partition has been at its log's end once. `event_ms`: its largest event time, epoch ms.
    """

    model: str
    model_hash: str
    kind: Kind
    partition: int
    caught_up: bool
    event_ms: int
    raws: Floats

    def records(self, epoch: int, number: int) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values for the summaries topic; a large one is several records."""
        parts = max(1, -(-len(self.raws) // PART_VALUES))
        for part in range(parts):
            key = f"{self.model}:{self.kind.label}:{EVERYONE}:{self.partition}:{part}"
            value = {
                "s": SCHEMA,
                "e": epoch,
                "n": number,
                "h": self.model_hash,
                "c": self.caught_up,
                "t": self.event_ms,
                "parts": parts,
                "raw": self.raws[part * PART_VALUES : (part + 1) * PART_VALUES].astype("<f8").tobytes(),
            }
            yield key.encode(), msgpack.packb(value)


@dataclass
class _Parts:
    stamp: tuple[int, int]
    of: int
    held: dict[int, bytes] = field(default_factory=dict)


class Summaries:
    """The newest complete summary of every (model, kind, partition) that was read."""

    def __init__(self) -> None:
        self._coming: dict[tuple[str, str, int], _Parts] = {}
        self._newest: dict[tuple[str, str, int], tuple[tuple[int, int], Summary]] = {}
        self.event_ms = 0

    def read(self, key: bytes, value: bytes) -> tuple[str, Kind, int] | None:
        """Take one record of the summaries topic; older ones change nothing.

        Returns whose summary (model, kind, partition) has to be sent again: an older one was read behind it, and
        compaction would keep that.
        """
        model, kind, _, partition, part = key.decode().split(":")
        data = msgpack.unpackb(value)
        stamp = (data["e"], data["n"])
        at = (model, kind, int(partition))
        self.event_ms = max(self.event_ms, data["t"])
        if at in self._newest and self._newest[at][0] >= stamp:
            return (model, Kind[kind.upper()], int(partition)) if self._newest[at][0] > stamp else None
        coming = self._coming.get(at)
        if coming is None or coming.stamp < stamp:
            coming = self._coming[at] = _Parts(stamp, data["parts"])
        if coming.stamp != stamp:
            return None
        coming.held[int(part)] = data["raw"]
        if len(coming.held) == coming.of:
            raws = np.frombuffer(b"".join(coming.held[i] for i in range(coming.of)), "<f8")
            summary = Summary(model, data["h"], Kind[kind.upper()], int(partition), data["c"], data["t"], raws)
            self._newest[at] = (stamp, summary)
            del self._coming[at]
        return None

    def of(self, model: Model, kind: Kind) -> list[Summary]:
        """The summaries of a model as it stands now: those made with other weights are left out."""
        return [
            summary
            for (name, label, _), (_, summary) in self._newest.items()
            if name == model.name and label == kind.label and summary.model_hash == model.hash
        ]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The benchmark in force for one model, kind and peer group.

    `raw` is None below the model's `min_population`; `version` grows with each change that a score can show,
    `model_version` with each change of the model. `computed_at` in epoch seconds.
    """

    model: str
    model_hash: str
    kind: Kind
    raw: float | None
    population: int
    version: int
    model_version: int
    computed_at: float
    exact: bool = True

    @property
    def key(self) -> bytes:
        return f"{self.model}:{self.kind.label}:{EVERYONE}".encode()

    def record(self, epoch: int, number: int) -> bytes:
        return bytes(
            msgpack.packb(
                {
                    "s": SCHEMA,
                    "e": epoch,
                    "n": number,
                    "h": self.model_hash,
                    "raw": self.raw,
                    "population": self.population,
                    "v": self.version,
                    "mv": self.model_version,
                    "at": self.computed_at,
                    "exact": self.exact,
                }
            )
        )


class Benchmarks:
    """The newest benchmark of every (model, kind) that was read."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, Kind], tuple[tuple[int, int], Benchmark]] = {}
        self._overwritten: set[tuple[str, Kind]] = set()

    def read(self, key: bytes, value: bytes) -> Benchmark | None:
        """Take one record of the benchmarks topic; returns it if it is newer than what is known."""
        model, kind_label, _ = key.decode().split(":")
        data = msgpack.unpackb(value)
        stamp, kind = (data["e"], data["n"]), Kind[kind_label.upper()]
        at = (model, kind)
        known = self._newest.get(at)
        if known is not None and known[0] >= stamp:
            if known[0] > stamp:
                self._overwritten.add(at)
            return None
        self._overwritten.discard(at)
        benchmark = Benchmark(
            model, data["h"], kind, data["raw"], data["population"], data["v"], data["mv"], data["at"], data["exact"]
        )
        self._newest[at] = (stamp, benchmark)
        return benchmark

    def take_overwritten(self) -> list[Benchmark]:
        """Benchmarks behind which an older record was read: compaction would keep that one."""
        at, self._overwritten = self._overwritten, set()
        return [self._newest[key][1] for key in at]

    def get(self, model: str, kind: Kind) -> Benchmark | None:
        held = self._newest.get((model, kind))
        return held[1] if held else None

    def all(self) -> list[Benchmark]:
        return [benchmark for _, benchmark in self._newest.values()]

    def basis(self, model: Model, kind: Kind) -> Basis:
        """What the scores of a model and kind rest on now (SCORING 2.2)."""
        found = self.get(model.name, kind)
        if found is None or found.model_hash != model.hash:
            return Basis(model.benchmark.initial)
        raw = model.benchmark.initial if found.raw is None else found.raw
        return Basis(raw, found.version, found.model_version, found.population)

    def bases(self, model: Model, kind: Kind, groups: Sequence[str]) -> list[Basis]:
        return [self.basis(model, kind)] * len(groups)


def merge(
    scoring: Scoring, partitions: int, summaries: Summaries, known: Benchmarks, now_seconds: float
) -> Iterable[Benchmark]:
    """The benchmarks that differ from the known ones, once every partition has been caught up."""
    for model in scoring.models:
        for kind in model.kinds:
            shares = summaries.of(model, kind)
            if len(shares) < partitions or not all(share.caught_up for share in shares):
                continue
            merged = _merged(model, kind, shares, now_seconds)
            changed = _versioned(merged, known, warms_up=model.curve.shape is not Shape.NONE)
            if changed is not None:
                yield changed


def _merged(model: Model, kind: Kind, shares: list[Summary], now_seconds: float) -> Benchmark:
    raws = np.concatenate([share.raws for share in shares])
    raw = None
    if model.curve.shape is not Shape.NONE and len(raws) >= max(1, model.benchmark.min_population):
        raw = percentile(raws, model.benchmark.percentile)
    return Benchmark(model.name, model.hash, kind, raw, len(raws), 1, 1, now_seconds)


def _versioned(merged: Benchmark, known: Benchmarks, *, warms_up: bool) -> Benchmark | None:
    """The merged benchmark with its versions, or None where nothing changed.

    While entities are warming up their population shows, so its change is a new version.
    """
    before = known.get(merged.model, merged.kind)
    siblings: Mapping[Kind, Benchmark] = {b.kind: b for b in known.all() if b.model == merged.model}
    model_version = max((b.model_version for b in siblings.values()), default=0)
    if not any(b.model_hash == merged.model_hash for b in siblings.values()):
        model_version += 1
    else:
        model_version = max(b.model_version for b in siblings.values() if b.model_hash == merged.model_hash)
    if before is None:
        return replace(merged, model_version=model_version)
    same_model = before.model_hash == merged.model_hash
    if same_model and (before.raw, before.population) == (merged.raw, merged.population):
        return None
    shows = before.raw != merged.raw or not same_model or (warms_up and merged.raw is None)
    return replace(merged, version=before.version + int(shows), model_version=model_version)
