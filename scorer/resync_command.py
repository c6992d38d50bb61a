"""What `scorer resync` shows while it runs and in the end; the work itself is in `sinks.resync`."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scorer.commands import DONE, print_json, say, status_for
from scorer.consoles import errors
from scorer.redis_reading import RedisUnusable, open_redis
from scorer.service import connection_of
from scorer.settings import Settings
from scorer.sinks.resync import Progress as Stage
from scorer.sinks.resync import Resync, Resynced, ResyncFailed
from scorer.stream.broker_errors import BrokerError
from scorer.stream.topics import input_partitions

_REDIS_PATIENCE_SECONDS = 10.0


def run_resync(settings: Settings, timeout: timedelta, *, as_json: bool) -> int:
    """The exit status: 0 if Redis was rebuilt. Says on stdout what was done, on stderr why not."""
    began = time.monotonic()
    done = None
    failure: str | Exception | None = None
    try:
        done = _resync(settings, timeout)
    except (ResyncFailed, BrokerError, RedisUnusable) as error:
        failure = error
    except KeyboardInterrupt:
        failure = "interrupted: what was begun, the workers end by themselves, but what no state holds isn't removed"
    seconds = time.monotonic() - began
    if as_json:
        figures = {"namespace": settings.namespace, "error": failure and str(failure), "seconds": seconds}
        print_json(figures | (asdict(done) if done else {}))
    elif done:
        print(_sentence(done, seconds))
    if failure is None:
        return DONE
    say(str(failure))
    return status_for(failure)


def _resync(settings: Settings, timeout: timedelta) -> Resynced:
    patience = settings.broker_patience.total_seconds()
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
        f"{done.scores} scores stand, written again from the states of {done.partitions} partitions in {seconds:.1f} s"
    )
    removed = {
        "scores": done.removed_scores,
        "places in rankings": done.removed_from_rankings,
        "benchmarks": len(done.removed_benchmarks),
    }
    gone = ", ".join(f"{count} {what}" for what, count in removed.items() if count)
    return f"{said}; removed, for no state holds them: {gone}" if gone else f"{said}; nothing else was there"
