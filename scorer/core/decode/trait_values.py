"""Names and values of traits: scalars become canonical text, so that equal values make one peer group.

Rule 1: a text is itself, `true` and `false` are words, a number is its shortest decimal: 50, 50.0 and "50" are one
  value. Whole numbers up to 64 bits keep every digit; others are float64.
Rule 2: null is no value: it takes the trait away.
"""

import math
import re
from typing import Any, Final

import msgspec

from scorer.core.events import MAX_TRAIT_BYTES, MAX_TRAIT_NAME_BYTES, Reason

NAME_ALLOWED: Final = f"1 to {MAX_TRAIT_NAME_BYTES} bytes of UTF-8 without control characters"
ALLOWED: Final = f"text of at most {MAX_TRAIT_BYTES} bytes, a finite number, true, false or null"

_BARRED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_WHOLE_BELOW: Final = 1 << 64


def is_trait_name(text: str) -> bool:
    """Whether a text may be a trait's name."""
    return text != "" and _BARRED.search(text) is None and len(text.encode()) <= MAX_TRAIT_NAME_BYTES


def is_trait(name: Any, value: Any) -> bool:
    """Whether a name and a value, of any kind, may be a trait."""
    return isinstance(name, str) and is_trait_name(name) and not isinstance(canonical(value), Reason)


def canonical(value: Any) -> str | Reason | None:
    """A trait's value as text, None for null, or the reason why it is no value.

    >>> canonical("pro"), canonical(50.0), canonical(0.1), canonical(True), canonical([1]).value
    ('pro', '50', '0.1', 'true', 'bad_type')
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        fits = _SURROGATE.search(value) is None and len(value.encode()) <= MAX_TRAIT_BYTES
        return value if fits else Reason.BAD_VALUE
    if isinstance(value, int | float):
        return _number(value)
    return Reason.BAD_TYPE


def _number(value: float) -> str | Reason:
    if not isinstance(value, int) or abs(value) >= _WHOLE_BELOW:
        try:
            value = float(value)
        except OverflowError:
            return Reason.BAD_VALUE
        if not math.isfinite(value):
            return Reason.BAD_VALUE
        if not value.is_integer() or abs(value) >= _WHOLE_BELOW:
            return msgspec.json.encode(value).decode()
    return str(int(value))
