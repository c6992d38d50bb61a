"""`scorer demo`: everything on this machine, for as long as somebody watches.

An embedded Kafka and Redis and one worker are children of this process; the made-up traffic and the table are here.
What they write lies in one temporary folder, and nothing outlives this process (scorer/embedded/child.py).
"""

import asyncio
import http.client
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from redis.exceptions import RedisError
from rich.console import Console

from scorer import embedded, scoring_file
from scorer.consoles import errors, output
from scorer.demo_live import BROKER_PATIENCE_SECONDS, LiveTraffic, watch
from scorer.demo_table import DemoTable
from scorer.embedded.broker import EmbeddedBroker
from scorer.embedded.child import Child, ServerDidNotStart, free_port
from scorer.embedded.redis_server import EmbeddedRedis
from scorer.embedded.traffic import Company
from scorer.stream.broker_errors import BrokerError
from scorer.stream.connection import Connection

NAMESPACE = "scorer"
INPUT_TOPIC = "product-events"
MODEL = "engagement"

_SCORING_FILE = Path(embedded.__file__).with_name("demo_scoring.yaml")
_WORKER_READY_SECONDS = 60.0
_WORKER_STOP_SECONDS = 15.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoFailed(Exception):
    """The demo can't go on; the message says why."""


class Interrupts:
    """Ctrl-C and its like, remembered instead of raised: a server must not be left half started."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        if self.asked:
            raise KeyboardInterrupt

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Within, the signals only set `asked`."""
        before = {number: signal.signal(number, self._note) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def run_demo(*, seconds: float | None, events_per_second: float, seed: int) -> None:
    """Return after `seconds` of live traffic, or when interrupted. Raises DemoFailed."""
    # what goes wrong is raised; the clients' warnings would only tear the table
    logging.getLogger().addHandler(logging.NullHandler())
    interrupts = Interrupts()
    with interrupts.caught(), ExitStack() as stack:
        try:
            _run(stack, interrupts, Company(seed), seconds, events_per_second)
        except KeyboardInterrupt:
            pass
        except (ServerDidNotStart, BrokerError, RedisError) as error:
            raise DemoFailed(str(error)) from error


def _run(
    stack: ExitStack, interrupts: Interrupts, company: Company, seconds: float | None, events_per_second: float
) -> None:
    console = errors()
    with _status(console, "starting an embedded Kafka (Tansu), Redis (Valkey) and a worker"):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="scorer-demo-"))
        broker = stack.enter_context(EmbeddedBroker())
        interrupts.check()
        redis = stack.enter_context(EmbeddedRedis())
        interrupts.check()
        http_port = free_port()
        worker = _start_worker(broker, redis, http_port, folder)
        stack.callback(worker.stop, _WORKER_STOP_SECONDS)

        def ready() -> bool:
            interrupts.check()
            return _is_ready(http_port)

        worker.wait_until(ready, _WORKER_READY_SECONDS)
    (model,) = (model for model in scoring_file.load(_SCORING_FILE).models if model.name == MODEL)
    example = company.users[0][0]
    hints = (
        f"redis-cli -p {redis.port} GET {NAMESPACE}:score:{MODEL}:account:{example}",
        f"metrics: http://127.0.0.1:{http_port}/metrics    end: Ctrl-C",
    )
    children = {"the worker": worker}

    def going_on() -> bool:
        for name, child in children.items():
            if not child.running:
                raise DemoFailed(f"{name} ended. Its last words:\n{child.output()}")
        return not interrupts.asked

    traffic = LiveTraffic(company, Connection((broker.bootstrap,)), INPUT_TOPIC, events_per_second)
    asyncio.run(watch(traffic, redis.url, NAMESPACE, DemoTable(model, hints), output(), going_on, seconds))


def _start_worker(broker: EmbeddedBroker, redis: EmbeddedRedis, http_port: int, folder: str) -> Child:
    settings = {
        "SCORER_BROKERS": broker.bootstrap,
        "SCORER_REDIS_URL": redis.url,
        "SCORER_SCORING": str(_SCORING_FILE),
        "SCORER_NAMESPACE": NAMESPACE,
        "SCORER_INPUT_TOPIC": INPUT_TOPIC,
        "SCORER_PARTITIONS": "4",
        "SCORER_HTTP": f"127.0.0.1:{http_port}",
        "SCORER_BENCHMARK_INTERVAL": "1s",
        # the embedded broker holds a group's first join for half of it
        "SCORER_SESSION_TIMEOUT": "6s",
        "SCORER_BROKER_PATIENCE": f"{BROKER_PATIENCE_SECONDS:.0f}s",
        "TMPDIR": folder,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("SCORER_")}
    return Child([sys.executable, "-m", "scorer", "worker"], env=inherited | settings)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def _status(console: Console, sentence: str) -> Iterator[None]:
    """A line that stays where output goes to a file, and goes away on a terminal."""
    if console.is_terminal:
        with console.status(f"{sentence} ..."):
            yield
        return
    began = time.monotonic()
    console.print(f"{sentence} ...", highlight=False)
    yield
    console.print(f"ready after {time.monotonic() - began:.1f} s", highlight=False)
