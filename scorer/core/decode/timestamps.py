"""Event times: RFC 3339 texts or epoch numbers to epoch milliseconds.

Rule 1: a time without an offset is no time. `T` and `Z` may be lower case, a space may stand for `T` (RFC 3339, 5.6).
Rule 2: a number below `SECONDS_BELOW` counts seconds, any other milliseconds. So seconds reach to the year 5138, and
  milliseconds can't name a time before March 1973. Microseconds fall behind the year 9999 and are refused.
Rule 3: finer than a millisecond is cut off (floor). A float stands for its shortest decimal: 1.123 s is 1123 ms.
Rule 4: only 1970 to 9999, in UTC. A leap second (23:59:60 UTC at a month's end) is the last millisecond of its day,
  so that it stays in its day's bucket.

`epoch_ms` is the rule for one time; `epoch_ms_column` agrees with it wherever it doesn't say INVALID.
"""

import re
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from functools import reduce
from itertools import compress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Int64s

SECONDS_BELOW: Final = 100_000_000_000
"""Epoch numbers below this are seconds (1e11 s is the year 5138; 1e11 ms is March 1973)."""

END_MS: Final = 253_402_300_800_000
"""The first millisecond of the year 10000."""

INVALID: Final = -1
"""Marks what isn't a time; no valid time is negative."""

ALLOWED: Final = "RFC 3339 with Z or an offset, or epoch seconds or milliseconds, from 1970 to 9999"

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000
_LAST_SECOND_OF_DAY = 86_399

_MONTH_START_DAY: NDArray[np.int64] = (
    np.arange(np.datetime64("0000-01"), np.datetime64("10000-02")).astype("datetime64[D]").astype(np.int64)
)
"""Days from 1970-01-01 to the first of a month, by year * 12 + month - 1."""

_DATE_TIME = "dddd-dd-ddTdd:dd:dd"
_OFFSET = "+dd:dd"
_SHORTEST = len(_DATE_TIME) + 1
_LONGEST = len(_DATE_TIME) + 1 + 9 + len(_OFFSET)  # nanoseconds; what is longer is told one by one

Grid = NDArray[np.uint8]


def epoch_ms(ts: str | float) -> int:
    """One time in epoch milliseconds, or INVALID."""
    if isinstance(ts, str):
        return _text_ms(ts)
    return _number_ms(ts)


def epoch_ms_column(times: Sequence[str | float]) -> Int64s:
    """Many times in epoch milliseconds; INVALID where it isn't a time, or is one only `epoch_ms` can tell."""
    kinds = set(map(type, times))
    if kinds == {str}:
        return _text_column(times)  # type: ignore[arg-type]
    if str not in kinds:
        return _number_column(times)  # type: ignore[arg-type]
    in_ms = np.empty(len(times), dtype=np.int64)
    is_text = np.array([isinstance(ts, str) for ts in times])
    in_ms[is_text] = _text_column(list(compress(times, is_text)))  # type: ignore[arg-type]
    in_ms[~is_text] = _number_column(list(compress(times, ~is_text)))  # type: ignore[arg-type]
    return in_ms


def _number_ms(number: float) -> int:
    if not 0 <= number < END_MS:  # false for NaN too
        return INVALID
    if number >= SECONDS_BELOW:
        return int(number)
    return int((Decimal(repr(number)) * 1000).to_integral_value(ROUND_FLOOR))


def _number_column(times: Sequence[float]) -> Int64s:
    try:
        numbers = np.array(times, dtype=np.float64)
    except OverflowError:  # an int beyond the range of a float
        return np.array([_number_ms(ts) for ts in times], dtype=np.int64)
    in_range = (numbers >= 0) & (numbers < END_MS)
    numbers = np.where(in_range, numbers, 0)
    in_ms = numbers * 1000
    nearest = np.rint(in_ms)
    # A product can't tell 1.1229999 s from 1.123 s, the way back can: nearest has at most 15 digits.
    whole = nearest / 1000 == numbers
    unsure = ~whole & (np.abs(in_ms - nearest) <= in_ms * 2.0**-50)
    in_ms = np.where(whole, nearest, np.floor(in_ms))
    in_ms = np.where(numbers < SECONDS_BELOW, in_ms, np.floor(numbers))
    in_ms[~in_range | (unsure & (numbers < SECONDS_BELOW))] = INVALID
    return in_ms.astype(np.int64)


