"""Headers of fetched records, of those that have any: most have none, and pay next to nothing for it."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from scorer.core.events import Headers

_headers_of = attrgetter("headers")


def headers_by_place(records: Sequence[Any]) -> dict[int, Headers]:
    """By place among the records."""
    found = list(map(_headers_of, records))
    return {place: headers for place, headers in enumerate(found) if headers} if any(found) else {}
