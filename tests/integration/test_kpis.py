"""KPIs of accounts, segments and the product: in Redis and Prometheus, on real servers, whatever breaks."""

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment import DAY_MS, NOW_MS, Deployment, Record, deployment, event
from tests.oracle_kpis import compare_kpis, kpis, perhaps
from tests.servers import KafkaServer, RedisServer
from tests.worker_process import PATIENCE_SECONDS, TookTooLong, wait_until

SCORING = """
version: 1
events:
  opened: {}
  created: {core: true, advanced: true}
  shared: {core: true}
  slack: {integration: true}
  session: {duration: true}
exclude: {users: ["bot-*"]}
segments: [plan, region]
models:
  points: {weights: {opened: 1, created: 8}, curve: {shape: none}, bands: {any: 0}}
kpis:
  window: 7d
  goals: {license_utilization: 0.8, stickiness: 0.25, active_days: 5}
"""

TYPES = ("opened", "created", "shared", "slack", "session")


@pytest.fixture
def site(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, scoring_text=SCORING) as made:
        yield made


def traffic(seed: int, count: int) -> list[Record]:
    """Members of some accounts, and users without one, over 16 days."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        account = chance.choice([None, "acme", "acme/east", "100%", "ж", *(f"a{n}" for n in range(12))])
        user = chance.choice(["bot-1", *(f"u{n}" for n in range(9))])
        ts_ms = NOW_MS - int(chance.random() ** 2 * 16 * DAY_MS)
        value = chance.choice([0, 1, 2.5])
        made.append(event(user, account, chance.choice(TYPES), ts_ms, value=value, event_id=f"{seed}-{number}"))
    return made


def traits(seed: int) -> list[Record]:
    chance = random.Random(seed)
    said = []
    for account in ("acme", "acme/east", "100%", "never used", *(f"a{n}" for n in range(8))):
        told: dict[str, object] = {
            "plan": chance.choice(["pro", "free", "a=b/c"]),
            "region": chance.choice(["eu", "us", None]),
        }
        told |= {"licenses": chance.choice([10, 4, 0, "many", None]), "active_licenses": chance.choice([5, None])}
        record = {"type": "account", "account_id": account, "traits": told}
        said.append(Record(account, json.dumps(record).encode()))
    return said


def differences(site: Deployment, now_ms: int = NOW_MS) -> list[str]:
    expected, allowed = kpis(site.oracle, now_ms), perhaps(site.oracle, now_ms)
    return compare_kpis(expected, site.documents("kpi"), namespace=site.namespace, perhaps=allowed)


def until_right(site: Deployment) -> None:
    last: list[str] = []

    def right() -> bool:
        last[:] = differences(site)
        return not last

    try:
        wait_until(right, "the oracle's KPIs", PATIENCE_SECONDS)
    except TookTooLong as error:
        raise AssertionError(f"{len(last)} differences: {last[:5]}") from error


def test_kpis_are_the_oracles_after_events_traits_a_second_worker_and_kill_9(site: Deployment) -> None:
    site.produce([*traits(1), *traffic(1, 1_500)])
    first = site.running(benchmark_interval="500ms")
    until_right(site)
    product = site.documents("kpi:product")[f"{site.namespace}:kpi:product:all"]
    assert product["mau"] > 50 and len(product["v"]) == 22
    assert first.metrics()["scorer_kpi_ratio", (("kpi", "stickiness"), ("segment", "all"))] == product["stickiness"]
    assert first.metrics()["scorer_kpi_ratio", (("kpi", "breadth"), ("segment", "plan=pro"))] == 1.0
    site.running(benchmark_interval="500ms")
    site.produce([*traffic(2, 700), *traits(2)])  # plans change: the segments with them
    until_right(site)
    first.kill()
    site.produce(traffic(3, 300))
    until_right(site)


def test_an_emptied_redis_has_all_kpis_again(site: Deployment) -> None:
    site.produce([*traits(3), *traffic(4, 600)])
    site.running(benchmark_interval="500ms")
    until_right(site)
    site.store.flushall()
    until_right(site)


def test_a_resync_removes_kpis_of_nobody_and_brings_all_others_back(site: Deployment) -> None:
    site.produce([*traits(3), *traffic(4, 600)])
    site.running(benchmark_interval="500ms")
    until_right(site)
    for ghost in ("account:ghost", "segment:plan=ghost", "account:acme"):
        site.store.set(f"{site.namespace}:kpi:{ghost}", '{"v":"0000000000001000000001","mau":1}')
    done = site.run("resync", "--json")
    assert done.status == 0, done
    until_right(site)
    assert not [key for key in site.documents("kpi") if "ghost" in key]
    assert json.loads(done.stdout)["removed_kpis"] >= 1


def test_whoever_listens_to_an_account_hears_of_scores_only(site: Deployment) -> None:
    site.produce(traffic(5, 50))
    site.running(benchmark_interval="500ms")
    until_right(site)
    listening = site.store.pubsub()  # type: ignore[no-untyped-call]
    listening.psubscribe(f"{site.namespace}:live:*")
    asyncio.run(site.append([event("u1", "acme", "created", NOW_MS)]))
    until_right(site)
    heard = [each for _ in range(20) if (each := listening.get_message(timeout=0.1)) and each["type"] == "pmessage"]
    assert heard and {json.loads(each["data"])["model"] for each in heard} == {"points"}
    assert all(":live:account:" in each["channel"] or ":live:user:" in each["channel"] for each in heard)
