"""Durations as people write them in settings and scoring files: `500ms`, `10s`, `5m`, `1h`, `30d`."""

import re
from datetime import timedelta

DURATION_PATTERN = r"^[0-9]{1,9}(ms|s|m|h|d)$"
"""Nine digits of the largest unit are just what a `timedelta` can hold, so parsing never overflows."""

DURATION_ALLOWED = "a whole number with its unit (ms, s, m, h or d), such as 500ms, 10s, 5m or 30d"

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_SHAPE = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")


def parse_duration(text: str) -> timedelta:
    """The span that `text` names. A number without a unit is refused: nobody can know which was meant.

    >>> parse_duration("5m")
    datetime.timedelta(seconds=300)

    Raises ValueError that says what is allowed.
    """
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ValueError(f"must be {DURATION_ALLOWED}")
    return int(found[1]) * _UNITS[found[2]]


def format_duration(span: timedelta) -> str:
    """`span` in the largest unit that holds it without a remainder; below a millisecond is cut.

    >>> format_duration(timedelta(minutes=90))
    '90m'
    """
    for unit, width in _UNITS.items():
        if span and span % width == timedelta(0):
            return f"{span // width}{unit}"
    return f"{span // _UNITS['ms']}ms" if span else "0s"


def format_age(span: timedelta) -> str:
    """`span`, which isn't negative, in the largest unit that fits, cut: whole seconds at least.

    >>> format_age(timedelta(minutes=150)), format_age(timedelta(milliseconds=300))
    ('2h', '0s')
    """
    unit = next((_UNITS[name] for name in "dhm" if span >= _UNITS[name]), _UNITS["s"])
    return format_duration(span // unit * unit)
