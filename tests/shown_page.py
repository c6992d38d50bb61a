"""The demo's page without a demo: its server, and a board that a test tells what to show."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from scorer.core.model import Kind, Model, Weight
from scorer.demo.board import Board, Stage
from scorer.embedded.page.server import Broadcast, PageServer

T = TypeVar("T")

MODEL = Model("use", (Kind.ACCOUNT,), 30, {"a": Weight(1.0)})
RULES = [{"name": "churn_risk", "severity": "critical", "when": "falls below 25"}]
FIRST_DAY = 1_790_000_000 // 86_400 * 86_400


def about(model: Model = MODEL, **more: object) -> dict[str, object]:
    bands = [{"name": band.name, "lower": band.lower if n else None} for n, band in enumerate(model.bands)]
    return {
        "model": model.name, "file": "own.yaml", "ours": True, "namespace": "scorer", "seed": 1, "days": 60,
        "suggested": "acme", "trail_seconds": 180, "percentile": 90, "peers": [], "scale": [1, 100], "bands": bands,
        "rules": RULES, **more,
    }  # fmt: skip


class Shown:
    """A page that is served; what a test tells it goes out at once."""

    def __init__(self, run: Callable[[Callable[[], None]], None], board: Board, broadcast: Broadcast) -> None:
        self._run = run
        self._board = board
        self._broadcast = broadcast
        self._versions = 0
        self._documents: dict[str, dict[str, Any]] = {}
        self.address = ""

    def tell(self, change: Callable[[Board], None] = lambda board: None) -> None:
        """Change the board and send a frame."""

        def told() -> None:
            change(self._board)
            self._broadcast.send(self._board.frame())

        self._run(told)

    def at_stage(self, stage: Stage, said: str = "so it is") -> None:
        self.tell(lambda board: board.at_stage(stage, said))

    def scores(self, benchmark: float | None = 100.0, **scores: float | dict[str, Any] | None) -> None:
        """Each account's score, or parts of its document; accounts that aren't named stay as they are."""
        for name, said in scores.items():
            self._versions += 1
            document = self._documents.setdefault(name, {"raw": 10.0, "delta": None, "as_of": 1_795_355_044.0})
            parts = said if isinstance(said, dict) else {"score": said, "raw": None if said is None else float(said)}
            band = band_of(parts.get("score"))
            document |= {"state": "scored", "benchmark": benchmark, "band": band} | parts | {"v": str(self._versions)}
        there = {name: dict(document) for name, document in self._documents.items()}
        figures = None if benchmark is None else {"raw": benchmark, "population": len(there)}
        self.tell(lambda board: board.saw(time.time(), there, figures))

    def days(self, number: int) -> None:
        """So many days close with the scores as they are."""

        def closed(board: Board) -> None:
            board.first_day = FIRST_DAY
            for _ in range(number):
                board.close_day(9)

        self.tell(closed)

    def alert(self, entity: str, state: str = "fired", rule: str = "churn_risk", **more: Any) -> None:
        told = {
            "id": f"{rule}-{entity}", "rule": rule, "state": state, "cause": "crossed_below", "severity": "critical",
            "entity": entity, "score": 20.0, "previous_score": 26.0, "band": "at_risk", "previous_band": "low",
            "threshold": 25.0, "at": 1_795_355_044.0, **more,
        }  # fmt: skip
        self.tell(lambda board: board.alerted([told]))


def band_of(score: float | None) -> str | None:
    if score is None:
        return None
    return next(band.name for band in reversed(MODEL.bands) if score >= band.lower)


@contextmanager
def shown(model: Model = MODEL, **more: object) -> Iterator[Shown]:
    """A page with an empty board; `more`: of what the board says about the demo."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="page")
    thread.start()

    def run(way: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(way, loop).result(20)

    def call(change: Callable[[], None]) -> None:
        async def called() -> None:
            change()

        run(called())

    board = Board(model, about(model, **more), 60)
    broadcast = Broadcast(board.whole)
    server = PageServer(broadcast)
    made = Shown(call, board, broadcast)
    made.address = server.address
    try:
        run(server.start())
        yield made
    finally:
        run(server.stop())
        run(_others_ended())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _others_ended() -> None:
    """What the libraries left running, such as sse-starlette's watcher."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
