"""Buckets and days against what a clock on the wall shows, minute by minute."""

import struct
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from unittest.mock import patch
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.calendar import DAY_MS, Calendar
from tests.oracle_calendar import day_of

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ODD_DAYS = [
    ("Europe/Berlin", "2024-03-31", "00:00", 23.0),
    ("Europe/Berlin", "2024-10-27", "00:00", 25.0),
    ("America/Sao_Paulo", "2018-11-04", "01:00", 23.0),  # set forward at midnight, which there isn't
    ("America/Sao_Paulo", "2018-02-17", "00:00", 25.0),  # set back at the midnight after it
    ("Africa/Cairo", "2024-04-26", "01:00", 23.0),
    ("Africa/Cairo", "2024-10-31", "00:00", 25.0),
    ("Australia/Lord_Howe", "2024-10-06", "00:00", 23.5),
    ("Australia/Lord_Howe", "2024-04-07", "00:00", 24.5),
    ("America/St_Johns", "2006-10-29", "00:00", 25.0),  # set back at 0:01: the last hour of the day before isn't of it
    ("America/St_Johns", "2006-10-28", "00:00", 24.0),
    ("Asia/Kolkata", "2024-03-31", "00:00", 24.0),
    ("Asia/Kathmandu", "1986-01-01", "00:15", 23.75),
    ("Pacific/Apia", "2011-12-29", "00:00", 24.0),
    ("Pacific/Apia", "2011-12-31", "00:00", 24.0),
    ("Pacific/Kwajalein", "1993-08-20", "00:00", 24.0),
    ("Antarctica/Casey", "2010-03-05", "00:00", 27.0),
]
ZONES = sorted({zone for zone, *_ in ODD_DAYS})


def calendar(zone: str) -> Calendar:
    return Calendar(86_400, zone)


def number(day: str) -> int:
    return (date.fromisoformat(day) - EPOCH.date()).days


def shown(ms: int, zone: str) -> int:
    """The number of the date that a clock shows."""
    return ((EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone)).date() - EPOCH.date()).days


def newest_shown(ms: int, zone: str) -> int:
    """The newest date that a clock has shown so far: no clock was ever set back by more than a few hours."""
    return max(shown(ms - minutes * MINUTE_MS, zone) for minutes in range(5 * 60))


@st.composite
def instants(draw: st.DrawFn) -> tuple[str, int]:
    """A zone and an instant: any, or near the midnight of any day, or around a day that is odd."""
    zone = draw(st.sampled_from(ZONES))
    anything = st.integers(3 * DAY_MS, number("2100-12-31") * DAY_MS)
    some_midnight = st.dates(date(1970, 1, 4), date(2100, 12, 30)).map(lambda day: midnight_ms(day, zone))
    odd_midnight = st.sampled_from([day for of, day, *_ in ODD_DAYS if of == zone]).map(
        lambda day: midnight_ms(date.fromisoformat(day), zone)
    )
    near = (
        st.integers(-3 * HOUR_MS, 3 * HOUR_MS) | st.integers(-2 * MINUTE_MS, 2 * MINUTE_MS) | st.sampled_from([-1, 0])
    )
    at = draw(anything) if draw(st.integers(0, 3)) == 0 else draw(some_midnight | odd_midnight) + draw(near)
    at += draw(st.sampled_from([0, DAY_MS, 25 * HOUR_MS]))
    return zone, at


def midnight_ms(day: date, zone: str) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@given(instants())
def test_a_day_is_the_newest_date_that_a_clock_on_the_wall_has_shown(instant: tuple[str, int]) -> None:
    zone, ms = instant
    assert calendar(zone).bucket_of(ms) == newest_shown(ms, zone) == day_of(ms, zone)


@given(instants())
def test_an_instant_lies_between_the_begin_of_its_day_and_of_the_next(instant: tuple[str, int]) -> None:
    zone, ms = instant
    days = calendar(zone)
    day = days.bucket_of(ms)
    begin = days.begin_ms(day)
    assert begin <= ms < days.begin_ms(day + 1)
    assert days.bucket_of(begin) == day
    assert days.bucket_of(begin - 1) < day
    assert days.first_from(begin) in range(days.bucket_of(begin - 1) + 1, day + 1)
    assert days.begin_ms(days.first_from(ms)) == (begin if begin == ms else days.begin_ms(day + 1))
    assert days.day_of(ms) == day


