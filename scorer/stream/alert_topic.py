"""Alerts in Kafka, for `scorer notify` and whoever else acts on them (INTERFACES 5)."""

from collections.abc import Sequence

from scorer.stream.broker_errors import TooLarge
from scorer.stream.connection import Connection
from scorer.stream.topic_rules import ALERT_MESSAGE_BYTES
from scorer.stream.topic_writer import TopicWriter


class AlertTopic:
    """The topic of alerts. `patience`: seconds to wait for a broker."""

    def __init__(self, connection: Connection, topic: str, *, patience: float) -> None:
        self._writer = TopicWriter(
            connection, topic, max_bytes=ALERT_MESSAGE_BYTES, patience=patience, client_id="scorer-alerts"
        )

    async def start(self) -> None:
        """Connect. Raises Unreachable, Refused."""
        await self._writer.start()

    async def stop(self) -> None:
        await self._writer.stop()

    async def write(self, alerts: Sequence[tuple[bytes, bytes]]) -> None:
        """Write all of them, (entity id, JSON), acknowledged by all replicas in sync when this returns.

        An entity's alerts stay in order. Raises Unreachable, Refused, TooLarge (the topic takes less than it has to);
        some may then have been written, and writing all of them again is harmless.
        """
        try:
            await self._writer.write_keyed(alerts)
        except TooLarge as error:
            longest = max(len(key) + len(value) for key, value in alerts)
            message = (
                f"alerts of at most {longest} bytes are refused for their size: "
                f"the topic's max.message.bytes must be at least {ALERT_MESSAGE_BYTES}"
            )
            raise TooLarge(message, topic=error.topic, partition=error.partition) from error
