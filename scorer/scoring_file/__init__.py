"""The scoring file: read as YAML 1.2, validated strictly, made into the core's models (INTERFACES 3)."""

from pathlib import Path

from scorer.core.model import Scoring
from scorer.scoring_file.document import Document, read_document
from scorer.scoring_file.problems import Problem, ScoringFileError
from scorer.scoring_file.resolution import resolve
from scorer.scoring_file.schema import ScoringKeys, json_schema
from scorer.scoring_file.validation import validate

__all__ = ["Problem", "ScoringFileError", "json_schema", "load", "parse", "read_keys", "read_text"]


def load(path: Path | str) -> Scoring:
    """The scoring file at `path`. Raises ScoringFileError with every problem that was found."""
    return parse(read_text(path), str(path))


def parse(text: str, name: str = "scoring.yaml") -> Scoring:
    """The scoring file `text`; `name` stands in messages. Raises ScoringFileError."""
    return read_keys(text, name)[2]


def read_text(path: Path | str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        reason = f"can't be read: {error.strerror}"
    except UnicodeDecodeError as error:
        reason = f"must be UTF-8: byte {error.start} isn't"
    raise ScoringFileError([Problem(str(path), None, "", None, reason)])


def read_keys(text: str, name: str) -> tuple[Document, ScoringKeys, Scoring]:
    """The file at each stage: what stands where, the keys with their defaults, the core's models."""
    document = read_document(text, name)
    keys = validate(document)
    return document, keys, resolve(document, keys)
