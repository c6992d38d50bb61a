"""What becomes of alerts outside of workers: what journals hold, what Kafka and Redis have."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from scorer.core.outbox import SentAlert

AlertKey = tuple[str, str]
"""An alert's id and state."""


class _Alert(msgspec.Struct):
    id: str
    state: str
    entity: str


_read = msgspec.json.Decoder(_Alert).decode


def key_of(value: bytes) -> AlertKey:
    alert = _read(value)
    return alert.id, alert.state


@dataclass
class Alerting:
    """`journaled`: by id and state, the version and JSON of each that an entry which counts holds, in order.

    `contradicted`: journaled again, though otherwise. `late`: what Kafka may still get of a send that was cut short.
    `forgiven`: what a Redis that was emptied had acknowledged.
    """

    journaled: dict[AlertKey, tuple[str, bytes]] = field(default_factory=dict)
    contradicted: set[AlertKey] = field(default_factory=set)
    kafka: list[SentAlert] = field(default_factory=list)
    late: list[list[SentAlert]] = field(default_factory=list)
    forgiven: set[AlertKey] = field(default_factory=set)

    def journal(self, version: str, alerts: Iterable[SentAlert]) -> None:
        for _, value in alerts:
            key = key_of(value)
            if key in self.journaled:
                self.contradicted.add(key)
            self.journaled[key] = version, value

    def forgive(self, stream: Iterable[bytes], through: str) -> None:
        """Redis is emptied of a stream that it has acknowledged through a version."""
        self.forgive_each(map(key_of, stream), through)

    def forgive_each(self, keys: Iterable[AlertKey], through: str) -> None:
        """The same of some alerts."""
        self.forgiven.update(key for key in keys if key in self.journaled and self.journaled[key][0] <= through)
