"""What the other tests stand on: the servers do as they say, and nothing leaves this machine."""

import asyncio
import socket

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis import Redis

from tests.conftest import NetworkForbidden
from tests.servers import KafkaServer, RedisServer


async def _write(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, b"still here")


async def _read(bootstrap: str, topic: str) -> bytes | None:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        value: bytes | None = (await asyncio.wait_for(consumer.getone(), 20)).value
        return value


def test_a_killed_kafka_comes_back_with_what_it_acknowledged(own_kafka: KafkaServer, namespace: str) -> None:
    asyncio.run(_write(own_kafka.bootstrap, namespace))
    own_kafka.kill()
    own_kafka.restart()
    assert asyncio.run(_read(own_kafka.bootstrap, namespace)) == b"still here"


def test_a_stopped_kafka_leaves_no_file() -> None:
    server = KafkaServer()
    folder = server.folder
    assert folder.exists()
    server.stop()
    assert not folder.exists()


def test_a_restarted_redis_is_empty_and_another() -> None:
    server = RedisServer()
    try:
        with Redis.from_url(server.url) as client:
            client.set("a", "b")
            first_run = client.info("server")["run_id"]
        server.restart()
        with Redis.from_url(server.url) as client:
            assert client.dbsize() == 0
            assert client.info("server")["run_id"] != first_run
    finally:
        server.stop()


def test_two_tests_never_share_a_name(namespace: str, request: pytest.FixtureRequest) -> None:
    assert namespace.startswith("test-two-tests-never-share-a-name-")
    assert len(namespace) < 80


@pytest.mark.parametrize("address", [("192.0.2.1", 9), ("2001:db8::1", 9, 0, 0)])
def test_no_connection_leaves_this_machine(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as outward:
        with pytest.raises(NetworkForbidden):
            outward.connect(address)
        with pytest.raises(NetworkForbidden):
            outward.sendto(b"", address)


def test_no_name_is_looked_up_beyond_this_machine() -> None:
    with pytest.raises(NetworkForbidden):
        socket.getaddrinfo("kafka.example", 9092)
    assert socket.getaddrinfo("localhost", 9092)
