"""How far a file was replayed, kept beside it until that is done: what `--resume` goes on from.

A file is known again by its content before the position, not by its name: another file of the same name is no reason to
leave out its beginning.
"""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scorer.replaying.lines import Position

_SUFFIX = ".replay-progress"
_VERSION = 1
_PROBE_BYTES = 65_536


class Target(msgspec.Struct, frozen=True):
    """Where a file goes, and how it is read: progress counts only for the same."""

    brokers: str
    topic: str
    format: str
    columns: dict[str, str]


class _Saved(msgspec.Struct, frozen=True):
    version: int
    target: Target
    bytes: int
    line: int
    sent: int
    skipped: int
    content: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What was acknowledged: everything before `end`."""

    end: Position
    sent: int
    skipped: int


class Unusable(Exception):
    """There is progress, but not of this replay; the message says why."""


class Changed(Unusable):
    """It is of another content: another file of that name, or what was replayed before is no longer the same."""


class ProgressFile:
    """Of a regular file that is open as `descriptor`."""

    def __init__(self, file: str, descriptor: int, target: Target) -> None:
        self.path = Path(file + _SUFFIX)
        self._descriptor = descriptor
        self._target = target

    def load(self) -> Progress | None:
        """None if there is none. Raises Unusable, Changed, OSError."""
        try:
            saved = msgspec.json.decode(self.path.read_bytes(), type=_Saved)
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, ValueError) as error:
            raise Unusable(f"{self.path} isn't what `scorer replay` wrote ({error}): remove it") from error
        if saved.version != _VERSION:
            raise Unusable(f"{self.path} was written by another version: remove it to begin again")
        if saved.content != self._content(saved.bytes):
            raise Changed(f"{self.path} is of another content, up to its line {saved.line}")
        if saved.target != self._target:
            raise Unusable(f"{self.path} is of a replay {_told(saved.target)}, this one is {_told(self._target)}")
        return Progress(Position(saved.bytes, saved.line), saved.sent, saved.skipped)

    def save(self, progress: Progress) -> None:
        """In one step: it is the old or the new one, whenever the process ends. Raises OSError."""
        end = progress.end
        saved = _Saved(
            _VERSION, self._target, end.bytes, end.line, progress.sent, progress.skipped, self._content(end.bytes)
        )
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            beside.write_bytes(msgspec.json.encode(saved))
            beside.replace(self.path)
        except OSError:
            with suppress(OSError):
                beside.unlink()
            raise

    def remove(self) -> None:
        """It is done, or begins again. Raises OSError."""
        self.path.unlink(missing_ok=True)

    def _content(self, end: int) -> str:
        """A hash of the file's beginning and of what stands right before `end`."""
        hashed = hashlib.blake2b(digest_size=16)
        hashed.update(os.pread(self._descriptor, min(end, _PROBE_BYTES), 0))
        hashed.update(os.pread(self._descriptor, min(end, _PROBE_BYTES), max(0, end - _PROBE_BYTES)))
        return hashed.hexdigest()


def _told(target: Target) -> str:
    columns = "".join(f" with --column {field}={name}" for field, name in target.columns.items())
    return f"into {target.topic} at {target.brokers} as {target.format}{columns}"
