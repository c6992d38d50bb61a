"""Markdown, as far as the pages need it."""

from collections.abc import Iterable, Sequence


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines) + "\n"


def cell(text: str) -> str:
    """A bar would end it, also within code."""
    return text.replace("|", r"\|").replace("\n", " ")


def code(text: object) -> str:
    return f"`{text}`"


def block(language: str, text: str) -> str:
    return f"```{language}\n{text.strip()}\n```\n"
