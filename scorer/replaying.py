"""`scorer replay`: events and account records, JSON lines of a file, written into the input as a product would.

Every line is judged by the worker's own rules before it is written, so that a bad one is named here, with its
number, and not found later among the dead letters.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field

from scorer.core.decode import decode
from scorer.core.events import MAX_RECORD_BYTES, Reject
from scorer.stream.input_writer import InputWriter, Keyed

_READ_BYTES = 1 << 20
_NAMED_BAD_LINES = 100
_UTF8_MARK = b"\xef\xbb\xbf"

Lines = list[tuple[int, bytes]]
"""Lines with their numbers, counted from 1."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no usable record: the reason is one of INTERFACES 4, the detail is for a person."""

    line: int
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}: {self.detail}"


@dataclass(slots=True)
class Replay:
    """What became of the lines so far. `bad` names the first hundred of the `skipped`."""

    sent: int = 0
    skipped: int = 0
    bytes_read: int = 0
    bad: list[BadLine] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class LineReader:
    """Lines of a file as they come, empty ones left out; also from a pipe that is still being written."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._number = 0

    async def __aiter__(self) -> AsyncIterator[tuple[Lines, int]]:
        """What could be read in one go: its lines, and how many bytes it was."""
        while data := await _read(self._descriptor):
            yield self._cut(data), len(data)
        if self._rest:
            yield self._cut(b"\n"), 0

    def _cut(self, data: bytes) -> Lines:
        *whole, rest = (self._rest + data).split(b"\n")
        # a line without an end must not fill the memory; what is kept still is too large for a record
        self._rest = rest[: MAX_RECORD_BYTES + 1]
        lines = []
        for line in whole:
            self._number += 1
            text = (line.removeprefix(_UTF8_MARK) if self._number == 1 else line).strip()
            if text:
                lines.append((self._number, text))
        return lines


async def _read(descriptor: int) -> bytes:
    """Bytes, or none at the file's end. A thread of its own: one that waits for a pipe must not hold up the exit."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[bytes] = loop.create_future()

    def settle(data: bytes, error: OSError | None) -> None:
        if found.cancelled():
            return
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(data)

    def read() -> None:
        data, failure = b"", None
        try:
            data = os.read(descriptor, _READ_BYTES)
        except OSError as error:
            failure = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, data, failure)

    threading.Thread(target=read, name="reader of the events", daemon=True).start()
    return await found


async def replay(
    descriptor: int, writer: InputWriter, replayed: Replay, on_step: Callable[[list[BadLine]], None]
) -> None:
    """Write every usable record of the file; `replayed` counts along, `on_step` is told what was newly found bad.

    Raises Unreachable, Refused, OSError; `replayed` then tells how far it came.
    """
    async for lines, size in LineReader(descriptor):
        found = judged([text for _, text in lines])
        bad = [BadLine(lines[reject.index][0], str(reject.reason), reject.detail) for reject in found.rejects]
        await writer.write(record for _, record in found.records)
        replayed.sent += len(found.records)
        replayed.skipped += len(bad)
        replayed.bytes_read += size
        named = bad[: max(0, _NAMED_BAD_LINES - len(replayed.bad))]
        replayed.bad += named
        on_step(named)


@dataclass(frozen=True, slots=True)
class Judged:
    """Records as the worker would judge them: those that it could use, by their index and keyed right, and the others.

    `without_id`: events among the usable ones that have no event_id, and so would count each time they are written.
    """

    records: list[tuple[int, Keyed]]
    rejects: list[Reject]
    without_id: int


def judged(values: Sequence[bytes | None]) -> Judged:
    columns, rejects = decode(values)
    homes = (account or user for account, user in zip(columns.account_id, columns.user_id, strict=True))
    keys = dict(zip(columns.index.tolist(), homes, strict=True))
    keys |= {record.index: record.account_id for record in columns.traits}
    records = [(row, (keys[row], value)) for row in sorted(keys) if (value := values[row]) is not None]
    return Judged(records, rejects, columns.event_id.count(""))
