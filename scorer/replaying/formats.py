"""Lines to records, and what is wrong with a line before anyone looks at its event."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from scorer.replaying.lines import Line, Position

_TABLES = (".csv", ".tsv")


class FileFormat(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


def format_of(file: str) -> FileFormat:
    """By the file's name."""
    return FileFormat.CSV if Path(file).suffix.lower() in _TABLES else FileFormat.JSONL


class Record(NamedTuple):
    """A record as it would be written; `line` is where it begins, counted from 1."""

    line: int
    value: bytes


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no usable record: the reason is one of INTERFACES 4 or `bad_row`, the detail is for a person."""

    line: int
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines' records. `end` is behind the last line that is in it, or is no part of any record."""

    records: list[Record]
    bad: list[BadLine]
    end: Position


class BadTable(ValueError):
    """The file can't be read in this format at all; the message says why and what to do."""


class Format(Protocol):
    def take(self, lines: Sequence[Line], *, last: bool) -> Piece:
        """The records that end with these lines; `last`: no line follows. Raises BadTable."""


class JsonLines:
    """A record a line; empty ones are none."""

    def __init__(self, start: Position) -> None:
        self._end = start

    def take(self, lines: Sequence[Line], *, last: bool) -> Piece:
        if lines:
            self._end = lines[-1].end
        return Piece([Record(end.line, text) for line, end in lines if (text := line.strip())], [], self._end)
