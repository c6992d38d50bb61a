"""Alerts where readers find them: the topic in Kafka and the stream in Redis."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, cast

from tests.deployment import Deployment
from tests.topic_making import all_records

Told = dict[str, Any]


def in_kafka(site: Deployment, namespace: str = "") -> list[bytes]:
    """The topic's values, each entity's in order. Raises AssertionError where one isn't keyed by its entity."""
    records = asyncio.run(all_records(site.bootstrap, f"{namespace or site.namespace}-alerts"))
    for record in records:
        assert record.key.decode() == json.loads(record.value)["entity"]
    return [record.value for record in records]


def in_redis(site: Deployment, namespace: str = "") -> list[bytes]:
    """The stream's objects. Raises AssertionError where a field says otherwise than its object."""
    entries = cast(list[tuple[str, dict[str, str]]], site.store.xrange(f"{namespace or site.namespace}:alerts"))
    for _, entry in entries:
        assert {"alert": entry["alert"]} | {
            name: json.loads(entry["alert"])[name] for name in ("id", "rule", "state")
        } == entry
    return [entry["alert"].encode() for _, entry in entries]


def read(values: Sequence[bytes]) -> list[Told]:
    return [json.loads(value) for value in values]


def brief(values: Sequence[bytes]) -> list[tuple[str, str, str, str]]:
    """Rule, entity, state and cause, without repeats, of each entity in order."""
    told = [(each["rule"], each["entity"], each["state"], each["cause"]) for each in read(list(dict.fromkeys(values)))]
    return sorted(told, key=lambda each: each[1])


def check_episodes(values: Sequence[bytes]) -> dict[tuple[str, str], Told]:
    """Every alert comes once, but for exact repeats, resolves after it fired and before the next one of its entity
    fires. Returns the last word by rule and entity."""
    of_entity: dict[tuple[str, str], list[Told]] = {}
    for told in read(list(dict.fromkeys(values))):
        of_entity.setdefault((told["rule"], told["entity"]), []).append(told)
    for key, story in of_entity.items():
        assert [each["state"] for each in story] == (["fired", "resolved"] * len(story))[: len(story)], (key, story)
        assert len({each["id"] for each in story}) == (len(story) + 1) // 2, (key, story)
        for fired, resolved in zip(story[::2], story[1::2], strict=False):
            assert (fired["id"], fired["episode"]) == (resolved["id"], resolved["episode"])
        episodes = [each["episode"] for each in story[::2]]
        assert episodes == sorted(set(episodes))
    return {key: story[-1] for key, story in of_entity.items()}
