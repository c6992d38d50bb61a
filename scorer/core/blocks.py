"""A block: the runs of a stretch of rows, few enough cells for all of them to be written anew in one step."""

from dataclasses import dataclass, field

from scorer.core.joining import joined, summed_up
from scorer.core.runs import Run

BLOCK_CELLS = 262_144
_RATIO = 4
_TOUCHED = 4
_MOST_RUNS = 8
_MOST_EXPIRED, _SOME_EXPIRED = 8, 32  # one part in so many


@dataclass(slots=True)
class Block:
    """Its rows are from `row` on, up to the next block's. Behind a large run stand small ones, in no order."""

    row: int
    large: Run
    small: list[Run] = field(default_factory=list)
    waits: bool = False
    """Whether it stands in the queue of those that are to be tidied up."""
    read_soon: bool = False
    """Whether all of it is about to be read."""
    its_turn: bool = False
    """Whether it lets go of what has expired though it's little: all blocks on the same day would be much."""

    def runs(self) -> list[Run]:
        return [self.large, *self.small]

    def expire(self, first_bucket: int, its_turn: bool) -> None:
        """Let the cells of buckets before `first_bucket` go. Who does is about to read the others."""
        self.large = self.large.since(first_bucket)
        self.small = [run.since(first_bucket) for run in self.small]
        self.read_soon, self.its_turn = True, its_turn

    @property
    def untidy(self) -> bool:
        """Whether it has grown by a quarter or has too many runs."""
        return len(self.small) >= _MOST_RUNS or sum(map(len, self.small)) * _RATIO > len(self.large)

    def tidy(self) -> int:
        """Bring it in order; returns how many cells were written anew.

        A large run is written anew once what stands behind it makes it grow by a quarter: a cell is written anew
        about five times over all. Before it is read whole it is if a quarter of its rows stand in several runs, for
        then that costs less than to put them together beside it. Expired cells stay until they are an eighth.
        """
        written = 0
        expired = len(self.large) - self.large.shown()
        if expired * (_SOME_EXPIRED if self.its_turn else _MOST_EXPIRED) > len(self.large):
            self.large = self.large.written_anew()
            written = len(self.large)
        behind, touched = sum(map(len, self.small)), sum(len(run.rows) for run in self.small)
        if behind * _RATIO > len(self.large) or (self.read_soon and touched * _TOUCHED > len(self.large.rows)):
            self.large, self.small = joined(self.large, summed_up(self.small)), []
            written += len(self.large)
        elif len(self.small) >= _MOST_RUNS:
            self.small = [summed_up(self.small)]
            written += behind
        self.read_soon = self.its_turn = False
        return written

    def split(self) -> list["Block"]:
        """Blocks of at most so many cells (but a row is never split), this one first."""
        if len(self.large) <= BLOCK_CELLS or self.small:
            return [self]
        parts = 2 * len(self.large) // BLOCK_CELLS
        first, *others = self.large.cut(-(-len(self.large) // parts))
        self.large = first.copy()
        return [self, *(Block(int(run.rows[0]), run.copy()) for run in others)]
