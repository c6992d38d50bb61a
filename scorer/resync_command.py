"""What `scorer resync` shows while it runs and in the end; the work itself is in `sinks.resync`."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scorer.commands import INTERRUPTED, answer, fail
from scorer.consoles import errors
from scorer.quantities import counted, numbered
from scorer.redis_reading import RedisUnusable, open_redis
from scorer.service import connection_of
from scorer.settings import Settings
from scorer.sinks.resync import Progress as Stage
from scorer.sinks.resync import Resync, Resynced, ResyncFailed
from scorer.stream.broker_errors import BrokerError
from scorer.stream.topics import input_partitions

_REDIS_PATIENCE_SECONDS = 10.0


def run_resync(settings: Settings, timeout: timedelta, *, as_json: bool) -> None:
    """Says on stdout what was done. Ends the process with status 1, or 2, if Redis wasn't rebuilt."""
    began = time.monotonic()

    def figures() -> dict[str, object]:
        return {"namespace": settings.namespace, "seconds": time.monotonic() - began}

    try:
        done = _resync(settings, timeout)
    except (ResyncFailed, BrokerError, RedisUnusable) as error:
        fail(error, figures())
    except KeyboardInterrupt:
        fail(
            f"{INTERRUPTED}: what was begun, the workers end by themselves, but what no state holds isn't removed",
            figures(),
        )
    if as_json:
        answer(figures() | asdict(done))
    else:
        print(_sentence(done, time.monotonic() - began))


def _resync(settings: Settings, timeout: timedelta) -> Resynced:
    patience = settings.first_patience.total_seconds()
    partitions = asyncio.run(input_partitions(connection_of(settings), settings.input_topic, patience=patience))
    url = settings.redis_url.get_secret_value()
    with open_redis(url, _REDIS_PATIENCE_SECONDS) as redis, _shown() as show:
        seconds = timeout.total_seconds()
        return Resync(redis, settings.namespace, partitions, timeout_seconds=seconds, on_progress=show).run()


@contextmanager
def _shown() -> Iterator[Callable[[Stage], None]]:
    """A bar for each stage on stderr, if that is a terminal."""
    console = errors()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks = {}

        def show(stage: Stage) -> None:
            if stage.stage not in tasks:
                tasks[stage.stage] = progress.add_task(stage.stage, total=stage.total)
            progress.update(tasks[stage.stage], completed=stage.done)

        yield show


def _sentence(done: Resynced, seconds: float) -> str:
    said = (
        f"{counted(done.scores, 'score')} {numbered(done.scores, 'stands', 'stand')}, written again from "
        f"{numbered(done.partitions, 'the state', 'the states')} of {counted(done.partitions, 'partition')} "
        f"in {seconds:.1f} s"
    )
    removed = (
        (done.removed_scores, "score", "scores"),
        (done.removed_from_rankings, "place in a ranking", "places in rankings"),
        (len(done.removed_benchmarks), "benchmark", "benchmarks"),
        (done.removed_kpis, "set of KPIs", "sets of KPIs"),
    )
    gone = ", ".join(counted(*each) for each in removed if each[0])
    return f"{said}; removed, for no state holds them: {gone}" if gone else f"{said}; nothing else was there"
