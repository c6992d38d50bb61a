"""The two faces between Faust and the owner of the partitions' states.

Faust knows assignments, fetching and group offsets; the owner knows positions, journals and states. Neither
imports the other: each is given the other's face at start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scorer.core.events import Headers
from scorer.core.publish import KpiBatch, ScoreBatch


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one input partition, fetched in one go.

    `from_offset` is the fetch position it continues, `to_offset` the position after it (beyond compacted, aborted
    and control records too), `token` that of the partition's last seek: offset gaps are legal in Kafka, so offsets
    alone never prove continuity. `headers`, by place in the chunk, are those of the records that have any.
    """

    partition: int
    token: int
    from_offset: int
    to_offset: int
    offsets: NDArray[np.int64]
    timestamps_ms: NDArray[np.int64]
    values: list[bytes | None]
    headers: Mapping[int, Headers] = field(default_factory=dict)


class Partitions(Protocol):
    """What Faust calls: the owner of the states."""

    async def assigned(self, partitions: frozenset[int]) -> None:
        """The whole assignment after a rebalance, those kept included. Awaited inside the rebalance: be quick."""

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Before these go: finish or abandon the flush in progress (5 s at most)."""

    async def process(self, chunk: Chunk) -> None:
        """One chunk, from the agent. Waits when the state has no room (back-pressure)."""

    def position(self, partition: int) -> int | None:
        """Where the state stands; None while it doesn't: the partition is held."""

    def journaled(self, partition: int) -> int | None:
        """The position that the journal holds, so that the group's offset may follow it."""


class Flow(Protocol):
    """What the owner calls: fetching and the group, by input partition."""

    def release(self, partition: int, offset: int) -> int:
        """Fetch from here on; returns the new token."""

    def hold(self, partition: int) -> None:
        """Stop fetching and drop what is buffered."""

    async def commit(self, partition: int, offset: int) -> bool:
        """Commit the group's offset; False if the group refused."""

    async def generation_accepted(self) -> bool:
        """Whether the group's coordinator has accepted this worker's current generation."""

    def end_offset(self, partition: int) -> int | None:
        """The end of the log as last fetched (the last stable offset)."""

    async def log_start(self, partition: int) -> int:
        """The first offset that the broker still holds."""

    async def log_end(self, partition: int) -> int:
        """The offset after the last record."""

    async def offset_at(self, partition: int, timestamp_ms: int) -> int:
        """The first offset at or after a broker timestamp; the log's end if there is none."""

    async def committed(self, partition: int) -> int | None:
        """The group's committed offset, None if there is none."""


class Scores(Protocol):
    """Where scores go (Redis). Nothing here is waited for."""

    def adopt(self, partition: int, version: str, run_id: str) -> None:
        """The partition is ours; its journal says that Redis `run_id` held everything through `version`."""

    def forget(self, partition: int) -> None:
        """The partition went elsewhere."""

    def submit(self, batch: ScoreBatch | KpiBatch) -> None:
        """Write these scores, or KPIs; all batches of one version without an await in between."""

    def submit_alerts(self, partition: int, version: str, alerts: Sequence[bytes]) -> None:
        """Add these alerts to the stream, in order; `acknowledged` covers them like the scores of their version."""

    def refilled(self, partition: int) -> None:
        """Everything has been submitted again, after a loss."""

    def busy(self) -> bool:
        """Whether so many scores wait to be written that what isn't urgent should wait as well."""

    def acknowledged(self, partition: int) -> str:
        """The version through which everything submitted stands in the Redis `run_id`; "" if nothing does."""

    @property
    def run_id(self) -> str | None:
        """Which Redis it is; None before the first contact."""

    def heartbeat(
        self,
        partition: int,
        *,
        version: str,
        at: float,
        as_of: float | None,
        behind_seconds: float,
        owner: str,
        counted_from: int | None,
        scoring: str,
    ) -> None:
        """The partition lives. About once a second."""
