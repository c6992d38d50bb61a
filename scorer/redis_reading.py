"""Redis as the commands read it: one connection, and whatever goes wrong named with its setting.

RedisUnusable
└── RedisRefused    the setting is wrong: asking again changes nothing
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import AuthenticationError, RedisError

from scorer.setting_values import shown_redis_url

_PATIENCE_SECONDS = 5.0


class RedisUnusable(Exception):
    """Redis can't be asked; the message names it without its password."""


class RedisRefused(RedisUnusable):
    """A login, a host or a database that isn't there."""


@contextmanager
def open_redis(url: str, patience_seconds: float = _PATIENCE_SECONDS) -> Iterator[Redis]:
    """A client whose errors leave as RedisUnusable; `patience_seconds` is for connecting and for each answer."""
    with (
        named_errors(url),
        Redis.from_url(
            url, socket_timeout=patience_seconds, socket_connect_timeout=patience_seconds, protocol=2
        ) as redis,
    ):
        yield redis


@contextmanager
def named_errors(url: str) -> Iterator[None]:
    """Within, what Redis refuses, its absence, and what isn't as we write it, is raised as RedisUnusable."""
    try:
        yield
    except (RedisError, OSError, msgspec.MsgspecError) as error:
        way_out = _way_out(error)
        message = f"SCORER_REDIS_URL={shown_redis_url(url)}: {error}{way_out and f' ({way_out})'}"
        raise (RedisRefused if way_out else RedisUnusable)(message) from error


def decoded(value: bytes) -> dict[str, Any]:
    """A JSON object of INTERFACES 6. Raises msgspec.ValidationError, DecodeError: somebody else's key."""
    return msgspec.json.decode(value, type=dict[str, Any])


def _way_out(error: BaseException) -> str:
    """Empty where the setting may be right."""
    if isinstance(error, AuthenticationError):
        return "user and password belong into the URL, as redis://user:password@host:port/0"
    if isinstance(error.__context__, socket.gaierror):
        return "is the host right?"
    if "DB index" in str(error):
        return "end the URL with another number, such as /0"
    if isinstance(error, msgspec.MsgspecError):
        return "a key there isn't scorer's: is this the Redis, the database and the --namespace of the workers?"
    return ""
