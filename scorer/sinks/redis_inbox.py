"""What was submitted and not yet rendered: rendering goes by slices, so that no batch holds the event loop."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from scorer.core.publish import KpiBatch, ScoreBatch
from scorer.sinks.kpi_json import KpiRendering
from scorer.sinks.redis_alerts import AlertQueue
from scorer.sinks.redis_backlog import Backlog
from scorer.sinks.redis_ledger import Ledger
from scorer.sinks.score_json import Rendering


@dataclass(slots=True)
class _Unrendered:
    rendering: Rendering | KpiRendering
    next_row: int = 0


@dataclass(frozen=True, slots=True)
class _Alerts:
    partition: int
    version: str
    alerts: Sequence[bytes]


class Inbox:
    """Batches, alerts, and ends of refills (a partition's number), in order of submission."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._queue: deque[_Unrendered | _Alerts | int] = deque()
        self.rows = 0

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, batch: ScoreBatch | KpiBatch) -> None:
        if isinstance(batch, KpiBatch):
            self._queue.append(_Unrendered(KpiRendering(self._namespace, batch)))
        else:
            self._queue.append(_Unrendered(Rendering(self._namespace, batch)))
        self.rows += len(batch)

    def add_alerts(self, partition: int, version: str, alerts: Sequence[bytes]) -> None:
        self._queue.append(_Alerts(partition, version, alerts))

    def end_refill(self, partition: int) -> None:
        self._queue.append(partition)

    def void_refill(self, partition: int) -> None:
        """Redis was lost again: what was submitted so far isn't everything."""
        self._queue = deque(item for item in self._queue if item != partition)

    def forget(self, partition: int) -> None:
        self._queue = deque(item for item in self._queue if _partition(item) != partition)
        self.rows = sum(_rows_left(item) for item in self._queue)

    def render(self, limit: int, backlog: Backlog, alerts: AlertQueue, ledger: Ledger) -> None:
        """Moves at most `limit` rows to the backlog, alerts to their queue, and the versions of both to the ledger."""
        while self._queue and limit > 0:
            item = self._queue[0]
            if isinstance(item, int):
                ledger.mark(backlog.accepted, item, None)
                self._queue.popleft()
                continue
            if isinstance(item, _Alerts):
                alerts.add(item.partition, item.alerts)
                ledger.mark(backlog.accepted, item.partition, item.version)
                self._queue.popleft()
                continue
            batch = item.rendering.batch
            count = min(limit, len(batch) - item.next_row)
            backlog.add(item.rendering.rows(item.next_row, item.next_row + count))
            item.next_row += count
            self.rows -= count
            limit -= max(count, 1)
            if item.next_row == len(batch):
                ledger.mark(backlog.accepted, batch.partition, batch.version)
                self._queue.popleft()


def _partition(item: _Unrendered | _Alerts | int) -> int:
    match item:
        case int():
            return item
        case _Alerts():
            return item.partition
        case _Unrendered():
            return item.rendering.batch.partition


def _rows_left(item: _Unrendered | _Alerts | int) -> int:
    return len(item.rendering.batch) - item.next_row if isinstance(item, _Unrendered) else 0
