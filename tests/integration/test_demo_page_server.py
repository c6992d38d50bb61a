"""Who the demo's page is served to, and how its stream goes."""

import asyncio
import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from scorer.embedded.child import ServerDidNotStart
from scorer.embedded.page.server import Broadcast, PageServer
from tests.shown_page import Shown, shown


@pytest.fixture
def page() -> Iterator[Shown]:
    with shown() as made:
        yield made


@contextmanager
def asked(page: Shown, path: str, host: str | None = None, method: str = "GET") -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection(page.address.removeprefix("http://"), timeout=10)) as connection:
        connection.request(method, path, headers={} if host is None else {"Host": host})
        with connection.getresponse() as answer:
            yield answer


def status(page: Shown, path: str, host: str | None = None, method: str = "GET") -> int:
    with asked(page, path, host, method) as answer:
        return answer.status


def test_the_page_allows_nothing_but_its_own_files(page: Shown) -> None:
    with asked(page, "/") as answer:
        assert answer.status == 200 and b"Scorer" in answer.read()
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/page.py", "/server.py", "/../demo_scoring.yaml", "/docs", "/page"])
def test_other_paths_lead_nowhere(page: Shown, path: str) -> None:
    assert status(page, path) == 404


def test_it_only_reads(page: Shown) -> None:
    assert status(page, "/", method="POST") == 405


@pytest.mark.parametrize("path", ["/", "/live"])
def test_a_name_that_somebody_else_resolves_to_this_machine_opens_nothing(page: Shown, path: str) -> None:
    assert status(page, path, "evil.example") == 400


def test_a_stream_begins_with_everything_and_goes_on(page: Shown) -> None:
    page.scores(acme=50.0)
    with asked(page, "/live") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        first = frame(stream)
        assert first["about"]["model"] == "use" and [row[:2] for row in first["scores"]] == [[0, 50.0]]
        page.scores(acme=51.0)
        second = frame(stream)
        assert "about" not in second and [row[:2] for row in second["scores"]] == [[0, 51.0]]


def frame(stream: http.client.HTTPResponse) -> Any:
    while not (line := stream.readline()).startswith(b"data:"):
        assert line
    return json.loads(line.removeprefix(b"data:"))


def test_who_is_slow_is_told_everything_anew() -> None:
    async def told() -> list[str]:
        broadcast = Broadcast(lambda: "whole")
        stream = broadcast.listen()
        texts = [await anext(stream)]
        for number in range(65):  # one more than wait for anybody
            broadcast.send(number)
        texts.append(await anext(stream))
        broadcast.send(99)
        broadcast.end()
        texts.extend([text async for text in stream])
        return texts

    assert asyncio.run(told()) == ['"whole"', '"whole"', "99"]


def test_the_end_comes_behind_what_was_sent() -> None:
    async def told() -> list[str]:
        broadcast = Broadcast(lambda: "whole")
        stream = broadcast.listen()
        texts = [await anext(stream)]
        broadcast.send(1)
        broadcast.end()
        return texts + [text async for text in stream]

    assert asyncio.run(told()) == ['"whole"', "1"]


def test_a_port_that_is_taken_is_named() -> None:
    taken = PageServer(Broadcast(dict))
    port = int(taken.address.rpartition(":")[2])

    async def listening() -> None:
        async with taken:
            with pytest.raises(ServerDidNotStart, match=f"--port {port}: .*; without it, the page takes a free one"):
                PageServer(Broadcast(dict), port)

    asyncio.run(listening())
