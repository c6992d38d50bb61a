"""The topics at each start: what is missing is created, what is there is checked, before anything is read."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from scorer.quantities import counted
from scorer.stream.broker_answers import judge
from scorer.stream.broker_errors import NoSuchTopic, Refused, Unanswered, WrongTopic
from scorer.stream.broker_link import say_why
from scorer.stream.connection import Connection
from scorer.stream.patience import Patience
from scorer.stream.topic_rules import (
    DEAD_LETTER_MARGIN_BYTES,
    DEFAULT_MESSAGE_BYTES,
    SAFE_REPLICAS,
    Findings,
    FoundTopic,
    TopicPlan,
    alert_plan,
    check,
    compacted_plan,
    dead_letter_plan,
    journal_plan,
)

T = TypeVar("T")

_log = logging.getLogger(__name__)

_MANY_BROKERS = 3

_SHORT_SECONDS = 10.0
"""Who waits no longer need not be told that it may take a while: the failure tells soon enough."""


@dataclass(frozen=True, slots=True)
class TopicNames:
    """The input is the user's own; the others carry the namespace."""

    input: str
    journal: str
    summaries: str
    benchmarks: str
    alerts: str
    dead_letters: str

    @staticmethod
    def of(namespace: str, input_topic: str) -> "TopicNames":
        ours = (f"{namespace}-{each}" for each in ("journal", "summaries", "benchmarks", "alerts", "dead-letters"))
        return TopicNames(input_topic, *ours)


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """`partitions`: of the input, and so of the journal. `warnings`: for a person, one sentence each.
    `journal_created`: the journal wasn't there. `dead_letter_bytes`: the largest record that the dead letters take."""

    partitions: int
    warnings: tuple[str, ...]
    journal_created: bool
    dead_letter_bytes: int


async def ensure_topics(
    connection: Connection, names: TopicNames, *, partitions: int, replication_factor: int, patience: float
) -> TopicFacts:
    """Create what is missing and check the rest. `partitions`: of an input that has to be created.

    Raises WrongTopic (with the commands that mend it), Unreachable, Refused.
    """
    admin = _Admin(connection, Patience(patience, connection.bootstrap), on_trouble=_log.warning)
    try:
        return await _ensure(admin, names, partitions, replication_factor)
    finally:
        await admin.close()


async def input_partitions(connection: Connection, topic: str, *, patience: float) -> int:
    """How many partitions the input has; `patience` in seconds. Raises NoSuchTopic, Unreachable, Refused."""
    on_trouble = _log.warning if patience > _SHORT_SECONDS else lambda said: None
    admin = _Admin(connection, Patience(patience, connection.bootstrap), on_trouble)
    try:
        await admin.start()
        there = await admin.partition_counts()
    finally:
        await admin.close()
    if topic not in there:
        raise NoSuchTopic(f"there is no topic {topic}: start a worker, which creates it, or create it yourself")
    return there[topic]


async def _ensure(admin: "_Admin", names: TopicNames, partitions: int, replication_factor: int) -> TopicFacts:
    await admin.start()
    there = await admin.partition_counts()
    warnings = []
    if names.input not in there:
        await admin.create(TopicPlan(names.input, partitions, ()), replication_factor, {})
        warnings.append(
            f"the input topic {names.input} wasn't there: created with {counted(partitions, 'partition')} "
            "(their number can't grow later)"
        )
    (source,) = await admin.describe([names.input])
    input_bytes = int(source.settings.get("max.message.bytes", DEFAULT_MESSAGE_BYTES))
    plans = [
        journal_plan(names.journal, source.partitions),
        compacted_plan(names.summaries),
        compacted_plan(names.benchmarks),
        alert_plan(names.alerts, source.partitions),
        dead_letter_plan(names.dead_letters, source.partitions, input_bytes),
    ]
    created = set()
    for plan in plans:
        if plan.name not in there and await admin.create(plan, replication_factor, plan.settings(replication_factor)):
            created.add(plan.name)
    found = await admin.describe([plan.name for plan in plans])
    findings = Findings()
    for plan, topic in zip(plans, found, strict=True):
        check(plan, topic, admin.brokers, findings)
    if findings.faults:
        raise WrongTopic(tuple(findings.faults))
    warnings += _warnings(source, found, findings, await admin.broker_count())
    return TopicFacts(
        source.partitions, tuple(warnings), names.journal in created, input_bytes + DEAD_LETTER_MARGIN_BYTES
    )


