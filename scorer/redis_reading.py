"""Redis as the commands read it: one connection, and whatever goes wrong named with its setting."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import AuthenticationError, RedisError

from scorer.setting_values import shown_redis_url

_PATIENCE_SECONDS = 5.0


class RedisUnusable(Exception):
    """Redis can't be asked; the message names it without its password."""


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
    """Within, what Redis refuses, or its absence, is raised as RedisUnusable."""
    try:
        yield
    except (RedisError, OSError) as error:
        message = f"SCORER_REDIS_URL={shown_redis_url(url)}: {error}"
        if isinstance(error, AuthenticationError):
            message += " (user and password belong into the URL, as redis://user:password@host:port/0)"
        raise RedisUnusable(message) from error
