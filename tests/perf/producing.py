"""A workload into a topic, before anything is measured."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from aiokafka import AIOKafkaProducer

from tests.perf.workload import Workload
from tests.topic_making import make_topic

PARTITIONS = 4
_RECORDS_A_BATCH = 500  # about 100 KB, as a busy producer that lingers sends them


async def produce(bootstrap: str, topic: str, workload: Workload, partitions: int = PARTITIONS) -> float:
    """Make the topic and fill it; returns the mean length of the values in bytes."""
    # kept for ever: the broker timestamps are the events' own, and those are long ago
    await make_topic(bootstrap, topic, partitions, retention_ms="-1")
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=1 << 20)
    await producer.start()
    total_bytes = 0
    try:
        homes = workload.partitions(partitions)
        for partition in range(partitions):
            for records in _batches(workload.records(np.flatnonzero(homes == partition))):
                total_bytes += sum(len(value) for _, _, value in records)
                await _send(producer, topic, partition, records)
        await producer.flush()
    finally:
        await producer.stop()
    return total_bytes / max(1, len(workload))


async def _send(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Iterable[tuple[int, bytes, bytes]]
) -> None:
    batch = producer.create_batch()
    for timestamp_ms, key, value in records:
        if batch.append(timestamp=timestamp_ms, key=key, value=value) is None:
            raise RuntimeError("a batch is too small for its records: events would be missing")
    await producer.send_batch(batch, topic, partition=partition)


def _batches(records: Iterator[tuple[int, bytes, bytes]]) -> Iterator[list[tuple[int, bytes, bytes]]]:
    while batch := list(islice(records, _RECORDS_A_BATCH)):
        yield batch


async def send_one_by_one(
    producer: AIOKafkaProducer, topic: str, workload: Workload, partitions: int = PARTITIONS
) -> None:
    """Returns once the broker has all of it."""
    homes = workload.partitions(partitions).tolist()
    for home, (ms, key, value) in zip(homes, workload.records(np.arange(len(workload))), strict=True):
        await producer.send(topic, value=value, key=key, partition=home, timestamp_ms=ms)
    await producer.flush()