def _warnings(source: FoundTopic, found: list[FoundTopic], findings: Findings, brokers: int) -> Iterable[str]:
    if "compact" in source.settings.get("cleanup.policy", "delete"):
        yield f"the input topic {source.name} is compacted: events with the same key are lost to a later rebuild"
    single = [topic.name for topic in (source, *found) if topic.replicas < 2]
    if brokers >= _MANY_BROKERS and single:
        yield (
            f"{', '.join(single)}: one replica on a cluster of {brokers} brokers, so losing one broker loses data "
            f"(SCORER_REPLICATION_FACTOR={SAFE_REPLICAS} for topics created from now on)"
        )
    if findings.unknown:
        unknown = "; ".join(f"{key} of {', '.join(topics)}" for key, topics in findings.unknown.items())
        yield f"the broker doesn't tell these topic settings, so they are unchecked: {unknown}"


class _Admin:
    """aiokafka's admin client, with patience and with errors of our tree."""

    def __init__(self, connection: Connection, patience: Patience, on_trouble: Callable[[str], None]) -> None:
        self._connection = connection
        self._on_trouble = on_trouble
        self._patience = patience
        self._client = AIOKafkaAdminClient(**connection.client_kwargs("scorer-topics"))
        self.brokers = connection.bootstrap

    async def start(self) -> None:
        async def connect() -> None:
            try:
                await self._client.start()
            except errors.KafkaError as error:
                await say_why(self._connection)
                raise Unanswered(repr(error)) from error

        await self._patience.insist(connect, on_first_failure=self._on_trouble)

    async def close(self) -> None:
        await self._client.close()

    async def partition_counts(self) -> dict[str, int]:
        """Every topic that we may see. All are asked for: naming a missing one could create it, with wrong settings."""
        return {topic["topic"]: len(topic["partitions"]) for topic in await self._topics()}

    async def broker_count(self) -> int:
        cluster = await self._ask(self._client.describe_cluster)
        return len(cluster["brokers"])

    async def create(self, plan: TopicPlan, replication_factor: int, settings: dict[str, str]) -> bool:
        """False if somebody else was faster. Raises Refused naming the topic."""
        topic = NewTopic(plan.name, plan.partitions, replication_factor, topic_configs=settings)

        async def ask() -> bool:
            answer = await self._client.create_topics([topic])
            for name, code, message in answer.topic_errors:
                if code == errors.TopicAlreadyExistsError.errno:
                    return False
                judge(code, topic=name, said=message)
            return True

        return await self._ask(ask)

    async def describe(self, names: list[str]) -> list[FoundTopic]:
        """Waits until each is known with its leaders: a topic just created spreads through the cluster by and by."""

        async def complete() -> dict[str, Any]:
            topics = {topic["topic"]: topic for topic in await self._topics()}
            for name in names:
                judge(topics[name]["error_code"] if name in topics else _UNKNOWN_TOPIC, topic=name)
                if any(partition["leader"] < 0 for partition in topics[name]["partitions"]):
                    raise Unanswered(f"a partition of {name} has no leader")
            return topics

        topics = await self._ask(complete)
        settings = await self._settings(names)
        return [
            FoundTopic(
                name,
                len(topics[name]["partitions"]),
                min(len(partition["replicas"]) for partition in topics[name]["partitions"]),
                settings.get(name, {}),
            )
            for name in names
        ]

    async def _topics(self) -> list[dict[str, Any]]:
        return await self._ask(self._client.describe_topics)

    async def _settings(self, names: list[str]) -> dict[str, dict[str, str]]:
        """Topic settings, as far as the broker tells them; the rest is unknown, not wrong."""
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]

        async def ask() -> dict[str, dict[str, str]]:
            told: dict[str, dict[str, str]] = {}
            for answer in await self._client.describe_configs(resources):
                for code, message, _, name, entries in answer.resources:
                    judge(code, topic=name, said=message)
                    told[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
            return told

        try:
            return await self._ask(ask)
        except Refused:
            return {}

    async def _ask(self, action: Callable[[], Awaitable[T]]) -> T:
        async def ask() -> T:
            try:
                return await action()
            except (errors.IncompatibleBrokerVersion, NotImplementedError) as error:
                raise Refused(f"the broker doesn't speak it: {error}") from error
            # AttributeError: aiokafka takes the controller for granted, and a cluster may have none for a moment
            except (errors.KafkaError, OSError, TimeoutError, AttributeError) as error:
                raise Unanswered(repr(error)) from error

        return await self._patience.insist(ask)


_UNKNOWN_TOPIC = errors.UnknownTopicOrPartitionError.errno
