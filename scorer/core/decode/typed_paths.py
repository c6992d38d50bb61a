"""A shortcut for native records whose fields stand elsewhere: a type made of the settings' paths.

It keeps the rules of `typed`. A record's format has to be fixed: it isn't told apart.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

from msgspec import defstruct
from msgspec.json import Decoder as JsonDecoder

from scorer.core.decode.input_rules import FIELDS, Path
from scorer.core.decode.native_record import NativeRecord, NonEmpty, Odd

_TYPES: Final[dict[str, Any]] = {
    "event": NonEmpty | None,
    "user_id": NonEmpty | None,
    "account_id": NonEmpty | None,
    "event_id": NonEmpty | None,
    "ts": str | int | float | None,
    "value": float | None,
}

Tree = dict[str, Any]
"""By name either a tree, of an object, or the canonical field that stands there."""


def moved_native(paths: Mapping[str, Path]) -> Callable[[bytes], NativeRecord] | None:
    """What reads such a record; None where one path ends within another, or two at the same place, or a name can only
    be written with escapes."""
    if any(sign in name for path in paths.values() for name in path for sign in '"\\'):
        return None
    places = {name: paths.get(name, (name,)) for name in FIELDS}
    tree: Tree = {}
    for name, path in places.items():
        branch = tree
        for step in path[:-1]:
            branch = branch.setdefault(step, {})
            if not isinstance(branch, dict):
                return None
        if path[-1] in branch:
            return None
        branch[path[-1]] = name
    attributes = {name: tuple(_attribute(path[: end + 1]) for end in range(len(path))) for name, path in places.items()}
    read = JsonDecoder(_type_of(tree, ())).decode
    getters = [_getter(attributes[name]) for name in FIELDS]

    def shortcut(record: bytes) -> NativeRecord:
        fields = read(record)
        event, user, account, event_id, ts, value = [get(fields) for get in getters]
        if event is None or user is None or ts is None:
            raise Odd
        return NativeRecord(event, user, ts, account, event_id, value)

    return shortcut


def _type_of(tree: Tree, at: Path) -> Any:
    fields: list[Any] = []
    rename = {}
    for name, found in tree.items():
        attribute = _attribute((*at, name))
        rename[attribute] = name
        of = _type_of(found, (*at, name)) | None if isinstance(found, dict) else _TYPES[found]
        fields.append((attribute, of, None))
    return defstruct("Moved", fields, rename=rename, gc=False)


def _attribute(path: Path) -> str:
    """A name of a field's may be none of an attribute's."""
    return "a" + "_".join(name.encode().hex() for name in path)


def _getter(attributes: tuple[str, ...]) -> Callable[[Any], Any]:
    if len(attributes) == 1:
        return attrgetter(attributes[0])

    def get(holder: Any) -> Any:
        for attribute in attributes:
            if holder is None:
                return None
            holder = getattr(holder, attribute)
        return holder

    return get
