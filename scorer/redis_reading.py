"""Redis as the commands read it: one connection, and whatever goes wrong named with its setting.

RedisUnusable
└── WrongRedis    the setting is wrong: asking again changes nothing
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import BusyLoadingError, ConnectionError, RedisError, TimeoutError

from scorer.setting_values import shown_redis_url
from scorer.sinks.redis_refusal import why_refused

_PATIENCE_SECONDS = 5.0
_NOT_OURS = "a key there isn't scorer's ({}): is this the Redis, the database and the namespace of the workers?"
_ANOTHER = "--redis-url names another"


class RedisUnusable(Exception):
    """Redis can't be asked; the message names it without its password."""


class WrongRedis(RedisUnusable):
    """A login, a host, a database or a namespace that isn't the workers'."""


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
        reason = _NOT_OURS.format(error) if isinstance(error, msgspec.MsgspecError) else why_refused(error)
        setting = f"SCORER_REDIS_URL={shown_redis_url(url)}"
        if reason is None:
            raise RedisUnusable(f"{setting}: {_why_unusable(error)}") from error
        raise WrongRedis(f"{setting}: {reason}") from error


def decoded(value: bytes) -> dict[str, Any]:
    """A JSON object of INTERFACES 6. Raises msgspec.ValidationError, DecodeError: somebody else's key."""
    return msgspec.json.decode(value, type=dict[str, Any])


def _why_unusable(error: Exception) -> str:
    """The reason, and what to look at."""
    away = isinstance(error, ConnectionError | TimeoutError | OSError) and not isinstance(error, BusyLoadingError)
    if away:
        return f"can't be reached ({error}): does Redis run there, and may it be reached from here? {_ANOTHER}"
    return f"Redis can't answer ({error}): is this the Redis of the workers, and is it well? {_ANOTHER}"
