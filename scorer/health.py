"""`/healthz`, `/readyz` and `/metrics` of a worker, on its own loop: served from its first second.

A restore runs in slices on the same loop, so an answer proves that the loop is alive.
"""

import errno
from collections.abc import Callable, Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

_REASONS = {
    errno.EADDRINUSE: "the port is in use by another process",
    errno.EACCES: "a port this low needs a permission that this process lacks",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}
_CLOSING_SECONDS = 1.0


class AddressUnavailable(Exception):
    """SCORER_HTTP can't be listened on."""


class HealthServer:
    """Serves what orchestrators and Prometheus ask for.

    `not_ready` returns why the worker isn't ready, as sentences; ready when there are none. It is called for each
    request and must return at once.
    """

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, not_ready: Callable[[], Sequence[str]]
    ) -> None:
        self._host, self._port = host, port
        self._registry = registry
        self._not_ready = not_ready
        self.stalled: str | None = None
        """Why only a restart can help; None while the worker is alive."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_CLOSING_SECONDS)

    async def start(self) -> int:
        """Listens; returns the port, which port 0 leaves to the system. Raises AddressUnavailable."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
            raise AddressUnavailable(
                f"SCORER_HTTP={self._host}:{self._port} can't be listened on: {reason}; "
                "set another address, or port 0 for any that is free"
            ) from error
        port: int = self._runner.addresses[0][1]
        return port

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        if self.stalled is None:
            return _answer(200, {"alive": True})
        return _answer(503, {"alive": False, "stalled": self.stalled})

    async def _readyz(self, _: web.Request) -> web.Response:
        reasons = list(self._not_ready())
        if not reasons:
            return _answer(200, {"ready": True})
        return _answer(503, {"ready": False, "reasons": reasons})

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})


def _answer(status: int, body: object) -> web.Response:
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})
