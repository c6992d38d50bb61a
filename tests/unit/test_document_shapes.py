"""What is another shape than shown is found, and what is only another number is not."""

import pytest

from tests.document_shapes import difference

SHOWN = """\
 #   account         score   7 days   band
 ──────────────────────────────────────────
 1   acme     ━━━━    84.7    -12.4   ▲ champion

3 of 11 accounts, newest event 2026-11-22 23:41:09 UTC (4s ago)
"""


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("84.7", "1,204.71"),
        ("-12.4", "-"),
        ("▲ champion", "▼ at_risk (was low)"),
        ("━━━━", "━━━━━━━━"),
        ("acme ", "globex"),
        ("2026-11-22 23:41:09", "2027-01-01 00:00:00"),
        ("4s ago", "12m ago"),
        ("\n\n", "\n"),
    ],
)
def test_other_numbers_bands_and_names_are_of_the_same_shape(before: str, now: str) -> None:
    assert before in SHOWN
    assert difference(SHOWN, SHOWN.replace(before, now), ["acme", "globex"]) == ""


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("7 days", "delta"),
        ("3 of 11 accounts", "3 accounts"),
        ("acme", "somebody"),
        ("84.7", "none"),
        (" #   account         score   7 days   band\n", ""),
        ("ago)\n", "ago)\nand more\n"),
    ],
)
def test_other_words_and_lines_are_told(before: str, now: str) -> None:
    assert before in SHOWN
    assert difference(SHOWN, SHOWN.replace(before, now), ["acme", "globex"]) != ""


def test_dots_stand_for_any_lines() -> None:
    assert difference("a\n...\nz", "a\nb\nc\nz") == difference("a\n...\nz", "a\nz\nz") == ""
    assert difference("a\n...\nz", "a\nb\nc") != ""


@pytest.mark.parametrize(
    ("printed", "same"),
    [
        ('{"score": 1, "band": "low", "parts": [{"x": 2}, {"x": 3.5}]}', True),
        ('{"score": null, "band": null, "parts": []}', True),
        ('{"score": "1", "band": "low", "parts": []}', False),
        ('{"score": 1, "band": "low"}', False),
        ('{"score": 1, "band": "low", "parts": [{"y": 2}]}', False),
        ("(nil)", False),
    ],
)
def test_objects_have_the_same_keys_and_kinds(printed: str, same: bool) -> None:
    shown = '{"score": 37.4, "band": "low", "parts": [{"x": 1}]}'
    assert (difference(shown, printed) == "") is same
