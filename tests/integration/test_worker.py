"""The worker as a process, on real servers: what is in Redis in the end is what the oracle says."""

import asyncio
import json
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from scorer.embedded.broker import EmbeddedBroker
from scorer.embedded.redis_server import EmbeddedRedis
from tests.deployment import DAY_MS, NOW_MS, SCORING, Deployment, Record, deployment, event, events
from tests.oracle_input import partition_of
from tests.servers import KafkaServer, RedisServer
from tests.stream_worker import delete_records, log_starts, producer
from tests.topic_making import all_records, make_topic
from tests.worker_process import WorkerProcess, wait_until


@pytest.fixture
def site(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path) as made:
        yield made


def lags(worker: WorkerProcess) -> dict[str, float]:
    """By partition."""
    return {
        dict(labels)["partition"]: value
        for (name, labels), value in worker.metrics().items()
        if name == "scorer_consumer_lag_records"
    }


def outcomes(worker: WorkerProcess) -> dict[str, int]:
    return {
        dict(labels)["outcome"]: int(value)
        for (name, labels), value in worker.metrics().items()
        if name == "scorer_events_total" and value
    }


def test_events_become_scores_ranking_benchmarks_and_heartbeats(site: Deployment) -> None:
    site.produce(events(1, 2000))
    worker = site.running(instance="one")
    site.until_scored()
    assert site.documents("benchmark")  # some have the population for one
    states = {document["state"] for document in site.documents().values()}
    assert states == {"scored", "inactive", "warming_up"}
    site.until_beaten(time.time())
    for beat in site.documents("partition").values():
        assert beat["owner"] == "one" and beat["behind_seconds"] == 0
        assert abs(beat["at"] - time.time()) < 30 and beat["as_of"] <= NOW_MS / 1000
    site.produce(events(2, 200, name="later"))
    site.until_right()
    assert worker.terminate() == 0


def test_the_embedded_pair_does_as_well(
    tansu: EmbeddedBroker, valkey: EmbeddedRedis, namespace: str, tmp_path: Path
) -> None:
    with deployment(tansu.bootstrap, valkey.url, namespace, tmp_path, partitions=2, idempotent=False) as site:
        site.produce(events(3, 1000))
        worker = site.running()
        site.until_scored()
        worker.kill()
        site.produce(events(4, 500, name="later"))
        worker = site.running()
        site.until_right()
        assert worker.terminate() == 0


def test_a_clean_restart_with_nothing_new_rewrites_no_score(site: Deployment) -> None:
    site.produce(events(5, 1000))
    worker = site.running()
    site.until_right()
    site.until_at_rest(worker)
    assert worker.terminate() == 0
    before = site.documents()
    site.store.config_resetstat()
    worker = site.running()
    site.until_beaten(time.time() + 2)  # 20 passes and 6 exchanges
    written = site.store.info("commandstats").get("cmdstat_mset", {"calls": 0})
    assert written["calls"] == 0
    assert site.documents() == before  # `v` included
    assert worker.terminate() == 0


def test_after_kill_9_everything_counts_once(site: Deployment) -> None:
    site.produce(events(6, 3000))
    worker = site.start(instance="one", publish_interval="20ms")
    wait_until(lambda: len(site.documents()) > 100, "the first scores")
    worker.kill()
    site.produce(events(7, 500, name="later"))
    worker = site.running(instance="one")
    assert time.monotonic() - worker.started_at < 20  # 10 s by the issue, on a machine of its own
    site.until_scored()
    worker.kill()
    worker = site.running(instance="one")  # all from the journal
    assert set(outcomes(worker)) <= {"replayed"}
    site.until_right()


def test_a_second_worker_joins_and_leaves(site: Deployment) -> None:
    site.produce(events(8, 1000))
    first = site.running(instance="first")
    site.until_scored()
    second = site.start(instance="second")
    site.produce(events(9, 1000, name="joining"))
    site.until_owned_by("first", "second")
    site.until_scored()
    assert second.terminate() == 0
    site.produce(events(10, 500, name="leaving"))
    site.until_owned_by("first")
    site.until_right()
    site.until_at_rest(first)
    assert first.terminate() == 0


