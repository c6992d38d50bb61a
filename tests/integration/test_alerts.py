"""Alerts of a real worker on real servers: fired once, resolved once, to Kafka and to Redis."""

import random
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.alert_reading import brief, check_episodes, in_kafka, in_redis, read
from tests.deployment import NOW_MS, Deployment, Record, deployment, event
from tests.servers import KafkaServer, RedisServer
from tests.worker_process import wait_until

SCORING = """
version: 1
bucket: 1d
events: {up: {}, down: {}}
models:
  level: {weights: {up: 1, down: -1}, curve: {shape: none}, bands: {few: 0, many: 3}, margin: 0}
alerts:
  low: {model: level, kind: user, when: {crossed_below: 3}, severity: critical}
"""

KEYS = [
    "id",
    "rule",
    "state",
    "cause",
    "severity",
    "kind",
    "entity",
    "model",
    "score",
    "previous_score",
    "band",
    "previous_band",
    "threshold",
    "episode",
    "at",
    "as_of",
    "why",
]

FILLERS = 100


@pytest.fixture
def site(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Deployment]:
    """One partition: what is appended is read in this order."""
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, partitions=1, scoring_text=SCORING) as made:
        yield made


_numbers = count()


def moves(**by: int) -> list[Record]:
    """Users, by how much their score changes."""
    return [
        event(user, None, "up" if points > 0 else "down", NOW_MS, value=abs(points), event_id=f"m{next(_numbers)}")
        for user, points in by.items()
    ]


def moved(site: Deployment, **by: int) -> None:
    """They move, and a pass sees it."""
    site.produce(moves(**by))
    site.until_scored()


def until_told(site: Deployment, number: int) -> list[bytes]:
    """All alerts, once there are so many; Redis has the same."""
    wait_until(lambda: len(in_kafka(site)) >= number, lambda: f"{number} alerts: {brief(in_kafka(site))}")
    wait_until(lambda: set(in_redis(site)) == set(in_kafka(site)), lambda: f"in Redis: {brief(in_redis(site))}")
    return in_kafka(site)


def test_who_crosses_fires_once_and_who_recovers_resolves_once(site: Deployment) -> None:
    worker = site.running()
    moved(site, ann=5, bob=1, cec=4)
    moved(site, ann=-4, bob=1)
    moved(site, ann=1)
    moved(site, ann=3, cec=1)
    told = until_told(site, 2)
    fired, resolved = read(told)
    assert list(fired) == list(resolved) == KEYS
    assert (
        fired.items()
        >= {
            "rule": "low",
            "state": "fired",
            "cause": "crossed_below",
            "severity": "critical",
            "kind": "user",
            "entity": "ann",
            "model": "level",
            "score": 1.0,
            "previous_score": 5.0,
            "band": "few",
            "previous_band": "many",
            "threshold": 3.0,
            "episode": 1,
            "at": NOW_MS / 1000,
            "as_of": NOW_MS / 1000,
            "why": {"raw": 1.0, "previous_raw": 5.0, "benchmark": None},
        }.items()
    )
    assert len(fired["id"]) == 32 and resolved["id"] == fired["id"]
    assert (resolved["state"], resolved["cause"], resolved["episode"]) == ("resolved", "recovered", 1)
    assert (resolved["previous_score"], resolved["score"]) == (2.0, 5.0)
    moved(site, ann=-3)
    again = until_told(site, 3)
    assert again[:2] == told and in_redis(site) == again
    assert brief(again[2:]) == [("low", "ann", "fired", "crossed_below")]
    assert read(again)[2]["id"] != fired["id"]
    assert worker.terminate() == 0
    assert in_kafka(site) == again


