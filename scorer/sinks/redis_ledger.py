"""Through which version each partition is confirmed by Redis. No I/O.

Rule 1: a version is acknowledged when the last place (redis_backlog) of its last batch is written and the accounts
        among it are ranked. What was noted of alerts is written before `written` is called.
Rule 2: after a loss nothing is acknowledged until the owner has said that everything was submitted again.
Rule 3: of a partition's versions that end at the same place only the last is kept: all become whole at once. So there
        are no more marks than places, however long Redis is away.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(slots=True)
class _Mark:
    """Reached with the place `at`. Without a version: the end of a partition's refill."""

    at: int
    partition: int
    version: str | None


class Ledger:
    """Through which version each partition stands in Redis."""

    def __init__(self) -> None:
        self._open: dict[int, dict[str, int]] = {}
        self._unwritten: deque[_Mark] = deque()
        self._last: dict[int, _Mark] = {}  # of the unwritten ones, by partition
        self._unranked: deque[_Mark] = deque()
        self._acknowledged: dict[int, str] = {}
        self.lost: set[int] = set()
        """Partitions that Redis lost and that aren't refilled."""

    def __len__(self) -> int:
        """Marks that wait for Redis."""
        return len(self._unwritten) + len(self._unranked)

    def acknowledged(self, partition: int) -> str:
        return "" if partition in self.lost else self._acknowledged.get(partition, "")

    def adopt(self, partition: int, version: str) -> None:
        self.forget(partition)
        self._acknowledged[partition] = version

    def forget(self, partition: int) -> None:
        self._drop_marks(partition)
        self._acknowledged.pop(partition, None)
        self.lost.discard(partition)

    def lose(self, partition: int) -> None:
        self._drop_marks(partition)
        self._acknowledged[partition] = ""
        self.lost.add(partition)

    def submitted(self, partition: int, version: str) -> None:
        """A version may come as several batches, one per model, and alerts: it is whole with the last of them."""
        versions = self._open.setdefault(partition, {})
        versions[version] = versions.get(version, 0) + 1

    def mark(self, at: int, partition: int, version: str | None) -> None:
        """Everything of this batch (or refill) has a place, the last one being `at`."""
        last = self._last.get(partition)
        if version is not None and last is not None and last.version is not None and last.at == at:
            self._is_whole(partition, last.version)
            last.version = version
        else:
            self._last[partition] = mark = _Mark(at, partition, version)
            self._unwritten.append(mark)

    def written(self, through: int) -> list[tuple[int, str]]:
        """Moves the marks up to a place; returns (partition, version) of the versions that this made whole."""
        whole = []
        while self._unwritten and self._unwritten[0].at <= through:
            mark = self._unwritten.popleft()
            if self._last[mark.partition] is mark:
                del self._last[mark.partition]
            if mark.version is None:
                self._unranked.append(mark)
            elif self._is_whole(mark.partition, mark.version):
                self._unranked.append(mark)
                whole.append((mark.partition, mark.version))
        return whole

    def ranked(self) -> list[int]:
        """The accounts of all that is written are ranked: acknowledges it, returns the partitions now refilled."""
        refilled = []
        while self._unranked:
            mark = self._unranked.popleft()
            if mark.version is None:
                self.lost.discard(mark.partition)
                refilled.append(mark.partition)
            else:
                self._acknowledged[mark.partition] = max(mark.version, self._acknowledged.get(mark.partition, ""))
        return refilled

    def _is_whole(self, partition: int, version: str) -> bool:
        versions = self._open.get(partition, {})
        if versions.get(version, 0) > 1:
            versions[version] -= 1
            return False
        versions.pop(version, None)
        return True

    def _drop_marks(self, partition: int) -> None:
        self._open.pop(partition, None)
        self._last.pop(partition, None)
        self._unwritten = deque(mark for mark in self._unwritten if mark.partition != partition)
        self._unranked = deque(mark for mark in self._unranked if mark.partition != partition)
