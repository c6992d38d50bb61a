"""Alerts written to real brokers."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import pytest
from aiokafka import ConsumerRecord

from scorer.embedded.broker import EmbeddedBroker
from scorer.embedded.child import free_port
from scorer.stream.alert_topic import AlertTopic
from scorer.stream.broker_errors import TooLarge, Unreachable
from scorer.stream.connection import Connection
from tests.oracle_input import partition_of
from tests.servers import KafkaServer
from tests.topic_making import all_records, make_topic

Server = KafkaServer | EmbeddedBroker


@pytest.fixture(params=["kafka", "tansu"])
def server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    return server


def alert(entity: str, number: int, why: str = "") -> tuple[bytes, bytes]:
    said = {"id": f"churn:{entity}:{number}", "rule": "churn", "state": "fired", "entity": entity, "why": why}
    return entity.encode(), json.dumps(said).encode()


def written(
    server: Server,
    topic: str,
    story: Callable[[AlertTopic], Awaitable[None]],
    partitions: int = 1,
    **settings: str,
) -> Sequence[ConsumerRecord]:
    """What the topic holds after the story."""

    async def run() -> Sequence[ConsumerRecord]:
        await make_topic(server.bootstrap, topic, partitions, **settings)
        alerts = AlertTopic(Connection((server.bootstrap,)), topic, patience=20.0)
        await alerts.start()
        try:
            await story(alerts)
        finally:
            await alerts.stop()
        return await all_records(server.bootstrap, topic)

    return asyncio.run(run())


def test_an_alert_is_keyed_by_its_entity_where_every_kafka_client_would_put_it(server: Server, namespace: str) -> None:
    entities = ["acme", "Łódź/zoë", "a%2Fb/u/1", "x" * 512]
    alerts = [alert(entity, number) for number in range(300) for entity in entities]
    records = written(server, namespace, lambda topic: topic.write(alerts), partitions=5)
    assert sorted((record.key, record.value) for record in records) == sorted(alerts)
    assert all(record.partition == partition_of(record.key.decode(), 5) for record in records)


def test_an_entitys_alerts_keep_their_order(server: Server, namespace: str) -> None:
    first = [alert(f"acme/{n % 13}", n, "x" * 500) for n in range(3_000)]
    second = [alert(f"acme/{n % 13}", n) for n in range(3_000, 3_100)]

    async def story(topic: AlertTopic) -> None:
        await topic.write(first)
        await topic.write(second)

    by_entity: dict[bytes, list[bytes]] = {}
    for record in written(server, namespace, story, partitions=3):
        by_entity.setdefault(record.key, []).append(record.value)
    for entity, found in by_entity.items():
        assert found == [value for key, value in first + second if key == entity]
    assert sum(map(len, by_entity.values())) == 3_100


def test_a_topic_that_takes_too_little_is_named_with_what_it_must_take(kafka: KafkaServer, namespace: str) -> None:
    async def story(topic: AlertTopic) -> None:
        with pytest.raises(
            TooLarge, match=rf"^{namespace}-0: alerts of .* max\.message\.bytes must be at least 131072"
        ):
            await topic.write([alert("acme", 1, "x" * 3_000)])
        with pytest.raises(TooLarge, match="refused for their size"):
            await topic.write([alert("acme", 2, "x" * 140_000)])  # not even sent
        await topic.write([alert("acme", 3)])

    records = written(kafka, namespace, story, max_message_bytes="1000")
    assert [json.loads(record.value)["id"] for record in records] == ["churn:acme:3"]


def test_nothing_to_write_writes_nothing(kafka: KafkaServer, namespace: str) -> None:
    assert written(kafka, namespace, lambda topic: topic.write([])) == []


def test_a_broker_that_stays_away_ends_the_patience() -> None:
    async def story() -> None:
        alerts = AlertTopic(Connection((f"127.0.0.1:{free_port()}",)), "alerts", patience=0.5)
        with pytest.raises(Unreachable):
            await alerts.start()

    asyncio.run(story())


def test_alerts_written_while_the_broker_is_away_land_once_it_is_back(own_kafka: KafkaServer, namespace: str) -> None:
    alerts = [alert(f"acme/{n}", n) for n in range(20)]

    async def story(topic: AlertTopic) -> None:
        await topic.write(alerts[:10])
        own_kafka.pause()
        writing = asyncio.create_task(topic.write(alerts[10:]))
        await asyncio.sleep(1.0)
        assert not writing.done()
        own_kafka.resume()
        await writing

    records = written(own_kafka, namespace, story, partitions=2)
    assert sorted(record.value for record in records) == sorted(value for _, value in alerts)
