"""`scorer verify` as a user runs it, beside a worker on real servers."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import redis

from scorer.embedded.broker import EmbeddedBroker
from scorer.embedded.redis_server import EmbeddedRedis
from scorer.verifying.documents import Documents
from scorer.verifying.heartbeats import Heartbeats
from tests.commands import Outcome
from tests.deployment import DAY_MS, NOW_MS, SCORING, Deployment, Record, deployment, event, events
from tests.oracle_input import partition_of
from tests.servers import KafkaServer, RedisServer
from tests.stream_worker import delete_records, producer
from tests.tables import plain_rows
from tests.worker_process import wait_until

HOUR_MS = 3_600_000


@pytest.fixture
def site(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path) as made:
        yield made


def verify(site: Deployment, *arguments: str, **settings: str) -> Outcome:
    return site.run("verify", *arguments, **settings)


def report(done: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def spoil(site: Deployment, model: str, kind: str, entity: str, **fields: object) -> Mapping[str, Any]:
    """Change a document by hand; returns what it was."""
    key = f"{site.namespace}:score:{model}:{kind}:{entity}"
    before: Mapping[str, Any] = json.loads(site.store.get(key) or "{}")
    site.store.set(key, json.dumps({**before, **fields}, separators=(",", ":")))
    return before


def scored(site: Deployment, model: str, kind: str) -> list[str]:
    """Ids of entities with a score, that have no `:` in them."""
    prefix = f"{site.namespace}:score:{model}:{kind}:"
    found = site.documents(f"score:{model}:{kind}")
    return [key.removeprefix(prefix) for key, document in found.items() if document["state"] == "scored"]


def test_scores_of_a_running_worker_equal_their_recount(site: Deployment) -> None:
    site.produce(events(1, 1500))
    asyncio.run(site.append(events(2, 300, name="aborted"), transaction="t", abort=True))
    asyncio.run(site.append(events(3, 300, name="committed"), transaction="t"))
    site.produce(events(1, 700))  # repeats
    asyncio.run(site.append(events(4, 100, name="last"), transaction="t", abort=True))
    worker = site.running()
    done = verify(site, "--json", "--sample", "24", "--seed", "7")
    assert done.status == 0, done
    found = report(done)
    assert found["ok"] is True and found["seed"] == 7
    assert (found["differences"], found["hints"], found["notes"], found["not_verifiable_before"]) == ([], [], [], {})
    assert (found["entities"], found["records"], found["partitions"]) == (24, 2500, 4)
    assert found["compared"] == {"counts": 24, "engagement": 24, "week": 12, "crowd": 24}
    again = report(verify(site, "--json", "--sample", "1000"))
    assert again["compared"]["counts"] == len(site.documents("score:counts"))
    assert worker.terminate() == 0


def test_a_document_that_was_changed_by_hand_is_named(site: Deployment) -> None:
    site.produce(events(4, 1500))
    site.running()
    site.until_right()
    user, account = scored(site, "engagement", "user")[0], scored(site, "counts", "account")[0]
    spoil(site, "engagement", "user", user, score=99.5, band="champion")
    before = spoil(site, "counts", "account", account, raw=7.0)
    done = verify(site, "--json", "--sample", "1000")
    assert done.status == 1, done
    found = {(each["kind"], each["id"], each["model"], each["field"]): each for each in report(done)["differences"]}
    raw = found.pop(("account", account, "counts", "raw"))
    assert (raw["in_redis"], raw["recounted"]) == (7.0, before["raw"])
    score = found.pop(("user", user, "engagement", "score"))
    assert score["in_redis"] == 99.5 and 1 <= score["recounted"] < 99.5
    assert not found
    done = verify(site, "--sample", "1000")
    rows = plain_rows(done.stdout)
    assert done.status == 1
    assert rows["account"] == ["account", account, "counts", "raw", "7.0", str(before["raw"])]
    assert "2 differ" in done.stdout and "SCORER_DEDUPE_IDS" not in done.stdout


def test_a_document_that_is_missing_and_one_that_should_not_be_there_are_named(site: Deployment) -> None:
    site.produce(events(5, 600))
    site.running()
    site.until_right()
    gone, home = scored(site, "counts", "account")[:2]
    site.store.delete(f"{site.namespace}:score:counts:account:{gone}")
    document = site.documents("score:counts:account")[f"{site.namespace}:score:counts:account:{home}"]
    site.store.set(f"{site.namespace}:score:counts:account:made up", json.dumps(document))
    found = report(verify(site, "--json", "--sample", "1000"))["differences"]
    assert {(each["id"], each["field"]) for each in found} == {
        *((gone, field) for field in ("document", "ranking")),
        ("made up", "ranking"),
        *(("made up", field) for field in ("state", "raw", "score", "band")),
    }


def test_an_account_that_is_nowhere_is_a_failure_that_says_so(site: Deployment) -> None:
    made = events(6, 300)
    site.produce(made)
    site.running()
    site.until_right()
    account = json.loads(made[0].value)["account_id"]
    done = verify(site, "--account", "nobody")
    assert done.status == 1
    assert "scorer: account nobody has no score in Redis, and no event in the input" in done.stderr
    assert done.stdout.startswith("nothing was compared: 0 scores of 0 entities against ")
    done = verify(site, "--json", "--account", account, "--account", "nobody")
    found = report(done)
    assert done.status == 1 and found["ok"] is False and found["differences"] == []
    assert found["unknown_accounts"] == ["nobody"] and found["entities"] > 1
    assert done.stderr.endswith(f"scorer: {found['error']}\n") and "account nobody has no score" in found["error"]


def test_an_account_is_verified_with_its_users_reading_its_partition_only(site: Deployment) -> None:
    made = events(6, 1500)
    site.produce(made)
    site.running()
    site.until_right()
    account = json.loads(made[0].value)["account_id"]
    done = report(verify(site, "--json", "--account", account))
    homes = {partition_of(account, 4)}
    assert done["ok"] is True and done["seed"] is None and done["error"] is None
    assert done["partitions"] == len(homes)
    assert done["records"] == sum(fed.partition in homes for fed in site.fed)
    encoded = account.replace("%", "%25").replace("/", "%2F")
    users = [key for key in site.documents("score:counts:user") if key.split(":")[-1].startswith(f"{encoded}/")]
    assert done["compared"]["counts"] == 1 + len(users) > 3


def test_what_goes_on_while_it_is_verified_is_no_difference(site: Deployment) -> None:
    """A worker that counts all the time: what was read is never just what Redis holds."""
    site.produce(events(7, 500))
    site.running(publish_interval="500ms")
    ended = False

    async def traffic() -> None:
        number = 0
        while not ended:
            await site.append(events(100 + number, 40, name=f"live-{number}"))
            number += 1

    async def both() -> Outcome:
        nonlocal ended
        producing = asyncio.create_task(traffic())
        try:
            return await asyncio.to_thread(verify, site, "--json", "--sample", "1000")
        finally:
            ended = True
            await producing

    done = asyncio.run(both())
    assert done.status == 0, done
    assert report(done)["records"] > 500


def test_counting_that_began_later_is_recounted_from_there(site: Deployment) -> None:
    asyncio.run(site.append(events(8, 400, name="before"), remembered=False))
    site.running(start="latest")
    site.produce(events(9, 400))
    site.until_scored()
    found = report(verify(site, "--json", "--sample", "1000"))
    assert (found["ok"], found["records"]) == (True, 400)


def test_where_counting_began_outlives_the_journals_beginning(site: Deployment) -> None:
    """A snapshot tells it, too."""
    asyncio.run(site.append(events(10, 300, name="before"), remembered=False))
    worker = site.running(start="latest", module="tests.snapshotting_worker")
    for number in range(4):
        site.produce(events(11 + number, 600, accounts=40, name=f"{number}"))
    site.until_scored()
    wait_until(lambda: worker.metrics()["scorer_snapshot_seconds_count", ()] >= 4, "snapshots")
    worker.kill()
    site.running(module="tests.snapshotting_worker")
    site.until_right()
    found = report(verify(site, "--json", "--sample", "1000"))
    assert (found["ok"], found["records"]) == (True, 2400)


WINDOWS = """
version: 1
bucket: 1h
events: {opened: {}}
models:
  day: {window: 1d, weights: {opened: 1}, curve: {shape: none}, bands: {few: 0}}
  week: {window: 5d, weights: {opened: 1}, curve: {shape: none}, bands: {few: 0}}