def test_aborted_transactions_do_not_count_and_the_lag_reaches_0(site: Deployment) -> None:
    async def produce() -> None:
        for number in range(3):
            await site.append(events(20 + number, 100, name=f"plain-{number}"))
            await site.append(events(30 + number, 200, name=f"aborted-{number}"), transaction="t", abort=True)
            await site.append(events(40 + number, 100, name=f"committed-{number}"), transaction="t")
        await site.append(events(50, 100, name="last"), transaction="t", abort=True)

    asyncio.run(produce())
    worker = site.running()
    site.until_scored()
    site.until_at_rest(worker)
    assert set(lags(worker)) == {"0", "1", "2", "3"}
    assert sum(outcomes(worker).values()) == 600
    asyncio.run(site.append(events(51, 100, name="live"), transaction="t", abort=True))
    asyncio.run(site.append(events(52, 100, name="lively"), transaction="t"))
    site.until_right()
    site.until_at_rest(worker)


def test_duplicates_and_disorder_change_nothing(site: Deployment) -> None:
    fresh = events(11, 1500)
    again = fresh + random.Random(1).sample(fresh, 700)
    random.Random(2).shuffle(again)
    half = len(again) // 2
    site.produce(again[:half])
    worker = site.running()
    site.until_scored()
    worker.kill()  # what repeats is known across a crash
    site.produce(again[half:])
    worker = site.running()
    site.until_right()
    site.until_at_rest(worker)
    assert site.oracle.outcomes["duplicate"] > 500
    later = outcomes(worker)
    assert 0 < later["duplicate"] <= site.oracle.outcomes["duplicate"]


def unusable(partitions: int) -> list[tuple[str, Record]]:
    """Reason and record; one of each reason that a native record can have."""
    good = json.loads(event("ann", "acme", "opened", NOW_MS).value)

    def bad(**changed: object) -> Record:
        return Record("acme", json.dumps({**good, **changed}).encode())

    home = partition_of("acme", partitions)
    return [
        ("empty", Record("acme", b"")),
        ("not_json", Record("acme", b'{"event": "opened", \xff')),
        ("not_an_object", Record("acme", b'["opened"]')),
        ("missing_field", bad(user_id=None)),
        ("bad_type", bad(event=7)),
        ("bad_timestamp", bad(ts="yesterday")),
        ("bad_value", bad(value=-1)),
        ("in_future", bad(ts=NOW_MS + 3_700_000)),
        ("too_large", bad(padding="x" * 140_000)),
        ("wrong_partition", Record("acme", json.dumps(good).encode(), (home + 1) % partitions)),
    ]


def test_dead_letters_hold_what_came_and_why_and_cost_no_neighbour(site: Deployment) -> None:
    letters = unusable(site.partitions)
    good = events(12, 300)
    mixed = [*good, *(record for _, record in letters)]
    random.Random(3).shuffle(mixed)
    site.produce(mixed)
    worker = site.running()
    site.until_right()
    site.until_at_rest(worker)
    assert outcomes(worker)["dead_letter"] == len(letters)
    found = {}
    for letter in asyncio.run(all_records(site.bootstrap, f"{site.namespace}-dead-letters")):
        headers = {key: value.decode() for key, value in letter.headers}
        at = int(headers["scorer.partition"]), int(headers["scorer.offset"])
        found[at] = headers["scorer.reason"], letter.value
        assert letter.key.decode() == f"{site.input}-{at[0]}-{at[1]}"
        assert headers["scorer.topic"] == site.input and headers["scorer.detail"] and headers["scorer.at"]
    assert found == site.dead_letters()
    assert {reason for reason, _ in found.values()} == {reason for reason, _ in letters}


