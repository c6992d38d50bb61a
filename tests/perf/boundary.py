"""A bucket closes and everyone is judged anew: what it costs, how long until all is exact, how long the loop is held.

With `SCORER_CLOCK=event` one event of the next day closes the bucket. Of two models the second has a half-life: its raw
scores all fall, and its benchmark follows with the next exchange.
"""

import asyncio
import time
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer
from redis import Redis

from tests.perf.crowd import MODELS, Crowd, crowd_scoring
from tests.perf.drift import Meter, load
from tests.perf.exactness import Exactness
from tests.perf.producing import send_one_by_one
from tests.perf.workbench import Bench
from tests.perf.workload import Workload

_TOPIC = "boundary"
_HALF_LIFE_DAYS = 14
_REST_SECONDS = 180.0
_DAY_MS = 86_400_000


def boundary(bench: Bench, users: int, profile: str) -> None:
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    crowd = Crowd(users, now_ms - _DAY_MS)
    bench.produce(_TOPIC, crowd.workload())
    scoring = bench.folder / "boundary.yaml"
    scoring.write_text(crowd_scoring(2, half_life=f"{_HALF_LIFE_DAYS}d"))
    bench.redis.restart()
    redis = Redis.from_url(bench.redis.url)
    with bench.worker("boundary", _TOPIC, scoring=scoring, profile=profile, SCORER_CLOCK="event") as worker:
        exactness = Exactness(redis, "boundary", crowd, MODELS)
        load(worker, exactness, crowd)
        worker.look_from_here()
        meter = Meter(worker, redis, bench.redis.pid)
        began = time.perf_counter()
        asyncio.run(send(bench.kafka.bootstrap, crowd.sign_of_life(now_ms)))
        crowd.fade("reach", 2.0 ** (-1 / _HALF_LIFE_DAYS))
        exact = exactness.wait(_REST_SECONDS) - began
        figures = meter.figures()
    bench.note(
        "boundary",
        {
            "exact_after": exact,
            "worker_cpu": figures["worker_cores"] * figures["seconds"],
            "redis_cpu": figures["redis_cores"] * figures["seconds"],
            "scores": figures["scores_per_second"] * figures["seconds"],
        },
    )


async def send(bootstrap: str, workload: Workload) -> None:
    """All of it, to where its accounts are."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        await send_one_by_one(producer, _TOPIC, workload)
    finally:
        await producer.stop()
