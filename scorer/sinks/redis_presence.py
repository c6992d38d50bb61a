"""What tells that Redis still holds a partition: its server's run id, and the partition's heartbeat. No I/O.

Rule 1: a server with another run id than the one that acknowledged holds nothing (a restart, a failover).
Rule 2: a heartbeat that was written and is gone means FLUSHALL. It is then not written again until the partition is
        refilled: a crash meanwhile must find it gone, too.
"""

from collections.abc import Collection, Iterable, Mapping

from scorer.sinks.redis_scripts import VANISHED

ASKED = "{}:resync"
"""A key, by its namespace: while it is there, heartbeats are gone for a resync, and nothing was lost."""


class Presence:
    def __init__(self) -> None:
        self._holders: dict[int, str | None] = {}
        self._marked: set[int] = set()
        self._beats: dict[int, str] = {}

    def __contains__(self, partition: int) -> bool:
        return partition in self._holders

    def meet(self, partition: int) -> None:
        """The partition is about to be written for the first time."""
        self._holders.setdefault(partition, None)

    def adopt(self, partition: int, run_id: str) -> None:
        """Redis `run_id` holds the partition, heartbeat included, if its journal is right."""
        self._holders[partition] = run_id
        self._marked.add(partition)

    def forget(self, partition: int) -> None:
        self._holders.pop(partition, None)
        self._marked.discard(partition)
        self._beats.pop(partition, None)

    def beat(self, partition: int, value: str) -> None:
        self.meet(partition)
        self._beats[partition] = value

    def compare(self, run_id: str) -> frozenset[int]:
        """Partitions that the Redis which answers can't hold; those not yet written are its own from now on."""
        lost = frozenset(p for p, holder in self._holders.items() if holder is not None and holder != run_id)
        self._holders = dict.fromkeys(self._holders, run_id)
        self._marked -= lost
        return lost

    def due(self, withheld: Collection[int]) -> dict[int, tuple[str, bool]]:
        """Heartbeats to be written by partition, and whether one must stand there already."""
        return {p: (value, p in self._marked) for p, value in self._beats.items() if p not in withheld}

    def beaten(self, sent: Mapping[int, tuple[str, bool]], outcomes: Iterable[int]) -> frozenset[int]:
        """Takes note of what came of them; returns the partitions whose heartbeat had vanished."""
        vanished = set()
        for (partition, (value, _)), outcome in zip(sent.items(), outcomes, strict=True):
            if partition not in self._holders:
                continue  # forgotten meanwhile
            if outcome == VANISHED:
                vanished.add(partition)
                self._marked.discard(partition)
                continue
            self._marked.add(partition)
            if self._beats.get(partition) is value:
                del self._beats[partition]
        return frozenset(vanished)
