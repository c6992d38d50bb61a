"""The benchmarks that were in force while we looked."""

from scorer.core.model import Scoring, Shape
from scorer.verifying.documents import EVERYONE, BenchmarkKey, Document, Documents


class InForce:
    """The benchmarks of one model and kind: the newest of everyone, and any that a score may still name.

    A score names the version and the value that it rests on, not its peer group; of two groups with both in common
    either will do.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[int, float | None], Document] = {}
        self.everyones: Document | None = None

    def saw(self, peers: str, benchmark: Document) -> None:
        if peers == EVERYONE:
            self.everyones = benchmark
        self._seen[benchmark["version"], benchmark["raw"]] = benchmark

    def named_by(self, document: Document) -> Document | None:
        """The benchmark that a score rests on; None if it was gone before we came."""
        return self._seen.get((document["benchmark_version"], document["benchmark"]))


class Benchmarks:
    """All that a scoring file's models have."""

    def __init__(self, documents: Documents, scoring: Scoring) -> None:
        self._documents = documents
        models = [model for model in scoring.models if model.curve.shape is not Shape.NONE]
        self._keys = {BenchmarkKey(model.name, kind) for model in models for kind in model.kinds}
        if any(model.curve.steepness is None for model in models):
            self._keys.update(documents.peer_groups())
        self._in_force: dict[tuple[str, int], InForce] = {}

    def look(self) -> None:
        """Note those of now."""
        for at, benchmark in self._documents.benchmarks(list(self._keys)).items():
            self.of(at.model, at.kind).saw(at.peers, benchmark)

    def of(self, model: str, kind: int) -> InForce:
        return self._in_force.setdefault((model, kind), InForce())
