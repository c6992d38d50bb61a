"""What was folded becomes entries, each complete in itself and under 900 KB."""

import numpy as np
import pytest

from scorer.core.cells import MAX_TYPES
from scorer.core.columns import Counted
from scorer.core.days import ClosedDays
from scorer.core.draft import Cut, Draft, Judged, Newcomers, Piece, TraitNews, pieces
from scorer.core.events import MAX_ID_BYTES, MAX_TRAITS, MAX_VALUE, MICRO, TraitChanges
from scorer.core.footing import Basis, Footing
from scorer.core.journal.records import MAX_ENTRY_BYTES, Entry, encode
from scorer.core.model import Kind, Model
from scorer.core.standing import StandingChange

MODEL = Model("m", (Kind.USER,), 30, {})
LONGEST = "😀" * (MAX_ID_BYTES // 4 - 2)
"""With a number of 8 digits it is as long as an id may be."""


def wide_events(n: int) -> Counted:
    """Events whose columns need all the bytes that they can."""
    spread = np.arange(n, dtype=np.int64)
    return Counted(
        rows=spread,
        buckets=spread * 60_000_000 // max(1, n - 1),
        types=spread % MAX_TYPES,
        values=spread * MAX_VALUE * MICRO // max(1, n - 1),
        hashes=np.arange(1, n + 1, dtype=np.uint64) << np.uint64(40),
        ts_ms=spread * 253_402_300_799_999 // max(1, n - 1),
    )


def narrow_events(n: int) -> Counted:
    zero = np.zeros(n, np.int64)
    return Counted(np.arange(n), zero, zero, zero + MICRO, np.zeros(n, np.uint64), zero)


def judged(n: int) -> Judged:
    filled = np.ones(n)
    codes = np.ones(n, np.int8)
    change = StandingChange(
        0, np.arange(n, dtype=np.int32), filled, filled, filled.astype(np.int64), codes, codes, codes
    )
    ground = Footing([Basis(1.0)]).under(np.zeros(n, np.int64))
    return Judged(change, MODEL, Kind.USER, ground, 0.0, np.full(n, np.nan))


def newcomers(n: int) -> Newcomers:
    """A new account and a new user with each of n events, with the longest ids."""
    new = Newcomers()
    for at in range(n):
        new.enter_account(at, 2 * at, f"{LONGEST}{at:08d}")
        new.enter_user(at, 2 * at + 1, 2 * at, f"{LONGEST}{at:08d}")
    return new


def entry_bytes(cuts: list[Cut]) -> list[int]:
    return [len(encode(Entry(1_795_355_044_123, 999_999_999, cut.body))) for cut in cuts]


def cut_up(to: int, events: Counted, new: Newcomers, offsets: list[int] | None = None) -> list[Piece]:
    at = np.arange(len(events))
    return list(pieces(to, events, at, at if offsets is None else np.array(offsets), new, TraitNews()))


def test_a_chunk_of_strangers_with_the_longest_ids_fits() -> None:
    assert len(f"{LONGEST}{0:08d}".encode()) == MAX_ID_BYTES
    draft = Draft()
    for piece in cut_up(5_000, wide_events(5_000), newcomers(5_000)):
        draft.add_piece(piece)
    cuts = draft.cuts(0)
    assert max(entry_bytes(cuts)) < MAX_ENTRY_BYTES
    assert sum(len(piece.users) for cut in cuts for piece in cut.pieces) == 5_000
    assert sum(len(piece.accounts) for cut in cuts for piece in cut.pieces) == 5_000
    assert sum(entry_bytes(cuts)) > 5_000 * 2 * MAX_ID_BYTES


def test_a_full_rescore_fits() -> None:
    draft = Draft()
    for _ in range(200_000 // 8_192 + 1):
        draft.add_judged(judged(8_192))
    cuts = draft.cuts(77)
    assert max(entry_bytes(cuts)) < MAX_ENTRY_BYTES
    assert [cut.moved for cut in cuts] == [False] * len(cuts)
    assert {cut.position for cut in cuts} == {77}
    assert sum(len(item.change) for cut in cuts for item in cut.judged) >= 200_000


def test_days_that_close_stand_between_the_standings_before_and_after() -> None:
    draft = Draft()
    days = [ClosedDays(day, day, 8, 400) for day in range(4)]
    for item in (judged(4), days[0], judged(1), judged(2), days[1], days[2], judged(3), days[3]):
        if isinstance(item, ClosedDays):
            draft.add_closed(item)
        else:
            draft.add_judged(item)
    cuts = draft.cuts(0)
    assert [cut.body.get("cl") for cut in cuts] == [None, *([day, day, 8, 400] for day in range(4))]
    assert [[len(item.change) for item in cut.judged] for cut in cuts] == [[4], [1, 2], [], [3], []]


def test_one_huge_chunk_of_the_widest_events_fits() -> None:
    draft = Draft()
    for piece in cut_up(200_000, wide_events(200_000), Newcomers()):
        draft.add_piece(piece)
    cuts = draft.cuts(0)
    assert len(cuts) > 5
    assert max(entry_bytes(cuts)) < MAX_ENTRY_BYTES


def test_many_chunks_and_all_types_and_a_rescore_fit_together() -> None:
    draft = Draft(types=[f"{LONGEST}{at:08d}" for at in range(MAX_TYPES)])
    for at in range(1, 40):
        for piece in cut_up(at * 5_000, wide_events(5_000), newcomers(20)):
            draft.add_piece(piece)
    for _ in range(30):
        draft.add_judged(judged(8_192))
    cuts = draft.cuts(0)
    assert max(entry_bytes(cuts)) < MAX_ENTRY_BYTES
    kept = [name for cut in cuts for name in cut.body.get("ty", [])]
    assert kept == draft.types


def test_entries_are_in_the_order_of_the_fold() -> None:
    draft = Draft(types=["a", "b"])
    draft.add_judged(judged(3))
    draft.add_piece(Piece(9, narrow_events(2)))
    (cut,) = draft.cuts(4)
    assert list(cut.body) == ["ty", "t", "ev", "st"]
    assert (cut.position, cut.moved, cut.body["t"]) == (9, True, 9)


def test_nothing_is_an_entry_without_a_body() -> None:
    (cut,) = Draft().cuts(4)
    assert (cut.position, cut.moved, cut.body) == (4, False, {})


def test_a_chunk_without_an_event_that_counts_still_moves_the_position() -> None:
    draft = Draft()
    draft.add_piece(Piece(9))
    (cut,) = draft.cuts(4)
    assert cut.body == {"t": 9}


def test_a_piece_ends_where_the_next_event_stands() -> None:
    offsets = [3 * at + 5 for at in range(5_000)]
    found = cut_up(20_000, wide_events(5_000), newcomers(5_000), offsets)
    assert len(found) > 5
    first = 0
    for piece in found:
        assert piece.events is not None
        following = first + len(piece.events)
        assert piece.to == (offsets[following] if following < 5_000 else 20_000)
        assert [row for row, _, _ in piece.users] == [2 * at + 1 for at in range(first, following)]
        assert [row for row, _ in piece.accounts] == [2 * at for at in range(first, following)]
        assert piece.events.rows.tolist() == list(range(first, following))
        first = following
    assert first == 5_000


def told_everything(n: int) -> TraitNews:
    """The most that n account records can tell, each behind an event."""
    traits: TraitChanges = {f"{at:02d}" + "😀" * 15 + "xx": "😀" * 64 for at in range(MAX_TRAITS)}
    return TraitNews([(2 * at, traits) for at in range(n)], list(range(1, 2 * n, 2)))


def test_a_chunk_of_account_records_with_all_they_can_hold_fits() -> None:
    n = 200
    told, offsets = told_everything(n), np.arange(2 * n)
    found = list(pieces(2 * n, wide_events(n), np.arange(0, 2 * n, 2), offsets, Newcomers(), told))
    assert len(found) > 10
    draft = Draft()
    for piece in found:
        draft.add_piece(piece)
    cuts = draft.cuts(0)
    assert max(entry_bytes(cuts)) < MAX_ENTRY_BYTES
    assert sum(entry_bytes(cuts)) < sum(piece.size for piece in found) < 1.2 * sum(entry_bytes(cuts))
    assert [changed for cut in cuts for changed in cut.body["tr"]] == told.changes


def test_account_records_without_an_event_fit_too() -> None:
    n = 100
    told = TraitNews(told_everything(n).changes, list(range(n)))
    found = list(pieces(n, None, np.empty(0, np.int64), np.arange(n), Newcomers(), told))
    assert len(found) > 4
    assert {piece.events for piece in found} == {None}
    assert [changed for piece in found for changed in piece.traits] == told.changes
    assert [piece.to for piece in found] == [*(int(piece.traits[0][0]) // 2 for piece in found[1:]), n]


def test_traits_are_in_the_piece_that_passes_their_record_and_behind_their_account() -> None:
    n = 4_000
    told = TraitNews([(at, {"plan": "x" * 200}) for at in range(n)], list(range(n, 2 * n)))
    new = Newcomers()
    for at in range(n):
        new.enter_account(at + n, at, f"account {at}")
    found = list(pieces(9 * n, wide_events(n), np.arange(n), np.arange(2 * n) * 3, new, told))
    first = 0
    for piece in found:
        records = piece.traits
        assert [row for row, _ in piece.accounts] == [row for row, _ in records]
        offsets = [*range(first, n)][: len(piece.events or ())] + [row + n for row, _ in records]
        assert all(first * 3 <= offset * 3 < piece.to for offset in offsets)
        first = offsets[-1] + 1
    assert (first, found[-1].to) == (2 * n, 9 * n)


def test_an_account_is_new_with_the_first_record_that_needs_it() -> None:
    new = Newcomers()
    for at, row in ((1, 10), (4, 11), (7, 12)):
        new.enter_account(at, row, f"account {row}")
    new.bring_forward({12: 0, 11: 9, 99: 3})
    assert new.accounts == [(12, "account 12"), (10, "account 10"), (11, "account 11")]
    assert new.accounts_at == [0, 1, 4]


@pytest.mark.parametrize("n", [1, 2, 5_000])
def test_a_small_chunk_is_one_piece(n: int) -> None:
    (piece,) = cut_up(n, wide_events(n), Newcomers())
    assert piece.to == n


def test_events_of_one_record_stay_in_one_piece_which_ends_behind_it() -> None:
    """A restart between two pieces would count the rest of a batch again, or never."""
    n, a_record = 40_000, 2_500
    at = np.arange(n) // a_record
    offsets = np.arange(n // a_record) * 3 + 5
    found = list(pieces(1_000, wide_events(n), at, offsets, Newcomers(), TraitNews()))
    assert len(found) > 2
    passed = 0
    for piece in found:
        assert piece.events is not None and len(piece.events) % a_record == 0
        passed += len(piece.events)
        assert piece.to == (1_000 if passed == n else offsets[passed // a_record])
    assert passed == n


def test_a_record_of_so_many_events_that_it_is_large_alone_is_one_piece() -> None:
    n = 30_000
    found = list(pieces(9, wide_events(n), np.full(n, 2), np.arange(4), Newcomers(), TraitNews()))
    assert [(piece.to, len(piece.events or [])) for piece in found] == [(9, n)]
