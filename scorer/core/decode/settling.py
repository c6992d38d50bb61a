"""Rows of a chunk that were read one by one, put into its columns or taken out of them."""

from collections.abc import Iterable, Mapping
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from scorer.core.decode.account_record import CheckedTraits
from scorer.core.decode.faults import Fault
from scorer.core.decode.record_reader import Calls, Outcome
from scorer.core.decode.told import CheckedRecord
from scorer.core.events import AccountTraits, EventColumns, Reject


def settled(columns: EventColumns, outcomes: Mapping[int, Outcome | Calls]) -> tuple[EventColumns, list[Reject]]:
    """The columns with what became of some rows, in order, and the rejects among it.

    A row is a record or, where `columns.call` says so, a call of a batch. A batch that is one row becomes as many as it
    has calls that are events.
    """
    rejects: list[Reject] = []
    traits: list[AccountTraits] = []
    of_batches: list[tuple[int, int, CheckedRecord]] = []
    usable = np.ones(len(columns), dtype=np.bool_)
    for row, found in outcomes.items():
        index, own_call = int(columns.index[row]), columns.call_of(row)
        each: Iterable[tuple[int | None, Outcome]] = (
            enumerate(found.outcomes) if isinstance(found, Calls) else [(own_call, found)]
        )
        usable[row] = False
        for call, outcome in each:
            if isinstance(outcome, Fault):
                rejects.append(Reject(index, outcome.reason, outcome.detail, call))
            elif isinstance(outcome, CheckedTraits):
                traits.append(AccountTraits(index, outcome.account_id, outcome.traits, call))
            elif call is None or call == own_call:
                usable[row] = True
                _put(columns, row, outcome)
            else:
                of_batches.append((index, call, outcome))
    if not usable.all():
        columns = _taken(columns, usable, traits)
    return (_with(columns, of_batches) if of_batches else columns), rejects


def _put(columns: EventColumns, row: int, outcome: CheckedRecord) -> None:
    columns.event[row] = outcome.event
    columns.user_id[row] = outcome.user_id
    columns.account_id[row] = outcome.account_id
    columns.event_id[row] = outcome.event_id
    columns.ts_ms[row] = outcome.ts_ms
    columns.value[row] = outcome.value


def _taken(columns: EventColumns, usable: NDArray[np.bool_], traits: list[AccountTraits]) -> EventColumns:
    kept = usable.tolist()
    return EventColumns(
        index=columns.index[usable],
        event=list(compress(columns.event, kept)),
        user_id=list(compress(columns.user_id, kept)),
        account_id=list(compress(columns.account_id, kept)),
        event_id=list(compress(columns.event_id, kept)),
        ts_ms=columns.ts_ms[usable],
        value=columns.value[usable],
        traits=tuple(traits),
        call=None if columns.call is None else columns.call[usable],
    )


def _with(columns: EventColumns, more: list[tuple[int, int, CheckedRecord]]) -> EventColumns:
    """The columns and the events of batches, (index, call, event) in order, where they belong."""
    index = np.concatenate([columns.index, np.array([index for index, _, _ in more], np.int32)])
    before = np.full(len(columns), -1, np.int32) if columns.call is None else columns.call
    call = np.concatenate([before, np.array([call for _, call, _ in more], np.int32)])
    order = np.argsort(index, kind="stable")
    places = order.tolist()
    events = [event for _, _, event in more]
    texts = {
        "event": [*columns.event, *(each.event for each in events)],
        "user_id": [*columns.user_id, *(each.user_id for each in events)],
        "event_id": [*columns.event_id, *(each.event_id for each in events)],
    }
    accounts = [*columns.account_id, *(each.account_id for each in events)]
    ts_ms = np.concatenate([columns.ts_ms, np.array([each.ts_ms for each in events], np.int64)])
    value = np.concatenate([columns.value, np.array([each.value for each in events], np.int64)])
    return EventColumns(
        index=index[order],
        account_id=[accounts[place] for place in places],
        ts_ms=ts_ms[order],
        value=value[order],
        traits=columns.traits,
        call=call[order],
        **{name: [column[place] for place in places] for name, column in texts.items()},
    )
