"""Lines of a file or a pipe, before they are events."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from scorer.core.decode import Decoder
from scorer.core.events import MAX_RECORD_BYTES
from scorer.replaying.flow import Replay, replay
from scorer.replaying.formats import JsonLines, Record
from scorer.replaying.lines import START, Line, LineReader, Position, first_line
from scorer.stream.input_writer import InputWriter, Keyed


async def read_all(descriptor: int, start: Position) -> list[Line]:
    return [line async for lines in LineReader(descriptor, start) for line in lines]


def lines_of(content: bytes, folder: Path, start: Position = START) -> list[Line]:
    file = folder / "lines"
    file.write_bytes(content)
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.lseek(descriptor, start.bytes, os.SEEK_SET)
        return asyncio.run(read_all(descriptor, start))
    finally:
        os.close(descriptor)


def records_of(content: bytes, folder: Path) -> list[Record]:
    return JsonLines(START).take(lines_of(content, folder), last=True).records


class Writer:
    """Keeps what would go into the input topic."""

    def __init__(self) -> None:
        self.written: list[Keyed] = []

    async def write(self, records: Iterable[Keyed]) -> None:
        self.written += records


def test_records_keep_their_order_and_are_keyed_by_account(tmp_path: Path) -> None:
    lines = [
        b'{"type":"account","account_id":"acme","traits":{"plan":"pro"}}',
        b'{"event":"a","user_id":"u","account_id":"acme","ts":0}',
        b'{"type":"account","traits":{}}',
        b'{"event":"a","user_id":"v","ts":0}',
        b'{"type":"account","account_id":"emca","traits":{}}',
    ]
    file = tmp_path / "lines"
    file.write_bytes(b"\n".join(lines))
    descriptor, writer, replayed = os.open(file, os.O_RDONLY), Writer(), Replay()
    try:
        reader, form = LineReader(descriptor), JsonLines(START)
        asyncio.run(replay(reader, form, Decoder(), cast(InputWriter, writer), replayed, lambda _: None))
    finally:
        os.close(descriptor)
    assert [(each.key, each.value) for each in writer.written] == [
        ("acme", lines[0]),
        ("acme", lines[1]),
        ("v", lines[3]),
        ("emca", lines[4]),
    ]
    assert (replayed.sent, [(bad.line, bad.reason) for bad in replayed.bad]) == (4, [(3, "missing_field")])


def test_lines_keep_their_numbers_when_empty_ones_are_left_out(tmp_path: Path) -> None:
    assert records_of(b"a\n\n  \nb\r\n\nc", tmp_path) == [(1, b"a"), (4, b"b"), (6, b"c")]


def test_an_empty_file_has_no_line(tmp_path: Path) -> None:
    assert lines_of(b"", tmp_path) == []


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    assert records_of(b"\xef\xbb\xbfa\n\xef\xbb\xbfb", tmp_path) == [(1, b"a"), (2, b"\xef\xbb\xbfb")]


def test_lines_that_span_reads_stay_whole(tmp_path: Path) -> None:
    lines = [b"%d" % n * 40_000 for n in range(1, 60)]
    assert records_of(b"\n".join(lines), tmp_path) == list(enumerate(lines, 1))


def test_each_line_tells_where_the_file_goes_on_behind_it(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfone\r\n\n" + b"x" * (3 << 20) + b"\nfour\n" + b"y" * 2_000_000 + b"\nlast"
    lines = lines_of(content, tmp_path)
    for line in lines[:-1]:
        found = lines_of(content, tmp_path, line.end)
        # of what is too long something is kept, how much depends on the reads
        assert [(each.text[:9], each.end) for each in found] == [(e.text[:9], e.end) for e in lines[line.end.line :]]


def test_of_an_endless_line_only_what_shows_that_it_is_too_large_is_kept(tmp_path: Path) -> None:
    (first, second) = records_of(b"x" * (20 << 20) + b"\nnext", tmp_path)
    assert MAX_RECORD_BYTES < len(first.value) < 3 << 20
    assert second == (2, b"next")


def test_the_first_line_is_found_from_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"\xef\xbb\xbfa,b\nc,d\n")
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.lseek(descriptor, 8, os.SEEK_SET)
        assert first_line(descriptor) == (b"a,b", (7, 1))
        assert os.read(descriptor, 3) == b",d\n"
    finally:
        os.close(descriptor)


def test_a_line_in_a_pipe_is_read_while_the_pipe_stays_open() -> None:
    async def through_a_pipe() -> None:
        reading, writing = os.pipe()
        try:
            chunks = aiter(LineReader(reading))
            os.write(writing, b"first\nsec")
            assert await asyncio.wait_for(anext(chunks), 30) == [(b"first", (6, 1))]
            os.write(writing, b"ond\n")
            assert await asyncio.wait_for(anext(chunks), 30) == [(b"second", (13, 2))]
        finally:
            os.close(writing)
            os.close(reading)

    asyncio.run(through_a_pipe())


def test_waiting_for_a_pipe_can_be_given_up() -> None:
    reading, writing = os.pipe()

    async def in_vain() -> str:
        try:
            await asyncio.wait_for(anext(aiter(LineReader(reading))), 0.05)
        except TimeoutError:
            return "given up"
        return "read"

    try:
        assert asyncio.run(in_vain()) == "given up"  # and asyncio.run doesn't wait for the reader's thread
    finally:
        os.close(writing)
        os.close(reading)
