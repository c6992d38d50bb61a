"""What fetching and decoding alone cost: `python -m tests.perf.raw_consumption BROKERS TOPIC WAY`.

WAY `stock`: aiokafka's `getmany`, `fast`: the worker's own fetching (scorer/stream/fetching.py). Both decode each
record with the worker's typed reader, and nothing else. Prints one line of JSON.
"""

import gc
import json
import sys
import time

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from scorer.core.decode.native_record import read_json
from scorer.stream.fetching import Fetching
from tests.perf.producing import PARTITIONS

_CHUNK = 5_000


async def _stock(consumer: AIOKafkaConsumer, total: int) -> int:
    read = 0
    while read < total:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=_CHUNK)).values():
            read += len([read_json(record.value) for record in records])
    return read


async def _fast(consumer: AIOKafkaConsumer, tps: list[TopicPartition], total: int) -> int:
    fetching = Fetching(tps[0].topic, _CHUNK, raw_records=True)
    fetching.consumer = consumer
    for tp in tps:
        fetching.release(tp.partition, 0, 1)
    read = 0
    while read < total:
        for chunks in (await fetching.chunks(1.0)).values():
            for chunk in chunks:
                read += len([read_json(value) for value in chunk.values if value is not None])
    return read


async def measure(bootstrap: str, topic: str, way: str) -> dict[str, float]:
    gc.set_threshold(200_000, 20, 20)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, check_crcs=False, isolation_level="read_committed", fetch_max_wait_ms=250
    )
    await consumer.start()
    try:
        tps = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        consumer.assign(tps)
        total = sum((await consumer.end_offsets(tps)).values())
        for tp in tps:
            consumer.seek(tp, 0)
        cpu, wall = time.process_time(), time.perf_counter()
        read = await (_stock(consumer, total) if way == "stock" else _fast(consumer, tps, total))
        return {"events": read, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    finally:
        await consumer.stop()


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(*sys.argv[1:4]))))
