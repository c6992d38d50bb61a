"""Columns of alerts: what a pass saw, what became of each row's side of a rule, which alerts fired and resolved."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Int64s
from scorer.core.score import Floats
from scorer.core.sparse_rows import Records
from scorer.core.standing import NO_BAND

Bools = NDArray[np.bool_]
Codes = NDArray[np.int8]
Facts = tuple[Floats, Floats, Codes]
"""Scores, raw scores and bands."""

ENTRY = np.dtype(
    [
        ("row", "<i4"),
        ("flags", "u1"),
        ("from_band", "i1"),
        ("episode", "<u4"),
        ("fired_ms", "<i8"),
        ("since_ms", "<i8"),
        ("from_score", "<f8"),
        ("from_raw", "<f8"),
    ]
)
"""What a rule keeps of a row that ever crossed. It stands in the journal: never change it."""

PENDING, WAITING, OPEN = 1, 2, 4
"""Flags of an entry: past the bound but not yet for `hold`; crossed within the cooldown; fired and not resolved."""

NEVER_MS = -(1 << 62)


def blank_entry() -> Records:
    """What a row has that never crossed, as a record of shape ()."""
    entry = np.zeros((), ENTRY)
    entry["from_band"] = NO_BAND
    entry["fired_ms"] = NEVER_MS
    entry["from_score"] = entry["from_raw"] = np.nan
    return entry


@dataclass(frozen=True, slots=True)
class Look:
    """What a pass saw of some rows, all different: columns of one length. `previous_*`: before the pass.

    nan is no score, NO_BAND no band. `silent`: the score is no news to judge by (SCORING 4: the first one, the first
    computed benchmark, a changed model).
    """

    rows: Int64s
    score: Floats
    raw: Floats
    band: Codes
    previous_score: Floats
    previous_raw: Floats
    previous_band: Codes
    silent: Bools

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, at: NDArray[Any]) -> "Look":
        return Look(*(getattr(self, f.name)[at] for f in fields(self)))


@dataclass(frozen=True, slots=True)
class RuleChange:
    """The new state of some rows under one rule (by its code).

    `side` is a byte for each row; `entries` (of dtype ENTRY) are of those among the rows that have one.
    """

    rule: int
    rows: NDArray[np.int32]
    side: NDArray[np.uint8]
    entries: Records

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> int:
        """An upper bound of its bytes in a journal entry."""
        return 32 + 5 * len(self.rows) + ENTRY.itemsize * len(self.entries)

    def parts(self, rows: int) -> list["RuleChange"]:
        """The same change in pieces of at most so many rows."""
        pieces = []
        for at in range(0, len(self.rows), rows):
            own = self.rows[at : at + rows]
            entries = self.entries[np.isin(self.entries["row"], own)] if len(self.entries) else self.entries
            pieces.append(RuleChange(self.rule, own, self.side[at : at + rows], entries))
        return pieces


def pack_rule_change(change: RuleChange) -> list[Any]:
    return [change.rule, change.rows.astype("<u4").tobytes(), change.side.tobytes(), change.entries.tobytes()]


def unpack_rule_change(packed: list[Any]) -> RuleChange:
    rule, rows, side, entries = packed
    return RuleChange(
        rule,
        np.frombuffer(rows, "<u4").astype(np.int32),
        np.frombuffer(side, np.uint8),
        np.frombuffer(entries, ENTRY),
    )


@dataclass(frozen=True, slots=True)
class Alerts:
    """Alerts of one rule: columns of one length. `fired`: else resolved. `cause` holds `Cause`."""

    rows: Int64s
    fired: Bools
    cause: Codes
    episode: Int64s
    score: Floats
    raw: Floats
    band: Codes
    previous_score: Floats
    previous_raw: Floats
    previous_band: Codes

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(
        cls,
        look: Look,
        mask: Bools,
        cause: Codes,
        episode: Int64s,
        before: Facts,
        *,
        fired: bool,
    ) -> "Alerts":
        """The alerts of the rows in `mask`; all other columns are as long as `look`. `before`: score, raw, band."""
        previous_score, previous_raw, previous_band = before
        return cls(
            look.rows[mask],
            np.full(int(mask.sum()), fired),
            cause[mask],
            episode[mask],
            look.score[mask],
            look.raw[mask],
            look.band[mask],
            previous_score[mask],
            previous_raw[mask],
            previous_band[mask],
        )

    @classmethod
    def joined(cls, *parts: "Alerts") -> "Alerts":
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))


@dataclass(frozen=True, slots=True)
class Transitions:
    """What an evaluation found: the change to apply, and the alerts to tell, resolved ones first."""

    change: RuleChange
    alerts: Alerts

    @property
    def is_nothing(self) -> bool:
        return not len(self.change)


def no_alerts() -> Alerts:
    floats, codes, ints = np.empty(0), np.empty(0, np.int8), np.empty(0, np.int64)
    return Alerts(ints, np.empty(0, np.bool_), codes, ints, floats, floats, codes, floats, floats, codes)
