"""The journaled table: Faust's table as far as Faust is trusted with it.

The table names the changelog topic, is co-partitioned with the input by construction (the journal of partition p
belongs to whoever owns the input's partition p) and hears of every assignment. Faust neither subscribes to the
journal nor recovers it: the owner of the states restores each partition with a reader of its own, and the partition's
input is held until its state stands. Why: FAUST.md, section 4.
"""

from typing import TYPE_CHECKING, Any

import faust
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP

if TYPE_CHECKING:
    from scorer.stream.app import StreamApp

TABLE_NAME = "journal"


class JournalTable(faust.Table):  # type: ignore[type-arg]
    """Tells the owner of the states of each assignment."""

    app: "StreamApp"

    def _changelog_topic_name(self) -> str:
        return f"{self.app.conf.id}-{TABLE_NAME}"

    async def on_start(self) -> None:
        """Nothing: no store, and the topic is created with the others, before Faust starts."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """The whole assignment, not the difference: a partition that a thrown-out member gets back is in none."""
        await self.app.on_assigned(assigned)


class NoRecovery(Recovery):
    """Streams resume as soon as the assignment is known; what isn't released is held by the consumer (fetching.py)."""

    app: "StreamApp"

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Resume within the callback: the stock recovery does it in a task, which a next rebalance may overtake."""
        app = self.app
        if app.should_stop:
            return
        self.completed.set()
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()

    def flush_buffers(self) -> None:
        """Nothing: no changelog event ever arrives."""


class JournalTables(TableManager):
    """Starts at once (the stock manager sleeps a second) and keeps the journal out of the group's subscription."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()

    async def _update_channels(self) -> None:
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()

    @property
    def recovery(self) -> Any:
        if self._recovery is None:
            self._recovery = NoRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
