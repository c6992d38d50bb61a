"""Lines of a file or a pipe, as they come."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple

from scorer.core.events import MAX_RECORD_BYTES

_READ_BYTES = 1 << 20
_UTF8_MARK = b"\xef\xbb\xbf"


class Position(NamedTuple):
    """Behind a line: bytes from the start of the file, and lines, which count from 1."""

    bytes: int
    line: int


START = Position(0, 0)
"""Of a file."""


class Line(NamedTuple):
    """A line without its end, and the position behind it."""

    text: bytes
    end: Position


class LineReader:
    """Lines from `start` on, where the descriptor must stand; also of a pipe that is still being written."""

    def __init__(self, descriptor: int, start: Position = START) -> None:
        self._descriptor = descriptor
        self._end = start
        self._rest = b""
        self._dropped = 0

    async def __aiter__(self) -> AsyncIterator[list[Line]]:
        """What could be read in one go; perhaps no whole line."""
        while data := await _read(self._descriptor):
            yield self._cut(data)
        if self._rest:
            yield self._cut(b"\n")

    def _cut(self, data: bytes) -> list[Line]:
        *whole, rest = (self._rest + data).split(b"\n")
        lines = []
        for text in whole:
            self._end = Position(self._end.bytes + self._dropped + len(text) + 1, self._end.line + 1)
            self._dropped = 0
            lines.append(Line(text.removeprefix(_UTF8_MARK) if self._end.line == 1 else text, self._end))
        # a line without an end must not fill the memory; what is kept still is too large for a record
        self._rest = rest[: MAX_RECORD_BYTES + 1]
        self._dropped += len(rest) - len(self._rest)
        return lines


def first_line(descriptor: int) -> Line:
    """The first line of a regular file, wherever the descriptor stands; of a very long one only its beginning."""
    text, newline, _ = os.pread(descriptor, _READ_BYTES, 0).partition(b"\n")
    return Line(text.removeprefix(_UTF8_MARK), Position(len(text) + len(newline), 1))


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
