"""A sheet: the cells of some rows, as they are read.

Most rows' cells stand in one run each, which is read as it is; only what stands in several is put together. So the
sheet is two runs: a row that is in `over` has all its cells there, and what `base` has of it doesn't count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scorer.core.cells import Cells, summed
from scorer.core.joining import PIECE_CELLS, beside, joined, summed_up
from scorer.core.runs import NO_RUN, Run


@dataclass(frozen=True, slots=True)
class Sheet:
    """`base` is of rows that follow each other; `over` replaces some of them, whole."""

    base: Run
    over: Run = NO_RUN

    @classmethod
    def of(cls, base: Sequence[Run], others: Sequence[Run]) -> "Sheet":
        """Of runs that follow each other by their rows, and of others."""
        together, others = beside(base), [run for run in others if len(run)]
        if not others:
            return cls(together)
        over = summed_up(others)
        return cls(together, joined(together.of_rows(over.rows.astype(np.int64)), over))

    def runs(self) -> Iterator[Run]:
        """The base, then what stands over it, in pieces of whole rows."""
        yield from self.base.cut(PIECE_CELLS)
        yield from self.over.cut(PIECE_CELLS)

    def apart(self) -> Iterator[Run]:
        """The same where each cell stands once."""
        yield from self._alone().cut(PIECE_CELLS)
        yield from self.over.cut(PIECE_CELLS)

    def cells(self) -> Cells:
        """All cells."""
        return summed([self._alone().cells(), self.over.cells()]) if len(self.over) else self.base.cells()

    def _alone(self) -> Run:
        """What of the base counts."""
        if not len(self.over):
            return self.base
        alone = self.base.rows[~np.isin(self.base.rows, self.over.rows)]
        return self.base.of_rows(alone.astype(np.int64))
