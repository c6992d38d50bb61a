"""CPU cost of decoding, by stage: `python -m tests.perf.decode_bench`.

Chunks of 5,000 made-up records of about 200 bytes. A stage's figure is CPU nanoseconds per record, the best pass of
several over all chunks (the machine is shared), each chunk's bytes cold by the time its turn comes again.
"""

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from scorer.core.decode import decoder, timestamps, values
from scorer.core.decode.native_record import NativeRecord, read_json
from tests.decoding import decode, read_record

CHUNK = 5_000
CHUNKS = 40
PASSES = 5
TYPES = [
    f"{thing}_{done}" for thing in ("report", "dashboard", "invite") for done in ("viewed", "made", "sent", "shared")
]


def made_up(rng: random.Random, serial: int) -> dict[str, object]:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=serial * 2593)
    user = rng.randrange(100_000)
    record: dict[str, object] = {
        "event_id": f"{rng.getrandbits(128):032x}",
        "event": rng.choice(TYPES),
        "user_id": f"user-{user:08d}",
        "account_id": f"account-{user % 5_000:06d}",
        "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if serial % 4 == 0:
        record["value"] = rng.choice([2, 0.1, 12.75])
    return {**record, "source": "web", "page": f"/projects/{user % 97}"}


def nanoseconds(stage: Callable[[list[bytes]], object], chunks: list[list[bytes]]) -> float:
    """CPU per record: the best of PASSES."""
    best = float("inf")
    for _ in range(PASSES):
        started = time.process_time()
        for chunk in chunks:
            stage(chunk)
        best = min(best, time.process_time() - started)
    return best / sum(map(len, chunks)) * 1e9


def stages(chunks: list[list[bytes]]) -> dict[str, float]:
    """The stages of the fast path, each alone, on what the stage before it left."""
    parsed = {id(chunk): [read_json(record) for record in chunk] for chunk in chunks}
    columns = {id(chunk): decode(chunk)[0] for chunk in chunks}
    times = {key: [record.ts for record in records] for key, records in parsed.items()}
    amounts = {key: [record.value for record in records] for key, records in parsed.items()}
    steps: dict[str, Callable[[list[bytes]], object]] = {
        "- typed JSON reader": lambda chunk: [read_json(record) for record in chunk],
        "- times": lambda chunk: timestamps.epoch_ms_column(times[id(chunk)]),
        "- values": lambda chunk: values.micro_column(amounts[id(chunk)]),
        "- checks by bytes": lambda chunk: decoder._odd_by_bytes(chunk, columns[id(chunk)]),
    }
    return {name: nanoseconds(step, chunks) for name, step in steps.items()}


def variants(chunks: list[list[bytes]]) -> dict[str, float]:
    """The whole, on chunks that leave the beaten track."""
    changed = {
        "msgpack": [[msgspec.msgpack.encode(msgspec.json.decode(record)) for record in chunk] for chunk in chunks],
        "ids beyond ASCII": [[record.replace(b"user-", "usér-".encode()) for record in chunk] for chunk in chunks],
        "escapes": [[record.replace(b"/projects", b"\\/projects") for record in chunk] for chunk in chunks],
        "one bad record a chunk": [[b"{", *chunk[1:]] for chunk in chunks],
        "1 % bad records": [
            [b"{" if row % 100 == 0 else record for row, record in enumerate(chunk)] for chunk in chunks
        ],
    }
    measured = {name: nanoseconds(decode, variant) for name, variant in changed.items()}
    alone = nanoseconds(lambda chunk: [read_record(record) for record in chunk], chunks[:2])
    return {**measured, "read_record, one by one": alone}


class WithDatetime(msgspec.Struct, gc=False):
    """As `NativeRecord`, with the time parsed by the reader."""

    event: str
    user_id: str
    ts: datetime
    account_id: str | None = None
    event_id: str | None = None
    value: float | None = 1.0


def alternatives(chunks: list[list[bytes]]) -> dict[str, float]:
    """Readers that were not taken; compare with the typed reader, the last one with it and the times."""
    lines = msgspec.json.Decoder(NativeRecord).decode_lines
    array = msgspec.json.Decoder(list[NativeRecord]).decode
    untyped = msgspec.json.Decoder().decode
    dated = msgspec.json.Decoder(WithDatetime).decode
    steps: dict[str, Callable[[list[bytes]], object]] = {
        "joined as lines": lambda chunk: lines(b"\n".join(chunk)),
        "joined as an array": lambda chunk: array(b"[" + b",".join(chunk) + b"]"),
        "untyped": lambda chunk: [untyped(record) for record in chunk],
        "json of the standard library": lambda chunk: [json.loads(record) for record in chunk],
        "datetimes and their columns": lambda chunk: [dated(record).ts.timestamp() for record in chunk],
    }
    return {name: nanoseconds(step, chunks) for name, step in steps.items()}


def main() -> None:
    rng = random.Random(7)
    made = [[msgspec.json.encode(made_up(rng, n * CHUNK + row)) for row in range(CHUNK)] for n in range(CHUNKS)]
    mean_bytes = sum(len(record) for chunk in made for record in chunk) / (CHUNK * CHUNKS)
    print(f"{CHUNKS} chunks of {CHUNK:,} records of {mean_bytes:.0f} bytes")
    # the whole comes first: what later measurements keep alive would slow it
    measured = {"decode, the whole": nanoseconds(decode, made)}
    for name, cost in {**measured, **stages(made[:10]), **variants(made[:10]), **alternatives(made[:10])}.items():
        print(f"{name:28s}{cost:8.0f} ns{1e9 / cost:14,.0f} records per CPU second")


if __name__ == "__main__":
    main()
