"""Folding a journal back into a state: the same fold that ran live."""

from collections.abc import Callable
from dataclasses import dataclass

from scorer.core.journal.ledger import Ledger
from scorer.core.journal.records import Claim, Corrupt, Entry, Part, decode
from scorer.core.partition import PartitionState
from scorer.core.publish import version
from scorer.core.snapshot import load


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record of a journal as the broker holds it; the timestamp is its append time, epoch ms."""

    offset: int
    timestamp_ms: int
    value: bytes


class Restore:
    """Reads a journal in order, from its first offset on.

    A journal that was never trimmed starts from the empty state. One that was starts with a complete snapshot;
    what is read before its last part waits.
    """

    def __init__(self, new_state: Callable[[], PartitionState], log_start: int) -> None:
        self._new_state = new_state
        self._log_start = log_start
        self.state: PartitionState | None = new_state() if log_start == 0 else None
        self.ledger = Ledger()
        self.newest_claim: int | None = None
        self.entries = 0
        self.entry_bytes = 0
        self.snapshot_bytes = 0
        self._waiting: list[tuple[LogRecord, Claim | Entry]] = []
        self._parts: dict[int, dict[int, tuple[Part, int]]] = {}

    def read(self, record: LogRecord) -> None:
        """Fold one record. Raises `Corrupt`."""
        try:
            parsed = decode(record.value)
        except Corrupt as error:
            raise Corrupt(f"journal offset {record.offset}: {error}") from error
        if isinstance(parsed, Part):
            if self.state is None:
                self._collect(parsed, len(record.value))
            return
        if isinstance(parsed, Claim):
            self.newest_claim = parsed.nonce
        if self.state is None:
            self._waiting.append((record, parsed))
        else:
            self._fold(record, parsed)

    def _fold(self, record: LogRecord, parsed: Claim | Entry) -> None:
        if isinstance(parsed, Claim):
            self.ledger.claim(parsed, record.timestamp_ms)
        elif self.ledger.accepts(parsed) and self.state is not None:
            self.ledger.number = parsed.number
            self.state.restore(parsed.body, version(parsed.epoch, parsed.number))
            self.entries += 1
            self.entry_bytes += len(record.value)

    def snapshot_key(self, part: Part) -> int:
        """Which parts belong together. Rule 5."""
        return part.id

    def _collect(self, part: Part, size: int) -> None:
        if part.cut + 1 < self._log_start:
            return
        parts = self._parts.setdefault(self.snapshot_key(part), {})
        parts[part.index] = (part, size)
        last = max(parts)
        if not parts[last][0].last or len(parts) <= last:
            return
        self._load([parts[index][0] for index in range(last + 1)])
        self.snapshot_bytes = sum(size for _, size in parts.values())
        self._parts = {}

    def _load(self, parts: list[Part]) -> None:
        head, cut = parts[0], parts[0].cut
        self.ledger = Ledger(head.epoch, head.number, Claim(*head.body["first"]))
        self.state = self._new_state()
        for part in parts[1:]:
            load(self.state, part.body)
        waiting, self._waiting = self._waiting, []
        for record, parsed in waiting:
            if record.offset > cut:
                self._fold(record, parsed)
