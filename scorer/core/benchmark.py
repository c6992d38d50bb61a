"""Benchmarks in force, by model, kind and peer group, and what scores rest on (SCORING 2.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgpack

from scorer.core.footing import Basis
from scorer.core.model import Kind, Model
from scorer.core.score import AUTO_STEEPNESS

EVERYONE = "all"
"""The peer group that everyone is in."""

SCHEMA = 1


def parent_of(peers: str) -> str:
    """The group around a peer group: without its last trait, in the end everyone.

    >>> parent_of("plan=pro,region=eu"), parent_of("plan=pro")
    ('plan=pro', 'all')
    """
    return peers.rpartition(",")[0] or EVERYONE


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The benchmark in force for one model, kind and peer group.

    `raw` is None below the model's `min_population`; `steepness` is the k that `steepness: auto` solved, else None.
    `version` is new with each change that a score can show, and stands for one benchmark of the model and kind only;
    `model_version` grows with each change of the model. `computed_at` in epoch seconds. `bucket`: the one that was the
    current one for the raw scores behind it.
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
    peers: str = EVERYONE
    steepness: float | None = None
    bucket: int | None = None

    @property
    def key(self) -> bytes:
        return f"{self.model}:{self.kind.label}:{self.peers}".encode()

    def record(self, epoch: int, number: int) -> bytes:
        """A msgpack map: "s" schema, "e" epoch, "n" number, "h" the model's hash, "v" version, "mv" model version,
        "at" computed at, "b" bucket, "k" steepness (of `auto` only)."""
        fields = {
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
            "b": self.bucket,
        }
        if self.steepness is not None:
            fields["k"] = self.steepness
        return bytes(msgpack.packb(fields))


class Benchmarks:
    """The newest benchmark of every (model, kind, peer group) that was read."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, Kind], dict[str, tuple[tuple[int, int], Benchmark]]] = {}
        self._overwritten: set[tuple[str, Kind, str]] = set()
        self._bases: dict[tuple[str, str, Kind], dict[str, Basis]] = {}

    def read(self, key: bytes, value: bytes) -> Benchmark | None:
        """Take one record of the benchmarks topic; returns it if it is newer than what is known."""
        model, kind_label, peers = key.decode().split(":")
        data = msgpack.unpackb(value)
        stamp, kind = (data["e"], data["n"]), Kind[kind_label.upper()]
        held = self._newest.setdefault((model, kind), {})
        known = held.get(peers)
        if known is not None and known[0] >= stamp:
            if known[0] > stamp:
                self._overwritten.add((model, kind, peers))
            return None
        self._overwritten.discard((model, kind, peers))
        benchmark = Benchmark(
            model,
            data["h"],
            kind,
            data["raw"],
            data["population"],
            data["v"],
            data["mv"],
            data["at"],
            data["exact"],
            peers,
            data.get("k"),
            data.get("b"),
        )
        held[peers] = (stamp, benchmark)
        self._bases.clear()
        return benchmark

    def take_overwritten(self) -> list[Benchmark]:
        """Benchmarks behind which an older record was read: compaction would keep that one."""
        overwritten, self._overwritten = self._overwritten, set()
        return [self._newest[model, kind][peers][1] for model, kind, peers in sorted(overwritten)]

    def get(self, model: str, kind: Kind, peers: str = EVERYONE) -> Benchmark | None:
        held = self._newest.get((model, kind), {}).get(peers)
        return held[1] if held else None

    def groups(self, model: str, kind: Kind) -> dict[str, Benchmark]:
        """By peer group: all benchmarks of a model and kind, of earlier versions of the model too."""
        return {peers: benchmark for peers, (_, benchmark) in self._newest.get((model, kind), {}).items()}

    def all(self) -> list[Benchmark]:
        return [benchmark for held in self._newest.values() for _, benchmark in held.values()]

    def bases(self, model: Model, kind: Kind, groups: Sequence[str]) -> list[Basis]:
        """What the scores of a model and kind rest on now (SCORING 2.2), one basis for each of some peer groups.

        A group without a benchmark of its own has its parent's; without any there is the model's `initial`, in the end
        none: then entities are warming up, and the population is that of everyone.
        """
        known = self._bases.setdefault((model.name, model.hash, kind), {})
        for group in groups:
            if group not in known:
                known[group] = self._basis(model, kind, group)
        return [known[group] for group in groups]

    def _basis(self, model: Model, kind: Kind, group: str) -> Basis:
        auto = AUTO_STEEPNESS if model.curve.steepness is None else None
        while True:
            found = self.get(model.name, kind, group)
            if found is not None and found.model_hash != model.hash:
                found = None
            if found is not None and found.raw is not None:
                k = found.steepness if found.steepness is not None else auto
                return Basis(found.raw, found.version, found.model_version, found.population, k, bucket=found.bucket)
            if group != EVERYONE:
                group = parent_of(group)
            elif found is None:
                return Basis(model.benchmark.initial, steepness=auto)
            else:
                initial = model.benchmark.initial
                return Basis(initial, found.version, found.model_version, found.population, auto, too_few=True)
