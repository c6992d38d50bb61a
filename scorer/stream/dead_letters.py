"""Records that can't be used, kept as they came, with the reason (INTERFACES 4 and 5)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from scorer.core.events import Headers
from scorer.stream.broker_errors import TooLarge
from scorer.stream.connection import Connection
from scorer.stream.record_write import BATCH_OVERHEAD, Outgoing, batches
from scorer.stream.topic_writer import TopicWriter

OWN_HEADERS = "scorer."
"""What the names of a letter's own headers begin with; the record's are kept beside them as they came."""

BATCH_BYTES = 1_048_576
LONGEST_DETAIL = 2_000  # characters
_HEADER_SLACK = 64  # bytes for the header that a cut adds, and the lengths that change


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of the input and why it can't be used. `reason` is from the fixed list of INTERFACES 4, `detail` is
    for a person, `at_ms` is when it was rejected. `calls`: of a batch only these can't be used, by their places in it.
    `headers` are the record's own."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    reason: str
    detail: str
    at_ms: int
    calls: tuple[int, ...] = ()
    headers: Headers = ()

    def record(self) -> Outgoing:
        """As it is written. Its key is the record's place, so that writing it again does no harm."""
        headers: list[tuple[str, bytes | None]] = [
            ("scorer.reason", self.reason.encode()),
            ("scorer.detail", self.detail[:LONGEST_DETAIL].encode(errors="replace")),
            ("scorer.topic", self.topic.encode()),
            ("scorer.partition", b"%d" % self.partition),
            ("scorer.offset", b"%d" % self.offset),
            ("scorer.at", datetime.fromtimestamp(self.at_ms / 1000, UTC).isoformat(timespec="milliseconds").encode()),
        ]
        if self.value is None:
            # A tombstone, kept apart from an empty value: a null here would read as the letter's own deletion.
            headers.append(("scorer.null", b"1"))
        if self.calls:
            headers.append(("scorer.calls", ",".join(map(str, self.calls)).encode()))
        headers += [(name, value) for name, value in self.headers if not name.startswith(OWN_HEADERS)]
        return Outgoing(self.value or b"", f"{self.topic}-{self.partition}-{self.offset}".encode(), headers)


class DeadLetters:
    """The dead-letter topic. `max_bytes`: its max.message.bytes; `patience`: seconds to wait for a broker."""

    def __init__(self, connection: Connection, topic: str, *, max_bytes: int, patience: float) -> None:
        self._writer = TopicWriter(
            connection,
            topic,
            max_bytes=max(max_bytes, BATCH_BYTES),
            patience=patience,
            client_id="scorer-dead-letters",
        )
        self._max_bytes = max_bytes

    async def start(self) -> None:
        """Connect. Raises Unreachable, Refused."""
        await self._writer.start()

    async def stop(self) -> None:
        await self._writer.stop()

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Write all of them, acknowledged by all replicas in sync when this returns. What is too large is cut.

        Letters of one input partition stay in order. Raises Unreachable, Refused; some may then have been written,
        and writing all of them again is harmless.
        """
        by_partition: dict[int, list[Outgoing]] = {}
        for letter in letters:
            by_partition.setdefault(letter.partition % self._writer.partitions, []).append(letter.record())
        for partition, records in by_partition.items():
            fitting = (_cut(record, self._max_bytes) for record in records)
            for batch in batches(fitting, min(BATCH_BYTES, self._max_bytes)):
                await self._deliver(partition, batch)

    async def _deliver(self, partition: int, batch: list[Outgoing]) -> None:
        """Smaller and smaller while the topic refuses the size: it may take less than we were told."""
        try:
            await self._writer.write(partition, batch)
            return
        except TooLarge:
            parts = _smaller(batch)
            if not parts:
                raise
        for part in parts:
            await self._deliver(partition, part)


def _smaller(batch: list[Outgoing]) -> list[list[Outgoing]]:
    """The batch in two halves, or its only record cut in half, in the end without the headers that it came with.

    Nothing if there is nothing left to cut.
    """
    if len(batch) > 1:
        middle = len(batch) // 2
        return [batch[:middle], batch[middle:]]
    shorter = _cut(batch[0], batch[0].size // 2)
    if shorter.value == batch[0].value:
        shorter = _without_foreign_headers(shorter)
    return [[shorter]] if shorter != batch[0] else []


def _without_foreign_headers(record: Outgoing) -> Outgoing:
    own = [(name, value) for name, value in record.headers if name.startswith(OWN_HEADERS)]
    if len(own) < len(record.headers) and not any(name == "scorer.truncated" for name, _ in own):
        own.append(("scorer.truncated", b"%d" % len(record.value or b"")))
    return replace(record, headers=own)


def _cut(record: Outgoing, max_bytes: int) -> Outgoing:
    """The record with as much of its value as fits, and its whole length in a header."""
    excess = record.size + BATCH_OVERHEAD - max_bytes
    if excess <= 0 or not record.value:
        return record
    kept = max(len(record.value) - excess - _HEADER_SLACK, 0)
    headers = record.headers
    if not any(name == "scorer.truncated" for name, _ in headers):
        headers = [*headers, ("scorer.truncated", b"%d" % len(record.value))]
    return replace(record, value=record.value[:kept], headers=headers)
