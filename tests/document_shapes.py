"""Whether what a command prints has the shape of what a document shows: the same lines, whatever the numbers.

Numbers, times and bars may be others, and so may bands and whose score it is; a JSON object has the same keys with
values of the same kind. Everything else is the same, letter by letter.
"""

import json
import re
from collections.abc import Collection
from typing import Any

_LOOKS = (
    (r" \(was [^)]*\)", ""),
    (r"[▲◢●▼○] [\w-]+", "BAND"),
    (r"━+", "BAR"),
    (r"─+", "RULE"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"(?<![\w.])[+-]?\d[\d,]*(\.\d+)?(%|s|m|h|d)?(?![\w.])", "NUMBER"),
    (r"(?<=\s)-(?=\s|$)", "NUMBER"),  # where there is none
)


def difference(shown: str, printed: str, names: Collection[str] = ()) -> str:
    """What is printed otherwise than shown, in words; nothing if they are of one shape.

    `names` stand for each other. A line `...` stands for any lines.
    """
    if shown.lstrip().startswith("{"):
        try:
            return _json_difference("", json.loads(shown), json.loads(printed))
        except json.JSONDecodeError:
            return f"no JSON: {printed}"
    expected, found = (_lines(text, names) for text in (shown, printed))
    pattern = "\n".join("(.*\n)*.*" if line == "..." else re.escape(line) for line in expected)
    if re.fullmatch(pattern, "\n".join(found)):
        return ""
    return "\n".join(["shown:", *expected, "printed:", *found])


def _lines(text: str, names: Collection[str]) -> list[str]:
    for name in names:
        text = re.sub(rf"\b{re.escape(name)}\b", "NAME", text)
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
    if shown is None or printed is None or _kind(shown) is _kind(printed):
        return ""
    return f"{path} is {printed!r}, shown is {shown!r}"


def _kind(value: Any) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)
