"""A verification: read the input to its end, ask Redis, read on, compare; again for what differs, while it may settle.

Workers run meanwhile: between their reading of an event and its score in Redis lies about a second. So a document is
right if it holds everything that was read some time before it was asked for, and any part of what came since.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from scorer.core.model import Kind, Model, Scoring
from scorer.quantities import counted, numbered
from scorer.verifying.comparison import UNKNOWN_STEEPNESS, Basis, Difference, differences
from scorer.verifying.documents import Document, Documents
from scorer.verifying.in_force import Benchmarks
from scorer.verifying.input import home_partition
from scorer.verifying.ranking import ranking_differences
from scorer.verifying.reach import Reach, read_since_ms
from scorer.verifying.reading import Reading
from scorer.verifying.sample import Chosen, Entity, Sample

_PAUSES_SECONDS = (1.0, 1.0, 2.0, 4.0)
"""Before each round, the last before all that follow. Together more than the 5 s that lie at most between publishes."""

SETTLING_SECONDS = 90.0
"""At rest every score is the exact one within a minute."""

Pair = tuple[str, Entity]
"""A model's name, and who is scored by it."""


@dataclass(slots=True)
class Verification:
    """What was compared, and what came of it.

    By model: `compared` entities, of these the `unknown` whose score rests on a benchmark whose steepness is gone, the
    `groupless` whose peer group the input no longer tells, and `not_before`: when it can be verified (epoch ms), where
    the input no longer holds its window. `strangers`: accounts that were asked for and are nowhere. `notes`: what a
    reader should know.
    """

    entities: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    groupless: dict[str, int] = field(default_factory=dict)
    not_before: dict[str, int] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Verifier:
    """One verification of a sample by a scoring file; `on_phase` is told in words what is being done.

    Its methods raise BrokerError, RedisUnusable, OtherScoring.
    """

    scoring: Scoring
    documents: Documents
    sample: Sample
    reading: Reading
    benchmarks: Benchmarks
    on_phase: Callable[[str], None]

    @cached_property
    def _models(self) -> dict[str, Model]:
        return {model.name: model for model in self.scoring.models}

    async def run(self) -> Verification:
        found = Verification()
        self.on_phase("asking Redis who has a score")
        self._draw()
        now = self.reading.now
        await self.reading.begin(self._partitions(), read_since_ms(self.scoring, now.now_ms()))
        self.on_phase("reading the input")
        await self.reading.on(settling=True)
        self.sample.close()
        found.strangers = self.sample.strangers if isinstance(self.sample, Chosen) else []
        self.on_phase("waiting for the workers")
        found.notes += await now.heartbeats.caught_up(self.reading.reach, self.benchmarks.look)
        pairs = self._pairs(found)
        for model, _ in pairs:
            found.compared[model] = found.compared.get(model, 0) + 1
        found.entities = len({entity for _, entity in pairs})
        for differing in (await self._compare_until_settled(pairs)).values():
            if [each.field for each in differing] == [UNKNOWN_STEEPNESS]:
                found.unknown[differing[0].model] = found.unknown.get(differing[0].model, 0) + 1
            else:
                found.differences += differing
        for name, entity in pairs:
            if self._groups(self._models[name], entity) is None:
                found.groupless[name] = found.groupless.get(name, 0) + 1
        self.on_phase("comparing the rankings")
        for name in found.compared:
            accounts = [entity for model, entity in pairs if model == name and entity.kind is Kind.ACCOUNT]
            found.differences += await ranking_differences(self.documents, name, accounts)
        return found

    # ---- who

    def _draw(self) -> None:
        """Meet everybody who has a score: by one model of each kind, for who has one has one in all of its kind."""
        by_kind = {kind: model for model in reversed(self.scoring.models) for kind in model.kinds}
        for kind, model in by_kind.items():
            for beginning in self._beginnings(kind):
                for entity in self.documents.entities(model.name, kind, beginning):
                    self.sample.meet(entity)

    def _beginnings(self, kind: Kind) -> list[str]:
        """What the ids of whom we look for begin with."""
        if not isinstance(self.sample, Chosen):
            return [""]
        return [Entity(name, "" if kind is Kind.USER else None).id for name in self.sample.accounts]

    def _partitions(self) -> set[int]:
        """Where they are at home; everywhere if nobody has a score, for somebody should."""
        partitions = self.reading.reader.partitions
        who = [*self.sample.tallies]
        if isinstance(self.sample, Chosen):
            who += [Entity(account, None) for account in self.sample.accounts]
        return {home_partition(entity, partitions) for entity in who} or set(range(partitions))

    def _pairs(self, found: Verification) -> list[Pair]:
        """Who is compared in which model: where the input holds the model's whole window."""
        pairs: list[Pair] = []
        calendar, now_ms = self.scoring.calendar, self.reading.now.now_ms()
        for model in self.scoring.models:
            for entity in self.sample.tallies:
                if entity.kind not in model.kinds:
                    continue
                since = self._reach_of(entity).verifiable_from_ms(model, calendar)
                if since is None or now_ms >= since:
                    pairs.append((model.name, entity))
                else:
                    found.not_before[model.name] = max(since, found.not_before.get(model.name, 0))
        return pairs

    def _reach_of(self, entity: Entity) -> Reach:
        return self.reading.reach[home_partition(entity, self.reading.reader.partitions)]

    # ---- rounds

    async def _compare_until_settled(self, pairs: list[Pair]) -> dict[Pair, list[Difference]]:
        """What still differs when it can't settle any more."""
        self.on_phase("comparing")
        began = time.monotonic()
        number = 0
        while True:
            await self.reading.on(settling=True)
            await asyncio.sleep(_PAUSES_SECONDS[min(number, len(_PAUSES_SECONDS) - 1)])
            documents = self._documents_of(pairs)
            self.benchmarks.look()
            await self.reading.on()
            differing = self._differing(pairs, documents)
            pairs, number = list(differing), number + 1
            may_settle = any(each.may_settle for found in differing.values() for each in found)
            patient = may_settle and time.monotonic() - began < SETTLING_SECONDS
            if not pairs or (number >= len(_PAUSES_SECONDS) and not patient):
                return differing
            differ = f"{counted(len(pairs), 'score')} {numbered(len(pairs), 'differs', 'differ')}"
            self.on_phase(f"{differ} so far, comparing again")

    def _documents_of(self, pairs: list[Pair]) -> dict[Pair, Document | None]:
        found: dict[Pair, Document | None] = {}
        for model in dict.fromkeys(model for model, _ in pairs):
            scores = self.documents.scores(model, [entity for of, entity in pairs if of == model])
            found.update({(model, entity): document for entity, document in scores.items()})
        return found

    def _differing(self, pairs: list[Pair], documents: dict[Pair, Document | None]) -> dict[Pair, list[Difference]]:
        calendar = self.scoring.calendar
        bucket = calendar.bucket_of(self.reading.now.now_ms())
        differing = {}
        for name, entity in pairs:
            in_force = self.benchmarks.of(name, entity.kind)
            model, scoring = self._models[name], self.scoring
            groups = self._groups(model, entity)
            basis = Basis(model, in_force, bucket, calendar, scoring.retention, groups)
            found = differences(entity, self.sample.tallies[entity], documents[name, entity], basis)
            if found:
                differing[name, entity] = found
        return differing

    def _groups(self, model: Model, entity: Entity) -> list[str] | None:
        """The entity's peer groups in a model, the narrowest first; None where the input no longer tells them."""
        home = home_partition(entity, self.reading.reader.partitions)
        traits = self.reading.recount.traits
        return traits.groups(entity, model.benchmark.peers, complete=home in self.reading.complete)