"""


def test_what_the_input_no_longer_holds_is_verifiable_from_a_date_on(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    now_ms = int(time.time() * 1000)
    oldest_ms = now_ms - 2 * DAY_MS

    async def produce(site: Deployment) -> None:
        async with producer(site.bootstrap) as client:
            for number in range(100):
                ts_ms = now_ms - 4 * DAY_MS + number * HOUR_MS
                record = event(f"u{number % 7}", "acme", "opened", ts_ms)
                await client.send_and_wait(
                    site.input, record.value, key=b"acme", partition=0, timestamp_ms=max(ts_ms, 0)
                )

    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, partitions=1, scoring_text=WINDOWS) as site:
        site.settings["clock"] = "wall"
        asyncio.run(produce(site))
        site.running()
        assert report(verify(site, "--json"))["ok"] is True
        spoil(site, "week", "account", "acme", raw=1.0)
        asyncio.run(delete_records(site.bootstrap, site.input, {0: 48}))  # what is older than two days
        done = verify(site, "--json")
        assert done.status == 0, done
        found = report(done)
        assert found["compared"] == {"day": 8} and found["records"] == 52
        since = datetime.fromisoformat(found["not_verifiable_before"]["week"]).timestamp() * 1000
        assert set(found["not_verifiable_before"]) == {"week"}
        # the first whole hour that an event of a deleted record can't lie in, and 5 days of 1 h buckets from there
        assert oldest_ms + HOUR_MS <= since - 119 * HOUR_MS < oldest_ms + 2 * HOUR_MS
        said = verify(site).stdout
        assert f"week is not verifiable before {datetime.fromtimestamp(since / 1000, UTC):%Y-%m-%dT%H:00:00}Z" in said
        spoil(site, "day", "user", "acme/u1", raw=1.0)
        assert verify(site).status == 1


def test_with_the_event_clock_the_workers_say_what_now_is(site: Deployment) -> None:
    site.settings["clock"] = "event"
    site.produce([*events(12, 600), event("ann", "acme", "opened", NOW_MS + 9 * DAY_MS)])
    site.running()
    wait_until(lambda: report(verify(site, "--json", "--sample", "1000"))["ok"], "equal scores", 60)


PEERS = """
version: 1
bucket: 1d
events: {opened: {}, created: {}, shared: {}, ticket: {}}
segments: [plan]
models:
  use:
    weights: {opened: 1, created: 8, shared: 2.5}
    benchmark: {peers: [plan], min_population: 3}
    curve: {shape: exponential, steepness: auto}
