"""Journal records as bytes: a magic, the kind, a checksum (xxh3, 64 bits), then a msgpack map with short keys."""

from dataclasses import dataclass
from typing import Any

import msgpack
import xxhash

FORMAT = 1
_MAGIC = b"SJ"
_HEAD = len(_MAGIC) + 1 + 8

MAX_ENTRY_BYTES = 900_000
"""No record of the journal is larger."""


class JournalError(Exception):
    """A journal that can't be used: what is wrong, and the way out."""


class OtherCounting(JournalError):
    """What counts and how can't change within a namespace; the scoring file says otherwise."""


class Corrupt(JournalError):
    """A record whose bytes are not what was written."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker takes the partition. `nonce` tells its own claim from others; `seed` is that of the event-id hashes,
    and the first claim's holds for the whole journal, as do bucket width, time zone and format."""

    nonce: int
    seed: int
    bucket_seconds: int
    timezone: str
    scoring_hash: str
    owner: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Entry:
    """What the writer of `epoch` folded, its `number`-th record in it (from 1)."""

    epoch: int
    number: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Part `index` of snapshot `id`: the state right after the entry at offset `cut`, when (epoch, number) held."""

    id: int
    index: int
    last: bool
    cut: int
    epoch: int
    number: int
    body: dict[str, Any]


Record = Claim | Entry | Part

_KINDS: dict[bytes, type[Claim] | type[Entry] | type[Part]] = {b"C": Claim, b"E": Entry, b"P": Part}
_LETTERS = {kind: letter for letter, kind in _KINDS.items()}


def encode(record: Record) -> bytes:
    """The bytes of a record."""
    payload = msgpack.packb([getattr(record, name) for name in record.__slots__])
    letter = _LETTERS[type(record)]
    return b"".join((_MAGIC, letter, _checksum(letter, payload), payload))


def decode(data: bytes) -> Record:
    """The record that bytes hold. Raises `Corrupt`."""
    if data[:2] != _MAGIC or data[2:3] not in _KINDS:
        raise Corrupt(f"not a record of a journal: {bytes(data[:16])!r}")
    letter, payload = data[2:3], memoryview(data)[_HEAD:]
    if _checksum(letter, payload) != data[3:_HEAD]:
        raise Corrupt("the checksum is wrong")
    return _KINDS[letter](*msgpack.unpackb(payload, strict_map_key=False))


def _checksum(letter: bytes, payload: bytes | memoryview) -> bytes:
    return xxhash.xxh3_64_digest(payload, letter[0])
