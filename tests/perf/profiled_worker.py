"""`scorer worker`, looked into: `python -m tests.perf.profiled_worker FILE WAY worker`. SIGTERM ends it and fills FILE.

WAY `calls`: its main thread under cProfile, which makes each call in Python dearer than it is. `samples`: where the
main thread is at every millisecond of the process's CPU time. `watch`: neither. Always: how long the loop is held.
After a SIGUSR1, samples and holds are those since.
"""

import asyncio
import cProfile
import io
import pstats
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from scorer import cli, service
from scorer.core.model import Scoring
from scorer.settings import Settings

_TOP = 40
_SAMPLE_SECONDS = 0.001
_BEAT_SECONDS = 0.002
_LONG_SECONDS = 0.05


class LoopWatch:
    """How long the loop keeps others waiting: CPU seconds of its thread between two beats, and what it did then."""

    def __init__(self, samples: "Samples") -> None:
        self._samples = samples
        self.held: list[tuple[float, str]] = []

    async def run(self) -> None:
        while True:
            before = time.thread_time()
            self._samples.since_beat.clear()
            await asyncio.sleep(_BEAT_SECONDS)
            self.held.append((time.thread_time() - before, self._samples.most_often()))

    def report(self) -> str:
        longest = sorted(self.held, reverse=True)
        many = sum(held > _LONG_SECONDS for held, _ in longest)
        shown = (f"{held * 1000:6.0f} ms  {doing}" for held, doing in longest[:20])
        return "\n".join([f"the event loop was held for more than 50 CPU ms {many} times; the longest:", *shown, ""])


class Samples:
    """Where the main thread is: by function alone, by function with what it calls, and by line."""

    def __init__(self) -> None:
        self.alone: Counter[str] = Counter()
        self.inclusive: Counter[str] = Counter()
        self.lines: Counter[str] = Counter()
        self.since_beat: Counter[str] = Counter()

    def clear(self) -> None:
        for counter in (self.alone, self.inclusive, self.lines):
            counter.clear()

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, _SAMPLE_SECONDS, _SAMPLE_SECONDS)

    def _take(self, _: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self.alone[_name(frame)] += 1
        self.lines[f"{_name(frame)}:{frame.f_lineno}"] += 1
        stack: dict[str, None] = {}
        while frame is not None:
            stack[_name(frame)] = None
            frame = frame.f_back
        self.inclusive.update(stack.keys())
        own = [name.rpartition(" ")[2] for name in stack if name.startswith(("scorer/", "core/"))]
        self.since_beat[" < ".join(own[:5])] += 1

    def most_often(self) -> str:
        """What the samples since the last beat saw, the commonest first."""
        return "; ".join(f"{count}x {name}" for name, count in self.since_beat.most_common(4))

    def report(self) -> str:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        total = self.alone.total()
        parts = [f"{total} samples of about {1000 * _SAMPLE_SECONDS:g} ms"]
        for title, counter in (("alone", self.alone), ("with calls", self.inclusive), ("by line", self.lines)):
            shown = (f"{100 * count / total:6.2f} %  {name}" for name, count in counter.most_common(_TOP))
            parts.extend([f"\n{title}:", *shown])
        return "\n".join(parts) + "\n"


def _name(frame: FrameType) -> str:
    return f"{'/'.join(frame.f_code.co_filename.split('/')[-3:])} {frame.f_code.co_qualname}"


def _calls(profile: cProfile.Profile) -> str:
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(_TOP)
    return text.getvalue()


def main() -> None:
    path, way = Path(sys.argv.pop(1)), sys.argv.pop(1)
    samples, profile = Samples(), cProfile.Profile()
    watch = LoopWatch(samples)
    run_worker = service.run_worker

    def begin_anew(*_: object) -> None:
        watch.held.clear()
        samples.clear()

    signal.signal(signal.SIGUSR1, begin_anew)

    async def watched(settings: Settings, scoring: Scoring) -> None:
        beats = asyncio.create_task(watch.run())
        if way == "samples":
            samples.start()
        await run_worker(settings, scoring)
        beats.cancel()

    service.run_worker = watched
    try:
        if way == "calls":
            profile.runcall(cli.main)
        else:
            cli.main()
    finally:
        report = {"calls": lambda: _calls(profile), "samples": samples.report}.get(way, str)()
        path.write_text(report + watch.report())


if __name__ == "__main__":
    main()
