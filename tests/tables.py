"""What rich's tables hold, read back from their text."""

import re

_RULE = re.compile(r"[─\s]*")


def plain_rows(text: str) -> dict[str, list[str]]:
    """Cells by the first one; columns are two blanks or more apart. Of equal first cells the last counts."""
    lines = (line.strip() for line in text.splitlines() if not _RULE.fullmatch(line))
    rows = [re.split(r" {2,}", line) for line in lines]
    return {row[0]: row for row in rows}
