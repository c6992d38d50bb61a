"""The Redis sink on a real Redis and on the embedded Valkey."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, cast

import numpy as np
import pytest
from redis import Redis

from scorer.core.model import Kind
from scorer.core.publish import ScoreBatch, version
from scorer.sinks.redis_scores import LINE_SCORES, RedisRefused, RedisScores
from tests.servers import RedisServer

EPOCH = 1795355044123
SCORES = [0.1 + 0.2, 100.0, 1 / 3, 5e-324, 1e300, 84.43900000000001]
PATIENCE_SECONDS = 20.0


def at(number: int, epoch: int = EPOCH) -> str:
    return version(epoch, number)


def batch(
    entities: dict[str, float],
    number: int,
    *,
    kind: Kind = Kind.USER,
    epoch: int = EPOCH,
    partition: int = 0,
    state: str = "scored",
    freed: bool = False,
    model: str = "engagement",
) -> ScoreBatch:
    n = len(entities)
    return ScoreBatch(
        partition=partition,
        version=version(epoch, number),
        model=model,
        model_version=3,
        computed_at=1795355044.612,
        kind=np.full(n, kind, np.int8),
        entity_id=list(entities),
        score=np.array(list(entities.values()), np.float64),
        raw=np.array(list(entities.values()), np.float64) / 7,
        band=[None if state == "warming_up" else "healthy"] * n,
        previous_band=[None] * n,
        delta=np.full(n, -8.1 if state == "scored" else np.nan),
        state=[state] * n,
        benchmark=np.full(n, 208.20000000000002),
        benchmark_version=np.full(n, 17),
        population=np.full(n, 5),
        min_population=20,
        as_of=np.full(n, 1795355044.1),
        freed=np.full(n, freed),
    )


BEAT: Final[Any] = {
    "at": 2.5,
    "as_of": 1.5,
    "behind_seconds": 0.0,
    "owner": "worker-1",
    "counted_from": 7,
    "scoring": "5c0e",
}


class Told:
    """What the sink told its owner."""

    def __init__(self) -> None:
        self.lost: list[frozenset[int]] = []
        self.written: list[tuple[int, str]] = []


@asynccontextmanager
async def sink_of(url: str, told: Told | None = None, ranking_seconds: float = 0.01) -> AsyncIterator[RedisScores]:
    told = told or Told()
    sink = RedisScores(
        url, "ns", told.lost.append, lambda *written: told.written.append(written), ranking_seconds=ranking_seconds
    )
    await sink.start()
    try:
        yield sink
    finally:
        await sink.stop()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


async def write(sink: RedisScores, *batches: ScoreBatch) -> None:
    for each in batches:
        sink.submit(each)
    await until(lambda: all(sink.acknowledged(each.partition) >= each.version for each in batches))


def beat(sink: RedisScores, number: int, partition: int = 0, epoch: int = EPOCH) -> None:
    sink.heartbeat(partition, version=at(number, epoch), **BEAT)


@pytest.fixture(params=["redis_server", "valkey"])
def url(request: pytest.FixtureRequest) -> str:
    server: Any = request.getfixturevalue(request.param)
    return str(server.url)


@pytest.fixture
def redis(url: str) -> Iterator[Redis]:
    with Redis.from_url(url, decode_responses=True) as client:
        yield client


def stored(redis: Redis, key: str) -> dict[str, Any]:
    value: Any = redis.get(key)
    found: dict[str, Any] = json.loads(value)
    return found


def run(scenario: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            await scenario

    asyncio.run(bounded())


def test_a_score_is_one_json_object_whose_numbers_read_back_exactly(url: str, redis: Redis) -> None:
    async def scenario() -> None:
        async with sink_of(url) as sink:
            await write(sink, batch({f"acme/ann%{i}": score for i, score in enumerate(SCORES)}, 7))

    run(scenario())
    for i, score in enumerate(SCORES):
        raw: Any = redis.get(f"ns:score:engagement:user:acme/ann%{i}")
        assert raw.startswith('{"v":"1795355044123000000007",')
        assert json.loads(raw) == {
            "v": "1795355044123000000007",
            "score": score,
            "raw": score / 7,
            "band": "healthy",
            "previous_band": None,
            "delta": -8.1,
            "state": "scored",
            "benchmark": 208.20000000000002,
            "benchmark_version": 17,
            "model_version": 3,
            "as_of": 1795355044.1,
            "computed_at": 1795355044.612,
        }


def test_one_that_warms_up_has_no_score_and_says_how_many_are_missing(url: str, redis: Redis) -> None:
    async def scenario() -> None:
        async with sink_of(url) as sink:
            await write(sink, batch({"Łódź/zoë": float("nan")}, 1, state="warming_up"))

    run(scenario())
    score = stored(redis, "ns:score:engagement:user:Łódź/zoë")
    assert (score["score"], score["band"]) == (None, None)
    assert (score["population"], score["min_population"]) == (5, 20)


def test_an_older_version_never_overwrites_a_newer_one(url: str, redis: Redis) -> None:
    async def scenario() -> None:
        async with sink_of(url) as sink, sink_of(url) as zombie:
            await write(sink, batch({"a": 1.0, "b": 1.0}, 5, epoch=EPOCH + 1))
            await write(zombie, batch({"a": 2.0, "c": 2.0}, 900))
            assert zombie.refused == 1
            await write(sink, batch({"b": 3.0}, 5, epoch=EPOCH + 1))  # the same version again: a repeat is harmless

    run(scenario())
    scores = {name: stored(redis, f"ns:score:engagement:user:{name}")["score"] for name in "abc"}
    assert scores == {"a": 1.0, "b": 3.0, "c": 2.0}


def test_a_freed_entity_gets_a_time_to_live_and_loses_it_when_it_returns(url: str, redis: Redis) -> None:
    key = "ns:score:engagement:user:a"

    async def scenario() -> None:
        async with sink_of(url) as sink:
            await write(sink, batch({"a": 1.0, "b": 1.0}, 1))
            await write(sink, batch({"a": 1.0}, 2, state="inactive", freed=True))
            assert 30 * 86400 - 60 < redis.ttl(key) <= 30 * 86400
            await write(sink, batch({"a": 5.0}, 3))
            assert redis.ttl(key) == -1
            async with sink_of(url) as zombie:
                await write(zombie, batch({"a": 1.0}, 2, state="inactive", freed=True))
            assert (redis.ttl(key), stored(redis, key)["score"]) == (-1, 5.0)
            sink.submit(batch({"a": 1.0}, 4, freed=True))
            await write(sink, batch({"a": 6.0}, 5))  # both in one call: only the newest is written
            assert redis.ttl(key) == -1
            assert redis.ttl("ns:score:engagement:user:b") == -1

    run(scenario())


def test_the_scripts_come_back_after_script_flush(url: str, redis: Redis) -> None:
    async def scenario() -> None:
        async with sink_of(url) as sink:
            await write(sink, batch({"a": 1.0}, 1))
            redis.script_flush()
            await write(sink, batch({"a": 2.0}, 2))
            assert sink.problem is None

    run(scenario())
    assert stored(redis, "ns:score:engagement:user:a")["score"] == 2.0


def test_a_batch_of_many_thousands_arrives_whole(url: str, redis: Redis) -> None:
    scores = {f"user-{i}": float(i) for i in range(7321)}

    async def scenario() -> None:
        async with sink_of(url) as sink:
            sink.submit(batch(scores, 1))
            assert sink.pending_entities() == len(scores)
            await until(lambda: sink.acknowledged(0) == at(1))
            assert sink.pending_entities() == 0

    run(scenario())
    values: Any = redis.mget([f"ns:score:engagement:user:{name}" for name in scores])
    assert [json.loads(value)["score"] for value in values] == list(scores.values())


def test_the_ranking_holds_the_newest_score_of_accounts_only(url: str, redis: Redis) -> None:
    async def scenario() -> None:
        async with sink_of(url) as sink:
            await write(sink, batch({"ann": 99.0}, 1), batch({"a": 10.1, "b": 20.2, "c": 3.0}, 1, kind=Kind.ACCOUNT))
            await write(sink, batch({"a": 1 / 3}, 2, kind=Kind.ACCOUNT))
            await write(sink, batch({"b": float("nan")}, 3, kind=Kind.ACCOUNT, state="warming_up"))
            await write(sink, batch({"c": 1.0}, 4, kind=Kind.ACCOUNT, state="inactive", freed=True))
            await write(sink, batch({"d": 1.0}, 5, kind=Kind.ACCOUNT, state="inactive"))

    run(scenario())
    assert redis.zrange("ns:rank:engagement:account", 0, -1, withscores=True) == [("a", 1 / 3), ("d", 1.0)]
    assert redis.keys("ns:rank:*") == ["ns:rank:engagement:account"]


def test_an_older_worker_does_not_change_the_ranking(url: str, redis: Redis) -> None:
    async def scenario() -> None:
        async with sink_of(url) as sink, sink_of(url) as zombie:
            await write(sink, batch({"a": 10.0}, 1, epoch=EPOCH + 1, kind=Kind.ACCOUNT))
            await write(zombie, batch({"a": 20.0, "b": 5.0}, 1, kind=Kind.ACCOUNT))

    run(scenario())
    assert redis.zrange("ns:rank:engagement:account", 0, -1, withscores=True) == [("b", 5.0), ("a", 10.0)]


def test_a_version_is_acknowledged_when_all_its_batches_are_written_and_ranked(url: str, redis: Redis) -> None:
    told = Told()

    async def scenario() -> None:
        async with sink_of(url, told, ranking_seconds=3600.0) as sink:
            sink.submit(batch({f"u{i}": 1.0 for i in range(2000)}, 1))
            sink.submit(batch({"a": 1.0}, 1, kind=Kind.ACCOUNT, model="points"))
            await until(lambda: told.written)
            assert told.written == [(0, at(1))]
            assert redis.exists("ns:score:points:account:a")
            assert sink.acknowledged(0) == ""  # not ranked yet
        assert sink.acknowledged(0) == at(1)  # a stop doesn't leave the ranking behind

    run(scenario())
    assert redis.zscore("ns:rank:points:account", "a") == 1.0


def test_an_empty_batch_moves_the_acknowledged_version(url: str) -> None:
    async def scenario() -> None:
        async with sink_of(url) as sink:
            await write(sink, batch({"a": 1.0}, 1), batch({}, 2))
            assert sink.acknowledged(0) == at(2)

    run(scenario())


def test_a_broken_connection_loses_nothing(url: str, redis: Redis) -> None:
    told = Told()

    async def scenario() -> None:
        async with sink_of(url, told) as sink:
            for number in range(1, 40):
                redis.client_kill_filter(_type="normal", skipme=True)
                sink.submit(batch({"a": float(number), f"b{number}": float(number)}, number))
                await asyncio.sleep(0)
            await until(lambda: sink.acknowledged(0) == at(39))

    run(scenario())
    assert told.lost == []
    assert len(redis.keys("ns:score:*")) == 40
    assert stored(redis, "ns:score:engagement:user:a")["score"] == 39.0


def test_with_redis_away_only_the_newest_values_wait_and_are_written_on_its_return(redis_server: RedisServer) -> None:
    told = Told()

    async def scenario() -> None:
        redis_server.stop()
        async with sink_of(redis_server.url, told) as sink:
            for number in range(1, 200):
                sink.submit(batch({f"u{i}": float(number) for i in range(50)}, number))
                sink.submit(batch({f"p{number}": 1.0}, number, partition=1))
            await until(lambda: sink.pending_entities() <= 2 * 50 + 199)
            assert (sink.acknowledged(0), sink.acknowledged(1)) == ("", "")
            assert sink.problem is not None
            assert "SCORER_REDIS_URL" in sink.problem
            redis_server.restart()
            await until(lambda: (sink.acknowledged(0), sink.acknowledged(1)) == (at(199), at(199)))
            assert sink.problem is None

    run(scenario())
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        assert len(redis.keys("ns:score:*")) == 50 + 199
        assert {stored(redis, f"ns:score:engagement:user:u{i}")["score"] for i in range(50)} == {199.0}
    assert told.lost == []  # it held nothing before


def test_redis_is_busy_while_a_long_line_waits_for_it_but_not_while_it_is_away(redis_server: RedisServer) -> None:
    many = {f"u{i}": 1.0 for i in range(LINE_SCORES + 1)}

    async def scenario() -> None:
        async with sink_of(redis_server.url) as sink:
            await write(sink, batch({"a": 1.0}, 1))
            assert not sink.busy()
            sink.submit(batch(many, 2))
            assert sink.busy()
            await until(lambda: sink.acknowledged(0) == at(2))
            assert not sink.busy()
            redis_server.stop()
            sink.submit(batch(many, 3))
            await until(lambda: sink.problem is not None)
            assert sink.pending_entities() > LINE_SCORES and not sink.busy()

    run(scenario())


def test_each_peer_group_has_a_benchmark_and_auto_tells_its_steepness(url: str, redis: Redis) -> None:
    async def scenario() -> None:
        async with sink_of(url, Told()) as sink:
            facts = {"population": 7, "version": 2, "computed_at": 3.5, "exact": False}
            sink.benchmark("m", Kind.USER, "plan=p%2Fq,region=eu", raw=1.5, steepness=0.75, **facts)  # type: ignore[arg-type]
            sink.benchmark("m", Kind.USER, "plan=p%2Fq", raw=None, **facts)  # type: ignore[arg-type]
            await write(sink, batch({"a": 1.0}, 1))  # benchmarks go first

    run(scenario())
    figures = {"population": 7, "version": 2, "computed_at": 3.5, "exact": False}
    assert stored(redis, "ns:benchmark:m:user:plan=p%2Fq,region=eu") == {"raw": 1.5, **figures, "steepness": 0.75}
    assert stored(redis, "ns:benchmark:m:user:plan=p%2Fq") == {"raw": None, **figures}


def test_a_redis_that_came_back_empty_is_filled_again(redis_server: RedisServer) -> None:
    told = Told()

    async def scenario() -> None:
        async with sink_of(redis_server.url, told) as sink:
            beat(sink, 1)
            sink.benchmark("engagement", Kind.USER, raw=1.5, population=7, version=1, computed_at=3.5, exact=True)
            await write(sink, batch({"a": 1.0, "b": 1.0}, 1))
            first = sink.run_id
            redis_server.restart()
            beat(sink, 2)
            await until(lambda: told.lost)
            assert told.lost == [frozenset({0})]
            assert sink.run_id != first
            sink.submit(batch({"b": 2.0}, 2))
            await until(lambda: (0, at(2)) in told.written)
            assert sink.acknowledged(0) == ""  # not everything is there again
            sink.submit(batch({"a": 1.0}, 3))
            sink.refilled(0)
            await until(lambda: sink.acknowledged(0) == at(3))

    run(scenario())
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        assert stored(redis, "ns:score:engagement:user:a")["v"] == at(3)
        assert stored(redis, "ns:benchmark:engagement:user:all")["raw"] == 1.5
        assert stored(redis, "ns:partition:0")["v"] == at(2)


def test_flushall_is_noticed_by_the_next_heartbeat_and_stays_so_until_refilled(url: str, redis: Redis) -> None:
    told = Told()

    async def scenario() -> None:
        async with sink_of(url, told) as sink:
            for partition in (0, 1):
                beat(sink, 1, partition)
                await write(sink, batch({f"a{partition}": 1.0}, 1, partition=partition))
            redis.flushall()
            beat(sink, 2)
            await until(lambda: told.lost)
            assert told.lost == [frozenset({0})]
            assert sink.acknowledged(0) == ""
            beat(sink, 2, 1)
            await until(lambda: len(told.lost) > 1)
            assert told.lost[1] == frozenset({1})
            await write(sink, batch({"c": 1.0}, 2, partition=2))  # two rounds have passed
            assert not redis.exists("ns:partition:0")
            sink.submit(batch({"a0": 1.0}, 3))
            sink.refilled(0)
            await until(lambda: redis.exists("ns:partition:0"))
            assert sink.acknowledged(0) == at(3)
            assert redis.exists("ns:score:engagement:user:a0")

    run(scenario())


@pytest.mark.parametrize("asked", [True, False])
def test_heartbeats_that_are_gone_for_a_resync_are_no_loss_in_the_log(
    url: str, redis: Redis, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, asked: bool
) -> None:
    told = Told()

    async def scenario() -> None:
        async with sink_of(url, told) as sink:
            beat(sink, 1)
            await write(sink, batch({"a": 1.0}, 1))
            redis.delete("ns:partition:0")
            if asked:
                redis.set("ns:resync", "1")
            beat(sink, 2)
            await until(lambda: told.lost)

    run(scenario())
    assert told.lost == [frozenset({0})]  # all is written again all the same
    said = "".join([*capfd.readouterr(), caplog.text])
    assert ("resync: writing all scores again, as asked" in said) is asked
    assert ("redis lost the scores" in said) is not asked


def test_a_second_loss_voids_a_refill_that_was_under_way(redis_server: RedisServer) -> None:
    told = Told()

    async def scenario() -> None:
        async with sink_of(redis_server.url, told) as sink:
            beat(sink, 1)
            await write(sink, batch({"a": 1.0, "b": 1.0}, 1))
            redis_server.restart()
            beat(sink, 2)
            await until(lambda: len(told.lost) == 1)
            redis_server.stop()
            sink.submit(batch({"a": 1.0, "b": 1.0}, 2))
            sink.refilled(0)
            await until(lambda: sink.problem)
            redis_server.restart()
            await until(lambda: len(told.lost) == 2)
            await write(sink, batch({"z": 1.0}, 1, partition=9))
            assert sink.acknowledged(0) == ""
            sink.refilled(0)
            sink.submit(batch({"c": 1.0}, 3))
            await until(lambda: sink.acknowledged(0) == at(3))

    run(scenario())


def test_a_restarted_worker_finds_its_redis_as_it_left_it(url: str, redis: Redis) -> None:
    told = Told()

    async def scenario() -> None:
        async with sink_of(url) as sink:
            beat(sink, 1)
            await write(sink, batch({"a": 1.0}, 1))
            run_id = sink.run_id
        assert run_id
        async with sink_of(url, told) as sink:
            sink.adopt(0, at(1), run_id)
            beat(sink, 2)
            await until(lambda: stored(redis, "ns:partition:0")["v"] == at(2))
            assert sink.acknowledged(0) == at(1)
            sink.adopt(1, at(1), "another server")
            await until(lambda: told.lost)
            assert told.lost == [frozenset({1})]
            assert (sink.acknowledged(0), sink.acknowledged(1)) == (at(1), "")

    run(scenario())
    assert redis.exists("ns:score:engagement:user:a")


def test_a_redis_flushed_while_no_worker_ran_is_noticed(url: str, redis: Redis) -> None:
    told = Told()

    async def scenario() -> None:
        async with sink_of(url) as sink:
            beat(sink, 1)
            await write(sink, batch({"a": 1.0}, 1))
            run_id = sink.run_id
        redis.flushall()
        async with sink_of(url, told) as sink:
            sink.adopt(0, at(1), run_id or "")
            beat(sink, 2)
            await until(lambda: told.lost)

    run(scenario())
    assert told.lost == [frozenset({0})]
    assert not redis.exists("ns:partition:0")


def test_a_partition_that_went_elsewhere_is_forgotten(url: str, redis: Redis) -> None:
    told = Told()

    async def scenario() -> None:
        async with sink_of(url, told) as sink:
            beat(sink, 1)
            await write(sink, batch({"a": 1.0}, 1))
            sink.submit(batch({"b": 1.0}, 2))
            sink.forget(0)
            assert (sink.acknowledged(0), sink.pending_entities()) == ("", 0)
            redis.flushall()
            beat(sink, 1, 1)
            await write(sink, batch({"c": 1.0}, 1, partition=1))

    run(scenario())
    assert told.lost == []
    assert not redis.exists("ns:score:engagement:user:b")


def test_a_partition_that_comes_back_starts_from_what_its_journal_says(url: str, redis: Redis) -> None:
    told = Told()

    async def scenario() -> None:
        async with sink_of(url, told) as sink:
            beat(sink, 1)
            await write(sink, batch({"a": 1.0}, 1))
            redis.flushall()
            sink.adopt(0, "", "")  # its journal was lost: nothing can be missing
            assert sink.acknowledged(0) == ""
            beat(sink, 2, epoch=EPOCH + 1)
            await until(lambda: redis.exists("ns:partition:0"))

    run(scenario())
    assert told.lost == []


def test_a_heartbeat_is_never_overwritten_by_an_older_owner(url: str, redis: Redis) -> None:
    async def scenario() -> None:
        async with sink_of(url) as sink, sink_of(url) as zombie:
            beat(sink, 3, epoch=EPOCH + 1)
            await until(lambda: redis.exists("ns:partition:0"))
            beat(zombie, 99)
            await write(zombie, batch({"a": 1.0}, 99))  # heartbeats go first

    run(scenario())
    assert stored(redis, "ns:partition:0") == {"v": at(3, EPOCH + 1), **BEAT}


def test_a_benchmark_is_refused_only_if_older_by_version_and_by_time(url: str, redis: Redis) -> None:
    key = "ns:benchmark:engagement:account:all"

    async def scenario() -> None:
        async with sink_of(url) as sink:

            async def write_benchmark(entry: int, number: int, raw: float, computed_at: float) -> None:
                sink.benchmark(
                    "engagement",
                    Kind.ACCOUNT,
                    raw=raw,
                    population=42,
                    version=number,
                    computed_at=computed_at,
                    exact=True,
                )
                await write(sink, batch({"a": 1.0}, entry))  # benchmarks go first

            await write_benchmark(1, 17, 208.20000000000002, 100.5)
            await write_benchmark(2, 16, 1.0, 99.5)
            assert stored(redis, key) == {
                "raw": 208.20000000000002,
                "population": 42,
                "version": 17,
                "computed_at": 100.5,
                "exact": True,
            }
            await write_benchmark(3, 1, 2.0, 101.5)  # the topics were lost: versions start anew
            assert stored(redis, key)["version"] == 1

    run(scenario())


# ---- alerts


def alert(entity: str, number: int, state: str = "fired") -> bytes:
    said = {"id": f"churn:{entity}:{number}", "rule": "churn", "state": state, "entity": entity, "why": "Łódź \\ 1/3"}
    return json.dumps(said, ensure_ascii=False).encode()


def alerts_in(redis: Redis) -> list[dict[str, str]]:
    entries: Any = redis.xrange("ns:alerts")
    return [fields for _, fields in entries]


def test_alerts_stand_in_the_stream_in_order_beside_what_they_are_filtered_by(url: str, redis: Redis) -> None:
    many = [alert(f"acme/{i % 7}", i, "resolved" if i % 2 else "fired") for i in range(1000)]

    async def scenario() -> None:
        async with sink_of(url) as sink:
            sink.submit(batch({"a": 1.0}, 1))
            sink.submit_alerts(0, at(1), many[:300])
            sink.submit_alerts(0, at(2), many[300:])
            await until(lambda: sink.acknowledged(0) == at(2))
            assert len(alerts_in(redis)) == 1000

    run(scenario())
    for raw, fields in zip(many, alerts_in(redis), strict=True):
        said = json.loads(raw)
        assert fields == {"alert": raw.decode(), "id": said["id"], "rule": "churn", "state": said["state"]}


def test_the_stream_keeps_about_a_hundred_thousand_alerts(url: str, redis: Redis) -> None:
    with redis.pipeline() as pipeline:
        for _ in range(101_000):
            pipeline.xadd("ns:alerts", {"alert": "{}"})
        pipeline.execute()

    async def scenario() -> None:
        async with sink_of(url) as sink:
            sink.submit_alerts(0, at(1), [alert("a", i) for i in range(200)])
            await until(lambda: sink.acknowledged(0) == at(1))

    run(scenario())
    assert 100_000 <= redis.xlen("ns:alerts") < 101_000
    assert alerts_in(redis)[-1]["id"] == "churn:a:199"


def test_a_version_is_not_acknowledged_before_its_alerts_are_in_the_stream(redis_server: RedisServer) -> None:
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        redis.set("ns:alerts", "not a stream")

        async def scenario() -> None:
            async with sink_of(redis_server.url) as sink:
                await write(sink, batch({"a": 1.0}, 1))
                sink.submit(batch({"a": 2.0}, 2))
                sink.submit_alerts(0, at(2), [alert("a", 1)])
                sink.submit(batch({"a": 3.0}, 3))
                await until(lambda: sink.problem)
                await asyncio.sleep(0.3)
                assert sink.acknowledged(0) == at(1)
                redis.delete("ns:alerts")
                await until(lambda: sink.acknowledged(0) == at(3))

        run(scenario())
        assert [each["id"] for each in alerts_in(redis)] == ["churn:a:1"]


def test_while_redis_does_not_answer_alerts_wait_and_none_is_lost(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with sink_of(redis_server.url) as sink:
            await write(sink, batch({"a": 1.0}, 1))
            redis_server.pause()
            for number in range(2, 60):
                sink.submit(batch({"a": float(number)}, number))
                sink.submit_alerts(0, at(number), [alert("a", number), alert("b", number)])
                await asyncio.sleep(0.01)
            assert sink.acknowledged(0) == at(1)
            redis_server.resume()
            await until(lambda: sink.acknowledged(0) == at(59))

    run(scenario())
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        found = [each["id"] for each in alerts_in(redis)]
    assert list(dict.fromkeys(found)) == [f"churn:{entity}:{number}" for number in range(2, 60) for entity in "ab"]


def test_alerts_not_acknowledged_by_a_redis_that_came_back_empty_are_submitted_again(redis_server: RedisServer) -> None:
    told = Told()

    async def scenario() -> None:
        async with sink_of(redis_server.url, told) as sink:
            beat(sink, 1)
            await write(sink, batch({"a": 1.0}, 1))
            redis_server.stop()
            sink.submit_alerts(0, at(2), [alert("a", 2)])
            await until(lambda: sink.problem)
            redis_server.restart()
            await until(lambda: told.lost)
            assert sink.acknowledged(0) == ""
            sink.submit_alerts(0, at(2), [alert("a", 2)])
            sink.submit(batch({"a": 1.0}, 3))
            sink.submit_alerts(0, at(3), [alert("a", 3)])
            sink.refilled(0)
            await until(lambda: sink.acknowledged(0) == at(3))

    run(scenario())
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        assert list(dict.fromkeys(each["id"] for each in alerts_in(redis))) == ["churn:a:2", "churn:a:3"]


def test_alerts_of_a_partition_that_went_elsewhere_are_its_new_owners(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        redis_server.stop()
        async with sink_of(redis_server.url) as sink:
            sink.submit_alerts(2, at(1), [alert("under way", 1)])
            await until(lambda: sink.problem)
            sink.submit_alerts(0, at(1), [alert("a", 1)])
            sink.submit_alerts(1, at(1), [alert("b", 1)])
            await asyncio.sleep(0.2)
            sink.submit_alerts(0, at(2), [alert("a", 2)])
            sink.forget(0)
            redis_server.restart()
            await until(lambda: sink.acknowledged(1) == at(1))

    run(scenario())
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        assert [each["id"] for each in alerts_in(redis)] == ["churn:under way:1", "churn:b:1"]


# ---- the live channel


@contextmanager
def listening(url: str, *channels: str, pattern: str = "") -> Iterator[Callable[[], list[tuple[str, dict[str, Any]]]]]:
    """A real subscriber; what is called returns the channels and objects that it has heard since."""
    with Redis.from_url(url, decode_responses=True) as client, client.pubsub() as pubsub:
        if channels:
            pubsub.subscribe(*channels)
        if pattern:
            pubsub.psubscribe(pattern)
        for _ in range(len(channels) + bool(pattern)):
            assert pubsub.get_message(timeout=PATIENCE_SECONDS)  # it is subscribed

        def heard() -> list[tuple[str, dict[str, Any]]]:
            found = []
            while (message := pubsub.get_message(timeout=0.2)) is not None:
                found.append((message["channel"], json.loads(message["data"])))
                assert message["data"].startswith('{"v":"')
            return found

        yield heard


def test_a_subscriber_hears_each_score_written_with_its_model_and_nobody_elses(url: str, redis: Redis) -> None:
    async def scenario() -> None:
        async with sink_of(url) as sink:
            await write(sink, batch({"a/b": 1.0, "a/c": 1 / 3}, 1), batch({"a/b": 9.0}, 1, model="points"))
            await write(sink, batch({"a/b": 2.0}, 2), batch({"a/b": 3.0}, 2, kind=Kind.ACCOUNT))

    with listening(url, "ns:live:user:a/b") as heard, listening(url, "ns:live:account:a/b") as account_heard:
        run(scenario())
        messages = heard()
        assert [(channel, each["model"], each["v"], each["score"]) for channel, each in messages] == [
            ("ns:live:user:a/b", "engagement", at(1), 1.0),
            ("ns:live:user:a/b", "points", at(1), 9.0),
            ("ns:live:user:a/b", "engagement", at(2), 2.0),
        ]
        newest = messages[-1][1]
        assert newest == {**stored(redis, "ns:score:engagement:user:a/b"), "model": "engagement"}
        assert [each["score"] for _, each in account_heard()] == [3.0]


@pytest.mark.parametrize("audience", ["pattern", "more channels than scores"])
def test_a_pattern_and_a_crowd_hear_every_score(url: str, audience: str) -> None:
    scores = {f"Łódź-{i}:x/y": float(i) for i in range(40)}
    channels = [] if audience == "pattern" else [f"ns:live:user:{name}" for name in scores]
    channels += [f"another:{i}" for i in range(20)] if channels else []

    async def scenario() -> None:
        async with sink_of(url) as sink:
            await write(sink, batch(scores, 1))

    with listening(url, *channels, pattern="" if channels else "ns:live:*") as heard:
        run(scenario())
        assert {channel: each["score"] for channel, each in heard()} == {
            f"ns:live:user:{name}": score for name, score in scores.items()
        }


def test_a_refused_score_is_not_heard(url: str) -> None:
    async def scenario() -> None:
        async with sink_of(url) as sink, sink_of(url) as zombie:
            await write(sink, batch({"a": 1.0}, 1, epoch=EPOCH + 1))
            await write(zombie, batch({"a": 2.0, "b": 2.0}, 900))

    with listening(url, "ns:live:user:a", "ns:live:user:b") as heard:
        run(scenario())
        assert [(channel[-1], each["score"]) for channel, each in heard()] == [("a", 1.0), ("b", 2.0)]


def test_subscribers_of_a_replica_hear_too(redis_server: RedisServer) -> None:
    replica = RedisServer()
    try:
        with Redis.from_url(replica.url, decode_responses=True) as client:
            client.replicaof("127.0.0.1", str(redis_server.port))
            with listening(replica.url, "ns:live:user:a") as heard:

                async def scenario() -> None:
                    await until(lambda: cast(dict[str, Any], client.info("replication"))["master_link_status"] == "up")
                    async with sink_of(redis_server.url) as sink:
                        await write(sink, batch({"a": 1.0, "b": 1.0}, 1))
                        await until(lambda: client.exists("ns:score:engagement:user:a"))

                run(scenario())
                assert [each["score"] for _, each in heard()] == [1.0]
    finally:
        replica.stop()


def test_who_may_not_publish_writes_all_the_same_and_says_so_once(
    redis_server: RedisServer, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        redis.acl_setuser("writer", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all"])
        url = redis_server.url.replace("redis://", "redis://writer:secret@")

        async def scenario() -> None:
            async with sink_of(url) as sink:
                await write(sink, batch({"a": 1.0}, 1))
                await write(sink, batch({"a": 2.0, "b": 1.0}, 2))
                assert sink.problem is None

        with listening(redis_server.url, "ns:live:user:a") as heard:
            run(scenario())
            assert heard() == []
        assert stored(redis, "ns:score:engagement:user:a")["score"] == 2.0
    told = [*capfd.readouterr(), caplog.text]  # a logger that was set up for a command before stays so
    assert "".join(told).count("can't be heard live") == 1


def test_who_may_ask_nothing_publishes_everything(redis_server: RedisServer) -> None:
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        allowed = ["+@all", "-info", "-pubsub"]
        redis.acl_setuser("writer", enabled=True, passwords=["+secret"], keys=["*"], channels=["*"], commands=allowed)
        url = redis_server.url.replace("redis://", "redis://writer:secret@")

        async def scenario() -> None:
            async with sink_of(url) as sink:
                await write(sink, batch({"a": 1.0}, 1))

        with listening(redis_server.url, "ns:live:user:a") as heard:
            run(scenario())
            assert [each["score"] for _, each in heard()] == [1.0]


def test_a_wrong_password_is_said_without_it(redis_server: RedisServer) -> None:
    with Redis.from_url(redis_server.url) as client:
        client.config_set("requirepass", "right")
    for login in ("ann:geheim@", ":geheim@", ""):
        url = redis_server.url.replace("redis://", f"redis://{login}")
        with pytest.raises(RedisRefused, match=r"SCORER_REDIS_URL.*refuses the user name or password") as refused:
            asyncio.run(RedisScores(url, "ns", lambda _: None).start())
        assert "geheim" not in str(refused.value)


def test_an_unknown_host_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(RedisRefused, match=r"^SCORER_REDIS_URL=redis://no-such-host:6379/1: the host is unknown"):
        asyncio.run(RedisScores("redis://:geheim@no-such-host:6379/1", "ns", lambda _: None).start())
