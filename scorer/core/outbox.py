"""Alerts that the journal holds and that Kafka or Redis may not have yet (ARCHITECTURE 2, the marks)."""

from collections.abc import Iterable, Iterator

SentAlert = tuple[bytes, bytes]
"""The entity's id and the alert's JSON."""


class Outbox:
    """Alerts by the version of the entry that holds them, oldest first.

    One stays until both have it: Kafka everything through the version `delivered_through`, Redis through its own mark.
    """

    def __init__(self) -> None:
        self._held: list[tuple[str, SentAlert]] = []
        self.delivered_through = ""
        self._redis_through = ""

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[tuple[str, SentAlert]]:
        return iter(self._held)

    def add(self, version: str, alerts: Iterable[SentAlert]) -> None:
        self._held.extend((version, alert) for alert in alerts)

    @property
    def newest(self) -> str:
        """The version of the newest; "" for none."""
        return self._held[-1][0] if self._held else ""

    def undelivered(self) -> list[SentAlert]:
        """What Kafka may not have."""
        return [alert for version, alert in self._held if version > self.delivered_through]

    def alerts(self) -> list[SentAlert]:
        """All of them: Redis has acknowledged none."""
        return [alert for _, alert in self._held]

    def delivered(self, through: str) -> None:
        """Kafka has everything through a version."""
        self.delivered_through = max(self.delivered_through, through)
        self._drop()

    def acknowledged(self, through: str) -> None:
        """Redis has everything through a version."""
        self._redis_through = max(self._redis_through, through)
        self._drop()

    def _drop(self) -> None:
        both = min(self.delivered_through, self._redis_through)
        self._held = [item for item in self._held if item[0] > both]
