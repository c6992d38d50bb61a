"""Topics at a start: what is missing is made, what would lose data stops it."""

import asyncio
from dataclasses import replace

import pytest

from scorer.embedded.broker import EmbeddedBroker
from scorer.embedded.child import free_port
from scorer.stream.broker_errors import Refused, TopicFault, Unreachable, WrongTopic
from scorer.stream.connection import Connection
from scorer.stream.topic_rules import Findings, FoundTopic, check, compacted_plan, dead_letter_plan, journal_plan
from scorer.stream.topics import TopicFacts, TopicNames, ensure_topics
from tests.servers import KafkaServer
from tests.topic_making import make_topic, partition_count, topic_settings


def names_in(namespace: str) -> TopicNames:
    return TopicNames.of(namespace, f"{namespace}-input")


async def ensure(
    bootstrap: str, namespace: str, *, partitions: int = 4, replication_factor: int = 1, patience: float = 20.0
) -> TopicFacts:
    return await ensure_topics(
        Connection((bootstrap,)),
        names_in(namespace),
        partitions=partitions,
        replication_factor=replication_factor,
        patience=patience,
    )


def test_the_names_carry_the_namespace_and_the_input_is_the_users_own() -> None:
    assert TopicNames.of("acme", "clicks") == TopicNames(
        "clicks", "acme-journal", "acme-summaries", "acme-benchmarks", "acme-alerts", "acme-dead-letters"
    )


def test_missing_topics_are_made_as_they_must_be(kafka: KafkaServer, namespace: str) -> None:
    async def story() -> None:
        names = names_in(namespace)
        facts = await ensure(kafka.bootstrap, namespace)
        assert (facts.partitions, facts.journal_created) == (4, True)
        assert facts.warnings == (
            f"the input topic {namespace}-input wasn't there: "
            "created with 4 partitions (their number can't grow later)",
        )
        counts = {name: await partition_count(kafka.bootstrap, name) for name in vars_of(names)}
        assert list(counts.values()) == [4, 4, 1, 1, 4, 4]
        journal = await topic_settings(kafka.bootstrap, names.journal)
        expected = {
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": "1048576",
            "min.insync.replicas": "1",
        }
        assert {key: journal[key] for key in expected} == expected
        for name in (names.summaries, names.benchmarks):
            assert (await topic_settings(kafka.bootstrap, name))["cleanup.policy"] == "compact"
        assert (await topic_settings(kafka.bootstrap, names.alerts))["cleanup.policy"] == "delete"
        letters = await topic_settings(kafka.bootstrap, names.dead_letters)
        assert int(letters["max.message.bytes"]) == 1_048_588 + 65_536 == facts.dead_letter_bytes

    asyncio.run(story())


def vars_of(names: TopicNames) -> tuple[str, ...]:
    return (names.input, names.journal, names.summaries, names.benchmarks, names.alerts, names.dead_letters)


def test_a_second_start_finds_them_in_order(kafka: KafkaServer, namespace: str) -> None:
    async def story() -> None:
        await ensure(kafka.bootstrap, namespace)
        facts = await ensure(kafka.bootstrap, namespace, partitions=9)
        assert (facts.partitions, facts.warnings, facts.journal_created) == (4, (), False)

    asyncio.run(story())


def test_an_inputs_own_partitions_and_message_size_win(kafka: KafkaServer, namespace: str) -> None:
    async def story() -> None:
        await make_topic(kafka.bootstrap, f"{namespace}-input", 3, max_message_bytes="2000000")
        facts = await ensure(kafka.bootstrap, namespace)
        assert (facts.partitions, facts.dead_letter_bytes, facts.warnings) == (3, 2_065_536, ())
        assert await partition_count(kafka.bootstrap, f"{namespace}-journal") == 3

    asyncio.run(story())


def test_workers_that_start_together_make_each_topic_once(kafka: KafkaServer, namespace: str) -> None:
    async def story() -> None:
        all_facts = await asyncio.gather(*(ensure(kafka.bootstrap, namespace) for _ in range(4)))
        assert [facts.partitions for facts in all_facts] == [4, 4, 4, 4]
        assert sum(facts.journal_created for facts in all_facts) == 1

    asyncio.run(story())