"""

LINEAR_PEERS = PEERS.replace("{shape: exponential, steepness: auto}", "{shape: linear}\n    bands: {any: 0}")


def with_plans(made: Sequence[Record], *plans: str) -> list[Record]:
    """Account records: the accounts of these events have these plans in turn."""
    accounts = sorted({json.loads(record.value).get("account_id", "") for record in made} - {""})
    return [
        Record(name, json.dumps({"type": "account", "account_id": name, "traits": {"plan": plan}}).encode())
        for name, plan in zip(accounts, cycle(plans), strict=False)
    ]


def test_peer_groups_with_an_automatic_steepness_and_a_margin(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, scoring_text=PEERS) as site:
        made = events(15, 1500, accounts=20)
        plans = with_plans(made, "pro", "free", "pro/2")
        unused = Record("unused", b'{"type": "account", "account_id": "unused", "traits": {"plan": "pro"}}')
        asyncio.run(site.append([*plans, unused, *made], remembered=False))
        site.running()
        wait_until(lambda: len(site.documents("benchmark")) == 8, lambda: str(site.documents("benchmark")))
        found = report(verify(site, "--json", "--sample", "1000"))
        assert (found["differences"], found["unknown_steepness"], found["notes"]) == ([], {}, [])
        documents = site.documents("score:use").values()
        assert found["compared"]["use"] >= len(documents) > 100  # who has old events only has no document
        assert {each["state"] for each in documents} == {"scored", "inactive", "never_used"}
        assert len({each["benchmark"] for each in documents}) > 4
        user = scored(site, "use", "user")[0]
        spoil(site, "use", "user", user, score=50.5)
        done = report(verify(site, "--json", "--sample", "1000"))
        assert {(each["id"], each["field"]) for each in done["differences"]} == {(user, "score")}


def test_a_benchmark_that_is_not_the_one_of_its_peer_group_and_version_is_found(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, scoring_text=LINEAR_PEERS) as site:
        made = events(15, 900, accounts=12)
        asyncio.run(site.append([*with_plans(made, "pro", "free"), *made], remembered=False))
        site.running()
        wait_until(lambda: len(site.documents("benchmark")) == 6, lambda: str(site.documents("benchmark")))
        found = report(verify(site, "--json", "--sample", "1000"))
        assert (found["differences"], found["unknown_peers"], found["notes"]) == ([], {}, [])
        user = scored(site, "use", "user")[0]
        everyones = site.documents("benchmark:use:user")[f"{site.namespace}:benchmark:use:user:all"]
        raw = site.documents("score:use:user")[f"{site.namespace}:score:use:user:{user}"]["raw"]
        score = 1 + 99 * min(raw / everyones["raw"], 1)
        # that of its own group, by the version: with a version of another group verify waits for 90 s, it may be moving
        spoil(site, "use", "user", user, benchmark=everyones["raw"], score=score)
        done = report(verify(site, "--json", "--account", unquote(user.split("/")[0])))
        assert [(each["id"], each["field"]) for each in done["differences"]] == [(user, "benchmark")]


def test_a_ranking_that_is_not_what_the_scores_say_is_named(site: Deployment) -> None:
    site.produce(events(4, 900))
    site.running()
    site.until_right()
    moved, left = scored(site, "counts", "account")[:2]
    ranking = f"{site.namespace}:rank:counts:account"
    wait_until(lambda: site.store.zscore(ranking, left) is not None, "a ranking")
    site.store.zadd(ranking, {moved: -7.5})
    site.store.zrem(ranking, left)
    done = report(verify(site, "--json", "--sample", "1000"))
    told = {each["id"]: (each["model"], each["field"], each["in_redis"]) for each in done["differences"]}
    assert told == {moved: ("counts", "ranking", -7.5), left: ("counts", "ranking", None)}


def test_a_scoring_file_that_is_not_the_workers_is_bad_usage(site: Deployment) -> None:
    site.produce(events(13, 200))
    site.running()
    other = site.folder / "other.yaml"
    other.write_text(SCORING.replace("opened: 1,", "opened: 2,"))
    done = verify(site, "--scoring", str(other))
    assert done.status == 2 and "other.yaml: partition" in done.stderr and "--scoring" in done.stderr


def test_without_a_worker_what_it_left_is_verified_and_said_so(site: Deployment) -> None:
    site.produce(events(14, 400))
    worker = site.running()
    site.until_right()
    site.until_at_rest(worker)
    assert worker.terminate() == 0
    done = verify(site, "--sample", "20")
    assert done.status == 0, done
    assert "no worker has been heard of since" in done.stderr and "all equal" in done.stdout


def test_the_embedded_pair_is_verified_too(
    tansu: EmbeddedBroker, valkey: EmbeddedRedis, namespace: str, tmp_path: Path
) -> None:
    with deployment(tansu.bootstrap, valkey.url, namespace, tmp_path, partitions=2, idempotent=False) as site:
        site.produce(events(16, 800))
        site.running()
        site.until_scored()
        site.produce(events(17, 200, name="later"))
        found = report(verify(site, "--json", "--sample", "1000"))
        assert found["ok"] is True and found["records"] == 1000
        spoil(site, "counts", "account", scored(site, "counts", "account")[0], raw=7.0)
        assert verify(site, "--sample", "1000").status == 1


def test_a_worker_that_catches_up_is_waited_for_and_one_that_is_silent_is_named(redis_server: RedisServer) -> None:
    store = redis.Redis.from_url(redis_server.url)
    documents = Documents(redis_server.url, "ns")
    heartbeats = Heartbeats(documents, 3, "5c0e")

    def beat(partition: int, number: int, behind_seconds: float) -> None:
        said = {"at": 1e9 + number, "as_of": 7.25, "behind_seconds": behind_seconds, "owner": "w", "scoring": "5c0e"}
        store.set(f"ns:partition:{partition}", json.dumps(said))

    async def worker() -> None:
        for number, behind in enumerate([40.0, 30.0, 20.0, 10.0, 0.3, 0.0]):
            beat(0, number, behind)
            await asyncio.sleep(0.4)

    async def scenario() -> list[str]:
        catching_up = asyncio.create_task(worker())
        said = await heartbeats.caught_up([0, 1, 2], lambda: None)
        await catching_up
        return said

    try:
        beat(1, 0, 0.0)
        assert asyncio.run(scenario()) == [
            "partition 1: no worker has been heard of since 2001-09-09 01:46:40 UTC",
            "partition 2: no worker has ever written a heartbeat",
        ]
        assert heartbeats.newest_event_ms() == 7250
    finally:
        documents.close()
        store.close()


def test_nothing_to_compare_is_a_failure(site: Deployment) -> None:
    (site.folder / "scoring.yaml").write_text(SCORING)
    done = verify(site)
    assert done.status == 1 and "nothing was compared" in done.stdout


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"input_topic": "no-such-topic"}, "there is no topic no-such-topic"),
        ({"redis_url": "redis://127.0.0.1:1/0"}, "SCORER_REDIS_URL=redis://127.0.0.1:1/0: "),
        ({"brokers": "127.0.0.1:1", "broker_patience": "1s"}, "127.0.0.1:1 can't be reached"),
    ],
)
def test_what_can_not_be_asked_is_named(site: Deployment, settings: dict[str, str], told: str) -> None:
    (site.folder / "scoring.yaml").write_text(SCORING)
    done = verify(site, **settings)
    assert done.status == 1 and told in done.stderr and "Traceback" not in done.stderr
