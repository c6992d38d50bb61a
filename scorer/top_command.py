"""What `scorer top` does: once, or again and again in place (`--watch`)."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import msgspec
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from scorer.commands import FAILED, Failed, answer, fail
from scorer.consoles import output
from scorer.core.model import Model
from scorer.rank_table import RankTable
from scorer.ranking import Ranking, Wanted, read_ranking
from scorer.redis_reading import RedisUnusable, open_redis
from scorer.settings import Settings

_json = msgspec.json.Encoder()
_REFRESH_SECONDS = 1.0
_READING_AT_MOST = 10.0
"""How many times as long as a reading took is waited for the next."""

_LINES_AROUND = 9
"""Of a terminal: title, headings, what stands below, and the line of the cursor."""


def run_top(settings: Settings, wanted: Wanted, model: Model | None, *, as_json: bool) -> None:
    """Ends the process with status 1 if nobody is ranked, or if Redis can't be asked."""
    try:
        ranking = _read(settings, wanted)
    except RedisUnusable as error:
        fail(error)
    console = output()
    table = RankTable(model, console)
    if not as_json:
        console.print(table.render(ranking), crop=False)
        if not ranking.ranked:
            raise typer.Exit(FAILED)
    elif not ranking.ranked:
        raise Failed(table.why_nobody(ranking), figures=ranking.as_json())
    else:
        answer(ranking.as_json())


def watch_top(settings: Settings, wanted: Wanted, model: Model | None, *, as_json: bool) -> None:
    """Until interrupted. With `as_json`, or where there is no terminal, one after the other instead of in place."""
    console = output()
    table = RankTable(model, console)
    if console.is_terminal and not as_json:
        wanted = replace(wanted, limit=min(wanted.limit, max(console.height - _LINES_AROUND, 3)))
    try:
        last = _read(settings, wanted)
    except RedisUnusable as error:
        fail(error)  # one that was never there is no reason to wait
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the terminal's cursor would stay hidden
    with suppress(KeyboardInterrupt), _shown(console, table, as_json=as_json) as show:
        trouble = None
        pause = _REFRESH_SECONDS
        while True:
            show(last, trouble)
            time.sleep(pause)
            began = time.monotonic()
            try:
                last, trouble = _read(settings, wanted), None
            except RedisUnusable as error:
                trouble = str(error)
            # who passes over many (--lowest, --band) reads much: Redis has other work
            pause = max(_REFRESH_SECONDS, (time.monotonic() - began) * _READING_AT_MOST)


Show = Callable[[Ranking, str | None], None]
"""Takes what was read last, and why nothing newer can be."""


@contextmanager
def _shown(console: Console, table: RankTable, *, as_json: bool) -> Iterator[Show]:
    if as_json:
        yield lambda ranking, trouble: print(_json.encode(ranking.as_json() | {"error": trouble}).decode(), flush=True)
        return
    if not console.is_terminal:
        yield lambda ranking, trouble: console.print(_rendered(table, ranking, trouble))
        return
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        yield lambda ranking, trouble: live.update(_rendered(table, ranking, trouble), refresh=True)


def _rendered(table: RankTable, ranking: Ranking, trouble: str | None) -> Group:
    rendered = table.render(ranking)
    return rendered if trouble is None else Group(rendered, Text(f"as of the last answer: {trouble}", style="bold red"))


def _read(settings: Settings, wanted: Wanted) -> Ranking:
    with open_redis(settings.redis_url.get_secret_value()) as redis:
        return read_ranking(redis, settings.namespace, wanted, time.time())
