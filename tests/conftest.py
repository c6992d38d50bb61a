"""Fixtures for every test: real servers, a fresh name, and no network beyond this machine."""

import logging
import os
import re
import shutil
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import count
from typing import NoReturn

import pytest
import structlog
from hypothesis import settings

from scorer.embedded.broker import EmbeddedBroker
from scorer.embedded.redis_server import EmbeddedRedis
from tests.servers import KafkaServer, RedisServer, ServerMissing

_names = count(1)

# a busy machine isn't a wrong result; in CI hypothesis's own profile stays (no chance, the same examples each time)
settings.register_profile("scorer", parent=settings(), deadline=None)
settings.load_profile("scorer")

# a developer's own settings are no test's business, nor that of the workers it starts
for _variable in [name for name in os.environ if name.startswith("SCORER_")]:
    del os.environ[_variable]


class NetworkForbidden(RuntimeError):
    """A test reached for a host other than this one."""


def _is_this_machine(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    try:
        address = ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _forbid_network(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: it also sees what is connected from C, and can't be patched away."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if not isinstance(address, tuple):
            return  # a Unix socket
        host = address[0]
    else:
        return
    if not _is_this_machine(host):
        raise NetworkForbidden(f"{event} to {host!r}: tests use 127.0.0.1 only")


sys.addaudithook(_forbid_network)


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command that runs within a test sends all log lines to that test's stderr, which is closed soon after."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=3, help="how many runs of each chaos test (default 3)")
    parser.addoption("--first-seed", type=int, default=1, help="the first run's seed (default 1)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `seed` runs once for each of `--seeds`; `--first-seed 7 --seeds 1` repeats one."""
    if "seed" in metafunc.fixturenames:
        first = metafunc.config.getoption("first_seed")
        metafunc.parametrize("seed", range(first, first + metafunc.config.getoption("seeds")))


def missing(error: ServerMissing) -> NoReturn:
    """The test that needs it is skipped; in CI it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(error))  # in CI a missing server is a failure, never a skip
    pytest.skip(str(error))


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServer]:
    """Apache Kafka for all tests: use topics and groups of your own (`namespace`), and leave it running.

    A test that kills or pauses the broker starts one of its own (`own_kafka`).
    """
    try:
        server = KafkaServer()
    except ServerMissing as error:
        missing(error)
    yield server
    server.stop()


@pytest.fixture
def own_kafka() -> Iterator[KafkaServer]:
    """Apache Kafka for this test alone: kill it, pause it, restart it. Costs about 5 s."""
    try:
        server = KafkaServer()
    except ServerMissing as error:
        missing(error)
    yield server
    server.stop()


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A real, empty Redis for this test alone: stop it, restart it."""
    try:
        server = RedisServer()
    except ServerMissing as error:
        missing(error)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def tansu() -> Iterator[EmbeddedBroker]:
    """The embedded broker, for all tests: use topics and groups of your own (`namespace`)."""
    with EmbeddedBroker() as server:
        yield server


@pytest.fixture
def valkey() -> Iterator[EmbeddedRedis]:
    """The embedded Redis, empty, for this test alone."""
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus's own tool for rules and metrics, by its path."""
    found = shutil.which("promtool")
    if found is None:
        missing(ServerMissing("promtool is missing: make servers, or apt-get install prometheus"))
    return str(found)


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> str:
    """A name that no other test has, fit for topics, groups and keys: `SCORER_NAMESPACE`, or a prefix."""
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60]
    return f"{test}-{next(_names)}"
