"""A server as a child process that can't outlive us.

Rule 1: the kernel kills the child when the thread that started it ends (`PR_SET_PDEATHSIG`; Linux only, elsewhere
only a clean stop ends it). So start servers from the main thread.
Rule 2: its output goes to an unlinked file: it never blocks on a full pipe and leaves nothing behind.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from typing import IO

# becomes the server. Not a `preexec_fn`: that runs Python between fork and exec, unsafe once there are threads
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):  # it died before the call above
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""
_PROBE_SECONDS = 0.02
_PORTS = range(12_000, 32_000)
_TRIES = 100


class ServerDidNotStart(RuntimeError):
    """A server ended, or wasn't ready in time; the message holds the end of its output."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago. Somebody else may take it: start again then.

    Not one of those that the system gives to outgoing connections, which come and go all the time.
    """
    for _ in range(_TRIES):
        port = secrets.choice(_PORTS)
        with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerDidNotStart(f"none of {_TRIES} ports of 127.0.0.1 between {_PORTS[0]} and {_PORTS[-1]} is free")


def _dying_with_parent(program: str, arguments: Sequence[str]) -> list[str]:
    if sys.platform != "linux":
        return [program, *arguments]
    return [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), program, *arguments]


class Child:
    """One run of a server program, started at once; `stop` is idempotent."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        self._name = os.path.basename(command[0])
        program = shutil.which(command[0])
        if program is None:
            raise ServerDidNotStart(f"{command[0]} can't be started: there is no such program")
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open while the child runs
        self._process = subprocess.Popen(
            _dying_with_parent(program, command[1:]),
            cwd="/",  # a `.env` or a dump in our directory is none of its business
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to handle: we stop it in order
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def output(self, last_bytes: int = 4000) -> str:
        """The end of what it has printed; empty after `stop`."""
        if self._output.closed:
            return ""
        descriptor = self._output.fileno()
        size = os.fstat(descriptor).st_size
        # pread: the child shares the file offset, a seek here would make it overwrite its output
        return os.pread(descriptor, last_bytes, max(0, size - last_bytes)).decode(errors="replace")

    def wait_until(self, ready: Callable[[], bool], patience_seconds: float) -> None:
        """Returns when `ready` says so; raises `ServerDidNotStart`, the child being stopped, if it doesn't in time."""
        deadline = time.monotonic() + patience_seconds
        while not ready():
            if not self.running:
                self._fail(f"{self._name} ended with status {self._process.returncode}")
            if time.monotonic() > deadline:
                self._fail(f"{self._name} was not ready within {patience_seconds:g} s")
            time.sleep(_PROBE_SECONDS)

    def _fail(self, what: str) -> None:
        output = self.output()
        self.kill()
        raise ServerDidNotStart(f"{what}. Its output ends with:\n{output}")

    def stop(self, patience_seconds: float = 5.0) -> None:
        """SIGTERM, then SIGKILL after `patience_seconds`."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(patience_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._reap()

    def kill(self) -> None:
        """SIGKILL at once."""
        if self.running:
            self._process.kill()
        self._reap()

    def _reap(self) -> None:
        self._process.wait()
        self._output.close()
