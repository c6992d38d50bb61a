"""A steady stream of events, paced in small batches: what a product would send, in a process of its own.

    python -m tests.perf.streaming BOOTSTRAP TOPIC EVENTS_A_SECOND SECONDS USERS SEED FILE

FILE (.npz) gets `users` and `ts_ms` of every event; its time is its record's timestamp. The last line of the output is
JSON: how late the stream was with its slowest batch, and the events a second that it came to.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from aiokafka import AIOKafkaProducer

from scorer.core.events import Int64s
from scorer.core.partitioner import partition_of
from tests.perf.producing import PARTITIONS
from tests.perf.workload import ACCOUNTS, account_id, type_name, user_id

TICK_SECONDS = 0.02
TYPES = 2


@dataclass
class Stream:
    """Users by chance, `a_second` events every second."""

    producer: AIOKafkaProducer
    topic: str
    a_second: int
    users: Int64s
    types: Int64s

    async def run(self) -> tuple[Int64s, float]:
        """The events' times (epoch ms), and by how many seconds the slowest tick was late."""
        homes = [partition_of(account_id(account), PARTITIONS) for account in range(ACCOUNTS)]
        times = np.zeros(len(self.users), np.int64)
        sent, latest, began = 0, 0.0, time.monotonic()
        while sent < len(self.users):
            due = began + sent / self.a_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            latest = max(latest, time.monotonic() - due)
            stop = min(len(self.users), sent + round(self.a_second * TICK_SECONDS))
            times[sent:stop] = await self._send(sent, stop, homes)
            sent = stop
        await self.producer.flush()
        return times, latest

    async def _send(self, start: int, stop: int, homes: list[int]) -> int:
        batches = [self.producer.create_batch() for _ in range(PARTITIONS)]
        ms = time.time_ns() // 1_000_000
        moment = datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
        columns = self.users[start:stop].tolist(), self.types[start:stop].tolist()
        for serial, (user, kind) in enumerate(zip(*columns, strict=True), start):
            account = account_id(user % ACCOUNTS)
            text = (
                f'{{"event_id":"{ms:x}-{serial}","event":"{type_name(kind)}","user_id":"{user_id(user)}",'
                f'"account_id":"{account}","ts":"{moment}","source":"web","page":"/projects/{serial % 97}"}}'
            )
            batches[homes[user % ACCOUNTS]].append(timestamp=ms, key=account.encode(), value=text.encode())
        for partition, batch in enumerate(batches):
            if batch.record_count():
                await self.producer.send_batch(batch, self.topic, partition=partition)
        return ms


async def main() -> None:
    bootstrap, topic, a_second, seconds, users, seed, file = sys.argv[1:]
    random = np.random.default_rng(int(seed))
    count = int(a_second) * int(seconds)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        chosen = random.integers(0, int(users), count)
        stream = Stream(producer, topic, int(a_second), chosen, random.integers(0, TYPES, count))
        began = time.monotonic()
        times, latest = await stream.run()
        took = time.monotonic() - began
    finally:
        await producer.stop()
    np.savez(file, users=chosen, ts_ms=times)
    print(json.dumps({"events": count, "events_per_second": count / took, "latest_batch_seconds": latest}))


if __name__ == "__main__":
    asyncio.run(main())
