"""Where tables and coloured text go: colour only on a terminal that has it, `NO_COLOR` honoured (by rich)."""

from rich.console import Console

_FILE_WIDTH = 160  # in a file or a pipe there is no edge to wrap at


def output() -> Console:
    """Standard output."""
    return _fitting(Console())


def errors() -> Console:
    """Standard error."""
    return _fitting(Console(stderr=True))


def _fitting(console: Console) -> Console:
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    return console
