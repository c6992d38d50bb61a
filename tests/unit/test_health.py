import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from scorer.health import AddressUnavailable, HealthServer
from scorer.metrics import Metrics


class Served:
    """A server on a free port, and a client of it."""

    def __init__(self, server: HealthServer, reasons: list[str], url: str, client: ClientSession) -> None:
        self.server, self.reasons = server, reasons
        self._url, self._client = url, client

    async def get(self, path: str) -> tuple[int, object]:
        async with self._client.get(self._url + path) as answer:
            return answer.status, await answer.json()

    async def text(self, path: str, **headers: str) -> tuple[str, str]:
        async with self._client.get(self._url + path, headers=headers) as answer:
            return answer.headers["Content-Type"], await answer.text()


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    reasons: list[str] = []
    registry = CollectorRegistry()
    Metrics(registry, version="1.2.3")
    server = HealthServer("127.0.0.1", 0, registry, lambda: reasons)
    port = await server.start()
    try:
        async with ClientSession() as client:
            yield Served(server, reasons, f"http://127.0.0.1:{port}", client)
    finally:
        await server.stop()


def test_a_worker_that_restores_is_alive_and_says_what_it_waits_for() -> None:
    async def scenario() -> None:
        async with served() as worker:
            worker.reasons.append("partition 3 restoring: 120000 of 400000 entries")
            assert await worker.get("/healthz") == (200, {"alive": True})
            assert await worker.get("/readyz") == (503, {"ready": False, "reasons": list(worker.reasons)})
            worker.reasons.clear()
            assert await worker.get("/readyz") == (200, {"ready": True})

    asyncio.run(scenario())


def test_a_stalled_worker_is_not_alive() -> None:
    async def scenario() -> None:
        async with served() as worker:
            worker.server.stalled = "no progress for 300 s"
            assert await worker.get("/healthz") == (503, {"alive": False, "stalled": "no progress for 300 s"})

    asyncio.run(scenario())


def test_metrics_are_served_as_text_and_as_openmetrics() -> None:
    async def scenario() -> None:
        async with served() as worker:
            kind, text = await worker.text("/metrics")
            assert kind.startswith("text/plain; version=")
            names = {family.name for family in text_string_to_metric_families(text)}
            assert "scorer_journal_bytes" in names
            kind, text = await worker.text("/metrics", Accept="application/openmetrics-text; version=1.0.0")
            assert kind.startswith("application/openmetrics-text")
            assert text.endswith("# EOF\n")

    asyncio.run(scenario())


def test_a_port_in_use_is_said_with_the_setting() -> None:
    async def scenario(port: int) -> None:
        await HealthServer("127.0.0.1", port, CollectorRegistry(), list).start()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressUnavailable, match=rf"^SCORER_HTTP=127\.0\.0\.1:{port} .*in use by another process"):
            asyncio.run(scenario(port))


def test_an_address_of_another_machine_is_said_with_the_setting() -> None:
    async def scenario() -> None:
        await HealthServer("203.0.113.1", 9108, CollectorRegistry(), list).start()

    with pytest.raises(AddressUnavailable, match=r"^SCORER_HTTP=203\.0\.113\.1:9108 .*no such address"):
        asyncio.run(scenario())
