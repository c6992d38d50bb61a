"""Whatever happens to workers, Redis and the broker, in the end Redis says what the oracle says."""

import asyncio
from pathlib import Path

import pytest

from tests.alert_reading import check_episodes, in_kafka, in_redis
from tests.chaos.faults import Chaos
from tests.chaos.traffic import Traffic
from tests.deployment import SCORING, Deployment, deployment
from tests.servers import KafkaServer, RedisServer
from tests.topic_making import all_records
from tests.worker_process import wait_until

ALERTS = """
alerts:
  keen: {model: week, kind: user, when: {crossed_above: 60}}
  warmth: {model: week, kind: user, when: {band_changed: true}}
  some: {model: counts, kind: account, when: {crossed_above: 5000}}
"""
"""The week's benchmark moves with everything that is counted: users cross both ways."""

SECONDS = 20.0
RECORDS = 6_000


@pytest.mark.timeout(400)
def test_every_event_counts_once_whatever_breaks(
    request: pytest.FixtureRequest, redis_server: RedisServer, namespace: str, tmp_path: Path, seed: int
) -> None:
    breaks_broker = seed % 3 == 0
    kafka: KafkaServer = request.getfixturevalue("own_kafka" if breaks_broker else "kafka")
    scoring = SCORING + ALERTS
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, scoring_text=scoring) as site:
        traffic = Traffic(site, seed, RECORDS)
        chaos = Chaos(site, redis_server, kafka if breaks_broker else None, traffic, seed)
        traffic.start()
        chaos.run(SECONDS)
        print(*chaos.diary, sep="\n")
        _end(site, chaos, redis_server)


def _end(site: Deployment, chaos: Chaos, redis_server: RedisServer) -> None:
    site.until_right(seconds=120)
    chaos.check_alive()
    site.until_at_rest(*chaos.alive)
    assert not site.differences(), chaos.diary
    found = {
        tuple(int(dict(letter.headers)[f"scorer.{part}"]) for part in ("partition", "offset")): letter.value
        for letter in asyncio.run(all_records(site.bootstrap, f"{site.namespace}-dead-letters"))
    }
    assert found == {at: value for at, (_, value) in site.dead_letters().items()}
    _check_alerts(site, chaos)
    for worker in chaos.alive:
        assert worker.terminate() == 0
    redis_server.restart()
    site.running()  # now everything comes from the journal
    site.until_right()


def _check_alerts(site: Deployment, chaos: Chaos) -> None:
    """None lost, doubled or orphaned: what is open is true, and Redis has what Kafka has, unless it lost it."""
    told = in_kafka(site)
    if chaos.emptied:
        assert set(in_redis(site)) <= set(told), chaos.diary
    else:
        wait_until(lambda: set(in_redis(site)) == set(told), lambda: f"{len(told)} alerts in Redis. {chaos.diary}")
    last = check_episodes(told)
    assert last  # which rules is chance: whose first score, that of a long backlog, is over a bound never crossed it
    documents = site.documents()
    for (rule, entity), alert in last.items():
        now = documents[f"{site.namespace}:score:{alert['model']}:{alert['kind']}:{entity}"]
        if rule == "warmth":
            assert alert["band"] == now["band"], (alert, now, chaos.diary)
        else:
            assert (alert["state"] == "fired") == (now["score"] >= alert["threshold"]), (alert, now, chaos.diary)
