"""CSV to native events: the header's names, the cells' types, and rows that can't be read."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.replaying.formats import BadTable, Piece
from scorer.replaying.lines import START, Line, Position
from scorer.replaying.table import CsvRows

HEADER = "event,user_id,ts,account_id,value\n"


def lines_of(text: str | bytes) -> list[Line]:
    data = text if isinstance(text, bytes) else text.encode()
    lines, at = [], 0
    for number, line in enumerate(data.removesuffix(b"\n").split(b"\n"), 1):
        at += len(line) + 1
        lines.append(Line(line, Position(at, number)))
    return lines


def taken(text: str | bytes, **columns: str) -> Piece:
    return CsvRows(columns, START).take(lines_of(text), last=True)


def records(text: str | bytes, **columns: str) -> list[tuple[int, Any]]:
    piece = taken(text, **columns)
    assert piece.bad == []
    return [(record.line, json.loads(record.value)) for record in piece.records]


def test_the_header_names_the_fields_in_any_order_and_the_rest_is_left_out() -> None:
    text = "note,ts,user_id,event\nhello,1671235200,ann,opened\n"
    assert records(text) == [(2, {"event": "opened", "user_id": "ann", "ts": 1671235200})]


def test_numbers_are_numbers_and_everything_else_stays_text() -> None:
    rows = ["opened,007,2026-11-22T16:45:48Z,42,1.5", "1,u,1.5e9,,", "a,u,-3,acme,lots", "a,u,1,,nan", "a,u,1,,1_0"]
    assert [found for _, found in records(HEADER + "\n".join(rows))] == [
        {"event": "opened", "user_id": "007", "ts": "2026-11-22T16:45:48Z", "account_id": "42", "value": 1.5},
        {"event": "1", "user_id": "u", "ts": 1.5e9},
        {"event": "a", "user_id": "u", "ts": -3, "account_id": "acme", "value": "lots"},
        {"event": "a", "user_id": "u", "ts": 1, "value": "nan"},
        {"event": "a", "user_id": "u", "ts": 1, "value": "1_0"},
    ]


def test_a_column_of_another_name_is_told() -> None:
    text = "what,author,at,event\nopened,ann,5,x\n"
    assert records(text, event="what", user_id="author", ts="at") == [
        (2, {"event": "opened", "user_id": "ann", "ts": 5})
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_headers(delimiter: str) -> None:
    text = "event,user_id,ts\nopened,ann,5\r\n".replace(",", delimiter)
    assert records(text) == [(2, {"event": "opened", "user_id": "ann", "ts": 5})]


def test_quotes_keep_delimiters_quotes_and_line_ends() -> None:
    text = 'event,user_id,ts\r\n"a, ""b""\r\nc",ann,5\r\n\r\nd,5" pipe,6\r\n'
    assert records(text) == [
        (2, {"event": 'a, "b"\r\nc', "user_id": "ann", "ts": 5}),
        (5, {"event": "d", "user_id": '5" pipe', "ts": 6}),
    ]


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ("a,u", "has 2 cells, the header 3"),
        ("a", "has 1 cell, the header 3"),
        ("a,u,5,", "has 4 cells, the header 3"),
        ('"a,u,5', "a quote is opened and never closed"),
        ('"a"b,u,5', "',' expected after '\"'"),
        (b"a,\xff,5", "must be UTF-8: byte 2 of the line isn't"),
        ("a,u," + "5" * 200_000, "field larger than field limit (131072)"),
    ],
)
def test_a_row_that_can_not_be_read_costs_itself_only(row: str | bytes, detail: str) -> None:
    data = row if isinstance(row, bytes) else row.encode()
    piece = taken(b"event,user_id,ts\nx,u,1\n" + data + b"\ny,u,2\nz,u,3\n")
    assert [(bad.line, bad.reason, bad.detail) for bad in piece.bad] == [(3, "bad_row", detail)]
    assert [(line, json.loads(value)["event"]) for line, value in piece.records] == [(2, "x"), (4, "y"), (5, "z")]


def test_a_quote_that_swallows_the_file_costs_its_line_only() -> None:
    rows = [f"a,u{n},5" for n in range(30_000)]
    rows[7] = '"a,u,5'
    piece = taken("event,user_id,ts\n" + "\n".join(rows))
    assert [bad.line for bad in piece.bad] == [9]
    assert len(piece.records) == 29_999


@pytest.mark.parametrize(
    ("header", "columns", "told"),
    [
        ("event,user,ts", {}, "no column user_id for user_id: name it with --column user_id=user. It has: event, user"),
        ("event,user_id,when", {}, "no column ts for ts: name it with --column ts=..."),
        ("event,user_id,ts", {"user_id": "author"}, "no column author for user_id: there is none of that name"),
        ("event,user_id,ts,ts", {}, "has the column ts twice"),
        (b"event,user_id,\xff", {}, "the header must be UTF-8: byte 14 isn't"),
        ("", {}, "no column event"),
    ],
)
def test_a_header_without_what_is_needed_says_so(header: str | bytes, columns: dict[str, str], told: str) -> None:
    data = header if isinstance(header, bytes) else header.encode()
    with pytest.raises(BadTable, match=told.replace("(", r"\(").replace(".", r"\.")):
        taken(data + b"\na,b,c\n", **columns)


def test_an_empty_file_is_no_bad_table() -> None:
    assert CsvRows({}, START).take([], last=True) == Piece([], [], START)


ROWS = st.lists(st.text(alphabet='ab,"\n\r;é ', max_size=8), min_size=3, max_size=3)


def pieces(rows: CsvRows, lines: Sequence[Line], cuts: Sequence[int]) -> list[Piece]:
    edges = [0, *sorted(cut % (len(lines) + 1) for cut in cuts), len(lines)]
    found = [rows.take(lines[a:b], last=False) for a, b in itertools.pairwise(edges)]
    return [*found, rows.take([], last=True)]


@given(st.lists(ROWS, max_size=12), st.lists(st.integers(0, 40), max_size=5))
def test_however_the_lines_arrive_the_rows_are_the_same(rows: list[list[str]], cuts: list[int]) -> None:
    lines = lines_of("event,user_id,ts\n" + "\n".join(",".join(row) for row in rows))
    whole = CsvRows({}, START).take(lines, last=True)
    found = pieces(CsvRows({}, START), lines, cuts)
    assert [record for piece in found for record in piece.records] == whole.records
    assert [bad for piece in found for bad in piece.bad] == whole.bad
    assert found[-1].end == whole.end == lines[-1].end


@given(st.lists(ROWS, max_size=12), st.lists(st.integers(0, 40), max_size=5))
def test_going_on_behind_any_piece_gives_what_follows_it(rows: list[list[str]], cuts: list[int]) -> None:
    lines = lines_of("event,user_id,ts\n" + "\n".join(",".join(row) for row in rows))
    found = pieces(CsvRows({}, START), lines, cuts)
    whole = CsvRows({}, START).take(lines, last=True)
    for piece in found:
        if not piece.end.line:
            continue
        rest = CsvRows({}, piece.end, lines[0]).take(lines[piece.end.line :], last=True)
        assert rest.records == [record for record in whole.records if record.line > piece.end.line]
        assert rest.bad == [bad for bad in whole.bad if bad.line > piece.end.line]
