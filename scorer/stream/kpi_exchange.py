"""The KPIs of segments and the product: totals of partitions out, what their sums say in.

Their readers are told by the owner of partition 0, of what changed since it told them last.
"""

from collections.abc import Callable
from typing import Any

import xxhash

from scorer.core.kpis.documents import kpi_body
from scorer.core.kpis.figures import Figures
from scorer.core.kpis.share import Total
from scorer.core.kpis.shares_topic import PRODUCT, Place, Shares, bodies, record, rules_hash
from scorer.core.kpis.totals import Totals
from scorer.core.model import KpiRules, Scoring
from scorer.core.publish import version

OnKpis = Callable[[str, str, str, str, dict[str, Any]], None]
"""Told kind, id, version, the document's body, and the KPIs in it."""


class KpiExchange:
    """What was read of partitions' totals, sent of them, and told of their sums."""

    def __init__(self, scoring: Scoring, rules: KpiRules, on_kpis: OnKpis) -> None:
        self._shares = Shares(scoring)
        self._rules_hash = rules_hash(scoring)
        self._figures = Figures(rules, scoring.events, scoring.tags)
        self._on_kpis = on_kpis
        self._sent: dict[Place, tuple[int, bytes]] = {}
        self._told: dict[str, dict[str, Any]] = {}
        self._epoch = -1

    def read(self, key: bytes, value: bytes) -> None:
        """Take one record of the summaries topic."""
        overwritten = self._shares.read(key, value)
        if overwritten is not None:
            self._sent.pop(overwritten, None)

    def records(
        self, totals: Totals, partition: int, epoch: int, event_ms: int, next_number: Callable[[], int]
    ) -> list[tuple[bytes, bytes]]:
        """The records of what changed in a partition since it was last sent in this epoch. Noted as sent."""
        found = []
        for place, body in bodies(totals, partition, self._rules_hash, event_ms):
            stamp = epoch, xxhash.xxh3_128_digest(repr({**body, "t": 0}).encode())
            if self._sent.get(place) != stamp:
                self._sent[place] = stamp
                found.append((place.record_key, record(body, epoch, next_number())))
        return found

    def merge(self, partitions: int, epoch: int, next_number: Callable[[], int]) -> None:
        """For the owner of partition 0: tell what changed since it told it in this epoch."""
        sums = self._shares.sums(partitions)
        if sums is None:
            return
        if epoch != self._epoch:
            self._epoch = epoch
            self._told = {name: {} for name in self._told}
        gone = {name: Total.empty(sums.spans.days, len(self._figures.types)) for name in self._told}
        for name, total in {**gone, **sums.totals}.items():
            kpis = self._figures.of(total, sums.spans, sums.kept_from)
            if self._told.get(name) != kpis:
                self._told[name] = kpis
                kind = "product" if name == PRODUCT else "segment"
                as_of = sums.event_ms / 1000 if sums.event_ms else None
                self._on_kpis(kind, name, version(epoch, next_number()), kpi_body(kpis, as_of), kpis)