def test_records_in_the_wrong_partition_count_nowhere(site: Deployment) -> None:
    astray = [
        Record(record.key, record.value, (partition_of(record.key, 4) + 1 + i % 3) % 4)
        for i, record in enumerate(events(13, 200, name="astray"))
    ]
    site.produce([*events(14, 200), *astray])
    worker = site.running()
    site.until_right()
    assert outcomes(worker)["dead_letter"] == 200
    assert worker.terminate() == 0
    assert "SCORER_INPUT_KEY=other" in worker.said()


def test_a_signal_to_reload_is_answered_with_not_yet(site: Deployment) -> None:
    worker = site.running()
    worker.signal(signal.SIGHUP)
    wait_until(lambda: "SIGHUP" in worker.said(), worker.said)
    assert "not yet" in worker.said()
    assert worker.terminate() == 0


def test_an_emptied_redis_is_filled_again(site: Deployment, redis_server: RedisServer) -> None:
    site.produce(events(15, 1000))
    worker = site.running()
    site.until_right()
    redis_server.restart()
    site.until_right()
    assert site.owners().keys() == set(range(site.partitions))
    assert worker.terminate() == 0
    redis_server.restart()  # while no worker runs
    site.running()
    site.until_right()


def test_redis_may_be_away_for_a_while(site: Deployment, redis_server: RedisServer) -> None:
    site.produce(events(16, 500))
    worker = site.running()
    site.until_scored()
    redis_server.pause()
    site.produce(events(17, 500, name="paused"))
    wait_until(lambda: sum(outcomes(worker).values()) == 1000, lambda: str(outcomes(worker)))
    redis_server.resume()
    site.until_scored()
    redis_server.stop()
    site.produce(events(18, 500, name="gone"))
    wait_until(lambda: sum(outcomes(worker).values()) == 1500, lambda: str(outcomes(worker)))
    assert worker.get("/healthz")[0] == 200
    wait_until(lambda: worker.metrics()["scorer_redis_pending_entities", ()] > 0, "scores that wait")
    redis_server.restart()
    site.until_right()
    site.until_at_rest(worker)
    assert worker.terminate() == 0


def test_the_start_is_fixed_at_the_first_claim(site: Deployment) -> None:
    asyncio.run(site.append(events(19, 300, name="before"), remembered=False))
    worker = site.running(start="latest")
    worker.kill()
    site.produce(events(20, 300))
    worker = site.running(start="latest")  # latest was when the deployment began
    site.until_scored()
    worker.kill()
    site.running(start="earliest")
    site.until_right()


def test_health_and_metrics_are_served_from_the_first_second_and_during_a_restore(
    own_kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    with deployment(own_kafka.bootstrap, redis_server.url, namespace, tmp_path, partitions=2) as site:
        site.produce(events(21, 20_000, accounts=300))
        worker = site.running()
        worker.kill()
        own_kafka.pause()  # nothing can be restored yet
        worker = site.start()
        wait_until(lambda: worker.get("/healthz")[0] == 200, "an answer")
        assert worker.get("/readyz")[0] == 503 and worker.reasons()
        assert outcomes(worker) == {}
        assert worker.metrics()["scorer_ready", ()] == 0
        own_kafka.resume()
        seen: set[str] = set()

        def ready() -> bool:
            assert worker.get("/healthz")[0] == 200
            seen.update(worker.reasons())
            return worker.get("/readyz")[0] == 200

        wait_until(ready, lambda: str(seen))
        assert any("partition 0" in reason for reason in seen), seen
        site.until_right()
        site.until_at_rest(worker)
        metrics = worker.metrics()
        assert metrics["scorer_recovery_seconds_count", ()] == 2
        assert lags(worker) == {"0": 0, "1": 0}
        assert metrics["scorer_redis_pending_entities", ()] == 0
        assert worker.metrics(openmetrics=True)["scorer_redis_pending_entities", ()] == 0


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("bucket: 1h", "bucket is 3600 seconds, but this namespace has counted with 86400 seconds"),
        ("timezone: Asia/Kolkata", "timezone is Asia/Kolkata, but this namespace has counted with UTC"),
    ],
)
def test_another_bucket_or_time_zone_than_the_journals_stops_the_start(
    site: Deployment, written: str, said: str
) -> None:
    site.produce(events(22, 100))
    worker = site.running()
    site.until_scored()
    assert worker.terminate() == 0
    before = site.documents()
    worker = site.start(scoring_text=SCORING.replace("bucket: 1d", written))
    assert worker.ended() == 2
    assert said in worker.said() and "scorer rebuild" in worker.said()
    assert site.documents() == before
    worker = site.running()
    site.produce(events(23, 100, name="later"))
    site.until_right()


