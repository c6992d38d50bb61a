"""What a native record says (INTERFACES 4), for the oracle: slow, obvious, sharing no code with scorer.core.

Decisions where the design is silent: null is as good as absent; an empty text is an error; an id that is a number is an
error; times are cut to the millisecond; a time without a zone is an error, and so is a leap second (`:60`).
"""

import json
import re
import unicodedata
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import lru_cache

MICRO = 10**6
SECONDS_BELOW = 10**11
"""An epoch number below this is seconds (until the year 5138), from it on milliseconds (since 1973)."""
FAR_MS = 10**15
MAX_RECORD_BYTES = 128 * 1024
MAX_ID_BYTES = 512
MAX_VALUE = 10**9
MAX_TRAITS = 64
OF_PEOPLE = frozenset(
    {
        "address",
        "age",
        "avatar",
        "birthday",
        "company",
        "createdAt",
        "description",
        "email",
        "firstName",
        "gender",
        "id",
        "lastName",
        "name",
        "phone",
        "title",
        "username",
        "website",
    }
)
RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class UnusableRecordError(Exception):
    """A record for the dead letters; the argument is its reason (INTERFACES 4)."""


@dataclass(frozen=True, slots=True)
class Event:
    """What an accepted record says: time in ms, value in units of 1e-6."""

    event: str
    user: str
    account: str | None
    event_id: str | None
    ts_ms: int
    micros: int


def member_id(account: str | None, user: str) -> str:
    """A user's entity id (INTERFACES 4)."""
    return _encoded(user) if account is None else f"{_encoded(account)}/{user}"


def _encoded(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F")


def partition_of(key: str, partitions: int) -> int:
    """Kafka's default partitioner: murmur2 of the key's bytes, without the sign bit."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Kafka's `Utils.murmur2`, unsigned."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def parsed(event: Mapping[str, object] | bytes | None) -> Mapping[str, object]:
    if isinstance(event, Mapping):
        return event
    if not event:
        raise UnusableRecordError("empty")
    if len(event) > MAX_RECORD_BYTES:
        raise UnusableRecordError("too_large")
    try:
        record = json.loads(event.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise UnusableRecordError("not_json") from None
    if not isinstance(record, dict):
        raise UnusableRecordError("not_an_object")
    return record


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def calls_of(record: Mapping[str, object]) -> list[Mapping[str, object]] | None:
    """The calls of a Segment batch, each with what the batch says of all; None for any other record."""
    whole = all(record.get(field) is not None for field in ("event", "user_id", "ts"))
    batch, foreign = record.get("batch"), {"specversion", "distinct_id", "event_name", "derived_tstamp"} & record.keys()
    if whole or foreign or not isinstance(batch, list) or not batch:
        return None
    found: list[Mapping[str, object]] = []
    for call in batch:
        both = {name: record[name] for name in ("sentAt", "receivedAt") if record.get(name) is not None} | call
        shared, own = record.get("context"), call.get("context")
        if isinstance(shared, dict) and (own is None or isinstance(own, dict)):
            both["context"] = shared | (own or {})
        found.append(both)
    return found


def structured(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Mapping[str, object]:
    """A binary CloudEvent as a structured one."""
    attributes: dict[str, object] = {name[3:]: text.decode() for name, text in headers if name.startswith("ce_")}
    try:
        data = json.loads(value or b"null")
    except ValueError:
        data = None
    return {**attributes, "data": data}


def as_native(record: Mapping[str, object]) -> Mapping[str, object] | None:
    """A record of any format as a native one; None for one that is only counted."""
    if is_account_record(record) or all(record.get(field) is not None for field in ("event", "user_id", "ts")):
        return record
    if "specversion" in record:
        return _cloud_event(record)
    if "distinct_id" in record or _part(record, "properties", "distinct_id") is not None:
        return _posthog(record)
    if record.keys() & {"event_name", "derived_tstamp", "collector_tstamp"}:
        return _snowplow(record)
    calls = ("track", "page", "screen", "identify", "group", "alias")
    if record.keys() & {"userId", "anonymousId", "messageId", "batch"}:
        return _segment(record)
    return _segment(record) if record.get("type") in calls and "user_id" not in record else record


def _cloud_event(record: Mapping[str, object]) -> Mapping[str, object]:
    if record["specversion"] != "1.0":
        raise UnusableRecordError("unknown_format")
    source, own = record.get("source"), record.get("id")
    return {
        "event": record.get("type"),
        "user_id": record.get("subject"),
        "account_id": record.get("account"),
        "event_id": f"{source} {own}" if source and own else None,
        "ts": record.get("time"),
        "value": _part(record, "data", "value"),
    }


def _posthog(record: Mapping[str, object]) -> Mapping[str, object] | None:
    if record.get("event") == "$groupidentify":
        if _part(record, "properties", "$group_type") != "company":
            return None
        traits = _part(record, "properties", "$group_set")
        return _account_record(_part(record, "properties", "$group_key"), traits)
    user = record.get("distinct_id")
    user = _part(record, "properties", "distinct_id") if user is None else user
    groups = _part(record, "properties", "$groups") or record.get("$groups")
    account = groups.get("company") if isinstance(groups, dict) else None
    told = {"event": record.get("event"), "user_id": user, "ts": record.get("timestamp")}
    return {**told, "account_id": account or None, "event_id": record.get("uuid") or None}


def _snowplow(record: Mapping[str, object]) -> Mapping[str, object]:
    entities = [v for k, v in record.items() if re.fullmatch(r"contexts_.+_account_[0-9]+", k) and v]
    entity = entities[0][0] if entities and isinstance(entities[0], list) else {}
    ts = record.get("derived_tstamp")
    if isinstance(ts, str) and re.fullmatch(r"[0-9-]{10}[T ][0-9:]{8}(\.[0-9]+)?", ts):
        ts += "Z"
    told = {"event": record.get("event_name"), "user_id": record.get("user_id"), "ts": ts}
    account = entity.get("account_id") or entity.get("id") or None
    return {**told, "account_id": account, "event_id": record.get("event_id") or None}


def _segment(record: Mapping[str, object]) -> Mapping[str, object] | None:
    call = record.get("type")
    if "batch" in record or call not in ("track", "page", "screen", "identify", "group", "alias"):
        raise UnusableRecordError("unknown_format")
    account = _part(record, "context", "groupId") or record.get("groupId") or None
    if call == "group":
        return _account_record(record.get("groupId") or None, record.get("traits"))
    if call == "alias" or (call == "identify" and account is None):
        return None
    if call == "identify":
        return _account_record(account, record.get("traits"), left_out=OF_PEOPLE)
    name, ts = record.get("name") or _part(record, "properties", "name") or None, record.get("timestamp")
    times = [record.get(field) for field in ("receivedAt", "sentAt", "originalTimestamp")]
    if None not in times:
        received, sent, original = (_ts_ms(each) for each in times)
        ts = received - (sent - original)
    view = f"Viewed {name} {str(call).capitalize()}" if name else f"Loaded a {str(call).capitalize()}"
    return {
        "event": record.get("event") if call == "track" else view,
        "user_id": record.get("userId") or record.get("anonymousId") or None,
        "account_id": account,
        "event_id": record.get("messageId") or None,
        "ts": ts,
        "value": _part(record, "properties", "value"),
    }


def _account_record(account: object, traits: object, left_out: Container[str] = ()) -> Mapping[str, object]:
    usable = {}
    for name, value in (traits if isinstance(traits, dict) else {}).items():
        try:
            _trait_name(name), _trait(value)
        except UnusableRecordError:
            continue
        if name not in left_out:
            usable[name] = value
    return {"type": "account", "account_id": account, "traits": usable}


def _part(record: Mapping[str, object], *path: str) -> object:
    found: object = record
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def counted(record: Mapping[str, object]) -> Event:
    if any(record.get(field) is None for field in ("event", "user_id", "ts")):
        raise UnusableRecordError("missing_field")
    account, event_id, value = (record.get(field) for field in ("account_id", "event_id", "value"))
    return Event(
        event=_text(record["event"]),
        user=_text(record["user_id"]),
        account=None if account is None else _text(account),
        event_id=None if event_id is None else _text(event_id),
        ts_ms=_ts_ms(record["ts"]),
        micros=_micros(1 if value is None else value),
    )


def is_account_record(record: Mapping[str, object]) -> bool:
    return record.get("event") is None and record.get("type") == "account"


def told(record: Mapping[str, object]) -> tuple[str, dict[str, str | None]]:
    """(account, its traits by name, None where one is taken away) of an account record."""
    account, traits = record.get("account_id"), record.get("traits")
    if account is None or traits is None:
        raise UnusableRecordError("missing_field")
    if not isinstance(traits, dict):
        raise UnusableRecordError("bad_type")
    if len(traits) > MAX_TRAITS:
        raise UnusableRecordError("bad_value")
    return _text(account), {_trait_name(name): _trait(value) for name, value in traits.items()}


def _trait_name(name: str) -> str:
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in name) or not 1 <= len(name.encode()) <= 64:
        raise UnusableRecordError("bad_value")
    return name


def _trait(value: object) -> str | None:
    """A trait's value as text: 50, 50.0 and "50" are one."""
    if value is None:
        return None
    if isinstance(value, str):
        if any(unicodedata.category(c) == "Cs" for c in value) or len(value.encode()) > 256:
            raise UnusableRecordError("bad_value")
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, int | float):
        raise UnusableRecordError("bad_type")
    return str(int(value)) if value == int(value) else str(value)


