"""A model's hold: a band changes once the score has stayed past its bound that long (SCORING 4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgpack
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scorer.core.band_hold import BandHold, HoldChange
from scorer.core.model import DEFAULT_BANDS
from scorer.core.standing import INACTIVE_CODE, NO_BAND, next_bands
from tests.oracle import band_after

MARGIN = 2.0
AT_RISK, LOW, HEALTHY, CHAMPION = range(4)
INACTIVE = "inactive"
NAMES = {code: band.name for code, band in enumerate(DEFAULT_BANDS)} | {INACTIVE_CODE: INACTIVE, NO_BAND: None}


@dataclass
class NaiveHold:
    """One entity's band, naively; a score of None is none, INACTIVE no activity."""

    hold_ms: int
    band: str | None = None
    side: str | None = None
    since: int = 0

    def see(self, now: int, score: float | str | None, silent: bool = False) -> None:
        order = [band.name for band in DEFAULT_BANDS]
        if not isinstance(score, float) or self.band not in order or silent:
            self.side = None
            if isinstance(score, float):
                self.band = band_after(DEFAULT_BANDS, MARGIN, self.band, score)
            else:
                self.band = score
            return
        wanted = band_after(DEFAULT_BANDS, MARGIN, self.band, score)
        if wanted == self.band:
            self.side = None
            return
        side = "up" if order.index(wanted) > order.index(self.band) else "down"
        if side != self.side:
            self.side, self.since = side, now
        if now - self.since >= self.hold_ms:
            self.band, self.side = wanted, None


class Bands:
    """The bands of some rows, their changes kept as a journal would."""

    def __init__(self, rows: int, hold_ms: int) -> None:
        self.band = np.full(rows, NO_BAND, np.int8)
        self.hold = BandHold(hold_ms)
        self.journal: list[bytes] = []

    def judge(self, now: int, scores: dict[int, float | str | None], silent: Sequence[int] = ()) -> None:
        rows = np.array(sorted(scores), np.int64)
        score = np.array([s if isinstance(s := scores[row], float) else np.nan for row in rows.tolist()])
        before = self.band[rows]
        wanted = next_bands(before, score, DEFAULT_BANDS, MARGIN)
        wanted[[scores[row] == INACTIVE for row in rows.tolist()]] = INACTIVE_CODE
        self.band[rows], change = self.hold.held(rows, before, wanted, np.isin(rows, silent), now)
        self.journal.append(msgpack.packb(change.pack()))
        self.hold.apply(HoldChange.unpack(msgpack.unpackb(self.journal[-1])))


def bands_of(hold_ms: int, *scores: tuple[int, float | str | None]) -> list[int]:
    """The band after each (now, score) of one row."""
    bands, seen = Bands(1, hold_ms), []
    for now, score in scores:
        bands.judge(now, {0: score})
        seen.append(int(bands.band[0]))
    return seen


def test_a_band_changes_once_the_score_has_stayed_past_its_bound() -> None:
    assert bands_of(10, (0, 60.0), (5, 80.0), (14, 80.0), (15, 80.0)) == [HEALTHY, HEALTHY, HEALTHY, CHAMPION]


def test_a_score_that_comes_back_begins_anew() -> None:
    assert bands_of(10, (0, 60.0), (5, 80.0), (9, 76.0), (12, 80.0), (21, 80.0), (22, 80.0)) == [HEALTHY] * 5 + [
        CHAMPION
    ]


def test_a_score_that_falls_further_has_been_falling_all_along() -> None:
    assert bands_of(10, (0, 80.0), (5, 60.0), (12, 10.0), (15, 10.0)) == [CHAMPION, CHAMPION, CHAMPION, AT_RISK]


def test_a_score_that_turns_begins_anew() -> None:
    assert bands_of(10, (0, 60.0), (5, 80.0), (12, 10.0), (15, 10.0), (22, 10.0)) == [HEALTHY] * 4 + [AT_RISK]


def test_who_goes_silent_or_comes_back_changes_bands_at_once() -> None:
    assert bands_of(10, (0, 60.0), (1, 80.0), (2, INACTIVE), (3, 80.0)) == [HEALTHY, HEALTHY, INACTIVE_CODE, CHAMPION]
    assert bands_of(10, (0, 60.0), (1, 80.0), (2, None), (3, 30.0)) == [HEALTHY, HEALTHY, NO_BAND, LOW]


def test_a_silent_score_takes_its_band_at_once() -> None:
    bands = Bands(1, 10)
    bands.judge(0, {0: 60.0})
    bands.judge(5, {0: 80.0})
    bands.judge(6, {0: 80.0}, silent=[0])
    assert bands.band.tolist() == [CHAMPION]
    assert len(bands.hold) == 0


def test_without_a_hold_nothing_is_pending() -> None:
    bands = Bands(1, 0)
    for score, band in ((60.0, HEALTHY), (80.0, CHAMPION), (10.0, AT_RISK)):
        bands.judge(0, {0: score})
        assert bands.band.tolist() == [band]
        assert len(bands.hold) == 0


def test_a_row_is_due_when_its_hold_has_run_out() -> None:
    bands = Bands(3, 10)
    bands.judge(0, {0: 60.0, 1: 60.0, 2: 60.0})
    bands.judge(5, {1: 90.0})
    bands.judge(7, {2: 90.0})
    assert [bands.hold.due(now).tolist() for now in (14, 15, 17)] == [[], [1], [1, 2]]
    bands.hold.forget(np.array([1]))
    assert bands.hold.due(17).tolist() == [2]


edges = [bound + sign * MARGIN for bound in (25.0, 50.0, 75.0) for sign in (-1, 0, 1)]
scores = st.sampled_from([None, INACTIVE, 1.0, 99.0, *edges, *(edge - 1e-9 for edge in edges)])


@given(st.sampled_from([0, 1, 5]), st.data())
def test_the_bands_of_any_sequence_are_the_oracles(hold_ms: int, data: st.DataObject) -> None:
    rows, now = 3, 0
    bands, naive = Bands(rows, hold_ms), [NaiveHold(hold_ms) for _ in range(rows)]
    current: dict[int, float | str | None] = dict.fromkeys(range(rows))
    for _ in range(data.draw(st.integers(1, 15))):
        now += data.draw(st.integers(0, 4))
        moved = data.draw(st.dictionaries(st.integers(0, rows - 1), scores, max_size=rows))
        current |= moved
        silent = data.draw(st.lists(st.integers(0, rows - 1), max_size=1))
        bands.judge(now, {row: current[row] for row in {*moved, *silent, *bands.hold.due(now).tolist()}}, silent)
        for row, entity in enumerate(naive):
            entity.see(now, current[row], row in silent)
        assert [NAMES[code] for code in bands.band.tolist()] == [entity.band for entity in naive]
        assert len(bands.hold) == sum(entity.side is not None for entity in naive)
    again = BandHold(hold_ms)
    for packed in bands.journal:
        again.apply(HoldChange.unpack(msgpack.unpackb(packed)))
    assert again.columns().pack() == bands.hold.columns().pack()