def test_wrong_settings_stop_the_start_with_the_command_that_mends_each(kafka: KafkaServer, namespace: str) -> None:
    async def story() -> None:
        await make_topic(kafka.bootstrap, f"{namespace}-input", 2)
        await make_topic(
            kafka.bootstrap,
            f"{namespace}-journal",
            3,
            cleanup_policy="compact",
            retention_ms="604800000",
            retention_bytes="1000000",
            max_message_bytes="100000",
        )
        await make_topic(kafka.bootstrap, f"{namespace}-summaries", 1, cleanup_policy="compact,delete")
        await make_topic(kafka.bootstrap, f"{namespace}-alerts", 5, cleanup_policy="compact", max_message_bytes="1000")
        await make_topic(kafka.bootstrap, f"{namespace}-dead-letters", 2, min_insync_replicas="2")
        with pytest.raises(WrongTopic) as caught:
            await ensure(kafka.bootstrap, namespace)
        wrong = {(fault.topic.removeprefix(f"{namespace}-"), fault.key): fault for fault in caught.value.faults}
        assert set(wrong) == {
            ("journal", "partitions"),
            ("journal", "cleanup.policy"),
            ("journal", "retention.ms"),
            ("journal", "retention.bytes"),
            ("journal", "max.message.bytes"),
            ("journal", "message.timestamp.type"),
            ("summaries", "cleanup.policy"),
            ("alerts", "cleanup.policy"),
            ("alerts", "max.message.bytes"),
            ("dead-letters", "max.message.bytes"),
            ("dead-letters", "min.insync.replicas"),
        }
        command = (
            f"kafka-configs.sh --bootstrap-server {kafka.bootstrap} --alter --entity-type topics "
            f"--entity-name {namespace}-journal --add-config retention.ms=-1"
        )
        assert wrong["journal", "retention.ms"] == TopicFault(
            f"{namespace}-journal", "retention.ms", "604800000", "-1", command
        )
        assert f"topic {namespace}-journal: retention.ms is 604800000, needed is -1. To mend it: {command}" in str(
            caught.value
        )
        assert "SCORER_NAMESPACE" in wrong["journal", "partitions"].mend

    asyncio.run(story())


def test_a_compacted_input_is_warned_of(kafka: KafkaServer, namespace: str) -> None:
    async def story() -> None:
        await make_topic(kafka.bootstrap, f"{namespace}-input", 1, cleanup_policy="compact")
        (warning,) = (await ensure(kafka.bootstrap, namespace)).warnings
        assert "is compacted" in warning

    asyncio.run(story())


def test_more_replicas_than_brokers_are_refused_with_the_brokers_words(kafka: KafkaServer, namespace: str) -> None:
    with pytest.raises(Refused, match=f"{namespace}-input: .*[Rr]eplication"):
        asyncio.run(ensure(kafka.bootstrap, namespace, replication_factor=3))


def test_tansu_starts_without_a_warning_but_for_the_input(tansu: EmbeddedBroker, namespace: str) -> None:
    async def story() -> None:
        facts = await ensure(tansu.bootstrap, namespace)
        assert (facts.partitions, facts.journal_created, len(facts.warnings)) == (4, True, 1)
        again = await ensure(tansu.bootstrap, namespace)
        assert (again.partitions, again.journal_created, again.warnings) == (4, False, ())

    asyncio.run(story())


def test_settings_that_the_broker_does_not_tell_are_said_to_be_unchecked(tansu: EmbeddedBroker, namespace: str) -> None:
    async def story() -> None:
        await make_topic(tansu.bootstrap, f"{namespace}-input", 1)
        await make_topic(tansu.bootstrap, f"{namespace}-benchmarks", 1, cleanup_policy="compact")
        (warning,) = (await ensure(tansu.bootstrap, namespace)).warnings
        assert f"max.message.bytes of {namespace}-benchmarks" in warning

    asyncio.run(story())


def test_no_broker_is_said_after_the_patience() -> None:
    broker = f"127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=broker):
        asyncio.run(ensure(broker, "any", patience=0.3))


REPLICATED = FoundTopic(
    "t",
    4,
    3,
    {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "max.message.bytes": "1048576",
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "2",
        "unclean.leader.election.enable": "false",
    },
)


def faults_of(found: FoundTopic) -> list[str]:
    findings = Findings()
    check(journal_plan("t", 4), found, "b:9092", findings)
    return [fault.key for fault in findings.faults]


@pytest.mark.parametrize(
    ("key", "value", "wrong"),
    [
        ("min.insync.replicas", "2", False),
        ("min.insync.replicas", "3", False),
        ("min.insync.replicas", "1", True),  # an acknowledged record would be on one broker only
        ("min.insync.replicas", "4", True),  # nothing could be written
        ("unclean.leader.election.enable", "true", True),
        ("max.message.bytes", "2000000", False),
    ],
)
def test_three_replicas_are_held_to_what_makes_them_worth_having(key: str, value: str, wrong: bool) -> None:
    found = replace(REPLICATED, settings={**REPLICATED.settings, key: value})
    assert faults_of(found) == ([key] if wrong else [])


def test_topics_with_three_replicas_are_made_for_two_in_sync() -> None:
    for plan in (journal_plan("j", 4), compacted_plan("c"), dead_letter_plan("d", 4, 1_000_000)):
        assert plan.settings(3)["min.insync.replicas"] == "2"
        assert plan.settings(2)["min.insync.replicas"] == plan.settings(1)["min.insync.replicas"] == "1"
