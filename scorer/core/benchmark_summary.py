"""A partition's shares of the benchmarks, and the topic that carries them (ARCHITECTURE 1.8).

Rule 1: a summary holds the raw scores themselves while there are at most `RAW_VALUES`, and their histogram beyond.
Rule 2: the summary of everyone lists the partition's other peer groups. A group that it doesn't list doesn't count.
Rule 3: each record carries (epoch, number); of two about the same thing the greater is true, for compaction keeps the
  last write, not the greatest.
Rule 4: a large summary is several records, each with a key of its own, so in any order and with those of others in
  between. It counts once all are read. Records that the newest summary has no use for are harmless leftovers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import msgpack
import numpy as np

from scorer.core.benchmark import EVERYONE
from scorer.core.histogram import Histogram
from scorer.core.model import Kind, Model
from scorer.core.score import Floats

RAW_VALUES = 100_000
"""Up to so many raw scores a benchmark is exact (SCORING 2.2)."""

PART_BYTES = 401_000
"""Of a summary in one record: `RAW_VALUES` of them take two."""

SCHEMA = 2

Stamp = tuple[int, int]

_NOTHING: Floats = np.empty(0)


class SummaryKey(NamedTuple):
    """What a summary is of."""

    model: str
    kind: Kind
    peers: str
    partition: int

    def record_key(self, part: int) -> bytes:
        return f"{self.model}:{self.kind.label}:{self.peers}:{self.partition}:{part}".encode()

    @classmethod
    def parse(cls, record_key: bytes) -> tuple["SummaryKey", int]:
        """The summary and the number of the part. Names of models and groups hold no colon."""
        model, label, peers, partition, part = record_key.decode().split(":")
        return cls(model, Kind[label.upper()], peers, int(partition)), int(part)


@dataclass(frozen=True, eq=False)
class Summary:
    """One partition's share of a benchmark: the raw scores above 0 of one model, kind and peer group.

    `caught_up`: the partition has been at its log's end once. `event_ms`: its largest event time, epoch ms. `bucket`:
    the current one for the raw scores, which age as buckets close. `raws` is empty where there is a `histogram`. Of
    everyone: `groups`, the partition's other groups, and `cut` if there were too many of them, so that some aren't
    listed.
    """

    model: str
    model_hash: str
    kind: Kind
    partition: int
    caught_up: bool
    event_ms: int
    raws: Floats = field(default_factory=_NOTHING.copy)
    peers: str = EVERYONE
    histogram: Histogram | None = None
    groups: tuple[str, ...] = ()
    cut: bool = False
    bucket: int | None = None

    def holding(self, peers: str, raws: Floats) -> "Summary":
        """This one for another group, of so many raw scores in any order."""
        if len(raws) > RAW_VALUES:
            return replace(self, peers=peers, raws=_NOTHING, histogram=Histogram.of(raws))
        return replace(self, peers=peers, raws=np.sort(raws), histogram=None)

    @property
    def key(self) -> SummaryKey:
        return SummaryKey(self.model, self.kind, self.peers, self.partition)

    @property
    def population(self) -> int:
        return len(self.raws) if self.histogram is None else self.histogram.population

    @cached_property
    def listed(self) -> frozenset[str]:
        return frozenset(self.groups)

    @cached_property
    def buckets(self) -> Histogram:
        return Histogram.of(self.raws) if self.histogram is None else self.histogram

    @cached_property
    def body(self) -> bytes:
        """A msgpack map.

        "h" the model's hash, "c" caught up, "b" bucket, "raw" the raw scores (f8), or "i" and "k" a histogram's
        indexes (i4) and counts (i8), "g" the other groups, "x" if some were left out.
        """
        fields: dict[str, Any] = {"h": self.model_hash, "c": self.caught_up, "b": self.bucket}
        if self.histogram is None:
            fields["raw"] = self.raws.astype("<f8").tobytes()
        else:
            fields["i"] = self.histogram.indexes.astype("<i4").tobytes()
            fields["k"] = self.histogram.counts.astype("<i8").tobytes()
        if self.groups:
            fields["g"] = self.groups
        if self.cut:
            fields["x"] = True
        return bytes(msgpack.packb(fields))

    @classmethod
    def parse(cls, key: SummaryKey, event_ms: int, body: bytes) -> "Summary":
        fields = msgpack.unpackb(body)
        raws, histogram = _NOTHING, None
        if "raw" in fields:
            raws = np.frombuffer(fields["raw"], "<f8")
        else:
            histogram = Histogram(np.frombuffer(fields["i"], "<i4"), np.frombuffer(fields["k"], "<i8"))
        return cls(
            key.model,
            fields["h"],
            key.kind,
            key.partition,
            fields["c"],
            event_ms,
            raws,
            key.peers,
            histogram,
            tuple(fields.get("g", ())),
            fields.get("x", False),
            fields.get("b"),
        )

    def records(self, epoch: int, number: int) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values for the summaries topic: "s" schema, "e" epoch, "n" number, "t" event ms, "parts", "b" bytes.

        The bytes of all parts, one behind the other, are the body.
        """
        body = self.body
        parts = -(-len(body) // PART_BYTES)
        for part in range(parts):
            value = {
                "s": SCHEMA,
                "e": epoch,
                "n": number,
                "t": self.event_ms,
                "parts": parts,
                "b": body[part * PART_BYTES : (part + 1) * PART_BYTES],
            }
            yield self.key.record_key(part), msgpack.packb(value)


@dataclass
class _Parts:
    """A summary of which not all records are read yet."""

    stamp: Stamp
    of: int
    held: dict[int, bytes] = field(default_factory=dict)

    def has(self, part: int) -> bool:
        return part in self.held


@dataclass
class _Whole:
    stamp: Stamp
    of: int
    summary: Summary

    def has(self, part: int) -> bool:
        return part < self.of


class Summaries:
    """The newest complete summary of every (model, kind, peer group, partition) that was read."""

    def __init__(self) -> None:
        self._coming: dict[SummaryKey, _Parts] = {}
        self._newest: dict[tuple[str, Kind, str], dict[int, _Whole]] = {}
        self._groups: dict[tuple[str, Kind, int], set[str]] = {}
        self.event_ms = 0

    def read(self, key: bytes, value: bytes) -> SummaryKey | None:
        """Take one record of the summaries topic; older ones change nothing.

        Returns whose summary has to be sent again: a record of an older one was read behind its own record of the same
        key, and compaction would keep that. (The records of one key are read in their order, those of others aren't.)
        """
        of, part = SummaryKey.parse(key)
        data = msgpack.unpackb(value)
        stamp = (data["e"], data["n"])
        self.event_ms = max(self.event_ms, data["t"])
        known = [each for each in (self._held(of), self._coming.get(of)) if each is not None]
        newer = [each for each in known if each.stamp > stamp]
        if newer:
            return of if any(each.has(part) for each in newer) else None
        if data["s"] == SCHEMA and not any(isinstance(each, _Whole) and each.stamp == stamp for each in known):
            self._take(of, part, stamp, data)
        return None

    def _take(self, of: SummaryKey, part: int, stamp: Stamp, data: dict[str, Any]) -> None:
        coming = self._coming.get(of)
        if coming is None or coming.stamp < stamp:
            coming = self._coming[of] = _Parts(stamp, data["parts"])
        coming.held[part] = data["b"]
        if len(coming.held) == coming.of:
            body = b"".join(coming.held[number] for number in range(coming.of))
            summary = Summary.parse(of, data["t"], body)
            self._newest.setdefault(of[:3], {})[of.partition] = _Whole(stamp, coming.of, summary)
            if of.peers != EVERYONE:
                self._groups.setdefault((of.model, of.kind, of.partition), set()).add(of.peers)
            del self._coming[of]

    def _held(self, key: SummaryKey) -> _Whole | None:
        return self._newest.get(key[:3], {}).get(key.partition)

    def of(self, model: Model, kind: Kind, peers: str = EVERYONE) -> dict[int, Summary]:
        """By partition: the summaries of a model as it stands now; those made with other weights are left out."""
        held = self._newest.get((model.name, kind, peers), {})
        return {partition: each.summary for partition, each in held.items() if each.summary.model_hash == model.hash}

    def vanished(self, everyone: Summary) -> Iterator[Summary]:
        """Empty summaries for the groups that a partition doesn't list any more: they don't count, but take room."""
        for peers in sorted(self._groups.get((everyone.model, everyone.kind, everyone.partition), ())):
            held = self._held(everyone.key._replace(peers=peers))
            if peers not in everyone.groups and held is not None and held.summary.population:
                yield replace(everyone, peers=peers, raws=_NOTHING, histogram=None, groups=(), cut=False)
