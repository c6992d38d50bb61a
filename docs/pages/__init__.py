"""The pages that are made from the code, so that they can't say anything else: `make docs` writes them.

What is written by hand in them is here, beside the code that makes the rest: change it here, not in the pages.
"""

import json
from collections.abc import Callable
from pathlib import Path

from docs.pages.scoring_file import scoring_file_page
from docs.pages.settings import settings_page
from scorer.scoring_file import json_schema

FOLDER = Path(__file__).parents[1]


def _schema() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "scoring-file.md": scoring_file_page,
    "scoring.schema.json": _schema,
}
"""By their names in docs/."""
