"""Records of every format in one topic, through a real worker: Redis is as the oracle says."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import NOW_MS, Deployment, Record, deployment, event
from tests.oracle_input import partition_of
from tests.servers import KafkaServer, RedisServer
from tests.worker_process import wait_until

AT = (datetime.fromtimestamp(NOW_MS / 1000, UTC) - timedelta(minutes=1)).isoformat()
HEADERS = (
    ("ce_specversion", b"1.0"),
    ("ce_type", b"created"),
    ("ce_source", b"/s"),
    ("ce_id", b"binary"),
    ("ce_subject", b"ann"),
    ("ce_time", AT.encode()),
    ("ce_account", b"acme"),
)


@pytest.fixture
def site(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path) as made:
        yield made


def track(user: str | None = "ann", account: str = "acme", **more: object) -> dict[str, object]:
    return {"type": "track", "event": "created", "userId": user, "timestamp": AT, "groupId": account, **more}


def of_every_format(home: str = "acme") -> dict[str, Record]:
    """One of each kind of the account `acme`, in the partition of `home`."""
    cloud = {"specversion": "1.0", "type": "created", "source": "/s", "id": "1", "subject": "ann", "time": AT}
    posthog = {"event": "created", "distinct_id": "ann", "timestamp": AT, "uuid": "2"}
    told: dict[str, Mapping[str, object]] = {
        "Segment track": track(messageId="3"),
        "Segment group": {"type": "group", "userId": "ann", "groupId": "acme", "traits": {"plan": "pro"}},
        "Segment batch": {"batch": [track(messageId="4"), track("bob")], "sentAt": AT},
        "CloudEvents": {**cloud, "account": "acme"},
        "PostHog": {**posthog, "properties": {"$groups": {"company": "acme"}}},
        "Snowplow": {
            **{"event_name": "created", "user_id": "ann", "event": "unstruct", "event_id": "5"},
            **{"derived_tstamp": AT, "contexts_x_account_1": [{"id": "acme"}]},
        },
    }
    records = {name: Record(home, json.dumps(record).encode()) for name, record in told.items()}
    return records | {"CloudEvents, binary": Record(home, b'{"value":2}', headers=HEADERS)}


def letters(site: Deployment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(site.run("dead-letters", "list", "--json").stdout or '{"newest": []}')[
        "newest"
    ]
    return found


def test_records_of_every_format_count_beside_native_ones(site: Deployment) -> None:
    untold = [{"type": "identify", "userId": "ann", "traits": {"plan": "pro"}}, {"type": "alias", "userId": "ann"}]
    records = [event("neighbour", "acme", "created", NOW_MS - 5, event_id="n"), *of_every_format().values()]
    site.running()
    site.produce([*records, *(Record("acme", json.dumps(each).encode()) for each in untold)])
    assert {fed.outcome for fed in site.fed} == {"counted", "trait", "counted, counted"}
    site.produce([record for name, record in of_every_format().items() if name != "Segment batch"])
    assert [fed.outcome for fed in site.fed[-6:]] == ["duplicate", "trait", *["duplicate"] * 4]
    site.until_right()


def test_what_verify_recounts_of_every_format_is_what_the_worker_scored(site: Deployment) -> None:
    site.produce([event("neighbour", "acme", "created", NOW_MS - 5), *of_every_format().values()])
    site.running()
    site.until_right()
    found = json.loads(site.run("verify", "--account", "acme", "--json").stdout)
    assert (found["ok"], found["differences"], found["entities"]) == (True, [], 4)
    key = f"{site.namespace}:score:counts:user:acme/ann"
    document = json.loads(site.store.get(key) or "{}")
    assert document["raw"] == 7000  # six formats, one of them twice
    site.store.set(key, json.dumps({**document, "raw": 6000.0}))
    (difference,) = json.loads(site.run("verify", "--account", "acme", "--json").stdout)["differences"]
    assert (difference["id"], difference["recounted"]) == ("acme/ann", 7000)


def test_a_record_of_any_format_in_a_wrong_partition_is_refused_and_counts_once_replayed(site: Deployment) -> None:
    elsewhere = next(name for name in "abcdefgh" if partition_of(name, 4) != partition_of("acme", 4))
    refused = of_every_format(elsewhere)
    site.produce([event("neighbour", "acme", "created", NOW_MS - 5), *refused.values()])
    assert [fed.outcome for fed in site.fed[1:]].count("dead_letter:wrong_partition") == len(refused) - 1
    site.running()
    wait_until(lambda: len(letters(site)) == len(refused), lambda: str(letters(site)))
    assert {letter["reason"] for letter in letters(site)} == {"wrong_partition"}
    of_batch = [
        letter["detail"] for letter in letters(site) if letter["detail"].startswith("batch[0]: wrong_partition")
    ]
    assert len(of_batch) == 1 and "; batch[1]: wrong_partition: account_id 'acme' belongs into partition" in of_batch[0]
    site.until_right()
    told = site.run("dead-letters", "replay", "--reason", "wrong_partition")
    assert (told.status, told.stderr) == (0, ""), told
    for record in refused.values():
        site.tell(record.said)
    site.until_right()


def test_of_a_batch_only_the_refused_calls_are_replayed_and_its_others_count_once(site: Deployment) -> None:
    """Without message ids: whatever was written again would count again."""
    other = next(name for name in "abcdefgh" if partition_of(name, 4) != partition_of("acme", 4))
    calls = [track("ann"), track("eve", other), track("bob"), track("eve", other, event="shared"), track(None)]
    batch = {"batch": calls, "context": {"ip": "::1"}}
    site.produce([Record("acme", json.dumps(batch).encode())])
    assert site.fed[0].outcome == ", ".join(
        ["counted", "dead_letter:wrong_partition"] * 2 + ["dead_letter:missing_field"]
    )
    site.running()
    site.until_right()
    (letter,) = letters(site)
    assert letter["detail"].startswith("batch[4]: missing_field: userId or anonymousId is missing")
    assert "; batch[1]: wrong_partition" in letter["detail"] and "; batch[3]: wrong_partition" in letter["detail"]
    told = site.run("dead-letters", "replay")
    assert told.status == 1
    assert "2 dead letters written" in told.stdout
    assert "missing_field" in told.stdout and "batch[4]:" in told.stdout and "batch[1]:" not in told.stdout
    for call in (calls[1], calls[3]):
        site.tell(call)
    site.until_right()


def test_a_fixed_format_with_fields_elsewhere_is_read_alike_by_worker_verify_and_replay(site: Deployment) -> None:
    site.settings = {"input_format": "segment", "field_account_id": "properties.tenant.id"}
    moved = [track(f"u{n}", "nobody", properties={"tenant": {"id": "acme"}}) for n in range(3)]
    native = event("native", "acme", "created", NOW_MS - 5)
    (site.folder / "events.jsonl").write_text(
        "\n".join(json.dumps(each) for each in [*moved, json.loads(native.value)])
    )
    site.running()
    told = site.run("replay", "events.jsonl")
    assert told.status == 1
    assert "3 events written" in told.stdout
    assert "line 4: unknown_format: " in told.stderr and "SCORER_INPUT_FORMAT=segment reads no other" in told.stderr
    site.produce([native])
    for record in moved:
        site.tell({**record, "groupId": "acme"})
    site.oracle = _without_native(site)
    site.until_right()
    wait_until(lambda: len(letters(site)) == 1, "the native record's dead letter")
    assert json.loads(site.run("verify", "--account", "acme", "--json").stdout)["ok"] is True


def _without_native(site: Deployment) -> Any:
    """What the oracle knows without the record that this deployment refuses."""
    site.rescore(site.scoring_text)
    site.oracle = type(site.oracle)(site.scoring, partitions=site.partitions)
    for n in range(3):
        site.tell(track(f"u{n}", "acme"))
    return site.oracle
