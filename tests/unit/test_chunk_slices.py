"""A chunk is decoded and counted in parts, so that nothing holds the event loop for long."""

from itertools import pairwise

import numpy as np
import pytest

from scorer.core.events import Headers
from scorer.stream.owned_partition import SLICE_BYTES, SLICE_RECORDS, slices
from scorer.stream.ports import Chunk


def chunk(values: list[bytes | None], headers: dict[int, Headers] | None = None) -> Chunk:
    offsets = np.arange(len(values), dtype=np.int64) * 2 + 10
    return Chunk(0, 1, 8, 1_000_000, offsets, offsets, values, headers or {})


@pytest.mark.parametrize(
    ("values", "sizes"),
    [
        ([], [0]),
        ([b"x"] * 3, [3]),
        ([None] * SLICE_RECORDS + [b"x"], [SLICE_RECORDS, 1]),
        ([b"x" * (SLICE_BYTES // 4)] * 9, [4, 4, 1]),
        ([b"x", b"x" * SLICE_BYTES, b"x", b"y"], [1, 1, 2]),
        ([b"x" * (2 * SLICE_BYTES)] * 2, [1, 1]),
    ],
)
def test_parts_are_bounded_in_records_and_bytes_and_follow_each_other(
    values: list[bytes | None], sizes: list[int]
) -> None:
    found = list(slices(chunk(values)))
    assert [len(part.values) for part in found] == sizes
    assert [value for part in found for value in part.values] == values
    assert (found[0].from_offset, found[-1].to_offset) == (8, 1_000_000)
    for before, after in pairwise(found):
        assert before.to_offset == after.from_offset == after.offsets[0]


def test_headers_keep_to_their_records() -> None:
    headers: dict[int, Headers] = {at: [("n", b"%d" % at)] for at in (0, 1, 2, 4)}
    values: list[bytes | None] = [b"x" * (SLICE_BYTES // 2)] * 5
    found = list(slices(chunk(values, headers)))
    assert [{at: each[0][1] for at, each in part.headers.items()} for part in found] == [
        {0: b"0", 1: b"1"},
        {0: b"2"},
        {0: b"4"},
    ]
