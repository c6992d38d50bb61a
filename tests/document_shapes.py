"""Whether what a command prints has the shape of what a document shows: the same lines, whatever the numbers.

A number may be another number, and so may times, spans of time, per cent, moves, bars and bands; but
none of them stands for another, or for a dash where there is none. A JSON object has the same keys with values of the
same kind, null being one. Everything else is the same, letter by letter.
"""

import json
import re
from typing import Any

_LOOKS = (
    (r" \(was [^)]*\)", ""),
    (r"[▲◢●▼○] [\w-]+", "BAND"),
    (r"━+", "BAR"),
    (r"─+", "RULE"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"(?<!\w)[↑↓·] \d[\d,]*(\.\d+)?(?![\w.%])", "MOVE"),
    *(
        (rf"(?<![\w.]){sign}\d[\d,]*(\.\d+)?{unit}(?![\w.%])", f"{word}{kind}")
        for sign, word in (("[+-]", "SIGNED "), ("", ""))
        for unit, kind in (("%", "SHARE"), ("(ms|s|m|h|d)", "SPAN"), ("", "NUMBER"))
    ),
)

_TEXTS = (
    (r"\d+", "digits"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*", "time"),
    (r"[+-]?[\d,]*\.?\d+%?", "number"),
    (r"-?", "nothing"),
)


def difference(shown: str, printed: str) -> str:
    """What is printed otherwise than shown, in words; nothing if they are of one shape.

    A line `...` stands for any lines.
    """
    if shown.lstrip().startswith("{"):
        try:
            return _json_difference("", json.loads(shown), json.loads(printed))
        except json.JSONDecodeError:
            return f"no JSON: {printed}"
    expected, found = map(_lines, (shown, printed))
    pattern = "\n".join("(.*\n)*.*" if line == "..." else re.escape(line) for line in expected)
    if re.fullmatch(pattern, "\n".join(found)):
        return ""
    return "\n".join(["shown:", *expected, "printed:", *found])


def _lines(text: str) -> list[str]:
    for look, word in _LOOKS:
        text = re.sub(look, word, text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _json_difference(path: str, shown: Any, printed: Any) -> str:
    if isinstance(shown, dict) and isinstance(printed, dict):
        if shown.keys() != printed.keys():
            return f"{path or 'the object'} has the keys {sorted(printed)}, shown are {sorted(shown)}"
        found = (_json_difference(f"{path}.{key}", shown[key], printed[key]) for key in shown)
        return next(filter(None, found), "")
    if isinstance(shown, list) and isinstance(printed, list):
        found = (_json_difference(f"{path}[]", shown[0], each) for each in printed if shown)
        return next(filter(None, found), "")
    if _kind(shown) == _kind(printed):
        return ""
    return f"{path} is {printed!r}, shown is {shown!r}"


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return next((kind for look, kind in _TEXTS if re.fullmatch(look, value)), "text")
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
