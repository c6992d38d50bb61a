"""What each topic of ours must be: how it is created, and what an existing one is held to.

A setting that the broker doesn't report can't be judged: it is named in `unknown`, not guessed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scorer.stream.broker_errors import TopicFault

JOURNAL_MESSAGE_BYTES = 1_048_576
DEFAULT_MESSAGE_BYTES = 1_048_588  # Kafka's own default of max.message.bytes
DEAD_LETTER_MARGIN_BYTES = 65_536  # for our headers around a record as large as the input lets in
ALERT_MESSAGE_BYTES = 131_072  # an alert has a few ids of at most 512 bytes; a batch of them is kept below this
SAFE_REPLICAS = 3


@dataclass(frozen=True, slots=True)
class Requirement:
    """One topic setting: what it is set to at creation, and which values of an existing topic will do."""

    key: str
    needed: str
    accepts: Callable[[str], bool]

    @staticmethod
    def exactly(key: str, value: str) -> "Requirement":
        return Requirement(key, value, lambda found: found == value)

    @staticmethod
    def at_least(key: str, value: int) -> "Requirement":
        return Requirement(key, str(value), lambda found: int(found) >= value)


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic as it should be. `exact_partitions`: an existing one must have as many as the plan."""

    name: str
    partitions: int
    requirements: tuple[Requirement, ...]
    exact_partitions: bool = False

    def settings(self, replication_factor: int) -> dict[str, str]:
        """The topic settings to create it with."""
        settings = {each.key: each.needed for each in self.requirements}
        # Always said: a broker's own default of 2 would make a topic with one replica unwritable.
        settings["min.insync.replicas"] = "2" if replication_factor >= SAFE_REPLICAS else "1"
        return settings


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic as the broker describes it. `replicas`: of the partition that has the fewest."""

    name: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]


@dataclass(slots=True)
class Findings:
    """What the checks found: faults stop the start, `unknown` holds what couldn't be judged, by setting."""

    faults: list[TopicFault] = field(default_factory=list)
    unknown: dict[str, list[str]] = field(default_factory=dict)


def journal_plan(name: str, partitions: int) -> TopicPlan:
    """Kept without limit (trimmed behind snapshots), and stamped by the broker: claims' epochs follow from that."""
    return TopicPlan(
        name,
        partitions,
        (
            Requirement.exactly("cleanup.policy", "delete"),
            Requirement.exactly("retention.ms", "-1"),
            Requirement.exactly("retention.bytes", "-1"),
            Requirement.at_least("max.message.bytes", JOURNAL_MESSAGE_BYTES),
            Requirement.exactly("message.timestamp.type", "LogAppendTime"),
        ),
        exact_partitions=True,
    )


def compacted_plan(name: str) -> TopicPlan:
    """One partition: every worker reads all of it, and one order of all writes is simplest to reason about."""
    return TopicPlan(
        name,
        1,
        (
            Requirement.exactly("cleanup.policy", "compact"),
            Requirement.at_least("max.message.bytes", JOURNAL_MESSAGE_BYTES),
        ),
    )


def dead_letter_plan(name: str, partitions: int, input_message_bytes: int) -> TopicPlan:
    """Takes every record that the input takes, with our headers around it."""
    largest = input_message_bytes + DEAD_LETTER_MARGIN_BYTES
    return TopicPlan(
        name,
        partitions,
        (Requirement.exactly("cleanup.policy", "delete"), Requirement.at_least("max.message.bytes", largest)),
    )


def alert_plan(name: str, partitions: int) -> TopicPlan:
    """Read by `scorer notify` soon after; how long they are kept is the broker's default, or the user's own choice."""
    return TopicPlan(
        name,
        partitions,
        (
            Requirement.exactly("cleanup.policy", "delete"),
            Requirement.at_least("max.message.bytes", ALERT_MESSAGE_BYTES),
        ),
    )


def check(plan: TopicPlan, found: FoundTopic, brokers: str, findings: Findings) -> None:
    """Compare, and add what is wrong or can't be judged to the findings. `brokers`: for the command that mends it."""
    if plan.exact_partitions and found.partitions != plan.partitions:
        findings.faults.append(_wrong_partitions(plan, found))
    for requirement in (*plan.requirements, *_durability(found)):
        value = found.settings.get(requirement.key)
        if value is None:
            findings.unknown.setdefault(requirement.key, []).append(plan.name)
        elif not requirement.accepts(value):
            mend = (
                f"kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics "
                f"--entity-name {plan.name} --add-config {requirement.key}={requirement.needed}"
            )
            findings.faults.append(TopicFault(plan.name, requirement.key, value, requirement.needed, mend))


def _durability(found: FoundTopic) -> tuple[Requirement, ...]:
    """An acknowledged record outlives any one broker, and a topic can be written at all."""
    needed = 2 if found.replicas >= SAFE_REPLICAS else 1
    in_sync = Requirement("min.insync.replicas", str(needed), lambda value: needed <= int(value) <= found.replicas)
    if found.replicas == 1:
        return (in_sync,)  # nobody to elect uncleanly
    return in_sync, Requirement.exactly("unclean.leader.election.enable", "false")


def _wrong_partitions(plan: TopicPlan, found: FoundTopic) -> TopicFault:
    mend = (
        "the input's partitions can't change under a journal, since accounts would move between them: give the input "
        "its old number back, or start anew beside it with a namespace of its own (SCORER_NAMESPACE)"
    )
    needed = f"{plan.partitions}, as many as the input has"
    return TopicFault(plan.name, "partitions", str(found.partitions), needed, mend)
