"""Readers of single settings: text in, a typed value out, or a ValueError that says what is allowed.

No message repeats the value: some are secrets, and `scorer.settings` adds it where it may be shown.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from scorer.durations import format_duration, parse_duration

KAFKA_PORT = 9092
TOPIC_SUFFIXES = (
    "by-account",
    "rekey-journal",
    "journal",
    "summaries",
    "benchmarks",
    "scores",
    "alerts",
    "dead-letters",
)
"""The topics of a namespace are `{namespace}-{suffix}` (INTERFACES 5)."""

HIDDEN = "***"

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@,\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or to connect. An IPv6 host stands without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str | Address, default_port: int | None = None) -> Address:
    if isinstance(text, Address):
        return text
    found = _HOST_PORT.fullmatch(text)
    if found is None or (found["port"] is None and default_port is None):
        raise ValueError("must be host:port, such as 127.0.0.1:9108 or 0.0.0.0:9108")
    port = default_port if found["port"] is None else int(found["port"])
    if port is None or port > 65535:
        raise ValueError("must have a port of at most 65535")
    return Address(found["host"].strip("[]"), port)


def read_brokers(text: str | tuple[str, ...]) -> tuple[str, ...]:
    """Comma-separated brokers as `host:port`, each once; the port is 9092 where none is given."""
    brokers: dict[str, None] = {}
    for part in text.split(",") if isinstance(text, str) else text:
        try:
            brokers[str(read_address(part.strip(), KAFKA_PORT))] = None
        except ValueError:
            raise ValueError("must be comma-separated host:port, such as kafka-1:9092,kafka-2:9092") from None
    return tuple(brokers)


def read_duration(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(str(value))


def within(value: timedelta, least: timedelta, most: timedelta) -> timedelta:
    if not least <= value <= most:
        raise ValueError(f"must be from {format_duration(least)} to {format_duration(most)}")
    return value


def read_start(value: object) -> str | timedelta:
    """`earliest`, `latest`, or how far back in the input a new deployment starts reading."""
    if value in ("earliest", "latest"):
        return str(value)
    try:
        return read_duration(value)
    except ValueError:
        raise ValueError("must be earliest, latest, or how far back, such as 30d") from None


def read_clock(value: object) -> str | datetime:
    """`wall`, `event`, or a fixed instant, returned in UTC."""
    if value in ("wall", "event"):
        return str(value)
    allowed = "must be wall, event, or an instant with its offset (RFC 3339), such as 2026-03-01T00:00:00Z"
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) and _INSTANT.fullmatch(value) else value
    except ValueError:
        raise ValueError(allowed) from None
    if not isinstance(instant, datetime) or instant.tzinfo is None:
        raise ValueError(allowed)
    return instant.astimezone(UTC)


def read_name(text: str) -> str:
    """A name that may be a Kafka topic or a static group member."""
    if not _NAME.fullmatch(text) or len(text) > 249 or text in (".", ".."):
        raise ValueError("must be 1 to 249 letters, digits, '.', '_' or '-'")
    return text


def read_namespace(text: str) -> str:
    """A prefix of topics, groups and Redis keys that shares no name with another namespace."""
    if not _NAME.fullmatch(text) or len(text) > 200 or not text[0].isalnum():
        raise ValueError("must be 1 to 200 letters, digits, '.', '_' or '-', a letter or digit first")
    # The group `a-notify` belongs to namespace `a` and the topic `a-rekey-journal` too: names of another
    # namespace called `a-notify` or `a-rekey` would be the same.
    if text.endswith(("-notify", "-rekey")):
        raise ValueError("must not end in -notify or -rekey: its names would collide with another namespace's")
    return text


def read_redis_url(text: str) -> str:
    scheme = text.partition("://")[0].lower()
    if scheme in ("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"):
        raise ValueError(f"{scheme}:// is not yet supported: allowed are redis:// and rediss://")
    if scheme not in ("redis", "rediss"):
        raise ValueError("must be redis://host:port/database or rediss://host:port/database")
    if _redis_parts(text) is None:
        raise ValueError(
            "must be redis://[user:password@]host[:port][/database], with % / ? # @ in a password percent-encoded"
        )
    return text


def shown_redis_url(text: str) -> str:
    """The URL without user, password and options, fit for a log; `***` if it can't be told what is secret."""
    parts = _redis_parts(text)
    if parts is None:
        return HIDDEN
    login, _, place = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{HIDDEN + '@' if login else ''}{place}{parts.path}"


def _redis_parts(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        if not parts.hostname or parts.port == 0:
            return None
    except ValueError:
        return None
    # A '/', '?' or '#' in a password ends the host part early: what looks like a host then is half a password.
    stray = "@" in parts.path + parts.query or parts.fragment or re.search(r"\s", text)
    return None if stray or not re.fullmatch(r"(/[0-9]{0,5})?", parts.path) else parts
