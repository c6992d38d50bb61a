"""What workers share: the source's events, the journal's log, Redis."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scorer.core.journal.ledger import Ledger
from scorer.core.journal.records import Claim, Entry, decode
from scorer.core.journal.restore import LogRecord
from scorer.core.journal.steps import Landed, Trimmed
from scorer.core.model import Kind
from scorer.core.publish import ScoreBatch, version
from scorer.sinks.redis_scripts import REFUSED, VANISHED, WRITTEN
from tests.journal_search.alerting import Alerting
from tests.journal_search.findings import Findings

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """A record of the source. `produced_ms` is its broker timestamp."""

    id: str
    type: str
    account: str | None
    user: str
    ts_ms: int
    produced_ms: int


@dataclass
class Log:
    """A partition of the journal topic; notes in `found` what it saw, and what it holds of alerts."""

    found: Findings
    alerting: Alerting
    records: list[LogRecord] = field(default_factory=list)
    start: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    rows: set[int] = field(default_factory=set)

    @property
    def end(self) -> int:
        return self.start + len(self.records)

    def append(self, value: bytes, timestamp_ms: int) -> Landed:
        record = LogRecord(self.end, timestamp_ms, value)
        self.records.append(record)
        parsed = decode(value)
        if isinstance(parsed, Claim):
            self.ledger.claim(parsed, timestamp_ms)
        elif isinstance(parsed, Entry):
            self.found.zombie_appends += parsed.epoch < self.ledger.epoch
            if self.ledger.accepts(parsed):
                self.ledger.number = parsed.number
                self._note_rows(parsed)
                self.alerting.journal(version(parsed.epoch, parsed.number), parsed.body.get("al", ()))
        return Landed(record.offset, timestamp_ms)

    def read(self, start: int, stop: int, at_most: int) -> list[LogRecord] | Trimmed:
        if start < self.start:
            return Trimmed(self.start)
        first = start - self.start
        return self.records[first : min(first + at_most, stop - self.start)]

    def trim(self, before: int) -> bool:
        """Delete what stands before an offset; whether there was anything."""
        before = min(before, self.end)
        if before <= self.start:
            return False
        del self.records[: before - self.start]
        self.start = before
        self.found.trims += 1
        return True

    def _note_rows(self, entry: Entry) -> None:
        packed = [entry.body[name][0] for name in ("na", "nu") if name in entry.body]
        given = {row for rows in packed for row in np.frombuffer(rows, "<i4").tolist()}
        self.found.rows_used_again += len(given & self.rows)
        self.rows |= given


@dataclass
class Redis:
    """Documents by key, with their versions, and the partition's heartbeat; its scripts refuse what is older.

    `stream`: alerts as they came.
    """

    run_id: str = "redis 0"
    documents: dict[str, tuple[str, Document]] = field(default_factory=dict)
    heartbeat: str = ""
    stream: list[bytes] = field(default_factory=list)

    def flush(self) -> None:
        """FLUSHALL."""
        self.documents, self.heartbeat, self.stream = {}, "", []

    def restart(self, run_id: str) -> None:
        """Come back empty."""
        self.flush()
        self.run_id = run_id

    def beat(self, version: str, must_exist: bool) -> int:
        if not self.heartbeat and must_exist:
            return VANISHED
        if self.heartbeat > version:
            return REFUSED
        self.heartbeat = version
        return WRITTEN

    def add_alerts(self, alerts: Sequence[bytes]) -> None:
        self.stream.extend(alerts)

    def write(self, batch: ScoreBatch) -> None:
        for at, entity in enumerate(batch.entity_id):
            key = f"{batch.model}:{Kind(batch.kind[at]).label}:{entity}"
            known = self.documents.get(key)
            if known is None or known[0] <= batch.version:
                self.documents[key] = (batch.version, document(batch, at))


def document(batch: ScoreBatch, at: int) -> Document:
    return {
        "score": float(batch.score[at]),
        "raw": float(batch.raw[at]),
        "band": batch.band[at],
        "previous_band": batch.previous_band[at],
        "delta": None if np.isnan(batch.delta[at]) else float(batch.delta[at]),
        "state": batch.state[at],
        "benchmark_version": int(batch.benchmark_version[at]),
    }
