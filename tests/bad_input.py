"""Whatever may stand in an input topic, and what has to become of it: one record each.

All are of the account `acme`, and nothing of it counts but what says so.
"""

import gzip
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgpack

from scorer.core.events import Reason
from tests.deployment import DAY_MS, NOW_MS

HOUR_MS = 3_600_000
COUNTED, LATE, EXCLUDED, UNKNOWN_TYPE = "counted", "late", "excluded", "unknown_type"
LONG = "x" * 10_000
EVENT: dict[str, Any] = {"event": "opened", "user_id": "ann", "account_id": "acme", "ts": NOW_MS}
ACCOUNT: dict[str, Any] = {"type": "account", "account_id": "acme", "traits": {"plan": "pro"}}


class _BrokenName(str):
    """A header's name whose bytes are no UTF-8, as a producer in C may write it."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"\xff\xfex"


BROKEN_NAME = _BrokenName("?")


@dataclass(frozen=True, slots=True)
class Odd:
    """A record's value, and what becomes of it: a reason of the dead letters, or an outcome of the metrics.

    `says` stands in the dead letter's detail; `means` is what a record that counts says, plainly.
    """

    name: str
    value: bytes | None
    outcome: str
    says: str = ""
    means: Mapping[str, Any] | None = None


def odd_records() -> list[Odd]:
    return [*_unreadable(), *_nested(), *_no_event(), *_fields(), *_raw_text(), *_times(), *_traits(), *_usable()]


def _packed(fields: object) -> bytes:
    packed: bytes = msgpack.packb(fields)
    return packed


def _both(name: str, fields: Mapping[str, Any], outcome: str, says: str = "", *, counts: bool = False) -> list[Odd]:
    """The same in JSON and in msgpack; what counts is of two people, for each shows that it did."""
    found = []
    for encoding in ("JSON", "msgpack"):
        own = {**fields, "user_id": f"{fields['user_id']} {encoding}"} if counts else fields
        value = json.dumps(own).encode() if encoding == "JSON" else _packed(own)
        found.append(Odd(f"{name}, {encoding}", value, outcome, says, own if counts else None))
    return found


def _unreadable() -> list[Odd]:
    good, packed = json.dumps(EVENT).encode(), _packed(EVENT)
    no_json = {
        "text": b"hello",
        "a lone brace": b"{",
        "cut off": good[:-1],
        "two objects": good + good,
        "a comma too many": good[:-1] + b",}",
        "single quotes": good.replace(b'"', b"'"),
        "UTF-16": json.dumps(EVENT).encode("utf-16"),
        "with a byte order mark": b"\xef\xbb\xbf" + good,
        "gzip": gzip.compress(good, mtime=0),
        "Avro as a registry frames it": b"\x00\x00\x00\x00\x01\x0cacme",
        "a NUL": b"\x00",
        "no UTF-8 at all": b"\xff\xfe\xfd",
        "a raw newline in a string": good.replace(b"ann", b"a\nn"),
        "msgpack, cut off": packed[:-1],
        "msgpack, with a byte too many": packed + b"\x00",
        "msgpack, a map that claims four billion fields": b"\xdf\xff\xff\xff\xff",
        "msgpack, a text that claims four billion bytes": b"\x81\xa5event\xdb\xff\xff\xff\xff",
        "msgpack, a reserved byte": b"\x81\xa5event\xc1",
        "msgpack, keyed by a map": b"\x81\x80\x80",
        "msgpack, a list": b"\x91\x01",
    }
    no_object = {
        "a list": b'["opened"]',
        "a string": b'"opened"',
        "a number": b"12",
        "null": b"null",
        "true": b"true",
        "NaN": b"NaN",
        "Infinity": b"-Infinity",
    }
    return [
        Odd("a tombstone", None, Reason.EMPTY, "no value"),
        Odd("empty", b"", Reason.EMPTY, "no value"),
        Odd("blank", b" \r\n\t", Reason.EMPTY, "no value"),
        *(Odd(name, value, Reason.NOT_JSON, "neither a JSON object nor") for name, value in no_json.items()),
        *(
            Odd(f"JSON, {name}", value, Reason.NOT_AN_OBJECT, "allowed is an object")
            for name, value in no_object.items()
        ),
        Odd("200 KB", json.dumps({**EVENT, "padding": "x" * 200_000}).encode(), Reason.TOO_LARGE, "allowed are 131072"),
        Odd("200 KB of nothing", b" " * 200_000 + good, Reason.TOO_LARGE, "allowed are 131072"),
        Odd("200 KB, msgpack", _packed({**EVENT, "padding": "x" * 200_000}), Reason.TOO_LARGE, "allowed are 131072"),
    ]


def _nested() -> list[Odd]:
    depth = 60_000
    good, packed = json.dumps(EVENT).encode(), _packed(EVENT)
    one_more = bytes([packed[0] + 1]) + packed[1:]
    too_deep = {
        "lists in lists": good[:-1] + b',"x":' + b"[" * depth + b"]" * depth + b"}",
        "objects in objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        "lists that never end": b"[" * 100_000,
        "lists in lists, msgpack": one_more + b"\xa1x" + b"\x91" * depth + b"\x01",
        "maps in maps, msgpack": b"\x81\xa1x" * 30_000 + b"\x01",
    }
    return [Odd(name, value, Reason.NOT_JSON, "nested more than 500 levels deep") for name, value in too_deep.items()]


def _no_event() -> list[Odd]:
    found = _both("nothing", {}, Reason.MISSING_FIELD, "event is missing")
    for name in ("event", "user_id", "ts"):
        without = {key: value for key, value in EVENT.items() if key != name}
        found += _both(f"no {name}", without, Reason.MISSING_FIELD, f"{name} is missing; event, user_id, ts are")
        found += _both(f"a {name} of null", {**EVENT, name: None}, Reason.MISSING_FIELD, f"{name} is null")
    found += _both("a batch of no calls", {"batch": []}, Reason.EMPTY, "batch holds no call")
    found += _both("a batch that is no list", {"batch": {}}, Reason.BAD_TYPE, "batch is {}; allowed is a list of calls")
    says = "a Segment record's type is None; allowed is alias, group"
    found += _both("a Segment call of no type", {"userId": "ann"}, Reason.UNKNOWN_FORMAT, says)
    found += _both("names in capitals", {"Event": "opened"}, Reason.MISSING_FIELD, "event is missing")
    return found


def _fields() -> list[Odd]:
    found = []
    bad: Any
    for name in ("event", "user_id", "account_id", "event_id"):
        for bad in (7, 1.5, True, ["a"], {"a": 1}):
            says = f"{name} is {bad!r}; allowed is a string"
            found += _both(f"{name} is {bad!r}", {**EVENT, name: bad}, Reason.BAD_TYPE, says)
        for what, bad in (("empty", ""), ("10,000 characters", LONG), ("a newline", "a\nb"), ("a NUL", "a\0")):
            says = "allowed is 1 to 512 bytes of UTF-8 without control characters"
            found += _both(f"{name}: {what}", {**EVENT, name: bad}, Reason.BAD_ID, says)
    for bad in ("5", True, [1], {}):
        found += _both(f"a value of {bad!r}", {**EVENT, "value": bad}, Reason.BAD_TYPE, "value is ")
    for number in (-1, -1e-9, 1e9 + 1, 1e300, 2**64 - 1, float("nan"), float("inf"), float("-inf")):
        says = f"value is {float(number)!r}; allowed is a finite number from 0 to 1000000000"
        found += _both(f"a value of {number!r}", {**EVENT, "value": number}, Reason.BAD_VALUE, says)
    return found


def _raw_text() -> list[Odd]:
    """What no encoder would write, in JSON."""
    good = json.dumps(EVENT).encode()
    broken = {
        "half of a surrogate pair": b'"\\ud800"',
        "a surrogate pair the wrong way round": b'"\\udc00\\ud800"',
        "no UTF-8": b'"ann\xff"',
        "UTF-8 cut off": b'"ann\xc3"',
        "a surrogate in UTF-8": b'"\xed\xa0\x80"',
        "an overlong slash": b'"\xc0\xaf"',
    }
    found = [Odd(f"user_id: {name}", good.replace(b'"ann"', text), Reason.BAD_ID) for name, text in broken.items()]
    for name, digits in (("of 5,000 digits", b"9" * 5000), ("1e999", b"1e999"), ("-1e999", b"-1e999")):
        now = str(NOW_MS).encode()
        found.append(Odd(f"ts {name}", good.replace(now, digits), Reason.BAD_TIMESTAMP, "ts is "))
        found.append(Odd(f"value {name}", good[:-1] + b',"value":' + digits + b"}", Reason.BAD_VALUE, "value is "))
        found.append(Odd(f"user_id {name}", good.replace(b'"ann"', digits), Reason.BAD_TYPE, "user_id is "))
    found.append(Odd("a msgpack id that is no UTF-8", _packed(EVENT).replace(b"ann", b"an\xff"), Reason.BAD_ID))
    found.append(Odd("a msgpack id of bytes", _packed({**EVENT, "user_id": b"ann"}), Reason.BAD_TYPE, "user_id is b'"))
    of_ext = _packed({**EVENT, "user_id": msgpack.ExtType(5, b"ann")})
    found.append(Odd("a msgpack id of a type of somebody's own", of_ext, Reason.BAD_TYPE, "user_id is ExtType"))
    moment = _packed({**EVENT, "ts": msgpack.Timestamp(NOW_MS // 1000)})
    found.append(Odd("a msgpack timestamp", moment, Reason.BAD_TYPE, "ts is "))
    return found


def _times() -> list[Odd]:
    found = []
    bad: Any
    nothing = ("", "yesterday", "2024-03-01", "2024-03-01T12:00:00", "2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z")
    absurd = (-1, -1e300, 1e300, 2**63, float("nan"), float("inf"), "-4000-01-01T00:00:00Z", "99999-01-01T00:00:00Z")
    for bad in (*nothing, *absurd):
        found += _both(f"a time of {bad!r}", {**EVENT, "ts": bad}, Reason.BAD_TIMESTAMP, "allowed is RFC 3339 with Z")
    for bad in (True, [1], {"seconds": 1}):
        found += _both(f"a time of {bad!r}", {**EVENT, "ts": bad}, Reason.BAD_TYPE, "ts is ")
    for ahead in ("2024-03-01T13:00:00.001Z", NOW_MS + DAY_MS, "9999-12-31T23:59:59.999Z"):
        found += _both(f"a time of {ahead}", {**EVENT, "ts": ahead}, Reason.IN_FUTURE, "ahead of the record's broker")
    for ago in (0, 1, "1970-01-01T00:00:00Z", "2000-02-29T00:00:00Z", NOW_MS - 40 * DAY_MS):
        found += _both(f"a time of {ago}", {**EVENT, "ts": ago}, LATE)
    return found


def _traits() -> list[Odd]:
    found = []
    bad: list[tuple[str, dict[str, Any], Reason, str]] = [
        ("no account", {"account_id": None}, Reason.MISSING_FIELD, "account_id is null"),
        ("an empty account", {"account_id": ""}, Reason.BAD_ID, "account_id is ''"),
        ("no traits", {"traits": None}, Reason.MISSING_FIELD, "traits is null"),
        ("a list", {"traits": ["plan"]}, Reason.BAD_TYPE, "traits is ['plan']"),
        ("a list in a trait", {"traits": {"plan": ["pro"]}}, Reason.BAD_TYPE, "the trait 'plan' is ['pro']"),
        ("NaN in a trait", {"traits": {"seats": float("nan")}}, Reason.BAD_VALUE, "the trait 'seats' is nan"),
        ("a trait of 10,000 characters", {"traits": {"plan": LONG}}, Reason.BAD_VALUE, "the trait 'plan' is 'xxx"),
        ("a name of 10,000 characters", {"traits": {LONG: 1}}, Reason.BAD_VALUE, "a trait's name is 'xxx"),
        ("65 traits", {"traits": {f"t{n}": n for n in range(65)}}, Reason.BAD_VALUE, "65 traits; allowed are 64"),
    ]
    for name, changes, reason, says in bad:
        found += _both(f"an account record with {name}", {**ACCOUNT, **changes}, reason, says)
    return found


def _usable() -> list[Odd]:
    found = []
    ids = {
        "slashes, colons and per cents": "a/b:c%d//::%%%2F",
        "another script": "用户 Ωμέγα مستخدم",
        "emoji": "👩‍👩‍👧‍👦\U0001f600",
        "marks that show nothing": "a\u200b\u202e\ufeffb\u0301",
        "quotes and backslashes": "\"'\\`$(rm)",
        "a space": " ",
        "beyond the last character": "\U0010ffff\ufffe",
        "what a pattern is made of": "[bot]-*?",
        "512 bytes": "é" * 252,
    }
    for name, user in ids.items():
        found += _both(f"user_id: {name}", {**EVENT, "user_id": user}, COUNTED, counts=True)
    people = iter(range(1000))

    def person(**more: Any) -> dict[str, Any]:
        return {**EVENT, "user_id": f"person {next(people)}", **more}

    found += _both("a value of 1e9", person(value=1e9), COUNTED, counts=True)
    found += _both("the smallest value", person(value=5e-324), COUNTED, counts=True)
    found += _both("a value of -0.0", person(value=-0.0), COUNTED, counts=True)
    found += _both("an hour ahead", person(ts=NOW_MS + HOUR_MS), COUNTED, counts=True)
    found += _both("fields of others", person(extra={"a": [None, {"b": "c" * 1000}]}), COUNTED, counts=True)
    found += _both("an excluded user", {**EVENT, "user_id": "bot-7"}, EXCLUDED)
    found += _both("a type that nobody named", {**EVENT, "event": "unheard/of:用"}, UNKNOWN_TYPE)
    for extra in (b"NaN", b"1e999", b'"\\ud800"', b'"\xff"', b"9" * 5000, b"[" * 400 + b"]" * 400):
        means = person()
        raw = json.dumps(means).encode()[:-1] + b',"extra":' + extra + b"}"
        found.append(Odd(f"somebody else's field of {extra[:12]!r}", raw, COUNTED, means=means))
    means = person()
    found.append(Odd("keys twice", b'{"user_id":7,"ts":"x",' + json.dumps(means).encode()[1:], COUNTED, means=means))
    means = person()
    half = bytes([0x80 + len(means) + 1]) + _packed(means)[1:] + b"\xa5value" + b"\xca" + struct.pack(">f", 0.5)
    found.append(Odd("a msgpack value of 32 bits", half, COUNTED, means={**means, "value": 0.5}))
    return found
