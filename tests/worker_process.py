"""A worker as a process of its own, as a user runs it: started, asked, stopped, killed, suspended."""

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from scorer.embedded.child import Child, free_port

ROOT = Path(__file__).resolve().parents[1]
_PROBE_SECONDS = 0.05
PATIENCE_SECONDS = 90.0

Sample = tuple[str, tuple[tuple[str, str], ...]]
"""A metric sample's name and its sorted labels."""


class TookTooLong(AssertionError):
    """What was waited for didn't come to be."""


def wait_until(ready: Callable[[], bool], what: Callable[[], str] | str, seconds: float = PATIENCE_SECONDS) -> None:
    """Returns as soon as `ready`; raises TookTooLong with `what`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            said = what if isinstance(what, str) else what()
            raise TookTooLong(f"not within {seconds:g} s: {said}")
        time.sleep(_PROBE_SECONDS)


class _Process(Child):
    """A child whose exit status can be asked for."""

    @property
    def status(self) -> int | None:
        return self._process.poll()


class WorkerProcess:
    """`scorer worker` with settings as in the environment. Its output is kept after its end (`said`).

    `module` runs it: `scorer`, or one of the tests' that changes it.
    """

    def __init__(self, settings: Mapping[str, str], module: str = "scorer") -> None:
        self.port = free_port()
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SCORER_")},
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "SCORER_HTTP": f"127.0.0.1:{self.port}",
            "SCORER_LOG_FORMAT": "json",
            **settings,
        }
        self.started_at = time.monotonic()
        self._child = _Process([sys.executable, "-m", module, "worker"], env=env)
        self._said = ""

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.running

    def said(self) -> str:
        """All that it printed."""
        self._said = self._child.output(4_000_000) or self._said
        return self._said

    def signal(self, number: signal.Signals) -> None:
        if self.running:
            os.kill(self.pid, number)

    def suspend(self) -> None:
        """SIGSTOP: to the group it is silent, and it doesn't know."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        self.ended()

    def terminate(self, seconds: float = PATIENCE_SECONDS) -> int:
        """SIGTERM, and its exit status."""
        self.signal(signal.SIGTERM)
        return self.ended(seconds)

    def ended(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Waits for its end; the exit status (negative: the signal that ended it)."""
        wait_until(lambda: not self.running, lambda: f"the worker's end. It says:\n{self.said()[-4000:]}", seconds)
        self.said()
        status = self._child.status
        assert status is not None
        self._child.kill()  # closes its output
        return status

    # ---- what it serves

    def get(self, path: str, accept: str = "") -> tuple[int, str]:
        """Status and body of /healthz, /readyz or /metrics; (0, "") while nothing listens."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def reasons(self) -> list[str]:
        """Why it isn't ready."""
        status, body = self.get("/readyz")
        return [] if status == 200 else json.loads(body or '{"reasons": ["nothing listens"]}')["reasons"]

    def metrics(self, *, openmetrics: bool = False) -> dict[Sample, float]:
        """Values by Prometheus's own parsers: of the text that it asked for long, or asks for now."""
        status, text = self.get("/metrics", "application/openmetrics-text;version=1.0.0" if openmetrics else "")
        assert status == 200, status
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in (parse_openmetrics if openmetrics else parse_text)(text)
            for sample in family.samples
        }

    def until_ready(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Returns once /readyz says so; raises TookTooLong, also if it ends before."""

        def ready() -> bool:
            if not self.running:
                raise TookTooLong(f"the worker ended:\n{self.said()[-4000:]}")
            return self.get("/readyz")[0] == 200

        wait_until(ready, lambda: f"{self.reasons()}. It says:\n{self.said()[-4000:]}", seconds)
