"""Days of a time zone on real servers, around a midnight that there isn't: Redis, `verify`, the close of a day."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import TYPES, Deployment, Record, deployment, event
from tests.integration.test_verify import report, verify
from tests.servers import KafkaServer, RedisServer

SAO_PAULO = """
version: 1
timezone: America/Sao_Paulo
events: {opened: {}, created: {}, shared: {}, ticket: {}}
models:
  counts: {window: 3d, weights: {opened: 1, created: 1000}, curve: {shape: none}, bands: {few: 0}, margin: 0}
  fading: {window: 9d, half_life: 1d, weights: {opened: 64}, curve: {shape: none}, bands: {few: 0}, margin: 0}
  engagement: {window: 9d, weights: {opened: 1, shared: 2.5}, benchmark: {min_population: 3}, margin: 0}
"""

FIRST = datetime(2018, 11, 4, 3, tzinfo=UTC)
"""Clocks were set forward at midnight: 2018-11-04 began at 01:00 local time, this instant, and had 23 hours."""

LAST = FIRST - timedelta(milliseconds=1)
END_OF_WEEK = datetime(2018, 11, 11, 1, 59, 59, 999_000, tzinfo=UTC)
"""The last instant of November 10 there; in UTC it is the 11th."""


@pytest.fixture
def site(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(
        kafka.bootstrap, redis_server.url, namespace, tmp_path, scoring_text=SAO_PAULO, judged_at_ms=ms(LAST)
    ) as made:
        begin_on(made, LAST)
        yield made


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def document(site: Deployment, model: str, user: str) -> dict[str, Any]:
    found: dict[str, Any] = site.documents()[f"{site.namespace}:score:{model}:user:{user}"]
    return found


def crowd(seed: int, count: int) -> list[Record]:
    """What others did within seconds of a midnight, or at any time, of the last days."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        hours = chance.choice([24, 24, 1]) * chance.randrange(12)
        near = chance.choice([-1, 0, 1, chance.randrange(3_600_000)])
        account = f"acme {chance.randrange(5)}"
        user = f"user {chance.randrange(9)}"
        made.append(event(user, account, chance.choice(TYPES), ms(LAST - timedelta(hours=hours)) - near))
    return made


def begin_on(site: Deployment, at: datetime) -> None:
    """What follows is as of this instant."""
    site.settings["clock"] = at.isoformat(timespec="milliseconds")
    site.judged_at_ms = ms(at)


def raws(site: Deployment, model: str, *users: str) -> list[float]:
    return [document(site, model, user)["raw"] for user in users]


def test_days_begin_at_the_first_instant_of_the_zone(site: Deployment) -> None:
    """Who did something at the end of a day, who at the begin of the next. The day goes by between two workers."""
    begin_ms = ms(datetime(2018, 11, 1, 3, tzinfo=UTC))
    site.produce(
        [
            event("late", None, "opened", begin_ms - 1),  # on October 31
            event("early", None, "opened", begin_ms),
            event("today", None, "opened", ms(LAST)),
            *crowd(1, 400),
        ]
    )
    worker = site.running()
    site.until_right(now_ms=ms(LAST))
    assert raws(site, "counts", "late", "early", "today") == [0.0, 1.0, 1.0]
    assert raws(site, "fading", "late", "early", "today") == [8.0, 16.0, 64.0]
    assert report(verify(site, "--json", "--sample", "1000"))["ok"] is True
    assert worker.terminate() == 0

    begin_on(site, FIRST)
    site.produce([event("new", None, "opened", ms(FIRST)), event("today", None, "opened", ms(LAST)), *crowd(2, 100)])
    worker = site.running()
    site.until_right(now_ms=ms(FIRST))
    assert raws(site, "counts", "late", "early", "today", "new") == [0.0, 0.0, 2.0, 1.0]
    assert raws(site, "fading", "late", "early", "today", "new") == [4.0, 8.0, 64.0, 64.0]
    assert report(verify(site, "--json", "--sample", "1000"))["ok"] is True
    assert worker.terminate() == 0

    begin_on(site, END_OF_WEEK)
    worker = site.running()
    site.until_right(now_ms=ms(END_OF_WEEK))
    assert raws(site, "fading", "today", "new") == [1.0, 1.0]
    deltas = [document(site, "fading", user)["delta"] for user in ("today", "new")]
    assert deltas == [1.0 - 64.0, None]  # against the close of November 3, when `new` wasn't known


def test_a_recount_in_another_zone_says_that_the_file_is_another(site: Deployment) -> None:
    site.produce(crowd(3, 50))
    site.running()
    site.until_scored(now_ms=ms(LAST))
    (site.folder / "scoring.yaml").write_text(SAO_PAULO.replace("America/Sao_Paulo", "UTC"))
    done = verify(site, "--json")
    assert done.status == 2, done
