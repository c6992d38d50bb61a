"""The connection to Redis: checked each time it is made, and never silently another server.

RedisRefused (stop: the settings are wrong)
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import NoPermissionError, NoScriptError, RedisError

from scorer.sinks.redis_refusal import why_refused
from scorer.sinks.redis_scripts import Script

AWAY = (RedisError, OSError, asyncio.TimeoutError)
"""What a call raises while Redis can't do its work: try again later."""

_PATIENCE_SECONDS = 5.0


class RedisRefused(Exception):
    """SCORER_REDIS_URL can't work as it is set; the message says why, without the password."""


def without_secrets(url: str) -> str:
    """The URL as it may be logged: no password, and no options, which may hold one.

    >>> without_secrets("redis://ann:geheim@cache:6379/0?password=x")
    'redis://ann@cache:6379/0'
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{host}{parts.path}"


class _QuickConnection(Connection):
    """Packs commands in C, as redis-py does where it isn't asynchronous: in Python a score costs 1 us more."""

    def pack_command(self, *args: Any) -> list[bytes]:
        return list(HiredisRespSerializer().pack(*args))


class RedisLink:
    """One connection, used by one task at a time. It reconnects with the next call; the caller paces retries.

    `on_connect` is awaited with the server's run id on every new connection before any other command leaves: with ""
    where the server hides it.
    """

    def __init__(self, url: str, on_connect: Callable[[str], None]) -> None:
        self.name = without_secrets(url)
        self._on_connect = on_connect
        try:
            # No retries by the library: it would send to a replaced server what the old one had been promised.
            self._redis = Redis.from_url(
                url,
                protocol=2,
                max_connections=1,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=_PATIENCE_SECONDS,
                socket_connect_timeout=_PATIENCE_SECONDS,
                redis_connect_func=self._greet,
                connection_class=_QuickConnection,  # a rediss:// URL brings its own
            )
            self._redis.set_response_callback("INFO", _as_it_is)
            self._execute: Callable[..., Awaitable[Any]] = self._redis.execute_command
        except ValueError as error:
            raise RedisRefused(f"SCORER_REDIS_URL={self.name} is not a URL of a Redis: {error}") from error

    async def check(self) -> dict[str, str]:
        """Asks again who answers, for a proxy may switch servers behind one connection; returns what it says."""
        try:
            answer = await self._execute("INFO", "server")
        except NoPermissionError:
            answer = b""
        return self._heard(answer)

    async def refusal(self) -> RedisRefused | None:
        """Connects; what must be corrected before this URL can work. None if it works, or may do so later."""
        try:
            server = await self.check()
        except AWAY as error:
            reason = why_refused(error)
            return None if reason is None else RedisRefused(f"SCORER_REDIS_URL={self.name}: {reason}")
        if server.get("redis_mode") == "cluster":
            return RedisRefused(f"SCORER_REDIS_URL={self.name} is a Redis Cluster, which is not yet supported")
        return None

    async def run(self, script: Script, keys: Sequence[str], arguments: Iterable[str | bytes | int]) -> Any:
        """Runs a script by its digest; loads it where it isn't known (a new server, SCRIPT FLUSH)."""
        try:
            return await self._execute("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self._execute("EVAL", script.source, len(keys), *keys, *arguments)

    async def has(self, key: str) -> bool:
        """Whether there is such a key."""
        return bool(await self._execute("EXISTS", key))

    async def disconnect(self) -> None:
        """Drops the connection, so that the next call resolves the name and greets anew."""
        await self._redis.connection_pool.disconnect()

    async def close(self) -> None:
        await self._redis.aclose()

    async def _greet(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        try:
            answer = await connection.read_response()
        except NoPermissionError:
            answer = b""  # a managed Redis may forbid INFO: then only a vanished heartbeat tells of a loss
        self._heard(answer)

    def _heard(self, info: bytes) -> dict[str, str]:
        lines = [line.partition(":") for line in info.decode().splitlines()]
        server = {name: value for name, separator, value in lines if separator}
        self._on_connect(server.get("run_id", ""))
        return server


def _as_it_is(response: Any, **_: Any) -> Any:
    return response
