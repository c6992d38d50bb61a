"""What is another shape than shown is found, and what is only another number is not."""

import pytest

from tests.document_shapes import difference

SHOWN = """\
 #   account         score   7 days   band
 ──────────────────────────────────────────
 1   acme     ━━━━    84.7    -12.4   ▲ champion
 2   globex   ━━      37.2        -   ◢ low
 3   acme     ━       12.0%   ↑ 3.1   ▼ at_risk

3 of 11 accounts, newest event 2026-11-22 23:41:09 UTC (4s ago)
"""


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("84.7", "1,204.71"),
        ("-12.4", "+3.1"),
        ("12.0%", "9.95%"),
        ("↑ 3.1", "↓ 14.0"),
        ("↑ 3.1", "· 0.0"),
        ("▲ champion", "▼ at_risk (was low)"),
        ("━━━━", "━━━━━━━━"),
        ("2026-11-22 23:41:09", "2027-01-01 00:00:00"),
        ("4s ago", "12m ago"),
        ("\n\n", "\n"),
    ],
)
def test_other_numbers_and_bands_are_of_the_same_shape(before: str, now: str) -> None:
    assert before in SHOWN
    assert difference(SHOWN, SHOWN.replace(before, now)) == ""


@pytest.mark.parametrize("before", ["-12.4", " - ", "84.7", "12.0%", "↑ 3.1", "2026-11-22 23:41:09", "4s"])
@pytest.mark.parametrize("now", ["-12.4", "+3.1", "-", "84.7", "3", "12.0%", "↓ 3.1", "2026-11-22 23:41:09", "4s"])
def test_one_kind_of_value_does_not_stand_for_another(before: str, now: str) -> None:
    def kind(value: str) -> str:
        if value.strip() in ("-12.4", "+3.1"):
            return "signed"
        return "number" if value in ("84.7", "3") else value.strip().replace("↓", "↑")

    assert before in SHOWN
    told = difference(SHOWN, SHOWN.replace(before, now if before.strip() == before else f" {now} "))
    assert (told == "") is (kind(before) == kind(now))


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
    assert difference(SHOWN, SHOWN.replace(before, now)) != ""


def test_dots_stand_for_any_lines() -> None:
    assert difference("a\n...\nz", "a\nb\nc\nz") == difference("a\n...\nz", "a\nz\nz") == ""
    assert difference("a\n...\nz", "a\nb\nc") != ""


@pytest.mark.parametrize(
    ("printed", "same"),
    [
        ('{"score": 1, "at": "2027-01-01T00:00:00Z", "band": "low", "parts": [{"x": 2}, {"x": 3.5}]}', True),
        ('{"score": 1, "at": "2027-01-01T00:00:00Z", "band": "low", "parts": []}', True),
        ('{"score": null, "at": "2027-01-01T00:00:00Z", "band": "low", "parts": []}', False),
        ('{"score": 1, "at": "2027-01-01T00:00:00Z", "band": null, "parts": []}', False),
        ('{"score": 1, "at": "2027-01-01T00:00:00Z", "band": "37.4", "parts": []}', False),
        ('{"score": 1, "at": "yesterday", "band": "low", "parts": []}', False),
        ('{"score": 1, "at": 1795355044, "band": "low", "parts": []}', False),
        ('{"score": "1", "at": "2027-01-01T00:00:00Z", "band": "low", "parts": []}', False),
        ('{"score": 1, "band": "low"}', False),
        ('{"score": 1, "at": "2027-01-01T00:00:00Z", "band": "low", "parts": [{"y": 2}]}', False),
        ("(nil)", False),
    ],
)
def test_objects_have_the_same_keys_and_kinds(printed: str, same: bool) -> None:
    shown = '{"score": 37.4, "at": "2026-11-22T16:45:48Z", "band": "low", "parts": [{"x": 1}]}'
    assert (difference(shown, printed) == "") is same