@given(st.sampled_from(["UTC", *ZONES]), st.lists(st.integers(-DAY_MS, number("2300-01-01") * DAY_MS)))
def test_many_instants_lie_where_each_one_does(zone: str, ms: list[int]) -> None:
    days = calendar(zone)
    ms += [days.begin_ms(number("2101-01-01")) + near for near in (-1, 0, 1, DAY_MS)]
    assert days.buckets_of(np.array(ms, np.int64)).tolist() == [days.bucket_of(each) for each in ms]


@pytest.mark.parametrize(("zone", "day", "begins", "hours"), ODD_DAYS)
def test_a_day_begins_at_its_first_instant_and_ends_with_its_last(
    zone: str, day: str, begins: str, hours: float
) -> None:
    days, at = calendar(zone), number(day)
    begin = days.begin_ms(at)
    assert (EPOCH + timedelta(milliseconds=begin)).astimezone(ZoneInfo(zone)).isoformat()[:16] == f"{day}T{begins}"
    assert days.begin_ms(at + 1) - begin == hours * HOUR_MS


@pytest.mark.parametrize(("zone", "skipped"), [("Pacific/Apia", "2011-12-30"), ("Pacific/Kwajalein", "1993-08-21")])
def test_a_day_that_a_zone_skipped_has_a_number_and_no_time(zone: str, skipped: str) -> None:
    days, at = calendar(zone), number(skipped)
    begin = days.begin_ms(at)
    assert begin == days.begin_ms(at + 1)
    assert (days.bucket_of(begin - 1), days.bucket_of(begin)) == (at - 1, at + 1)
    assert days.first_from(begin) == at + 1


@pytest.mark.parametrize("zone", ["UTC", *ZONES])
def test_days_are_numbered_from_1970_on_and_none_is_before_that(zone: str) -> None:
    days = calendar(zone)
    assert [days.bucket_of(ms) for ms in (0, 5 * HOUR_MS)] == [day_of(ms, zone) for ms in (0, 5 * HOUR_MS)] == [0, 0]
    assert days.begin_ms(0) <= 0
    assert days.bucket_of(20_000 * DAY_MS + 12 * HOUR_MS) in (20_000, 20_001)


@pytest.mark.parametrize("zone", ZONES)
def test_from_2101_on_days_are_spans_of_24_hours(zone: str) -> None:
    days, first = calendar(zone), number("2101-01-01")
    for later in (0, 1, 100_000):
        begin = days.begin_ms(first) + later * DAY_MS
        assert days.begin_ms(first + later) == begin
        assert (days.bucket_of(begin - 1), days.bucket_of(begin)) == (first + later - 1, first + later)


@pytest.mark.parametrize("bucket_seconds", [86_400, 3_600, 900, 60])
def test_in_utc_buckets_are_fixed_spans(bucket_seconds: int) -> None:
    buckets, width = Calendar(bucket_seconds), bucket_seconds * 1000
    begin = 29_000_000 * 60_000
    at = begin // width
    assert [buckets.bucket_of(at * width + ms) for ms in (-1, 0, width - 1, width)] == [at - 1, at, at, at + 1]
    assert buckets.begin_ms(at) == at * width
    assert [buckets.first_from(at * width + ms) for ms in (-1, 0, 1)] == [at, at, at + 1]
    assert buckets.buckets_a_day * width == DAY_MS
    assert buckets.day_of(20_000 * DAY_MS - 1) == 19_999


def test_a_midnight_in_the_middle_of_skipped_hours_is_put_off_to_their_end() -> None:
    """As in Toronto in 1919; since 1970 no zone had it. Clocks are set from 23:30 to 0:30, and back from 0:30."""
    head = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    standard = struct.pack(">lbb", -5 * 3600, 0, 0) + b"XXX\0"
    rule = b"\nXXX5YYY4,M3.2.0/23:30,M11.1.0/0:30\n"
    with patch("scorer.core.calendar.ZoneInfo", lambda key: ZoneInfo.from_file(BytesIO((head + standard) * 2 + rule))):
        days = Calendar(86_400, "Made/Up")
    begins = [days.begin_ms(number(day)) for day in ("2024-03-10", "2024-03-11", "2024-03-12")]
    assert [begin - number("2024-03-10") * DAY_MS for begin in begins] == [5 * HOUR_MS, 28.5 * HOUR_MS, 52 * HOUR_MS]
    begins = [days.begin_ms(number(day)) for day in ("2024-11-02", "2024-11-03", "2024-11-04")]
    assert [begin - number("2024-11-02") * DAY_MS for begin in begins] == [4 * HOUR_MS, 28 * HOUR_MS, 53 * HOUR_MS]


def test_only_days_have_a_time_zone() -> None:
    with pytest.raises(ValueError, match="3600 s has no time zone"):
        Calendar(3_600, "Europe/Berlin")
