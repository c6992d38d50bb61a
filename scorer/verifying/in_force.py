"""The benchmarks that were in force while we looked."""

from collections.abc import Sequence

from scorer.core.model import Scoring, Shape
from scorer.verifying.documents import EVERYONE, BenchmarkKey, Document, Documents


class InForce:
    """The benchmarks of one model and kind, by peer group: the newest, and any that a score may still name.

    A score names the version and the value that it rests on, not its peer group; version numbers run through all groups
    of a model and kind, so that a version is one group's.
    """

    def __init__(self) -> None:
        self._newest: dict[str, Document] = {}
        self._seen: dict[tuple[int, float | None], Document] = {}
        self._raws: dict[str, dict[int, float | None]] = {}

    def saw(self, peers: str, benchmark: Document) -> None:
        self._newest[peers] = benchmark
        self._seen[benchmark["version"], benchmark["raw"]] = benchmark
        self._raws.setdefault(peers, {})[benchmark["version"]] = benchmark["raw"]

    @property
    def everyones(self) -> Document | None:
        return self._newest.get(EVERYONE)

    def named_by(self, document: Document) -> Document | None:
        """The benchmark that a score rests on; None if it was gone before we came."""
        return self._seen.get((document["benchmark_version"], document["benchmark"]))

    def ruling(self, groups: Sequence[str]) -> str | None:
        """Of an entity's peer groups, the narrowest first: the one whose benchmark it is measured against."""
        held = ((peers, self._newest.get(peers)) for peers in groups)
        return next((peers for peers, found in held if found is not None and found["raw"] is not None), None)

    def newest_raw(self, peers: str) -> float | None:
        value: float | None = self._newest[peers]["raw"]
        return value

    def raw_of(self, peers: str, version: int) -> float | None:
        """What a version of a group's benchmark was; None if that group had no such version while we looked."""
        return self._raws.get(peers, {}).get(version)


class Benchmarks:
    """All that a scoring file's models have."""

    def __init__(self, documents: Documents, scoring: Scoring) -> None:
        self._documents = documents
        models = [model for model in scoring.models if model.curve.shape is not Shape.NONE]
        self._keys = {BenchmarkKey(model.name, kind) for model in models for kind in model.kinds}
        if any(model.curve.steepness is None or model.benchmark.peers for model in models):
            self._keys.update(documents.peer_groups())
        self._in_force: dict[tuple[str, int], InForce] = {}

    def look(self) -> None:
        """Note those of now."""
        for at, benchmark in self._documents.benchmarks(list(self._keys)).items():
            self.of(at.model, at.kind).saw(at.peers, benchmark)

    def of(self, model: str, kind: int) -> InForce:
        return self._in_force.setdefault((model, kind), InForce())
