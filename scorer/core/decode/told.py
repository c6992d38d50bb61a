"""What a record of another format tells, in the native format's fields, with the names that its producer knows."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Told(NamedTuple):
    """Unchecked fields of a native record; `names` are what each is called where it came from, for a refusal."""

    fields: Mapping[str, Any]
    names: Mapping[str, str]


def within(holder: Any, *path: str) -> Any:
    """What lies at the end of a path of objects, or None where there is none."""
    for name in path:
        holder = holder.get(name) if isinstance(holder, dict) else None
    return holder


def first_of(*found: Any) -> Any:
    """The first that isn't null or an empty text, which client libraries write for null."""
    return next((each for each in found if each is not None and each != ""), None)
