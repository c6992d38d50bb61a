"""YAML 1.2 text -> plain values and the line of each key.

Composed node by node, not loaded: what a scoring file may hold is little, and each key's line is wanted for messages.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from scorer.scoring_file.problems import KeyPath, Problem, ScoringFileError, written_path, written_value

_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_PLAIN = tuple(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
)

# Aliases of aliases can make a few lines stand for billions of values.
_MOST_VALUES = 2_000_000

_SURROGATE = re.compile("[\ud800-\udfff]")  # "\\ud800" in quotes: no text that can be stored or printed
_NO_CHARACTER = "holds half of a surrogate pair, which is no character"
_SHOWN_CHARACTERS = 60
_LARGEST_WHOLE = 1 << 64  # far beyond every limit; an int of thousands of digits can't even be printed


@dataclass(frozen=True, slots=True)
class Document:
    """A file's values (dicts, lists, scalars) and the line, from 1, of every path in it."""

    name: str
    data: object
    lines: Mapping[KeyPath, int]

    def line(self, path: KeyPath) -> int | None:
        """The line of `path`, or of the nearest key around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def problem(self, path: KeyPath, message: str, suggestion: str | None = None, *, valued: bool = True) -> Problem:
        value = written_value(self.value(path)) if valued and path and self.holds(path) else None
        return Problem(self.name, self.line(path), written_path(path), value, message, suggestion)

    def value(self, path: KeyPath) -> object:
        here = self.data
        for step in path:
            here = here[step]  # type: ignore[index]
        return here

    def holds(self, path: KeyPath) -> bool:
        return path in self.lines


def read_document(text: str, name: str) -> Document:
    """Raises ScoringFileError: not YAML, not one document, a key twice, a key that isn't text."""
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # YAML allows it
            root = yaml.compose(text)
    except (YAMLError, RecursionError) as error:
        raise ScoringFileError([_syntax_problem(error, text, name)]) from error
    if root is None:
        raise ScoringFileError([Problem(name, None, "", None, "is empty: start with `version: 1`")])
    reader = _Reader(name, yaml)
    data = reader.read(root, ())
    if reader.problems:
        raise ScoringFileError(reader.problems)
    return Document(name, data, reader.lines)


def _syntax_problem(error: Exception, text: str, name: str) -> Problem:
    line = None
    if isinstance(error, RecursionError):
        message = "nested too deeply"
    elif isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        message = f"the character U+{error.character:04X} can't stand in it"
    else:
        message = " ".join(str(error).split())
        if isinstance(error, MarkedYAMLError):
            line = error.problem_mark.line + 1 if error.problem_mark else None
            message = " ".join(part for part in (error.context, error.problem) if part)
    if "undefined alias" in message:
        message += ": a value that starts with * must be quoted"
    if r"'\t'" in message:
        message += ": indent and separate with spaces, not tabs"
    return Problem(name, line, "", None, f"is not YAML: {message}")


@dataclass(slots=True)
class _Reader:
    name: str
    yaml: YAML
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    around: list[Node] = field(default_factory=list)

    def read(self, node: Node, path: KeyPath) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if any(node is outer for outer in self.around):
            self._refuse(node, path, "an alias must not stand inside of what it names")
            return None
        if len(self.lines) > _MOST_VALUES:
            raise ScoringFileError([Problem(self.name, None, "", None, f"has more than {_MOST_VALUES} values")])
        if str(node.tag) not in _PLAIN:
            self._refuse(node, path, f"has the tag {node.tag}, which means nothing here")
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self.around.append(node)
        value: object = None
        if isinstance(node, MappingNode):
            value = self._mapping(node, path)
        elif isinstance(node, SequenceNode):
            value = [self.read(item, (*path, number)) for number, item in enumerate(node.value)]
        self.around.pop()
        return value

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, object]:
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                self._refuse(key_node, path, "YAML 1.2 has no merge key <<: write the keys out")
            elif key_node.tag != _TEXT:
                written = key_node.value if isinstance(key_node, ScalarNode) else "a mapping or list"
                self._refuse(key_node, path, f"the key {written} isn't text: put it in quotes")
            elif _SURROGATE.search(key_node.value):
                self._refuse(key_node, path, f"the key {ascii(key_node.value)[1:-1]} {_NO_CHARACTER}")
            elif key_node.value in found:
                first = self.lines[(*path, key_node.value)]
                self._refuse(key_node, (*path, key_node.value), f"stands twice, first in line {first}")
            else:
                self.lines[(*path, key_node.value)] = line
                found[key_node.value] = self.read(value_node, (*path, key_node.value))
        return found

    def _scalar(self, node: ScalarNode, path: KeyPath) -> object:
        written = ascii(node.value)[1:-1]
        written = written if len(written) <= _SHOWN_CHARACTERS else f"{written[:_SHOWN_CHARACTERS]}..."
        try:
            value: object = self.yaml.constructor.construct_object(node)
        except (YAMLError, ValueError, LookupError):  # LookupError: `!!bool x`
            kind = str(node.tag).rpartition(":")[2]
            self._refuse(
                node, path, f"{written} can't be read as a YAML {kind}: in quotes, and without a tag, it is text"
            )
            return None
        if isinstance(value, int) and abs(value) > _LARGEST_WHOLE:
            self._refuse(node, path, f"{written} is beyond every limit")
            return None
        if isinstance(value, str) and _SURROGATE.search(value):
            self._refuse(node, path, f"{written} {_NO_CHARACTER}")
            return None
        return value

    def _refuse(self, node: Node, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(self.name, node.start_mark.line + 1, written_path(path), None, message))
