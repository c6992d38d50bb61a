"""A worker's writer to Redis, in a few lines (the real one: `scorer.sinks.redis_writer`)."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scorer.core.publish import ScoreBatch
from scorer.sinks.redis_alerts import AlertQueue
from scorer.sinks.redis_ledger import Ledger
from scorer.sinks.redis_presence import Presence
from tests.journal_search.alerting import AlertKey, key_of
from tests.journal_search.outside import Redis

PARTITION = 0
ALERTS_A_CALL = 2
EVERYTHING = 1_000


@dataclass(frozen=True, slots=True)
class _Alerts:
    """Without alerts: a version only, to be marked."""

    version: str
    alerts: Sequence[bytes] = ()


class Writer:
    """Scores and alerts on their way to Redis, in order: rendered piece by piece, and marked then.

    Scores for a Redis that is lost are dropped, for the next one is told all of them. Alerts are kept.

    `unnoticed`: alerts that Redis had confirmed when it was emptied, as long as that wasn't noticed.
    """

    def __init__(self, redis: Redis, on_lost: Callable[[], None]) -> None:
        self._redis = redis
        self._on_lost = on_lost
        self._presence = Presence()
        self._ledger = Ledger()
        self._inbox: deque[ScoreBatch | _Alerts | None] = deque()
        self._backlog: deque[ScoreBatch] = deque()
        self._alerts = AlertQueue()
        self._accepted = 0
        self._ranked = True
        self.run_id: str | None = None
        self.unnoticed: set[AlertKey] = set()
        self._confirmed: set[AlertKey] = set()

    def adopt(self, version: str, run_id: str) -> None:
        self.forget()
        self._ledger.adopt(PARTITION, version)
        if version:
            self._presence.adopt(PARTITION, run_id)

    def forget(self) -> None:
        """What is rendered may still be written: versions keep it harmless."""
        self._inbox.clear()
        self._confirmed.clear()
        self.unnoticed.clear()
        self._alerts.forget(PARTITION)
        self._ledger.forget(PARTITION)
        self._presence.forget(PARTITION)

    def submit(self, version: str, batches: Sequence[ScoreBatch], alerts: Sequence[bytes]) -> None:
        self._presence.meet(PARTITION)
        for item in (*batches, *([_Alerts(version, alerts)] if alerts else ())):
            self._ledger.submitted(PARTITION, version)
            self._inbox.append(item)

    def emptied(self) -> None:
        """Redis is, and doesn't say so."""
        self.unnoticed |= self._confirmed

    def refilled(self) -> None:
        self._inbox.append(None)

    def acknowledged(self) -> str:
        return self._ledger.acknowledged(PARTITION)

    def heartbeat(self, version: str) -> None:
        self._presence.beat(PARTITION, version)

    @property
    def idle(self) -> bool:
        beats = self._presence.due(self._ledger.lost)
        waiting = self._inbox or self._backlog or self._alerts or not self._ranked
        return not (waiting or beats or self.run_id != self._redis.run_id)

    def round(self, at_most: int = EVERYTHING, *, heard: bool = True) -> None:
        """Render so much, connect where need be, beat, write alerts and one batch; rank what rounds before wrote.

        Not `heard`: Redis is away before it answers to alerts.
        """
        rendered = self._render(at_most)
        self.run_id = self._redis.run_id
        if self._presence.compare(self.run_id):
            self._lose()
        beats = self._presence.due(self._ledger.lost)
        outcomes = [self._redis.beat(version, must_exist) for version, must_exist in beats.values()]
        if self._presence.beaten(beats, outcomes):
            self._lose()
        while self._alerts:
            portion = self._alerts.portion(ALERTS_A_CALL)
            self._redis.add_alerts(portion)
            if not heard:
                return
            self._confirmed.update(map(key_of, portion))
            self._alerts.confirm()
        if self._backlog:
            self._redis.write(self._backlog.popleft())
        self._ledger.written(self._accepted - len(self._backlog))
        self._ranked = not (self._backlog or rendered)
        if self._ranked:
            self._ledger.ranked()

    def _render(self, at_most: int) -> int:
        rendered = min(at_most, len(self._inbox))
        for _ in range(rendered):
            item = self._inbox.popleft()
            if isinstance(item, ScoreBatch):
                self._backlog.append(item)
                self._accepted += 1
            elif item is not None:
                self._alerts.add(PARTITION, item.alerts)
            self._ledger.mark(self._accepted, PARTITION, None if item is None else item.version)
        return rendered

    def _lose(self) -> None:
        self.unnoticed.clear()
        self._ledger.lose(PARTITION)
        kept = (_Alerts(item.version) if isinstance(item, ScoreBatch) else item for item in self._inbox)
        self._inbox = deque(item for item in kept if item is not None)
        self._backlog.clear()
        self._on_lost()
