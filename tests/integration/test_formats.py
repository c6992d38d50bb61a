"""Records of every format in one topic, through a real worker: Redis is as the oracle says."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.deployment import NOW_MS, Deployment, Record, deployment, event
from tests.oracle_input import partition_of
from tests.servers import KafkaServer, RedisServer


@pytest.fixture
def site(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path) as made:
        yield made


def test_records_of_every_format_count_beside_native_ones(site: Deployment) -> None:
    at = datetime.fromtimestamp(NOW_MS / 1000 - 60, UTC).isoformat()
    cloud = {"specversion": "1.0", "type": "created", "source": "/s", "id": "1", "subject": "ann", "time": at}
    posthog = {"event": "created", "distinct_id": "ann", "timestamp": at, "uuid": "2"}
    told: list[dict[str, object]] = [
        {"type": "track", "event": "created", "userId": "ann", "timestamp": at, "groupId": "acme", "messageId": "3"},
        {"type": "group", "userId": "ann", "groupId": "acme", "traits": {"plan": "pro"}},
        {"type": "identify", "userId": "ann", "traits": {"plan": "pro"}},
        {"type": "alias", "userId": "ann", "previousId": "bob"},
        {**cloud, "account": "acme"},
        {**posthog, "properties": {"$groups": {"company": "acme"}}},
        {"event_name": "created", "user_id": "ann", "derived_tstamp": at, "contexts_x_account_1": [{"id": "acme"}]},
    ]
    home = partition_of("acme", site.partitions)
    good = event("neighbour", "acme", "created", NOW_MS - 5, event_id="n")
    records = [good, *(Record("acme", json.dumps(each).encode(), home) for each in told)]
    site.running()
    for record in records:
        site.tell(record.value)
    asyncio.run(site.append(records, remembered=False))
    site.until_right()
