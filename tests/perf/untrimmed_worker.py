"""`scorer worker` that believes that its broker can't trim: it makes no snapshots, so its journal stays whole.

`python -m tests.perf.untrimmed_worker worker`
"""

from unittest.mock import patch

from scorer import cli


async def _cannot_trim(_: object) -> bool:
    return False


if __name__ == "__main__":
    with patch("scorer.stream.journal_log._deletes_records", _cannot_trim):
        cli.main()
