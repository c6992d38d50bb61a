"""Where every entity stands in a model: score, band, state; what readers were last told.

Standing changes at a scoring pass and is journaled with it. Columns are indexed by row; codes stand in the journal.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Int64s
from scorer.core.footing import Ground
from scorer.core.model import INACTIVE_BAND, Band, Model, Shape
from scorer.core.score import Floats, curve_scores


class State(IntEnum):
    """SCORING 2.5. The numbers stand in the journal: never change one. UNKNOWN: readers were never told."""

    UNKNOWN = 0
    SCORED = 1
    INACTIVE = 2
    WARMING_UP = 3
    NEVER_USED = 4


URGENT_POINTS = 0.5
"""A score that moved by less, with no event and in its band, may be told later (ARCHITECTURE 1.6)."""

NO_BAND = -1
INACTIVE_CODE = 100
"""The band code of the inactive; other codes are indexes into the model's bands."""


def band_name(code: int, model: Model) -> str | None:
    if code == NO_BAND:
        return None
    return INACTIVE_BAND if code == INACTIVE_CODE else model.bands[code].name


Hold = Callable[[Int64s, NDArray[np.int8], NDArray[np.int8]], NDArray[np.int8]]


@dataclass(frozen=True, slots=True)
class StandingChange:
    """New standings of some rows in one model (by its code); columns of one length."""

    model: int
    rows: NDArray[np.int32]
    score: Floats
    raw: Floats
    basis: Int64s
    band: NDArray[np.int8]
    previous: NDArray[np.int8]
    state: NDArray[np.int8]

    ROW_BYTES = 35

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, mask: NDArray[np.bool_]) -> "StandingChange":
        columns = {f.name: getattr(self, f.name)[mask] for f in fields(self) if f.name != "model"}
        return StandingChange(self.model, **columns)


_FILL = {"score": np.nan, "raw": np.nan, "basis": 0, "band": NO_BAND, "previous": NO_BAND, "state": State.UNKNOWN}


class Standing:
    """The standings of all rows in one model."""

    COLUMNS = tuple(_FILL)

    def __init__(self, rows: int = 0) -> None:
        self.score: Floats = np.full(rows, np.nan)
        self.raw: Floats = np.full(rows, np.nan)
        self.basis: Int64s = np.zeros(rows, np.int64)
        self.band = np.full(rows, NO_BAND, np.int8)
        self.previous = np.full(rows, NO_BAND, np.int8)
        self.state = np.zeros(rows, np.int8)

    def grow(self, rows: int) -> None:
        for name in self.COLUMNS:
            column = getattr(self, name)
            fill = np.full(rows - len(column), _FILL[name], column.dtype)
            setattr(self, name, np.concatenate([column, fill]))

    def apply(self, change: StandingChange) -> None:
        for name in self.COLUMNS:
            getattr(self, name)[change.rows] = getattr(change, name)

    def forget(self, rows: Int64s) -> None:
        for name in self.COLUMNS:
            getattr(self, name)[rows] = _FILL[name]

    def of(self, model: int, rows: Int64s) -> StandingChange:
        """The standings of some rows, as a change (for a snapshot)."""
        columns = {name: getattr(self, name)[rows] for name in self.COLUMNS}
        return StandingChange(model, rows.astype(np.int32), **columns)

    def judge(
        self,
        code: int,
        model: Model,
        rows: Int64s,
        raw: Floats,
        ground: Ground,
        hold: Hold | None = None,
        unused: NDArray[np.bool_] | None = None,
    ) -> StandingChange:
        """The standings that `rows` now have.

        `raw` is nan where there is no activity in the window; `unused` says who is known only by its traits. `hold`
        has a say in bands: (rows, before, wanted) -> bands.
        """
        inactive = np.isnan(raw)
        raw = np.where(inactive, 0.0, raw)
        state = np.full(len(rows), State.SCORED, np.int8)
        if model.curve.shape is Shape.NONE:
            score = raw.copy()
        else:
            score = curve_scores(
                raw, ground.benchmark, model.curve, ground.steepness if model.curve.steepness is None else None
            )
            state[np.isnan(ground.benchmark)] = State.WARMING_UP
        state[inactive] = State.INACTIVE
        score[inactive] = 0.0 if model.curve.shape is Shape.NONE else 1.0
        before = self.band[rows]
        band = next_bands(before, score, model.bands, model.margin)
        band[inactive] = INACTIVE_CODE
        if unused is not None:
            never = inactive & unused
            state[never], score[never], band[never] = State.NEVER_USED, np.nan, NO_BAND
        if hold is not None:
            band = hold(rows, before, band)
        moved = (band != before) & (before != NO_BAND)
        previous = np.where(moved, before, self.previous[rows])
        return StandingChange(code, rows.astype(np.int32), score, raw, ground.version, band, previous, state)

    def differs(self, change: StandingChange) -> NDArray[np.bool_]:
        """Which rows of a change are news to readers. The basis counts: its version names the benchmark."""
        rows = change.rows
        different: NDArray[np.bool_] = self.raw[rows] != change.raw
        for name in ("basis", "band", "previous", "state"):
            different |= getattr(self, name)[rows] != getattr(change, name)
        score = self.score[rows]
        different |= (score != change.score) & ~(np.isnan(score) & np.isnan(change.score))
        return different

    def urgent(self, change: StandingChange, *, moves: bool) -> NDArray[np.bool_]:
        """Which rows of a change readers must hear of at once: another band or state, or `moves` that can be seen."""
        rows = change.rows
        different: NDArray[np.bool_] = self.band[rows] != change.band
        different |= self.state[rows] != change.state
        if moves:
            different |= np.abs(change.score - self.score[rows]) >= URGENT_POINTS
        return different


def next_bands(before: NDArray[np.int8], score: Floats, bands: tuple[Band, ...], margin: float) -> NDArray[np.int8]:
    """The bands after `score`, with hysteresis (SCORING 4): a band is left only by `margin` beyond its bound.

    Once left, the score alone decides, as it does for an entity that had no band. A score of nan has no band.
    """
    lower = np.array([band.lower for band in bands])
    band = (np.searchsorted(lower, score, side="right") - 1).astype(np.int8)
    held = (before >= 0) & (before < len(bands))
    if margin > 0.0 and held.any():
        own = np.where(held, before, 0)
        left = (score >= np.append(lower[1:], np.inf)[own] + margin) | (score < lower[own] - margin)
        band = np.where(held & ~left, before, band)
    band[np.isnan(score)] = NO_BAND
    return band