def _text(value: object) -> str:
    """An id or an event type: 1 to 512 bytes of UTF-8 without control characters (C0, C1, DEL)."""
    if not isinstance(value, str) or any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        raise UnusableRecordError("bad_type")
    if not 1 <= len(value.encode()) <= MAX_ID_BYTES:
        raise UnusableRecordError("bad_type")
    return value


def _micros(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_VALUE:
        raise UnusableRecordError("bad_value")
    return int((decimal_of(float(value)) * MICRO).to_integral_value(ROUND_HALF_EVEN))


def _ts_ms(value: object) -> int:
    """Epoch milliseconds, rounded down: a time never moves into the next bucket."""
    if isinstance(value, str):
        match = RFC_3339.fullmatch(value)
        if not match:
            raise UnusableRecordError("bad_timestamp")
        day, clock, fraction, zone = match.groups()
        try:
            moment = datetime.fromisoformat(f"{day}T{clock}{zone.upper().replace('Z', '+00:00')}")
        except ValueError:
            raise UnusableRecordError("bad_timestamp") from None
        return int(moment.timestamp()) * 1000 + int((fraction or "")[:3].ljust(3, "0"))
    if isinstance(value, bool) or not isinstance(value, int | float) or not -FAR_MS < value < FAR_MS:
        raise UnusableRecordError("bad_timestamp")
    scale = 1000 if abs(value) < SECONDS_BELOW else 1
    return int((decimal_of(value) * scale).to_integral_value(ROUND_FLOOR))


@lru_cache(maxsize=4096)
def decimal_of(number: float) -> Decimal:
    """The number as it was written: 0.1 is a tenth, not the float64 nearest to it."""
    return Decimal(repr(float(number)))
