"""`scorer resync`: Redis rebuilt on a live deployment, and nothing touched where nobody answers."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from scorer.core.model import Kind
from scorer.core.partitioner import partition_of
from scorer.core.publish import version
from scorer.core.roster import entity_id
from scorer.sinks.redis_scores import RedisScores
from scorer.sinks.resync import Progress, Resync, Resynced, ResyncFailed
from tests import commands
from tests.deployment import Deployment, deployment, events
from tests.integration.test_redis_scores import EPOCH, batch
from tests.servers import KafkaServer, RedisServer

PARTITIONS = 4
TIMEOUT_SECONDS = 20.0


def everything(redis: Redis) -> dict[bytes, bytes | None]:
    """All that Redis holds, as it is."""
    return {key: redis.dump(key) for key in redis.scan_iter()}


def stored(redis: Redis, key: str | bytes) -> bytes:
    value: Any = redis.get(key)
    return bytes(value)


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(redis_server.url) as client:
        yield client


# ---- the sink as the owners' side


class Owners:
    """The sink of one worker that owns all partitions and holds these accounts; `deaf`: it tells nothing again."""

    def __init__(self, url: str, accounts: list[str], *, deaf: bool = False) -> None:
        self._sink = RedisScores(url, "ns", self._lost, ranking_seconds=0.01)
        self._of = {p: [name for name in accounts if partition_of(name, PARTITIONS) == p] for p in range(PARTITIONS)}
        self._deaf = deaf
        self._number = dict.fromkeys(range(PARTITIONS), 1)
        self.told_again = 0

    async def start(self) -> None:
        await self._sink.start()
        for partition in range(PARTITIONS):
            self._tell(partition)
        self._sink.benchmark("engagement", Kind.ACCOUNT, raw=7.0, population=9, version=3, computed_at=1.5, exact=True)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while any(not self._sink.acknowledged(partition) for partition in range(PARTITIONS)):
                await asyncio.sleep(0.01)

    async def run(self) -> None:
        try:
            while True:
                for partition, number in self._number.items():
                    self._beat(partition, number)
                await asyncio.sleep(0.05)
        finally:
            await self._sink.stop()

    def _beat(self, partition: int, number: int) -> None:
        at = asyncio.get_running_loop().time()
        self._sink.heartbeat(
            partition, version=version(EPOCH, number), at=at, as_of=None, behind_seconds=0.0, owner="worker"
        )

    def _tell(self, partition: int) -> None:
        self._number[partition] += 1
        number = self._number[partition]
        self._beat(partition, number)
        scores = {name: float(len(name)) for name in self._of[partition]}
        self._sink.submit(batch(scores, number, kind=Kind.ACCOUNT, partition=partition))

    def _lost(self, partitions: frozenset[int]) -> None:
        if self._deaf:
            return
        for partition in partitions:
            self.told_again += 1
            self._tell(partition)
            self._sink.refilled(partition)


def resynced(
    url: str,
    accounts: list[str],
    before: Callable[[], None] = lambda: None,
    *,
    deaf: bool = False,
    timeout_seconds: float = TIMEOUT_SECONDS,
    seen: list[Progress] | None = None,
) -> Resynced:
    """What a resync beside such a worker says; `before` changes Redis once all scores stand."""

    def resync() -> Resynced:
        with Redis.from_url(url) as redis:
            told = (seen if seen is not None else []).append
            return Resync(redis, "ns", PARTITIONS, timeout_seconds=timeout_seconds, on_progress=told).run()

    async def story() -> Resynced:
        owners = Owners(url, accounts, deaf=deaf)
        await owners.start()
        before()
        running = asyncio.create_task(owners.run())
        try:
            return await asyncio.to_thread(resync)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    return asyncio.run(story())


ACCOUNTS = [f"acme/{i}%" for i in range(300)] + ["Łódź:x"]


def document(v: str, **more: object) -> str:
    return json.dumps({"v": v, "score": 1.5, **more}, separators=(",", ":"))


def test_scores_that_were_lost_or_changed_are_as_the_states_have_them(redis_server: RedisServer, redis: Redis) -> None:
    key = "ns:score:engagement:account:"
    expected: dict[str, bytes] = {}

    def change() -> None:
        expected.update({name: stored(redis, key + name) for name in ACCOUNTS})
        redis.delete(key + ACCOUNTS[0])
        redis.set(key + ACCOUNTS[1], stored(redis, key + ACCOUNTS[1]).replace(b'"score":', b'"score":9'))
        redis.set(key + ACCOUNTS[2], document(version(EPOCH + 1, 1)))
        redis.set(key + ACCOUNTS[3], "zzzzzzzzzzzzzzzzzz")
        redis.delete(key + ACCOUNTS[4])
        redis.hset(key + ACCOUNTS[4], "v", "1")
        redis.zadd("ns:rank:engagement:account", {ACCOUNTS[5]: 99.0})
        redis.zrem("ns:rank:engagement:account", ACCOUNTS[6])

    done = resynced(redis_server.url, ACCOUNTS, change)
    assert (done.partitions, done.scores) == (PARTITIONS, len(ACCOUNTS))
    for name, value in expected.items():
        found, wanted = json.loads(stored(redis, key + name)), json.loads(value)
        assert found.pop("v") > wanted.pop("v")
        assert found == wanted
    ranking: Any = redis.zrange("ns:rank:engagement:account", 0, -1, withscores=True)
    assert {member.decode(): score for member, score in ranking} == {name: float(len(name)) for name in ACCOUNTS}


def test_what_no_state_holds_is_removed(redis_server: RedisServer, redis: Redis) -> None:
    left = [
        *(f"ns:score:engagement:user:{entity_id((name, 'ann'))}" for name in ACCOUNTS),
        "ns:score:engagement:user:bob%2Fx",
        "ns:score:gone:account:acme",
        "ns:score:engagement:account:gone:too",
    ]

    def leave_over() -> None:
        redis.mset(dict.fromkeys(left, document(version(EPOCH, 1))))
        redis.set(left[-1], document(version(EPOCH, 2)))  # as old as the deleted heartbeat
        redis.zadd("ns:rank:engagement:account", {"gone:too": 5.0, "never there": 1.0})
        redis.zadd("ns:rank:gone:account", {"acme": 5.0})
        redis.set("ns:benchmark:gone:user:all", '{"raw":1}')
        for kpis in ("account:gone", "segment:plan=gone", "product:all"):
            redis.set(f"ns:kpi:{kpis}", document(version(EPOCH, 1)))

    done = resynced(redis_server.url, ACCOUNTS, leave_over)
    assert done == Resynced(PARTITIONS, len(ACCOUNTS), len(left), 3, ("ns:benchmark:gone:user:all",), 3)
    assert not list(redis.scan_iter("ns:kpi:*"))
    assert redis.exists(*left, "ns:rank:gone:account", "ns:benchmark:gone:user:all") == 0
    assert redis.zcard("ns:rank:engagement:account") == len(ACCOUNTS)
    assert json.loads(stored(redis, "ns:benchmark:engagement:account:all"))["raw"] == 7.0


def test_what_expires_and_what_is_not_ours_stays(redis_server: RedisServer, redis: Redis) -> None:
    def leave_over() -> None:
        redis.set("ns:score:engagement:account:freed", document(version(EPOCH, 1)), ex=1000)
        redis.set("ns:score:pes:segment:plan=pro", document(version(EPOCH, 1)))
        redis.set("ns:score:odd", "1")
        redis.set("ns2:score:engagement:account:gone", document(version(EPOCH, 1)))
        redis.set("another:thing", "1")

    done = resynced(redis_server.url, ACCOUNTS, leave_over)
    assert (done.removed_scores, done.removed_from_rankings, done.removed_benchmarks) == (0, 0, ())
    assert (
        redis.exists(
            "ns:score:engagement:account:freed",
            "ns:score:pes:segment:plan=pro",
            "ns:score:odd",
            "ns2:score:engagement:account:gone",
            "another:thing",
        )
        == 5
    )


def test_a_benchmark_that_was_changed_is_the_one_in_force_again(redis_server: RedisServer, redis: Redis) -> None:
    key = "ns:benchmark:engagement:account:all"

    def change() -> None:
        redis.set(key, json.dumps({"raw": 1.0, "version": 999, "computed_at": 9e9}))

    resynced(redis_server.url, ACCOUNTS, change)
    assert json.loads(stored(redis, key))["version"] == 3


def test_it_says_how_far_it_is(redis_server: RedisServer) -> None:
    seen: list[Progress] = []
    resynced(redis_server.url, ACCOUNTS, seen=seen)
    stages = {each.stage: each for each in seen}  # the last of each
    assert [(each.done, each.total) for each in stages.values()] == [
        (PARTITIONS, PARTITIONS),
        (len(ACCOUNTS), None),
        (PARTITIONS, PARTITIONS),
        (len(ACCOUNTS), None),
    ]


def test_where_nothing_is_told_again_what_was_there_is_still_there(redis_server: RedisServer, redis: Redis) -> None:
    before: dict[bytes, bytes | None] = {}

    def leave_over() -> None:
        redis.set("ns:score:engagement:account:gone", document(version(EPOCH, 1)))
        before.update(everything(redis))

    with pytest.raises(ResyncFailed, match=r"nothing for 1 s from the owner of 0, 1, 2, 3 .* or wait longer"):
        resynced(redis_server.url, ACCOUNTS, leave_over, deaf=True, timeout_seconds=1.0)
    after = everything(redis)
    assert after.pop(b"ns:resync")  # for who comes later: it was asked for
    assert {key: value for key, value in before.items() if b":partition:" not in key} == after


def test_heartbeats_of_more_partitions_than_the_input_has_stop_it(redis_server: RedisServer, redis: Redis) -> None:
    def another() -> None:
        redis.set("ns:partition:7", '{"v":"1"}')

    with pytest.raises(ResyncFailed, match=r"heartbeats of partition 7, but the input has 4: are SCORER_NAMESPACE"):
        resynced(redis_server.url, ACCOUNTS, another)
    assert redis.exists(*(f"ns:partition:{partition}" for partition in range(PARTITIONS))) == PARTITIONS


# ---- a real worker


def resync(world: Deployment, *arguments: str) -> commands.Outcome:
    settings = {
        "SCORER_BROKERS": world.bootstrap,
        "SCORER_REDIS_URL": world.redis_url,
        "SCORER_NAMESPACE": world.namespace,
        "SCORER_INPUT_TOPIC": world.input,
    }
    return commands.run("resync", *arguments, cwd=world.folder, settings=settings)


def test_a_live_deployment_is_right_again(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path, redis: Redis
) -> None:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path) as world:
        world.running(instance="a")
        world.running(instance="b")
        world.produce(events(1, 2_000))
        world.until_right()
        keys = sorted(key for key in redis.scan_iter(f"{namespace}:score:*"))
        redis.delete(*keys[::3])
        for key in keys[1::3]:
            redis.set(key, stored(redis, key).replace(b'"raw":', b'"raw":1,"was":'))
        redis.delete(f"{namespace}:rank:engagement:account")
        stale = [f"{namespace}:score:engagement:user:acme%2F{i}/gone" for i in range(50)]
        redis.mset(dict.fromkeys(stale, document(version(1, 1))))
        redis.mset({f"{namespace}:score:dropped:user:{i}": document(version(1, 1)) for i in range(50)})
        redis.set(f"{namespace}:benchmark:dropped:user:all", '{"raw":1,"population":2}')
        assert world.differences()

        told = resync(world, "--json")
        assert told.status == 0, told.stderr
        said = json.loads(told.stdout)
        assert said.pop("seconds") > 0
        assert said == {
            "namespace": namespace,
            "error": None,
            "partitions": 4,
            "scores": len(keys),
            "removed_scores": 100,
            "removed_from_rankings": 0,
            "removed_benchmarks": [f"{namespace}:benchmark:dropped:user:all"],
            "removed_kpis": 0,
        }
        assert world.differences() == []
        assert sorted(redis.scan_iter(f"{namespace}:score:*")) == keys

        told = resync(world)
        assert told.status == 0
        assert told.stdout.startswith(f"{len(keys):,} scores stand, written again from the states of 4 partitions in ")
        assert told.stdout.endswith("; nothing else was there\n")
        assert not redis.exists(f"{namespace}:resync")
        for worker in world.workers:
            assert "resync: writing all scores again, as asked" in worker.said()
            assert "redis lost the scores" not in worker.said()

        world.produce(events(2, 500, name="later"))
        world.until_right()
        for worker in world.workers:
            assert worker.terminate() == 0
        before = everything(redis)
        told = resync(world, "--timeout", "2s", "--json")
        assert told.status == 1
        assert told.stderr == f"scorer: {json.loads(told.stdout)['error']}\n"
        assert "nothing for 2 s from the owner of 0, 1, 2, 3 (partitions of the input, which has 4)" in told.stderr
        assert "Traceback" not in told.stderr
        assert everything(redis) == before


def test_without_an_input_topic_it_says_so(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    servers = {"SCORER_BROKERS": kafka.bootstrap, "SCORER_REDIS_URL": redis_server.url}
    told = commands.run("resync", "--json", "--input-topic", namespace, cwd=tmp_path, settings=servers)
    assert told.status == 1
    assert f"there is no topic {namespace}" in told.stderr
    assert json.loads(told.stdout)["error"] in told.stderr
