"""What a flow of an `Owner` asks of whoever drives it, and the answers."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from scorer.core.outbox import SentAlert
from scorer.core.publish import KpiBatch, ScoreBatch


@dataclass(frozen=True, slots=True)
class Append:
    """Append to the journal, awaited. Answer: `Landed`."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Landed:
    """Where an append landed; -1 where that is unknown. The timestamp is the broker's append time, epoch ms."""

    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """Ask for the journal's first offset. Answer: int."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read records of [start, stop). Answer: a list of `LogRecord`, not empty unless there are none, or `Trimmed`."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What was to be read is gone: the journal starts later now."""

    log_start: int


@dataclass(frozen=True, slots=True)
class ResolveStart:
    """Ask for the source offset that a new deployment starts at. Answer: int."""


@dataclass(frozen=True, slots=True)
class MayClaim:
    """Ask whether the group's coordinator has accepted the worker's current generation. Answer: bool."""


@dataclass(frozen=True, slots=True)
class SendDeadLetters:
    """Send dead letters, awaited."""

    letters: list[Any]


@dataclass(frozen=True, slots=True)
class SendAlerts:
    """Send alerts to Kafka, awaited."""

    alerts: list[SentAlert]


@dataclass(frozen=True, slots=True)
class Publish:
    """Hand changed scores, alerts and KPIs to Redis, all of one version; they may arrive later."""

    version: str
    batches: list[ScoreBatch]
    alerts: list[SentAlert]
    kpis: list[KpiBatch] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Commit:
    """Commit the group's offset of the source."""

    position: int


@dataclass(frozen=True, slots=True)
class Trim:
    """Delete the journal's records before an offset."""

    before: int


Step = Append | Bounds | Read | ResolveStart | MayClaim | SendDeadLetters | SendAlerts | Publish | Commit | Trim
Steps = Generator[Step, Any, bool]
