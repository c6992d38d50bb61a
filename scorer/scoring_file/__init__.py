"""The scoring file: read as YAML 1.2, validated strictly, made into the core's models (INTERFACES 3)."""

from pathlib import Path

from scorer.core.model import Scoring
from scorer.scoring_file.document import Document, read_document
from scorer.scoring_file.problems import Problem, ScoringFileError
from scorer.scoring_file.resolution import resolve
from scorer.scoring_file.schema import ScoringKeys, json_schema
from scorer.scoring_file.validation import validate

MOST_BYTES = 4 << 20
"""Of a scoring file. What is no such file, a device perhaps, mustn't fill the memory."""

__all__ = ["MOST_BYTES", "Problem", "ScoringFileError", "json_schema", "load", "parse", "read_keys", "read_text"]


def load(path: Path | str) -> Scoring:
    """The scoring file at `path`. Raises ScoringFileError with every problem that was found."""
    return parse(read_text(path), str(path))


def parse(text: str, name: str = "scoring.yaml") -> Scoring:
    """The scoring file `text`; `name` stands in messages. Raises ScoringFileError."""
    return read_keys(text, name)[2]


def read_text(path: Path | str) -> str:
    """Raises ScoringFileError: no such file, not UTF-8, too large."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) <= MOST_BYTES:
            return content.decode()
        reason = f"is too large: a scoring file has at most {MOST_BYTES >> 20} MiB"
    except OSError as error:
        reason = f"can't be read: {error.strerror}"
    except UnicodeDecodeError as error:
        reason = f"must be UTF-8: byte {error.start} isn't"
    except ValueError as error:  # a path with a NUL
        reason = f"can't be read: {error}"
    raise ScoringFileError([Problem(str(path), None, "", None, reason)])


def read_keys(text: str, name: str) -> tuple[Document, ScoringKeys, Scoring]:
    """The file at each stage: what stands where, the keys with their defaults, the core's models."""
    document = read_document(text, name)
    keys = validate(document)
    return document, keys, resolve(document, keys)
