"""What `scorer resync` shows while it runs and in the end; the work itself is in `sinks.resync`."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta

from redis import Redis
from redis.exceptions import RedisError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scorer.consoles import errors
from scorer.service import connection_of
from scorer.setting_values import shown_redis_url
from scorer.settings import Settings
from scorer.sinks.resync import Progress as Stage
from scorer.sinks.resync import Resync, Resynced, ResyncFailed
from scorer.stream.broker_errors import BrokerError
from scorer.stream.topics import input_partitions

_REDIS_PATIENCE_SECONDS = 10.0


def run_resync(settings: Settings, timeout: timedelta, *, as_json: bool) -> bool:
    """True if Redis was rebuilt. Says on stdout what was done, on stderr why not."""
    began = time.monotonic()
    done, failure = None, None
    try:
        done = _resync(settings, timeout)
    except (ResyncFailed, BrokerError) as error:
        failure = str(error)
    except (RedisError, OSError) as error:
        failure = f"SCORER_REDIS_URL={shown_redis_url(settings.redis_url.get_secret_value())}: {error}"
    except KeyboardInterrupt:
        failure = "interrupted: what was begun, the workers end by themselves, but what no state holds isn't removed"
    seconds = time.monotonic() - began
    if as_json:
        figures = {"namespace": settings.namespace, "error": failure, "seconds": seconds}
        print(json.dumps(figures | (asdict(done) if done else {}), ensure_ascii=False, indent=2))
    elif done:
        print(_sentence(done, seconds))
    if failure is not None:
        print(f"scorer: {failure}", file=sys.stderr)
    return failure is None


def _resync(settings: Settings, timeout: timedelta) -> Resynced:
    patience = settings.broker_patience.total_seconds()
    partitions = asyncio.run(input_partitions(connection_of(settings), settings.input_topic, patience=patience))
    url = settings.redis_url.get_secret_value()
    with (
        Redis.from_url(
            url, socket_timeout=_REDIS_PATIENCE_SECONDS, socket_connect_timeout=_REDIS_PATIENCE_SECONDS, protocol=2
        ) as redis,
        _shown() as show,
    ):
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
