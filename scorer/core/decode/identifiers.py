"""Ids and event names: 1 to 512 bytes of UTF-8 without control characters (INTERFACES 4)."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from scorer.core.events import MAX_ID_BYTES

ALLOWED: Final = f"1 to {MAX_ID_BYTES} bytes of UTF-8 without control characters"

_BARRED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""C0, DEL, C1, and the surrogates, which no UTF-8 holds."""

_MAX_BYTES_PER_CHARACTER: Final = 4


def is_id(text: str) -> bool:
    """Whether a text may be an id."""
    return text != "" and _BARRED.search(text) is None and len(text.encode()) <= MAX_ID_BYTES


def rows_with_controls(texts: Sequence[str]) -> list[int]:
    """The rows whose text holds a control character, in one pass over all of them."""
    joined = "".join(texts)
    if joined.isascii():
        codes = np.frombuffer(joined.encode(), dtype=np.uint8)
        controls = (codes < 0x20) | (codes == 0x7F)
    else:
        codes = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
        controls = (codes < 0x20) | ((codes >= 0x7F) & (codes < 0xA0))
    places = np.flatnonzero(controls)
    if not places.size:
        return []
    ends = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)))
    rows: list[int] = np.unique(np.searchsorted(ends, places, side="right")).tolist()
    return rows


def rows_too_long(texts: Sequence[str]) -> list[int]:
    """The rows whose text has more bytes than an id may."""
    few_characters = MAX_ID_BYTES // _MAX_BYTES_PER_CHARACTER
    return [row for row, text in enumerate(texts) if len(text) > few_characters and len(text.encode()) > MAX_ID_BYTES]
