"""The documents as a reader takes them: blocks of code, code within sentences, links, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[1]

IN_ORDER = ("README.md", "docs/how-it-works.md", "docs/scoring-file.md", "docs/settings.md", "docs/operations.md")
"""Documents whose commands are run, each in the place that those before it have made."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: `language` is all that stands behind the fence. `line` counts from 1."""

    document: str
    line: int
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A line that a reader types, and what it shows; None where the document doesn't say."""

    place: str
    text: str
    shows: str | None


class Document:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.text = path.read_text(encoding="utf-8")

    @cached_property
    def _tokens(self) -> list[Token]:
        return MarkdownIt("commonmark").enable("table").parse(self.text)

    @property
    def _inline(self) -> Iterator[Token]:
        for token in self._tokens:
            yield from token.children or ()

    def blocks(self, *languages: str) -> list[Block]:
        """In their order; of any language where none is named."""
        fences = [token for token in self._tokens if token.type == "fence"]
        found = [Block(self.name, (f.map or [0])[0] + 1, f.info.strip(), f.content) for f in fences]
        return [each for each in found if not languages or each.language in languages]

    def code(self) -> list[str]:
        """Code within sentences and cells."""
        return [token.content for token in self._inline if token.type == "code_inline"]

    def links(self) -> list[str]:
        """Where links and pictures point."""
        found = [token.attrGet("href") or token.attrGet("src") for token in self._inline]
        return [str(target) for target in found if target is not None]

    def anchors(self) -> set[str]:
        """Of the headings, as GitHub makes them."""
        headings = [self._tokens[at + 1] for at, token in enumerate(self._tokens) if token.type == "heading_open"]
        plain = ("".join(child.content for child in heading.children or ()) for heading in headings)
        return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in plain}

    def commands(self) -> list[Command]:
        """Of `sh` blocks every line, of `console` blocks those behind a `$`, with what follows them."""
        found = []
        for block in self.blocks("sh", "console"):
            place = f"{block.document}:{block.line}"
            if block.language == "sh":
                found += [Command(place, line, None) for line in _whole_lines(block.text)]
                continue
            for shown in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                typed, _, output = shown.partition("\n")
                found.append(Command(place, typed, output))
        return found


def _whole_lines(text: str) -> list[str]:
    """Lines without comments; one that ends in a backslash goes on."""
    joined = text.replace("\\\n", " ").splitlines()
    return [line for line in (re.sub(r"(^|\s+)#.*", "", each).strip() for each in joined) if line]


def documents() -> list[Document]:
    """All that a reader of the repository may open, but the plans."""
    paths = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]
    return [Document(path) for path in sorted(paths)]
