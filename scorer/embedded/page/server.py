"""Serves the page and its stream on 127.0.0.1, to this machine's browsers only.

Rule 1: nothing is asked of anybody else: the page's own files are all it loads, and its policy forbids the rest.
Rule 2: who is slow gets everything anew instead of an ever longer queue.
"""

import asyncio
import importlib.resources
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import msgspec

from scorer.embedded.child import ServerDidNotStart

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_SCRIPT = "text/javascript; charset=utf-8"
_SCRIPTS = ("page.js", "account.js", "alerts.js", "distribution.js", "draw.js", "ranking.js", "state.js")
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    **{f"/{name}": (name, _SCRIPT) for name in _SCRIPTS},
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_RETRY_MS = 1000
_QUEUED_FRAMES = 64
_START_SECONDS = 10.0
_GRACE_SECONDS = 2

_encode = msgspec.json.encode


class Broadcast:
    """Frames for every browser that listens; `whole` is told to each first."""

    def __init__(self, whole: Callable[[], object]) -> None:
        self._whole = whole
        self._queues: set[asyncio.Queue[str | None]] = set()
        self._ended = False

    def send(self, frame: object) -> None:
        text = _text(frame)
        for queue in self._queues:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(_text(self._whole()))
            else:
                queue.put_nowait(text)

    def end(self) -> None:
        """Every stream ends behind what was sent."""
        self._ended = True
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    async def listen(self) -> AsyncIterator[str]:
        queue: asyncio.Queue[str | None] = asyncio.Queue(_QUEUED_FRAMES)
        self._queues.add(queue)
        try:
            yield _text(self._whole())
            while not self._ended or not queue.empty():
                text = await queue.get()
                if text is None:
                    return
                yield text
        finally:
            self._queues.discard(queue)


def _text(frame: object) -> str:
    return _encode(frame).decode()


class PageServer:
    """Serves from `start` on; `port` 0 takes a free one. Raises ServerDidNotStart if it can't be had."""

    def __init__(self, broadcast: Broadcast, port: int = 0) -> None:
        self._broadcast = broadcast
        self._socket = _bound(port)
        self._task: asyncio.Task[None] | None = None
        self._server: uvicorn.Server | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    async def start(self) -> None:
        self._server = _server(_app(self._broadcast))
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="page")
        async with asyncio.timeout(_START_SECONDS):
            while not self._server.started and not self._task.done():
                await asyncio.sleep(0.01)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Streams end first, so that nobody has to be cut off."""
        self._broadcast.end()
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        self._socket.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError as error:
        bound.close()
        raise ServerDidNotStart(f"--port {port}: {error.strerror}; without it, the page takes a free one") from error
    return bound


def _app(broadcast: Broadcast) -> "Starlette":
    try:
        from sse_starlette import EventSourceResponse, ServerSentEvent  # noqa: PLC0415 - of the extra `embedded`
        from starlette.applications import Starlette  # noqa: PLC0415
        from starlette.middleware import Middleware  # noqa: PLC0415
        from starlette.middleware.trustedhost import TrustedHostMiddleware  # noqa: PLC0415
        from starlette.responses import Response  # noqa: PLC0415
        from starlette.routing import Route  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ServerDidNotStart("the demo's page is not installed: pip install 'scorer[embedded]'") from error

    folder = importlib.resources.files(__package__ or "")
    contents = {path: (folder.joinpath(name).read_bytes(), kind) for path, (name, kind) in _FILES.items()}

    async def file(request: "Request") -> "Response":
        content, kind = contents[request.url.path]
        return Response(content, media_type=kind, headers=_HEADERS)

    async def live(_request: "Request") -> "Response":
        async def events() -> AsyncIterator[ServerSentEvent]:
            async for text in broadcast.listen():
                yield ServerSentEvent(text, retry=_RETRY_MS)

        return EventSourceResponse(events(), headers=_HEADERS)

    routes = [Route("/live", live), *(Route(path, file) for path in _FILES)]
    # a name that somebody else's page resolves to this machine opens nothing
    trusted = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return Starlette(routes=routes, middleware=[trusted])


def _server(app: "Starlette") -> "uvicorn.Server":
    import uvicorn  # noqa: PLC0415 - of the extra `embedded`

    class Server(uvicorn.Server):
        """Signals are the demo's: it stops everything in order."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=_GRACE_SECONDS
    )
    return Server(config)
