"""What can't be used of some records, one dead letter a record: a batch whose calls are refused is kept once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scorer.core.events import Reason, Reject

_NAMED: Final = 5
"""Calls whose reason a letter tells."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record can't be used; of a batch, why these `calls` can't be, and the reason of the first of them."""

    index: int
    reason: Reason
    detail: str
    calls: tuple[int, ...] = ()


def by_record(rejects: Iterable[Reject]) -> list[Refusal]:
    """In the order in which the records were first refused.

    >>> by_record([Reject(4, Reason.BAD_ID, "a", 0), Reject(4, Reason.IN_FUTURE, "b", 2)])[0].detail
    'batch[0]: bad_id: a; batch[2]: in_future: b'
    """
    found: dict[int, list[Reject]] = {}
    for reject in rejects:
        found.setdefault(reject.index, []).append(reject)
    return [_refusal(of_record) for of_record in found.values()]


def _refusal(rejects: list[Reject]) -> Refusal:
    first = rejects[0]
    if first.call is None:
        return Refusal(first.index, first.reason, first.detail)
    detail = "; ".join(f"batch[{each.call}]: {each.reason}: {each.detail}" for each in rejects[:_NAMED])
    more = f"; and {len(rejects) - _NAMED} calls more" if len(rejects) > _NAMED else ""
    calls = tuple(sorted(each.call for each in rejects if each.call is not None))
    return Refusal(first.index, first.reason, detail + more, calls)
