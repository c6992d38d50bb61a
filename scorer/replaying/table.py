"""CSV to native events, a row each. The header names the fields; cells that are empty are fields that are not there.

Rule: a row that can't be read costs itself only. So a quote that is opened and never closed costs its line, and what
follows is read as if it stood alone.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from scorer.core.decode import FIELDS
from scorer.quantities import counted
from scorer.replaying.formats import BadLine, BadTable, Piece, Record
from scorer.replaying.lines import Line, Position
from scorer.suggestion import suggest

_REQUIRED = ("event", "user_id", "ts")
_NUMBERS = ("ts", "value")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DELIMITERS = ",;\t"
_BAD_ROW = "bad_row"
_OPEN = "unexpected end of data"  # what `csv` says of a quote that is still open
_NEVER_CLOSED = "a quote is opened and never closed"
_encode = msgspec.json.encode


class CsvRows:
    """`columns`: by field the header's name for it, where it isn't the field's own. To go on in the middle of a file,
    `header` is its first line."""

    def __init__(self, columns: Mapping[str, str], start: Position, header: Line | None = None) -> None:
        self._columns = columns
        self._end = start
        self._waiting: deque[Line] = deque()
        self._delimiter = ","
        self._width = 0
        self._places: dict[str, int] | None = None
        if header is not None:
            self._read_header(header)

    def take(self, lines: Sequence[Line], *, last: bool) -> Piece:
        self._waiting.extend(lines)
        records: list[Record] = []
        bad: list[BadLine] = []
        while self._waiting:
            if self._places is None:
                self._read_header(self._waiting[0])
                self._drop(1)
                continue
            found = self._next(last=last)
            if found is None:
                break
            row, number = found
            if isinstance(row, BadLine):
                bad.append(row)
            elif row:
                records.append(Record(number, row))
        return Piece(records, bad, self._end)

    def _next(self, *, last: bool) -> tuple[bytes | BadLine, int] | None:
        """The next row and the number of its first line; None if it goes on in lines that are still to come."""
        number = self._waiting[0].end.line
        reader = csv.reader(self._texts(), delimiter=self._delimiter, strict=True)
        try:
            cells = next(reader, [])
        except UnicodeDecodeError as error:
            cause = f"must be UTF-8: byte {error.start} of the line isn't"
            return self._bad(_NEVER_CLOSED if reader.line_num else cause), number
        except csv.Error as error:
            if str(error) == _OPEN and not last:
                return None
            return self._bad(_NEVER_CLOSED if str(error) == _OPEN else str(error)), number
        self._drop(reader.line_num)
        if not any(cells):
            return b"", number
        if len(cells) != self._width:
            return BadLine(number, _BAD_ROW, f"has {counted(len(cells), 'cell')}, the header {self._width}"), number
        return self._record(cells), number

    def _texts(self) -> Iterator[str]:
        return (line.text.decode() + "\n" for line in self._waiting)

    def _bad(self, detail: str) -> BadLine:
        number = self._waiting[0].end.line
        self._drop(1)
        return BadLine(number, _BAD_ROW, detail)

    def _drop(self, lines: int) -> None:
        for _ in range(lines):
            self._end = self._waiting.popleft().end

    def _record(self, cells: Sequence[str]) -> bytes:
        places = self._places or {}
        return _encode({field: _cell(field, cells[at]) for field, at in places.items() if cells[at]})

    def _read_header(self, line: Line) -> None:
        try:
            text = line.text.decode()
        except UnicodeDecodeError as error:
            raise BadTable(f"the header must be UTF-8: byte {error.start} isn't") from error
        self._delimiter = max(_DELIMITERS, key=text.count)
        names = [name.strip() for name in next(csv.reader([text], delimiter=self._delimiter), [])]
        self._width = len(names)
        wanted = {field: self._columns.get(field, field) for field in FIELDS}
        for field, name in wanted.items():
            if names.count(name) > 1:
                raise BadTable(f"the header has the column {name} twice")
            if name not in names and (field in _REQUIRED or field in self._columns):
                raise BadTable(_missing(field, name, names))
        self._places = {field: names.index(name) for field, name in wanted.items() if name in names}


def _cell(field: str, text: str) -> Any:
    """Numbers as such; what isn't one stays text, and is judged as such."""
    if field in _NUMBERS and _NUMBER.fullmatch(text):
        return int(text) if text.lstrip("-").isdigit() and len(text) < 20 else float(text)
    return text


def _missing(field: str, name: str, names: Sequence[str]) -> str:
    meant = suggest(name, names)
    way_out = f"name it with --column {field}={meant or '...'}" if field == name else "there is none of that name"
    return f"the header has no column {name} for {field}: {way_out}. It has: {', '.join(names)}"
