"""What all partitions of a worker share."""

from dataclasses import dataclass
from datetime import timedelta

from scorer.core.decode import Decoder
from scorer.core.journal.owner import Identity
from scorer.core.model import Scoring
from scorer.metrics import Metrics
from scorer.stream.alert_topic import AlertTopic
from scorer.stream.clock import Clock
from scorer.stream.dead_letters import DeadLetters
from scorer.stream.exchange import Exchange
from scorer.stream.journal_log import JournalLog
from scorer.stream.ports import Scores


@dataclass(frozen=True, slots=True)
class Workplace:
    """The parts that every partition's driver uses, and the settings that it goes by.

    `partitions`: how many the input has; `start`: `earliest`, `latest`, or how far back a new deployment reads.
    """

    namespace: str
    scoring: Scoring
    identity: Identity
    input_topic: str
    decoder: Decoder
    partitions: int
    dedupe_ids: int
    publish_interval: timedelta
    kpi_interval: timedelta
    start: str | timedelta
    clock: Clock
    log: JournalLog
    letters: DeadLetters
    alerts: AlertTopic
    scores: Scores
    exchange: Exchange
    metrics: Metrics