def test_a_changed_model_has_a_new_version_and_scores_by_its_weights(site: Deployment) -> None:
    site.produce(events(24, 1000))
    worker = site.running()
    site.until_scored()
    assert worker.terminate() == 0
    before = model_versions(site)
    site.rescore(SCORING.replace("opened: 1, shared: 3}", "opened: 2, created: 5}"))
    worker = site.running()
    site.until_scored()
    after = model_versions(site)
    assert after.pop("week") == {max(before.pop("week")) + 1}
    assert after == before
    assert worker.terminate() == 0
    site.rescore(SCORING)
    worker = site.running()
    site.until_right()


def model_versions(site: Deployment) -> dict[str, set[int]]:
    """By model, of the documents that have a score by a benchmark."""
    found: dict[str, set[int]] = {}
    for key, document in site.documents().items():
        if document["benchmark"] is not None:
            found.setdefault(key.split(":")[2], set()).add(document["model_version"])
    return found


def test_input_that_was_deleted_unread_stops_the_worker_at_its_start(site: Deployment) -> None:
    site.produce(events(25, 200))
    worker = site.running()
    site.until_right()
    assert worker.terminate() == 0
    lose_unread(site)
    assert_stops_for_lost_input(site, site.start())


def test_input_that_was_deleted_unread_stops_a_running_worker(site: Deployment) -> None:
    site.produce(events(25, 200))
    worker = site.running(session_timeout="30s")
    site.until_right()
    worker.suspend()
    lose_unread(site)
    worker.resume()
    assert_stops_for_lost_input(site, worker)


def lose_unread(site: Deployment) -> None:
    """Records that no worker has read are deleted, as retention does."""
    asyncio.run(site.append(events(26, 400, name="unread"), remembered=False))
    asyncio.run(delete_records(site.bootstrap, site.input, dict.fromkeys(range(site.partitions), -1)))


def assert_stops_for_lost_input(site: Deployment, worker: WorkerProcess) -> None:
    before = site.documents()
    assert worker.ended() == 1
    assert site.input in worker.said() and "log start" in worker.said()
    assert site.documents() == before


def test_an_input_that_was_recreated_stops_the_worker(site: Deployment) -> None:
    """Its offsets start anew: what stands there now was never counted, though the position is beyond it."""
    site.produce(events(25, 400))
    worker = site.running()
    site.until_right()
    assert worker.terminate() == 0
    asyncio.run(delete_topic(site.bootstrap, site.input))
    asyncio.run(make_topic(site.bootstrap, site.input, site.partitions))
    asyncio.run(site.append(events(26, 40, name="new"), remembered=False))
    worker = site.start()
    assert worker.ended() == 1
    assert site.input in worker.said() and "log end" in worker.said()


def test_with_the_event_clock_now_is_the_largest_event_time_of_all_partitions(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, judged_at_ms=None) as site:
        site.settings["clock"] = "event"
        site.produce(events(27, 1000))
        worker = site.running()
        site.until_scored(now_ms=newest(site))
        key = "ahead"
        site.produce([event(key, None, "opened", NOW_MS + 9 * DAY_MS)])  # in one partition; all age
        site.until_scored(now_ms=newest(site))
        worker.kill()
        worker = site.running()
        site.until_scored(now_ms=newest(site))
        site.produce([event(key, None, "created", NOW_MS + 50 * DAY_MS)])  # everyone else is gone
        site.until_right(now_ms=newest(site))
        assert len(site.oracle.results(newest(site))) == 4
        assert worker.terminate() == 0


