"""Durations as they stand in settings and scoring files."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("0s", 0), ("10s", 10), ("5m", 300), ("1h", 3600), ("30d", 2_592_000), ("24h", 86_400)],
)
def test_a_number_with_a_unit_is_a_span(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "10", "s", "-1s", "1.5h", "1h30m", " 1s", "1s\n", "1 s", "1S", "1w", "\u0661s", "9999999999d", "PT1S"]
)
def test_anything_else_is_refused_and_says_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="such as 500ms, 10s, 5m or 30d"):
        parse_duration(text)


def test_the_longest_span_is_held() -> None:
    assert parse_duration("999999999d") == timedelta(days=999_999_999)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=48), "2d"),
        (timedelta(milliseconds=1500), "1500ms"),
    ],
)
def test_a_span_is_written_in_the_largest_whole_unit(span: timedelta, text: str) -> None:
    assert format_duration(span) == text


@given(st.integers(0, 999_999_999))
def test_a_written_span_reads_back_the_same(milliseconds: int) -> None:
    span = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(span)) == span
