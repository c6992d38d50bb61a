"""Topics for tests, made and read with aiokafka's own clients: not with the code under test."""

import os

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType


async def make_topic(bootstrap: str, name: str, partitions: int = 1, **settings: str) -> None:
    """Settings with underscores for dots: `cleanup_policy="compact"`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        configs = {key.replace("_", "."): value for key, value in settings.items()}
        answer = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        assert [code for _, code, _ in answer.topic_errors] == [0], answer
    finally:
        await admin.close()


async def topic_settings(bootstrap: str, name: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}
    finally:
        await admin.close()


async def partition_count(bootstrap: str, name: str) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}[name]
    finally:
        await admin.close()


async def all_records(bootstrap: str, name: str) -> list[ConsumerRecord]:
    """Everything in the topic, partition by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=8 << 20)
    await consumer.start()
    try:
        partitions = [TopicPartition(name, n) for n in range(await partition_count(bootstrap, name))]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[ConsumerRecord] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for found in (await consumer.getmany(timeout_ms=1000)).values():
                records += found
        return sorted(records, key=lambda record: (record.partition, record.offset))
    finally:
        await consumer.stop()


def open_sockets() -> int:
    """Of this process."""
    links = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
    return sum(1 for link in links if os.path.lexists(link) and os.readlink(link).startswith("socket:"))
