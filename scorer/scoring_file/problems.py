"""What is wrong with a scoring file, and where: for a person who will mend it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[\w-]+")
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning. `line` counts from 1; None, like `path` empty, where the whole file is meant."""

    file: str
    line: int | None
    path: str
    value: str | None
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        what = self.path if self.value is None else f"{self.path}: {self.value}"
        meant = f" (did you mean {self.suggestion}?)" if self.suggestion else ""
        return ": ".join(part for part in (place, what, self.message) if part) + meant


class ScoringFileError(ValueError):
    """A scoring file that can't be used; `problems` stand in the order of their lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(map(str, self.problems)))


def written_path(path: KeyPath) -> str:
    """The way to a key as people write it: `models.engagement.kinds[0]`, odd keys in quotes."""
    written = ""
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
        else:
            key = step if _PLAIN_KEY.fullmatch(step) else json.dumps(step, ensure_ascii=False)
            written += f".{key}" if written else key
    return written


def written_value(value: object) -> str:
    """A value of the file as it might stand there, cut to one line's length."""
    if isinstance(value, dict):
        return "{...}" if value else "{}"
    if isinstance(value, list):
        return "[...]" if value else "[]"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
