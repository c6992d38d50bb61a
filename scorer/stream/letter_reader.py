"""The dead letters read back: all that the topic holds now, partition by partition, without a group."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scorer.stream.broker_errors import Unanswered
from scorer.stream.broker_link import BrokerLink
from scorer.stream.connection import Connection
from scorer.stream.dead_letters import OWN_HEADERS, DeadLetter
from scorer.stream.record_fetch import Fetched, OutOfRange, fetch, log_bounds
from scorer.stream.topics import input_partitions

_FETCH_BYTES = 4 << 20
_MS = 1000


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A letter as the topic holds it. `full_bytes`: how long its value was, None unless it was cut."""

    letter: DeadLetter
    full_bytes: int | None


@dataclass(frozen=True, slots=True)
class Letters:
    """Some letters of a partition of the topic, in order; `foreign`: records among them that are no letters of ours.

    `records` is how many offsets were covered.
    """

    kept: list[KeptLetter]
    foreign: int
    records: int


@asynccontextmanager
async def open_letters(
    connection: Connection, topic: str, *, patience: float, first_patience: float
) -> AsyncIterator["LetterReader"]:
    """A reader of the dead-letter topic. `patience`: seconds that an unreachable broker is waited for, per question;
    `first_patience`: until it is open.

    Raises NoSuchTopic, Unreachable, Refused.
    """
    await input_partitions(connection, topic, patience=first_patience)  # for its word on a topic that isn't there
    link = BrokerLink(connection, topic, patience=first_patience, client_id="scorer-letter-reader")
    await link.start()
    try:
        link.wait_for(patience)
        yield LetterReader(link)
    finally:
        await link.stop()


class LetterReader:
    """One dead-letter topic, on a link that is started. Every question raises Unreachable, Refused, Damaged."""

    def __init__(self, link: BrokerLink) -> None:
        self._link = link

    @property
    def partitions(self) -> range:
        """Of the topic itself."""
        return range(self._link.partitions)

    def home_of(self, source_partition: int) -> int:
        """The topic's partition that the letters of a source's partition are in."""
        return source_partition % self._link.partitions

    async def bounds(self, partitions: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Of each partition the first offset that it holds, and the one behind its last."""
        return {partition: await self._bounds(partition) for partition in partitions}

    async def read(self, partition: int, start: int, end: int) -> AsyncIterator[Letters]:
        """What is there from `start` to `end`; what is deleted meanwhile is left out."""
        position = start
        while position < end:
            fetched = await self._fetch(partition, position)
            records = [record for record in fetched.records if record.offset < end]
            kept = [letter for letter in map(_letter_of, records) if letter is not None]
            covered = min(fetched.position, end) - position
            position = fetched.position
            yield Letters(kept, len(records) - len(kept), covered)

    async def _bounds(self, partition: int) -> tuple[int, int]:
        return await self._link.insist(lambda: log_bounds(self._link, partition))

    async def _fetch(self, partition: int, position: int) -> Fetched:
        async def attempt() -> Fetched:
            try:
                return await fetch(self._link, partition, position, max_bytes=_FETCH_BYTES)
            except OutOfRange as error:
                start, end = await log_bounds(self._link, partition)
                if start <= position <= end:
                    raise Unanswered(f"the broker contradicts itself on offset {position}") from error
                return Fetched([], max(start, position), end)

        return await self._link.insist(attempt)


def _letter_of(record: Any) -> KeptLetter | None:
    """None if it isn't one: somebody else wrote into the topic."""
    own = {name: value for name, value in record.headers if name.startswith(OWN_HEADERS)}
    headers = {name: value.decode(errors="replace") for name, value in own.items() if value is not None}
    try:
        letter = DeadLetter(
            topic=headers["scorer.topic"],
            partition=int(headers["scorer.partition"]),
            offset=int(headers["scorer.offset"]),
            value=None if "scorer.null" in headers else record.value or b"",
            reason=headers["scorer.reason"],
            detail=headers.get("scorer.detail", ""),
            at_ms=round(datetime.fromisoformat(headers["scorer.at"]).timestamp() * _MS),
            calls=tuple(int(call) for call in headers.get("scorer.calls", "").split(",") if call),
            headers=tuple((name, value) for name, value in record.headers if not name.startswith(OWN_HEADERS)),
        )
        cut = headers.get("scorer.truncated")
        return KeptLetter(letter, None if cut is None else int(cut))
    except (KeyError, ValueError):
        return None
