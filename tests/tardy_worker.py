"""`scorer worker` that takes a few records at a time, slowly, and publishes as often while it is behind as ever: what
is in between is scored.

`python -m tests.tardy_worker worker`
"""

import time
from typing import Any
from unittest.mock import patch

from scorer import cli
from scorer.stream.fetching import Fetching
from scorer.stream.owned_partition import OwnedPartition

_begin, _count = Fetching.__init__, OwnedPartition._count


def _begin_small(fetching: Fetching, topic: str, chunk_records: int, **more: Any) -> None:
    _begin(fetching, topic, 4, **more)


def _count_slowly(owned: OwnedPartition, state: Any, part: Any) -> None:
    _count(owned, state, part)
    time.sleep(0.03)


if __name__ == "__main__":
    with (
        patch("scorer.stream.owned_partition.PATIENT_SECONDS", 0.1),
        patch.object(Fetching, "__init__", _begin_small),
        patch.object(OwnedPartition, "_count", _count_slowly),
    ):
        cli.main()
