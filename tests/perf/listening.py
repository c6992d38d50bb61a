"""Somebody who hears every user's score live.

    python -m tests.perf.listening REDIS_PORT NAMESPACE [FILE]

Prints `ready` once subscribed. What comes is only kept, with its time, and read after SIGTERM: so listening takes next
to nothing from what is measured. FILE (.npz) gets columns: `at` (epoch s), `users`, `as_of_ms`, `models`; without one,
what is heard is dropped.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hiredis
import msgspec
import numpy as np

_SETTLE_SECONDS = 10.0
_PATIENCE_SECONDS = 120.0
_ROOT = Path(__file__).parents[2]


class _Message(msgspec.Struct):
    as_of: float
    model: str


@contextmanager
def listening(redis_port: int, namespace: str, file: Path | None = None) -> Iterator[None]:
    """Such a process, as long as this lasts."""
    arguments = [str(redis_port), namespace, *([] if file is None else [str(file)])]
    command = [sys.executable, "-m", "tests.perf.listening", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True) as listener:
        try:
            if listener.stdout is None or listener.stdout.readline() != "ready\n":
                raise RuntimeError("the listener didn't start")
            yield
            listener.terminate()
            if listener.wait(timeout=_PATIENCE_SECONDS):
                raise RuntimeError(f"the listener ended with status {listener.returncode}")
        finally:
            listener.kill()


def record(connection: socket.socket, *, keep: bool) -> list[tuple[float, bytes]]:
    """What is heard until SIGTERM, as it comes in."""
    heard: list[tuple[float, bytes]] = []
    ending = False

    def end(*_: object) -> None:
        nonlocal ending
        ending = True

    signal.signal(signal.SIGTERM, end)
    connection.settimeout(0.2)
    while not ending:
        try:
            part = connection.recv(1 << 20)
        except TimeoutError:
            continue
        if not part:
            raise RuntimeError("Redis ended the subscription")
        if keep:
            heard.append((time.time(), part))
    return heard


def write(file: Path, heard: list[tuple[float, bytes]]) -> None:
    """The messages as columns; one was heard when the last of its bytes was."""
    read = msgspec.json.Decoder(_Message).decode
    reader = hiredis.Reader()
    at: list[float] = []
    users: list[int] = []
    as_of_ms: list[int] = []
    models: list[str] = []
    for moment, part in heard:
        reader.feed(part)
        while (message := reader.gets()) is not False:
            _, _, channel, payload = message
            document = read(payload)
            at.append(moment)
            users.append(int(channel.rpartition(b"user-")[2]))
            as_of_ms.append(round(document.as_of * 1000))
            models.append(document.model)
    np.savez(file, at=np.array(at), users=np.array(users), as_of_ms=np.array(as_of_ms), models=np.array(models))


def main() -> None:
    port, namespace, *file = sys.argv[1:]
    with socket.create_connection(("127.0.0.1", int(port))) as connection:
        connection.settimeout(_SETTLE_SECONDS)
        connection.sendall(f"PSUBSCRIBE {namespace}:live:user:*\r\n".encode())
        if not connection.recv(1 << 10).endswith(b":1\r\n"):
            raise RuntimeError("Redis doesn't confirm the subscription")
        print("ready", flush=True)
        heard = record(connection, keep=bool(file))
    if file:
        write(Path(file[0]), heard)


if __name__ == "__main__":
    main()
