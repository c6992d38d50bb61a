"""A demo in the terminal: in place where there is one, printed anew every few seconds elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from scorer.demo.board import Board, Stage
from scorer.demo.table import DemoTable, Standings, Trends
from scorer.quantities import counted

_PRINT_SECONDS = 3.0
_LINES_AROUND_THE_ACCOUNTS = 12
_MOST_ACCOUNTS = 10


class Terminal:
    """Shows a board; lines about how it is getting on go to `said`."""

    def __init__(self, board: Board, out: Console, said: Console) -> None:
        self._board = board
        self._out = out
        self._said = said
        self._trends = Trends()
        self._told = ""
        self._printed = 0.0
        self._page = ""
        self._live = Live(console=out, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    @contextmanager
    def showing(self, page: str) -> Iterator[None]:
        """Within, `show` shows. `page`: its address."""
        self._page = page
        if not self._out.is_terminal:
            self._out.print(f"page: {page}", highlight=False, markup=False)
            yield
            return
        with self._live:
            yield

    def show(self) -> None:
        board = self._board
        now = time.monotonic()
        standings = Standings(board.documents, board.benchmark)
        if board.stage is Stage.LIVE:
            self._trends.saw(now, {account: standings.scores[account]["score"] for account in standings.ranked})
        table = DemoTable(board.model, board.hints, ascii_only=self._out.options.ascii_only)
        progress = f"{board.said}; {counted(board.sent, 'record')} sent"
        if self._out.is_terminal:
            rows = max(min(self._out.height - _LINES_AROUND_THE_ACCOUNTS, _MOST_ACCOUNTS), 3)
            shown = table.render(standings, self._trends, progress, rows, page=self._page, alert=board.newest_alert)
            self._live.update(shown, refresh=True)
            return
        if board.stage is not Stage.LIVE:
            self._tell(board.said if board.stage is not Stage.LOADING else "Loading made-up days")
        elif now - self._printed >= _PRINT_SECONDS:
            self._printed = now
            shown = table.render(
                standings, self._trends, progress, _MOST_ACCOUNTS, page=self._page, alert=board.newest_alert
            )
            self._out.print(shown)

    def _tell(self, sentence: str) -> None:
        """Once, where lines stay."""
        if sentence != self._told:
            self._told = sentence
            self._said.print(f"{sentence} ...", highlight=False, markup=False)