def _text_ms(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        return INVALID
    fraction, sign = match[7] or "", match[8]
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    zone_hour, zone_minute = (int(match[9]), int(match[10])) if sign else (0, 0)
    if hour > 23 or minute > 59 or second > 60 or zone_hour > 23 or zone_minute > 59:
        return INVALID
    try:
        days = date(year, month, day).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return INVALID
    offset = (zone_hour * 3600 + zone_minute * 60) * (-1 if sign == "-" else 1)
    seconds = days * 86_400 + hour * 3600 + minute * 60 + min(second, 59) - offset
    milliseconds = int(fraction[:3].ljust(3, "0"))
    if second == 60:
        if not _may_leap(seconds):
            return INVALID
        milliseconds = 999
    in_ms = seconds * 1000 + milliseconds
    return in_ms if 0 <= in_ms < END_MS else INVALID


def _may_leap(seconds: int) -> bool:
    """Whether the second before a leap second can be this one: the last of a month, in UTC."""
    days, second_of_day = divmod(seconds, 86_400)
    if second_of_day != _LAST_SECOND_OF_DAY or not 0 <= days < END_MS // _DAY_MS - 1:
        return False
    return date.fromordinal(_EPOCH_ORDINAL + days + 1).day == 1


def _text_column(texts: Sequence[str]) -> Int64s:
    grid = _grid(texts, len(texts[0]))
    if grid is not None:
        return _grid_ms(grid)
    in_ms = np.full(len(texts), INVALID, dtype=np.int64)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    # Producers that drop a fraction's zeros write a few lengths.
    for length in np.unique(lengths[(lengths >= _SHORTEST) & (lengths <= _LONGEST)]).tolist():
        rows = np.flatnonzero(lengths == length)
        if (grid := _grid([texts[row] for row in rows.tolist()], length)) is not None:
            in_ms[rows] = _grid_ms(grid)
    return in_ms


def _grid(texts: Sequence[str], width: int) -> Grid | None:
    """The texts as rows of bytes, other characters than ASCII as `?`; None unless each is `width` long."""
    joined = "\n".join(texts).encode("ascii", "replace") + b"\n"
    count = len(texts)
    if len(joined) != count * (width + 1) or joined.count(b"\n") != count:
        return None
    grid: Grid = np.frombuffer(joined, dtype=np.uint8).reshape(count, width + 1)
    # As many line ends as texts, one at the end of each row: no row reaches into its neighbour.
    return grid[:, :width] if (grid[:, width] == ord("\n")).all() else None


def _grid_ms(grid: Grid) -> Int64s:
    count, width = grid.shape
    in_ms = np.full(count, INVALID, dtype=np.int64)
    if not _SHORTEST <= width <= _LONGEST:
        return in_ms
    in_utc = (grid[:, -1] | 0x20) == ord("z")
    if in_utc.all():
        return _layout_ms(grid, "Z")
    in_ms[in_utc] = _layout_ms(grid[in_utc], "Z")
    in_ms[~in_utc] = _layout_ms(grid[~in_utc], _OFFSET)
    return in_ms


def _layout_ms(grid: Grid, zone: str) -> Int64s:
    """Rows that end in `zone` to epoch milliseconds; INVALID where a character or a number is out of place."""
    count, width = grid.shape
    fraction_digits = width - len(_DATE_TIME) - len(zone) - 1
    if fraction_digits == 0 or fraction_digits < -1:
        return np.full(count, INVALID, dtype=np.int64)
    fraction = "." + "d" * fraction_digits if fraction_digits > 0 else ""
    characters = np.ascontiguousarray(grid.T)
    digits = characters - np.uint8(ord("0"))  # wraps: anything but a digit is above 9
    fits = _follows(characters, digits, _DATE_TIME + fraction + zone)
    in_ms = _date_ms(digits, fits) + _time_ms(digits, fits)
    if fraction:
        kept = min(fraction_digits, 3)
        in_ms += _number(digits, len(_DATE_TIME) + 1, kept) * 10 ** (3 - kept)
    if zone == _OFFSET:
        zone_hour, zone_minute = _number(digits, width - 5, 2), _number(digits, width - 2, 2)
        fits &= (zone_hour <= 23) & (zone_minute <= 59)
        offset_ms = zone_hour * 3_600_000 + zone_minute * 60_000
        in_ms -= np.where(characters[width - 6] == ord("-"), -offset_ms, offset_ms)
    in_ms[~(fits & (in_ms >= 0) & (in_ms < END_MS))] = INVALID
    return in_ms


def _follows(characters: Grid, digits: Grid, layout: str) -> NDArray[np.bool_]:
    fits: NDArray[np.bool_] = digits[[place for place, sign in enumerate(layout) if sign == "d"]].max(axis=0) <= 9
    for place, sign in enumerate(layout):
        if sign != "d":
            fits &= reduce(np.logical_or, [characters[place] == spelling for spelling in _SPELLINGS[sign]])
    return fits


def _number(digits: Grid, start: int, length: int) -> Int64s:
    total: Int64s = digits[start].astype(np.int64)
    for place in range(start + 1, start + length):
        total = total * 10 + digits[place]
    return total


def _date_ms(digits: Grid, fits: NDArray[np.bool_]) -> Int64s:
    month, day = _number(digits, 5, 2), _number(digits, 8, 2)
    fits &= (month >= 1) & (month <= 12)
    month_index = np.where(fits, _number(digits, 0, 4) * 12 + month - 1, 0)
    start_day = _MONTH_START_DAY[month_index]
    fits &= (day >= 1) & (day <= _MONTH_START_DAY[month_index + 1] - start_day)
    in_ms: Int64s = (start_day + day - 1) * _DAY_MS
    return in_ms


def _time_ms(digits: Grid, fits: NDArray[np.bool_]) -> Int64s:
    hour, minute, second = (_number(digits, place, 2) for place in (11, 14, 17))
    fits &= (hour <= 23) & (minute <= 59) & (second <= 59)  # a leap second is told by `epoch_ms`
    in_ms: Int64s = hour * 3_600_000 + minute * 60_000 + second * 1000
    return in_ms


_SPELLINGS: Final = {"-": b"-", "T": b"Tt ", ":": b":", ".": b".", "Z": b"Zz", "+": b"+-"}
