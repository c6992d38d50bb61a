"""A partition's totals in the summaries topic, and the sums of all partitions.

Rule 1: each record carries (epoch, number); of two about the same thing the greater is true.
Rule 2: the record of the product lists the partition's segments: one that it doesn't list doesn't count.
Rule 3: only totals of the same file and day are added up. While partitions are apart there are none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from scorer.core.kpis.share import USES, Share, Total
from scorer.core.kpis.spans import Spans
from scorer.core.kpis.totals import Totals
from scorer.core.model import Scoring, digest

PRODUCT = "all"

PREFIX = b"%kpis:"
"""No model has such a name."""

SCHEMA = 1


def rules_hash(scoring: Scoring) -> str:
    """Totals with the same can be added up: they are of the same rules and types, in the same order."""
    tags = {event: [tags.core, tags.advanced, tags.integration, tags.duration] for event, tags in scoring.tags.items()}
    window = None if scoring.kpis is None else scoring.kpis.window
    return digest([scoring.events, tags, scoring.segments, window, scoring.bucket_seconds, scoring.timezone])


@dataclass(frozen=True, slots=True)
class Place:
    """Whose total a record holds: a segment's (or the product's) in a partition."""

    group: str
    partition: int

    @property
    def record_key(self) -> bytes:
        return PREFIX + f"{self.group}:{self.partition}".encode()

    @classmethod
    def parse(cls, record_key: bytes) -> "Place":
        group, partition = record_key.removeprefix(PREFIX).decode().split(":")
        return cls(group, int(partition))


def bodies(totals: Totals, partition: int, rules: str, event_ms: int) -> Iterator[tuple[Place, dict[str, Any]]]:
    """What a partition tells: its segments, then the product. "h" rules, "day", "k" the first day since which all
    counts are kept, "t" largest event time, "g" segments; the rest see `Total.packed`."""
    head = {"h": rules, "day": totals.spans.today, "k": totals.kept_from}
    for name, total in totals.segments.items():
        yield Place(name, partition), head | total.packed()
    product = head | {"t": event_ms, "g": sorted(totals.segments)} | totals.product.packed()
    yield Place(PRODUCT, partition), product


def record(body: Mapping[str, Any], epoch: int, number: int) -> bytes:
    """A msgpack map: "s" schema, "e" epoch, "n" number, and the body."""
    return bytes(msgpack.packb({"s": SCHEMA, "e": epoch, "n": number, **body}))


@dataclass(frozen=True, slots=True)
class Sum:
    """Of all partitions, as of a day: the totals by segment (`PRODUCT`: of everyone), and the largest event time.

    `kept_from`: the first day since which all have all counts.
    """

    spans: Spans
    kept_from: int
    event_ms: int
    totals: Mapping[str, Total]


class Shares:
    """The newest totals of every segment and partition that were read."""

    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring
        self._rules = rules_hash(scoring)
        self._newest: dict[Place, tuple[tuple[int, int], dict[str, Any]]] = {}

    def read(self, key: bytes, value: bytes) -> Place | None:
        """Take one record. Returns what has to be sent again: this one is older than its newest, and compaction would
        keep it."""
        place, data = Place.parse(key), msgpack.unpackb(value)
        stamp = data["e"], data["n"]
        known = self._newest.get(place)
        if known is not None and known[0] >= stamp:
            return place if known[0] > stamp else None
        if data["s"] == SCHEMA:
            self._newest[place] = stamp, data
        return None

    def sums(self, partitions: int) -> Sum | None:
        """Of all partitions; None while some are missing, of other rules, or of another day."""
        rules = self._scoring.kpis
        products = [self._of(PRODUCT, partition) for partition in range(partitions)]
        found = [each for each in products if each is not None]
        if rules is None or len(found) < partitions or len({each["day"] for each in found}) > 1:
            return None
        spans = Spans(rules, found[0]["day"])
        totals = {PRODUCT: self._total(found, spans)}
        for name in sorted({name for each in found for name in each["g"]}):
            listing = [partition for partition, each in enumerate(found) if name in each["g"]]
            of = [each for partition in listing if (each := self._of(name, partition)) is not None]
            if len(of) < len(listing) or any(each["day"] != spans.today for each in of):
                return None
            totals[name] = self._total(of, spans)
        return Sum(spans, max(each["k"] for each in found), max(each["t"] for each in found), totals)

    def _of(self, group: str, partition: int) -> dict[str, Any] | None:
        known = self._newest.get(Place(group, partition))
        return known[1] if known is not None and known[1]["h"] == self._rules else None

    def _total(self, packed: Sequence[dict[str, Any]], spans: Spans) -> Total:
        return Total.of([_share(each) for each in packed], spans.days, len(self._scoring.events))


def _share(packed: Mapping[str, Any]) -> Share:
    """What `Total.packed` made."""
    types = np.frombuffer(packed["ty"], "<i4")
    uses = np.frombuffer(packed["u"], "<i8").reshape(len(types), USES)
    return Share(np.frombuffer(packed["d"], "<i8"), np.frombuffer(packed["m"], "<i8"), types, uses)
