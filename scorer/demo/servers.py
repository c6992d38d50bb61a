"""The children of a demo: an embedded Kafka and Redis, and one worker at a time."""

import asyncio
import http.client
import os
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from scorer.embedded.broker import EmbeddedBroker
from scorer.embedded.child import Child, ServerDidNotStart, free_port
from scorer.embedded.redis_server import EmbeddedRedis
from scorer.stream.connection import Connection

NAMESPACE = "scorer"
INPUT_TOPIC = "product-events"
PARTITIONS = 4
BROKER_PATIENCE_SECONDS = 15.0

_READY_SECONDS = 60.0
_STOP_SECONDS = 15.0
_PROBE_SECONDS = 0.05

LOADING = {
    "SCORER_CLOCK": "event",
    "SCORER_PUBLISH_INTERVAL": "50ms",
    "SCORER_BENCHMARK_INTERVAL": "100ms",
    # the embedded broker holds a group's first join for half of it, and lets nobody in before who left has timed out
    "SCORER_SESSION_TIMEOUT": "2s",
}
"""A worker that past days are put through."""

LIVE = {
    "SCORER_CLOCK": "event",
    # the embedded broker frees nothing: what is written more seldom lets the demo run for longer
    "SCORER_PUBLISH_INTERVAL": "1s",
    # a benchmark moves when a day closes, and everybody's score waits for it; days are short
    "SCORER_BENCHMARK_INTERVAL": "2s",
    "SCORER_SESSION_TIMEOUT": "6s",
}
"""A worker of the present; all else as it is unless told otherwise."""


class Servers:
    """Kafka and Redis run once constructed, a worker from `start_worker` on. `folder` holds what they write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._worker: Child | None = None
        try:
            self.broker = self._stack.enter_context(EmbeddedBroker())
            self.redis = self._stack.enter_context(EmbeddedRedis())
            self.http_port = free_port()
        except BaseException:
            self._stack.close()
            raise

    @property
    def connection(self) -> Connection:
        return Connection((self.broker.bootstrap,))

    async def start_worker(self, scoring: Path, settings: Mapping[str, str]) -> None:
        """Returns once it is ready. Raises ServerDidNotStart."""
        own = {
            "SCORER_BROKERS": self.broker.bootstrap,
            "SCORER_REDIS_URL": self.redis.url,
            "SCORER_SCORING": str(scoring),
            "SCORER_NAMESPACE": NAMESPACE,
            "SCORER_INPUT_TOPIC": INPUT_TOPIC,
            "SCORER_PARTITIONS": str(PARTITIONS),
            "SCORER_HTTP": f"127.0.0.1:{self.http_port}",
            "SCORER_BROKER_PATIENCE": f"{BROKER_PATIENCE_SECONDS:.0f}s",
            "TMPDIR": str(self._folder),
        }
        inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("SCORER_")}
        self._worker = worker = Child([sys.executable, "-m", "scorer", "worker"], env=inherited | own | dict(settings))
        deadline = time.monotonic() + _READY_SECONDS
        while not await asyncio.to_thread(self._is_ready):
            self.check()
            if time.monotonic() > deadline:
                raise ServerDidNotStart(
                    f"the worker was not ready within {_READY_SECONDS:g} s. Its output ends with:\n{worker.output()}"
                )
            await asyncio.sleep(_PROBE_SECONDS)

    async def stop_worker(self) -> None:
        """Cleanly: all that it has counted is in its journal and in Redis then."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.to_thread(worker.stop, _STOP_SECONDS)

    def check(self) -> None:
        """Raises ServerDidNotStart if the worker has ended by itself."""
        if self._worker is not None and not self._worker.running:
            raise ServerDidNotStart(f"the worker ended. Its last words:\n{self._worker.output()}")

    def metrics(self) -> str:
        """What the worker tells Prometheus; "" while it doesn't answer. Blocks for some milliseconds."""
        status, body = self._ask("/metrics")
        return body if status == http.HTTPStatus.OK else ""

    def _is_ready(self) -> bool:
        return self._ask("/readyz")[0] == http.HTTPStatus.OK

    def _ask(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=2.0)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.stop(_STOP_SECONDS)
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
