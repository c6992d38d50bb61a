"""Columns survive their bytes."""

import msgpack
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.columns import Counted, joined, pack_counted, pack_standing, unpack_counted, unpack_standing
from scorer.core.draft import EVENT_BYTES, pack_accounts, pack_users, unpack_accounts, unpack_users
from scorer.core.events import MICRO
from scorer.core.standing import Standing, StandingChange

events = st.lists(
    st.tuples(
        st.integers(0, 2**25 - 1),
        st.integers(0, 2**26 - 1),
        st.integers(0, 4095),
        st.just(MICRO) | st.integers(0, 10**15),
        st.just(0) | st.integers(0, 2**64 - 1),
        st.integers(0, 253_402_300_799_999),
    ),
    min_size=1,
    max_size=20,
)


def columns(rows: list[tuple[int, ...]]) -> Counted:
    row, bucket, code, value, hashed, ts_ms = zip(*rows, strict=True)
    rows_, buckets, types, values = (np.array(column, np.int64) for column in (row, bucket, code, value))
    return Counted(rows_, buckets, types, values, np.array(hashed, np.uint64), np.array(ts_ms, np.int64))


@given(events)
def test_events_survive_their_bytes(rows: list[tuple[int, ...]]) -> None:
    events = columns(rows)
    packed = msgpack.packb(pack_counted(events))
    again = unpack_counted(msgpack.unpackb(packed))
    assert [c.tolist() for c in again.columns()] == [c.tolist() for c in events.columns()]
    assert [c.dtype for c in again.columns()] == [c.dtype for c in events.columns()]
    assert len(packed) <= EVENT_BYTES * len(events) + 120


def test_what_is_alike_takes_no_room() -> None:
    alike = columns([(7, 20_000, 3, MICRO, 0, 1_795_355_044_000)] * 10_000)
    assert len(msgpack.packb(pack_counted(alike))) < 4 * 10_000 + 100


def test_unpacked_events_can_be_added_to() -> None:
    again = unpack_counted(
        msgpack.unpackb(msgpack.packb(pack_counted(columns([(1, 2, 3, 4, 5, 6), (7, 8, 9, 1, 2, 3)]))))
    )
    assert joined([again, again]).rows.tolist() == [1, 7, 1, 7]
    assert joined([again]) is again


def test_standings_survive_their_bytes() -> None:
    rows = np.array([0, 9, 2**25 - 1], np.int32)
    change = StandingChange(
        3,
        rows,
        np.array([84.439, np.nan, 1.0]),
        np.array([112.0, 0.1 + 0.2, 0.0]),
        np.array([0, 17, 2**32 - 1]),
        np.array([-1, 2, 100], np.int8),
        np.array([-1, 100, 0], np.int8),
        np.array([0, 1, 3], np.int8),
    )
    packed = msgpack.packb(pack_standing(change))
    again = unpack_standing(msgpack.unpackb(packed))
    assert again.model == 3
    assert again.rows.tolist() == rows.tolist()
    for name in Standing.COLUMNS:
        assert getattr(again, name).tobytes() == getattr(change, name).tobytes()
    assert len(packed) <= StandingChange.ROW_BYTES * len(rows) + 64


def test_entities_survive_their_bytes() -> None:
    accounts = [(0, "acme"), (2**25, "ж" * 256)]
    users = [(1, 0, "u/1"), (5, -1, "😀" * 128)]
    assert unpack_accounts(msgpack.unpackb(msgpack.packb(pack_accounts(accounts)))) == accounts
    assert unpack_users(msgpack.unpackb(msgpack.packb(pack_users(users)))) == users
