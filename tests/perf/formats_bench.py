"""CPU cost of decoding each input format: `python -m tests.perf.formats_bench`.

Chunks of 2,000 records as the formats' documentation shows them (tests/payloads.py), with users, ids and times of
their own. Figures are CPU nanoseconds a record, the best of several passes over all chunks, of one run: first with
care, record by record, as every record of another format was read before there were shortcuts; then as a worker does.
"""

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from time import process_time
from typing import Any

from scorer.core.decode import Decoder, InputFormat, InputRules
from scorer.core.decode.input_rules import DEFAULT_RULES
from scorer.core.decode.record_reader import RecordReader
from scorer.core.events import Headers
from tests import payloads

CHUNK = 2_000
CHUNKS = 5
PASSES = 5

Made = tuple[list[bytes], dict[int, Headers]]


def moment(serial: int) -> str:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=serial * 2593)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def native(serial: int, user: int) -> dict[str, Any]:
    return {**payloads.NATIVE, "user_id": f"user-{user}", "event_id": f"e-{serial}", "ts": moment(serial)}


def segment(serial: int, user: int) -> dict[str, Any]:
    times = dict.fromkeys(("receivedAt", "sentAt", "timestamp", "originalTimestamp"), moment(serial))
    return {**payloads.SEGMENT_TRACK, "userId": f"user-{user}", "messageId": f"m-{serial}", **times}


def small_segment(serial: int, user: int) -> dict[str, Any]:
    whole = segment(serial, user)
    names = ("type", "event", "userId", "messageId", "timestamp", "properties")
    return {**{name: whole[name] for name in names}, "context": {"groupId": "acme"}}


def traits(serial: int, user: int) -> dict[str, Any]:
    return {**payloads.SEGMENT_IDENTIFY, "userId": f"user-{user}", "messageId": f"m-{serial}"}


def cloud(serial: int, user: int) -> dict[str, Any]:
    return {**payloads.CLOUD_EVENT, "subject": f"user-{user}", "id": f"c-{serial}", "time": moment(serial)}


def posthog(serial: int, user: int) -> dict[str, Any]:
    return {
        **payloads.POSTHOG_EXPORT,
        "distinct_id": f"user-{user}",
        "uuid": f"u-{serial}",
        "timestamp": moment(serial),
    }


def snowplow(serial: int, user: int) -> dict[str, Any]:
    return {**payloads.SNOWPLOW, "user_id": f"user-{user}", "event_id": f"s-{serial}", "derived_tstamp": moment(serial)}


def batch(serial: int, user: int) -> dict[str, Any]:
    calls = [small_segment(serial * 20 + n, user) for n in range(20)]
    return {"batch": calls, "sentAt": moment(serial), "context": {"library": {"name": "analytics-python"}}}


def moved(serial: int, user: int) -> dict[str, Any]:
    own = native(serial, user)
    return {"name": own["event"], "actor": {"id": own["user_id"]}, "org": "acme", "time": own["ts"], "n": 2}


def mixed(serial: int, user: int) -> dict[str, Any]:
    return (native, small_segment, cloud, posthog)[serial % 4](serial, user)


ELSEWHERE = "native, fields elsewhere"
MOVED = InputRules(
    InputFormat.NATIVE,
    {"event": ("name",), "user_id": ("actor", "id"), "account_id": ("org",), "ts": ("time",), "value": ("n",)},
)

FORMATS: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "native": native,
    ELSEWHERE: moved,
    "Segment, small": small_segment,
    "Segment, all of its context": segment,
    "Segment identify, likewise": traits,
    "CloudEvents": cloud,
    "PostHog": posthog,
    "Snowplow": snowplow,
    "native and three others in turn": mixed,
    "Segment batches of 20": batch,
}


def made(name: str, make: Callable[[int, int], dict[str, Any]]) -> list[Made]:
    chance = random.Random(name)
    count = CHUNK // (20 if make is batch else 1)
    return [
        ([json.dumps(make(n * count + row, chance.randrange(10_000))).encode() for row in range(count)], {})
        for n in range(CHUNKS)
    ]


def binary() -> list[Made]:
    chunks = []
    for n in range(CHUNKS):
        own: dict[int, Headers] = {}
        for row in range(CHUNK):
            told = dict(payloads.BINARY) | {"ce_id": f"{n}-{row}".encode(), "ce_time": moment(row).encode()}
            own[row] = tuple(told.items())
        chunks.append(([b'{"value":2,"name":"x"}'] * CHUNK, own))
    return chunks


def nanoseconds(read: Callable[[Made], object], chunks: Sequence[Made], events: int) -> float:
    best = float("inf")
    for _ in range(PASSES):
        began = process_time()
        for chunk in chunks:
            read(chunk)
        best = min(best, process_time() - began)
    return best / events * 1e9


def with_care(rules: InputRules) -> Callable[[Made], object]:
    reader = RecordReader(rules)
    return lambda chunk: [reader.read(value, chunk[1].get(row, ())) for row, value in enumerate(chunk[0])]


def _decode(decoder: Decoder, chunk: Made) -> object:
    return decoder.decode(*chunk)


def main() -> None:
    everything = {name: made(name, make) for name, make in FORMATS.items()} | {"CloudEvents, binary": binary()}
    print(f"{'':34s}{'bytes':>8s}{'with care':>12s}{'a worker':>12s}  ns an event")
    for name, chunks in everything.items():
        rules = MOVED if name == ELSEWHERE else DEFAULT_RULES
        decoder = Decoder(rules)
        events = sum(len(found) + len(found.traits) for found, _ in (decoder.decode(*chunk) for chunk in chunks))
        size = sum(len(value) for values, _ in chunks for value in values) / events
        care = nanoseconds(with_care(rules), chunks, events)
        worker = nanoseconds(partial(_decode, decoder), chunks, events)
        print(f"{name:34s}{size:8.0f}{care:12,.0f}{worker:12,.0f}")


if __name__ == "__main__":
    main()
