"""Account records and peer groups on real servers: Redis ends as the oracle says, whatever happens in between."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment import SCORING, Deployment, Record, account_record, deployment, events
from tests.servers import KafkaServer, RedisServer
from tests.worker_process import wait_until

PEERS = SCORING.replace("models:", "segments: [plan, region]\nmodels:").replace(
    "benchmark: {percentile: 90, min_population: 5, initial: 10}",
    "benchmark: {percentile: 90, min_population: 5, initial: 10, peers: [plan, region]}",
)
PLANS = ("free", "pro", 50, 50.0, "a,b=c/%", None)


@pytest.fixture
def site(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, scoring_text=PEERS) as made:
        yield made


def told(seed: int, count: int) -> list[Record]:
    """Account records of the accounts that have events, and of some that have none."""
    chance = random.Random(seed)
    names = [f"acme/{number}%" for number in range(12)] + [f"never used {number}" for number in range(6)]
    traits = {"plan": PLANS, "region": ("eu", "us", None), "licenses": range(9)}
    return [
        account_record(
            chance.choice(names),
            {name: chance.choice(list(traits[name])) for name in chance.sample(list(traits), chance.randint(1, 3))},
        )
        for _ in range(count)
    ]


def mixed(seed: int, name: str, events_of_it: int, records: int) -> list[Record]:
    made = [*events(seed, events_of_it, name=name), *told(seed, records)]
    random.Random(seed).shuffle(made)
    return made


def test_scores_rest_on_the_benchmarks_of_peer_groups_also_after_kill_9(site: Deployment) -> None:
    site.produce(mixed(1, "first", 1500, 200))
    worker = site.running()
    site.until_scored()
    documents = site.documents()
    assert {document["state"] for document in documents.values()} >= {"scored", "never_used"}
    assert all((document["as_of"] is None) == (document["state"] == "never_used") for document in documents.values())
    assert any("plan=" in key for key in site.documents("benchmark"))
    site.produce(mixed(2, "second", 1500, 100))
    wait_until(lambda: site.documents() != documents, "some of it is scored")
    worker.kill()
    site.produce(mixed(3, "third", 300, 100))
    worker = site.running()
    site.until_scored()
    site.produce(told(4, 60))  # traits alone move everyone who is in another group now
    site.until_right()
    site.until_at_rest(worker)
    assert worker.terminate() == 0


def test_bad_account_records_are_dead_letters_and_good_ones_are_told_apart(site: Deployment) -> None:
    full = {f"trait {number}": number for number in range(64)}
    bad: list[dict[str, object]] = [
        {"type": "account", "traits": {"plan": "pro"}},
        {"type": "account", "account_id": "acme", "traits": ["pro"]},
        {"type": "account", "account_id": "acme", "traits": {"plan": "x" * 257}},
        {"type": "account", "account_id": "acme", "traits": {"one": "more"}},
    ]
    letters = [Record("acme", json.dumps(record).encode()) for record in bad]
    site.produce([account_record("acme", full), *letters, *mixed(5, "good", 200, 20)])
    worker = site.running()
    site.until_right()
    site.until_at_rest(worker)
    reasons = sorted(reason for reason, _ in site.dead_letters().values())
    assert reasons == ["bad_type", "bad_value", "bad_value", "missing_field"]
    metrics = {
        dict(labels).get("outcome"): int(v) for (n, labels), v in worker.metrics().items() if n == "scorer_events_total"
    }
    assert (metrics["trait"], metrics["dead_letter"]) == (21, 4)
    assert worker.terminate() == 0
