"""Readers of single settings: text in, a typed value out, or a ValueError that says what is allowed.

No message repeats the value: some are secrets, and `scorer.settings` adds it where it may be shown.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address
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
CLOCK_FROM, CLOCK_UNTIL = datetime(1970, 1, 1, tzinfo=UTC), datetime(2097, 1, 1, tzinfo=UTC)
"""Where a fixed clock may stand: the numbers of buckets are no larger (`scorer.core.cells`)."""

_PATH_CHARACTERS = 200

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or to connect. An IPv6 host stands without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_utf8(text: str) -> bool:
    """Whether a text is one: bytes of the environment that are no UTF-8 come as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_address(text: str | Address, default_port: int | None = None) -> Address:
    if isinstance(text, Address):
        return text
    found = _HOST_PORT.fullmatch(text)
    if found is None or (found["port"] is None and default_port is None):
        raise ValueError("must be host:port, such as 127.0.0.1:9108 or 0.0.0.0:9108")
    if not _is_host(found["host"]):
        raise ValueError("must name a host or an address, which this is not")
    port = default_port if found["port"] is None else int(found["port"])
    if port is None or port > 65535:
        raise ValueError("must have a port of at most 65535")
    return Address(found["host"].strip("[]"), port)


def _is_host(text: str) -> bool:
    """Whether a name server may be asked for it: `a..b` makes the encoding fail, deep inside of a connection."""
    try:
        if text.startswith("["):
            IPv6Address(text.strip("[]"))
        else:
            text.encode("idna")
    except ValueError:
        return False
    return True


def read_brokers(text: str | tuple[str, ...]) -> tuple[str, ...]:
    """Comma-separated brokers as `host:port`, each once; the port is 9092 where none is given."""
    brokers: dict[str, None] = {}
    for part in text.split(",") if isinstance(text, str) else text:
        try:
            broker = read_address(part.strip(), KAFKA_PORT)
        except ValueError:
            broker = None
        if broker is None or not broker.port:
            raise ValueError("must be comma-separated host:port, such as kafka-1:9092,kafka-2:9092")
        brokers[str(broker)] = None
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
    allowed = (
        "must be wall, event, or an instant with its offset (RFC 3339) from 1970 to 2096, such as 2026-03-01T00:00:00Z"
    )
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) and _INSTANT.fullmatch(value) else value
    except ValueError:
        raise ValueError(allowed) from None
    if not isinstance(instant, datetime) or instant.tzinfo is None or not CLOCK_FROM <= instant < CLOCK_UNTIL:
        raise ValueError(allowed)
    return instant.astimezone(UTC)


def read_name(text: str) -> str:
    """A name that may be a Kafka topic or a static group member."""
    if not _NAME.fullmatch(text) or len(text) > 249 or text in (".", ".."):
        raise ValueError("must be 1 to 249 letters, digits, '.', '_' or '-'")
    return text


def read_field_path(value: object) -> tuple[str, ...]:
    """Names of objects within objects.

    >>> read_field_path("properties.actor.id")
    ('properties', 'actor', 'id')
    """
    path = tuple(value.split(".")) if isinstance(value, str) else value
    fits = isinstance(path, tuple) and len(".".join(path)) <= _PATH_CHARACTERS
    if not isinstance(path, tuple) or not fits or not all(name and name.isprintable() for name in path):
        raise ValueError(
            f"must be names joined by dots, such as properties.actor.id, {_PATH_CHARACTERS} characters at most"
        )
    return path


def read_short_name(text: str) -> str:
    """The name of something in somebody else's schema."""
    if not _NAME.fullmatch(text) or len(text) > 100:
        raise ValueError("must be 1 to 100 letters, digits, '.', '_' or '-'")
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
    if "?" in text:
        _check_redis_options(text)
    return text


def _check_redis_options(text: str) -> None:
    """The client alone knows its options, and complains of them as late as with its first connection."""
    from redis import ConnectionPool, RedisError  # noqa: PLC0415

    try:
        ConnectionPool.from_url(text).make_connection()
    except (ValueError, TypeError, AttributeError, RedisError):
        raise ValueError(
            "must have no options behind ? but those of redis-py's connections, such as ssl_ca_certs=/etc/ca.pem"
        ) from None


def shown_redis_url(text: str) -> str:
    """The URL without user, password and options, fit for a log; `***` if it can't be told what is secret."""
    parts = _redis_parts(text)
    if parts is None:
        return HIDDEN
    login, _, place = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{HIDDEN + '@' if login else ''}{place}{parts.path}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _redis_parts(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        if not parts.hostname or parts.port == 0 or not _is_host(_bracketed(parts.hostname)):
            return None
    except ValueError:
        return None
    # A '/', '?' or '#' in a password ends the host part early: what looks like a host then is half a password.
    stray = "@" in parts.path + parts.query or parts.fragment or re.search(r"\s", text)
    return None if stray or not re.fullmatch(r"(/[0-9]{0,5})?", parts.path) else parts
