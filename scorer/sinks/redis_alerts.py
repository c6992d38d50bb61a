"""Alerts on their way to the Redis stream, in order. No I/O.

None is ever dropped: the journal's outbox, which holds each of them until it is acknowledged, is their bound.
"""

from collections import deque
from collections.abc import Sequence

import msgspec


class _Fields(msgspec.Struct):
    """What of an alert stands beside it in the stream, for readers that filter."""

    id: str
    rule: str
    state: str


_read = msgspec.json.Decoder(_Fields).decode


class AlertQueue:
    """Alerts that Redis hasn't confirmed yet. One that was sent may be sent again: readers know it by id and state."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._sending: list[bytes] = []

    def __len__(self) -> int:
        return len(self._sending) + len(self._waiting)

    def add(self, partition: int, alerts: Sequence[bytes]) -> None:
        self._waiting.extend((partition, alert) for alert in alerts)

    def forget(self, partition: int) -> None:
        """Its new owner sends them. Those being sent may still arrive."""
        self._waiting = deque(each for each in self._waiting if each[0] != partition)

    def portion(self, limit: int) -> list[bytes]:
        """The next alerts, the same ones until `confirm`."""
        if not self._sending:
            self._sending = [self._waiting.popleft()[1] for _ in range(min(limit, len(self._waiting)))]
        return self._sending

    def confirm(self) -> None:
        self._sending = []


def stream_fields(alerts: Sequence[bytes]) -> list[str | bytes]:
    """Of each alert the JSON object itself, its id, rule and state.

    >>> stream_fields([b'{"id":"a","rule":"churn","state":"fired","score":1}'])
    [b'{"id":"a","rule":"churn","state":"fired","score":1}', 'a', 'churn', 'fired']
    """
    fields: list[str | bytes] = []
    for alert in alerts:
        named = _read(alert)
        fields += (alert, named.id, named.rule, named.state)
    return fields
