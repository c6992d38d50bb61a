"""`scorer worker`, its event loop watched, its main thread under cProfile if FILE is a .prof:
`python -m tests.perf.profiled_worker FILE worker`. On SIGTERM it leaves the profile in FILE, the stalls in FILE's .json.
"""

import asyncio
import cProfile
import json
import sys
import time
from pathlib import Path

from scorer import cli, service
from scorer.core.model import Scoring
from scorer.settings import Settings

_BEAT_SECONDS = 0.002
_LONG_SECONDS = 0.05


class LoopWatch:
    """How long the loop keeps others waiting: CPU seconds of its thread between two beats, with their moments."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.long: list[tuple[float, float]] = []

    async def run(self) -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(_BEAT_SECONDS)
            spent = time.thread_time() - before
            self.longest = max(self.longest, spent)
            if spent > _LONG_SECONDS:
                self.long.append((round(time.perf_counter(), 2), round(spent, 4)))


def main() -> None:
    path = Path(sys.argv.pop(1))
    watch = LoopWatch()
    run_worker = service.run_worker

    async def watched(settings: Settings, scoring: Scoring) -> None:
        beats = asyncio.create_task(watch.run())
        await run_worker(settings, scoring)
        beats.cancel()

    service.run_worker = watched
    profile = cProfile.Profile(time.thread_time) if path.suffix == ".prof" else None
    try:
        if profile is not None:
            profile.runcall(cli.main)
        else:
            cli.main()
    finally:
        if profile is not None:
            profile.dump_stats(path)
        path.with_suffix(".json").write_text(json.dumps({"longest": watch.longest, "long": watch.long}))


if __name__ == "__main__":
    main()