def newest(site: Deployment) -> int:
    moment = site.oracle.largest_ts_ms
    assert moment is not None
    return moment


def test_a_lost_journal_is_rebuilt_from_the_input_and_said(site: Deployment) -> None:
    site.produce(events(28, 1000))
    worker = site.running()
    site.until_scored()
    assert worker.terminate() == 0
    before = site.documents()
    asyncio.run(delete_topic(site.bootstrap, f"{site.namespace}-journal"))
    site.produce(events(29, 100, name="later"))
    worker = site.running()
    site.until_right()
    assert "the journal was lost" in worker.said()
    after = site.documents()
    assert all(after[key]["v"] > document["v"] for key, document in before.items())


async def delete_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name])
        while name in await admin.list_topics():
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


def test_a_worker_stops_within_the_time_that_it_is_given_though_the_broker_is_away(
    own_kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    with deployment(own_kafka.bootstrap, redis_server.url, namespace, tmp_path, partitions=2) as site:
        site.produce(events(30, 200))
        worker = site.running()
        site.until_scored()
        own_kafka.pause()
        starting = site.start()
        wait_until(lambda: starting.get("/healthz")[0] == 200, "an answer")
        assert starting.terminate(seconds=10) == 0
        worker.terminate(seconds=30)  # a pod is given 30 s
        own_kafka.resume()
        site.produce(events(31, 200, name="later"))
        site.running()
        site.until_right()


def test_a_worker_that_is_one_too_many_is_ready(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, partitions=1) as site:
        site.produce(events(32, 100))
        workers = [site.start(), site.start()]
        for worker in workers:
            worker.until_ready()
        site.until_right()
        assert [worker.terminate() for worker in workers] == [0, 0]


@pytest.mark.parametrize("topic", ["summaries", "benchmarks"])
def test_what_a_zombie_wrote_behind_its_successor_is_written_over(site: Deployment, topic: str) -> None:
    """Compaction keeps the last write: whoever starts later would take the zombie's."""
    site.produce(events(33, 300))
    worker = site.running()
    site.until_scored()
    name = f"{site.namespace}-{topic}"

    def last_of_each() -> dict[bytes, dict[str, Any]]:
        return {record.key: msgpack.unpackb(record.value) for record in asyncio.run(all_records(site.bootstrap, name))}

    key, value = next(iter(last_of_each().items()))
    asyncio.run(
        append_behind(site.bootstrap, name, key, {**value, "e": 1, "raw": b"" if topic == "summaries" else 7.0})
    )
    wait_until(lambda: last_of_each()[key]["e"] > 1, lambda: str(last_of_each()[key]))
    site.until_right()
    assert worker.terminate() == 0


async def append_behind(bootstrap: str, topic: str, key: bytes, value: dict[str, Any]) -> None:
    """As the default partitioner of every client has it."""
    async with producer(bootstrap) as client:
        await client.send_and_wait(topic, msgpack.packb(value), key=key)


def test_snapshots_trim_the_journal_and_are_enough_to_go_on(site: Deployment, redis_server: RedisServer) -> None:
    module = "tests.snapshotting_worker"
    worker = site.running(module=module)
    for number in range(5):
        site.produce(events(40 + number, 600, accounts=40, name=f"{number}"))
    site.until_scored()
    journal = f"{site.namespace}-journal"
    starts: dict[int, int] = {}

    def trimmed() -> bool:
        starts.update(asyncio.run(log_starts(site.bootstrap, journal, site.partitions)))
        return min(starts.values()) > 0

    wait_until(trimmed, lambda: str(starts))
    worker.kill()
    redis_server.restart()
    site.produce(events(45, 300, name="later"))
    worker = site.running(module=module)
    site.until_right()
    assert worker.terminate() == 0
