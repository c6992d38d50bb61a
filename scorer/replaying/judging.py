"""Records as the worker would judge them.

Rule: a batch is taken apart. Its calls may belong to several accounts, so that no key is right for all of them: each is
a record of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from scorer.core.decode import Decoder
from scorer.core.events import Headers, Reject
from scorer.stream.input_writer import Keyed

_OF_NO_ACCOUNT: Final = "-"
"""The key of a record that is only counted: any partition will do."""


class Source(NamedTuple):
    """A record as it is; of a batch only the `calls` at these places are meant, all where none is named."""

    value: bytes | None
    headers: Headers = ()
    calls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """Those that it could use, keyed right, and the others, by the index of the source that each came from.

    `without_id`: events among the usable ones that have no event_id, and so would count each time they are written.
    """

    records: list[tuple[int, Keyed]]
    rejects: list[Reject]
    without_id: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A record to be written: a whole source, or a call of one."""

    index: int
    value: bytes | None
    headers: Headers
    call: int | None = None


def judged(sources: Sequence[Source], decoder: Decoder) -> Judged:
    parts = [part for index, source in enumerate(sources) for part in _parts(index, source, decoder)]
    headers = {at: part.headers for at, part in enumerate(parts) if part.headers}
    columns, rejects = decoder.decode([part.value for part in parts], headers)
    homes = (account or user for account, user in zip(columns.account_id, columns.user_id, strict=True))
    keys = dict(zip(columns.index.tolist(), homes, strict=True))
    keys |= {record.index: record.account_id or _OF_NO_ACCOUNT for record in columns.traits}
    records = [(parts[at].index, Keyed(keys[at], parts[at].value, parts[at].headers)) for at in sorted(keys)]
    bad = [Reject(parts[each.index].index, each.reason, _of_call(parts[each.index], each)) for each in rejects]
    return Judged(records, bad, columns.event_id.count(""))


def _parts(index: int, source: Source, decoder: Decoder) -> Iterator[_Part]:
    calls = decoder.calls(source.value)
    if calls is None:
        yield _Part(index, source.value, source.headers)
        return
    for call, value in enumerate(calls):
        if not source.calls or call in source.calls:
            yield _Part(index, value, source.headers, call)


def _of_call(part: _Part, reject: Reject) -> str:
    return reject.detail if part.call is None else f"batch[{part.call}]: {reject.detail}"
