"""A sorted table of records for few of many rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.sparse_rows import SparseRows

RECORD = np.dtype([("row", "<i4"), ("value", "<i8")])
rows = st.lists(st.integers(0, 12), unique=True, max_size=6)


def table() -> SparseRows:
    return SparseRows(np.array((0, -1), RECORD))


@given(st.lists(st.tuples(st.booleans(), rows)))
def test_a_table_is_a_dictionary_by_row(steps: list[tuple[bool, list[int]]]) -> None:
    held, expected = table(), dict[int, int]()
    for number, (drops, some) in enumerate(steps):
        if drops:
            gone = held.drop(np.array(some, np.int64))
            assert sorted(gone["value"].tolist()) == sorted(expected.pop(row) for row in some if row in expected)
        else:
            held.put(np.array([(row, number) for row in some], RECORD))
            expected |= dict.fromkeys(some, number)
        assert held.records.tolist() == sorted(expected.items())
        asked = np.array([12, 0, 5, 7], np.int64)
        assert held.of(asked).tolist() == [(row, expected.get(row, -1)) for row in asked.tolist()]
    assert len(held) == len(expected)