def test_a_model_that_changes_and_a_rule_that_goes_resolve_what_is_open(site: Deployment) -> None:
    worker = site.running()
    moved(site, ann=5, bob=2, cec=4, dan=5)
    moved(site, ann=-4)
    told = [("low", "ann", "fired", "crossed_below")]
    assert brief(until_told(site, 1)) == told
    assert worker.terminate() == 0
    site.rescore(SCORING.replace("up: 1, down: -1", "up: 2, down: -2"))  # bob has 4 now, ann 2
    worker = site.running()
    site.until_scored()
    moved(site, dan=-4)
    told += [("low", "ann", "resolved", "model_changed"), ("low", "dan", "fired", "crossed_below")]
    assert brief(until_told(site, 3)) == told
    assert worker.terminate() == 0
    site.rescore(site.scoring_text.replace("  low:", "  scanty:").replace("below: 3", "below: 7"))
    site.running()
    site.until_scored()
    moved(site, cec=-1)
    told += [("low", "dan", "resolved", "rule_removed")]
    assert brief(until_told(site, 5)) == sorted(
        [*told, ("scanty", "cec", "fired", "crossed_below")], key=lambda each: each[1]
    )
    check_episodes(in_kafka(site))


def test_a_rebuild_alerts_of_nothing_that_was(site: Deployment) -> None:
    """Beside the live namespace, from the same input."""
    site.running()
    moved(site, ann=5, bob=5)
    moved(site, ann=-4)
    moved(site, bob=-3, ann=4)
    until_told(site, 3)
    other = f"{site.namespace}-again"
    site.running(namespace=other)
    wait_until(lambda: len(list(site.store.scan_iter(f"{other}:score:*"))) == 2, "the rebuilt scores")
    moved(site, ann=-4)
    wait_until(lambda: len(in_redis(site, other)) > 0, "an alert")
    assert brief(in_redis(site, other)) == [("low", "ann", "fired", "crossed_below")]
    assert in_kafka(site, other) == in_redis(site, other)


@pytest.mark.parametrize("minutes", [0, 10])
def test_who_is_far_behind_alerts_only_of_what_is_left_in_the_end(site: Deployment, minutes: int) -> None:
    """A worker that is less than a minute behind tells what it sees in between."""
    worker = site.running()
    moved(site, ann=5, bob=5)
    assert worker.terminate() == 0
    fillers = [moves(**{f"filler-{n}": 5 for n in range(FILLERS)}) for _ in range(2)]
    missed = [*moves(ann=-4), *fillers[0], *moves(ann=4), *fillers[1], *moves(bob=-4)]
    site.produce(missed, timestamp_ms=int(time.time() * 1000) - minutes * 60_000)
    site.running(module="tests.tardy_worker")
    site.until_scored()
    moved(site, bob=4)
    seen = [("low", "ann", "fired", "crossed_below"), ("low", "ann", "resolved", "recovered")]
    net = [("low", "bob", "fired", "crossed_below"), ("low", "bob", "resolved", "recovered")]
    expected = net if minutes else seen + net
    assert brief(until_told(site, len(expected))) == expected


def in_force(site: Deployment) -> set[str]:
    """Whose alert in Kafka hasn't resolved."""
    last = check_episodes(in_kafka(site))
    return {entity for (_, entity), told in last.items() if told["state"] == "fired"}


def test_after_kill_9_and_with_redis_away_nothing_is_lost_doubled_or_orphaned(
    site: Deployment, redis_server: RedisServer
) -> None:
    chance = random.Random(7)
    users = [f"u{n}" for n in range(20)]
    moved_by = dict.fromkeys(users, 5)
    worker = site.running()
    moved(site, **moved_by)
    for _ in range(6):
        redis_server.pause()
        for _ in range(3):
            some = {user: -4 if moved_by[user] == 5 else 4 for user in chance.sample(users, 8)}
            site.produce(moves(**some))
            moved_by |= {user: moved_by[user] + points for user, points in some.items()}
            time.sleep(chance.random() * 0.3)
        worker.kill()
        redis_server.resume()
        worker = site.running()
        time.sleep(chance.random() * 0.3)
    site.until_scored()
    over = {user for user, points in moved_by.items() if points < 3}
    # how many crossings a pass saw, and how many were undone before one did, is chance
    wait_until(lambda: in_force(site) == over, lambda: f"not {over} but {in_force(site)}")
    check_episodes(until_told(site, len(over)))
    check_episodes(in_redis(site))
