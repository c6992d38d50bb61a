"""`scorer worker` that finds a journal of some KB worth a snapshot, and cuts it into small parts.

`python -m tests.snapshotting_worker worker`
"""

from functools import partial
from typing import Any
from unittest.mock import patch

from scorer import cli
from scorer.core.journal.owner import Owner

if __name__ == "__main__":
    owner = partial(Owner, snapshot_floor_bytes=8_000, parts_a_flush=1)
    parts: dict[str, Any] = {"PART_BYTES": 5_000, "_CELLS": 300, "_HASHES": 600, "_STANDINGS": 100}
    with patch("scorer.stream.owned_partition.Owner", owner), patch.multiple("scorer.core.snapshot", **parts):
        cli.main()
