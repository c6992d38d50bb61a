"""A demo as a process of its own, as a user runs it, and the stream of its page."""

import json
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import commands
from tests.worker_process import PATIENCE_SECONDS, wait_until


@dataclass
class Demo:
    """A running demo; what it prints goes to files."""

    process: "subprocess.Popen[bytes]"
    folder: Path

    @property
    def printed(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def said(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def scratch(self) -> Path:
        """Where temporary files go."""
        return self.folder / "tmp"

    def found(self, pattern: str) -> str:
        """The first group of the first match in what was printed, waited for."""

        def there() -> bool:
            assert self.process.poll() is None, f"{self.printed}\n{self.said}"
            return re.search(pattern, self.printed) is not None

        wait_until(there, lambda: f"{pattern} in:\n{self.printed}\n{self.said}")
        match = re.search(pattern, self.printed)
        assert match is not None
        return match[1]

    @property
    def page(self) -> str:
        """The address of the page."""
        return self.found(r"page: (http://127\.0\.0\.1:\d+)\n")

    @property
    def redis_port(self) -> int:
        return int(self.found(r"redis-cli -p (\d+)"))

    @property
    def brokers(self) -> str:
        return self.found(r"--brokers (\S+)")

    def frames(self) -> Iterator[dict[str, Any]]:
        """What the page is told, to the end of the demo."""
        with urllib.request.urlopen(f"{self.page}/live", timeout=PATIENCE_SECONDS) as stream:
            for line in stream:
                if line.startswith(b"data:"):
                    yield json.loads(line.removeprefix(b"data:"))

    def until_stage(self, stage: str) -> dict[str, Any]:
        """Returns the first frame of a stage."""
        return next(frame for frame in self.frames() if frame["stage"] == stage)

    def interrupt(self, number: signal.Signals = signal.SIGINT, seconds: float = 60.0) -> int:
        """Ctrl-C or its like, and the exit status."""
        self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # the fault handler says where it hangs
            self.process.wait(seconds)
            raise AssertionError(f"it runs on after {seconds:g} s:\n{self.printed}\n{self.said}") from None


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[Demo]:
    (folder / "tmp").mkdir()
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        env = commands.environment({"TMPDIR": str(folder / "tmp"), "PYTHONFAULTHANDLER": "1"})
        command = commands.command("demo", *arguments)
        with subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=err) as process:
            try:
                yield Demo(process, folder)
            finally:
                process.kill()
