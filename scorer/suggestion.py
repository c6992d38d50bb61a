"""The name that a mistyped one was probably meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(written: str, known: Iterable[str]) -> str | None:
    """The name of `known` that is closest to `written`, or None if none is close; case doesn't count."""
    by_folded = {name.casefold(): name for name in known}
    close = get_close_matches(written.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None
