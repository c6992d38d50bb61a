"""Dead letters for a person: what fits in 80 columns, and bytes that would do something to a terminal."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from scorer.dead_letters.listing import Listing
from scorer.dead_letters.printing import print_letter, print_listing, shown_bytes
from scorer.stream.dead_letters import DeadLetter
from scorer.stream.letter_reader import KeptLetter

AT_MS = 1_795_355_044_125


def letter(offset: int, value: bytes = b"x", detail: str = "it is no JSON") -> KeptLetter:
    return KeptLetter(DeadLetter("product-events", 3, offset, value, "not_json", detail, AT_MS + offset), None)


def told(listing: Listing, width: int = 80) -> list[str]:
    out = io.StringIO()
    print_listing(listing, "scorer-dead-letters", Console(file=out, width=width))
    return out.getvalue().splitlines()


def test_place_and_reason_are_whole_in_80_columns_and_the_detail_gives_way() -> None:
    listing = Listing(20)
    listing.add([letter(10_693, detail="x" * 500)])
    lines = told(listing)
    place = lines.index("2026-11-22 13:44:14  not_json  product-events-3-10693")
    assert len(lines[place + 1]) == 80 and lines[place + 1].endswith("…")


def test_only_the_newest_are_kept_and_all_are_counted() -> None:
    listing = Listing(2)
    listing.add(letter(offset) for offset in (5, 1, 9, 3))
    assert [kept.letter.offset for kept in listing.newest] == [9, 5]
    assert (listing.letters, listing.totals["not_json"].first < listing.totals["not_json"].last) == (4, True)
    assert "4 dead letters in scorer-dead-letters, the newest 2 shown (--limit)" in told(listing)[-1]


def test_counts_alone_can_be_asked_for() -> None:
    listing = Listing(0)
    listing.add([letter(1)])
    assert listing.newest == [] and any("not_json" in line for line in told(listing))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'{"a": "\xc3\xa9"}\n\tb', '{"a": "é"}\n\tb'),
        (b"\x1b[2J\x1b]0;title\x07\r\x9b", None),
        ("\x1b[2J\x07\r\u202e".encode(), r"\x1b[2J\x07\r\u202e"),
        (b"\xff\x00A", "00000000  ff 00 41" + " " * 41 + "..A"),
        (b"", ""),
        ("é".encode() * 3_000, "é" * 2_048 + "\n... 1,904 bytes more: --raw writes them all"),
        (b"a" + "é".encode() * 3_000, "a" + "é" * 2_047 + "\n... 1,905 bytes more: --raw writes them all"),
    ],
)
def test_bytes_are_shown_without_what_a_terminal_would_obey(value: bytes, shown: str | None) -> None:
    found = shown_bytes(value)
    assert not any(ord(each) < 32 and each not in "\n\t" for each in found)
    if shown is not None:
        assert found == shown


def test_what_looks_like_markup_is_printed_as_it_is() -> None:
    out = io.StringIO()
    print_letter(letter(1, b"[bold]x[/]", detail="[red]"), Console(file=out, width=80))
    assert "[bold]x[/]" in out.getvalue() and "detail    [red]" in out.getvalue()


def test_headers_that_a_record_came_with_are_shown_without_what_a_terminal_would_obey() -> None:
    kept = letter(1)
    headers = (("ce_type", b"opened"), ("x", b"\x1b[2J"), ("none", None))
    out = io.StringIO()
    print_letter(replace(kept, letter=replace(kept.letter, headers=headers)), Console(file=out, width=80))
    assert "headers   ce_type=opened, x=\\x1b[2J, none=null" in out.getvalue()
