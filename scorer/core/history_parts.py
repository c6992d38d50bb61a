"""The standing history as bodies of a snapshot's parts, and back."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.core.history import Close, History
from scorer.core.model import Kind

PART_BYTES = 700_000

_Run = tuple[int, int, int, Close]


def bodies(histories: Mapping[Kind, History]) -> Iterator[dict[str, Any]]:
    """The histories as bodies of a snapshot's parts, as they are at the call, made as they are asked for.

    Who is forgotten after the call may be missing in them, which does no harm: by the time that a body is asked for,
    the journal holds the entry that freed the row, and a restore comes to it.
    """
    held = [(kind, history.rows_by_place(), list(history.runs())) for kind, history in histories.items()]
    return _bodies(held)


def _bodies(held: list[tuple[Kind, NDArray[np.int32], list[_Run]]]) -> Iterator[dict[str, Any]]:
    """ "hr": kind, first place, rows by place. "hi": kind, model, days, places, first place, scores, bands."""
    for kind, by_place, runs in held:
        step = max(1, PART_BYTES // 4)
        for start in range(0, len(by_place), step):
            yield {"hr": [int(kind), start, by_place[start : start + step].astype("<i4").tobytes()]}
        step = max(1, PART_BYTES // 5)
        for model, first, last, closed in runs:
            places = len(closed)
            for start in range(0, places, step):
                part = slice(start, min(start + step, places))
                columns = (closed.score[part].astype("<f4").tobytes(), closed.band[part].tobytes())
                yield {"hi": [int(kind), model, first, last, places, start, *columns]}


def load(histories: Mapping[Kind, History], body: dict[str, Any]) -> None:
    """Take up one body. They come in the order in which they were made."""
    if "hr" in body:
        kind, start, rows = body["hr"]
        histories[Kind(kind)].load_places(start, np.frombuffer(rows, "<i4").astype(np.int32))
    if "hi" in body:
        kind, model, first, last, places, start, score, band = body["hi"]
        columns = (np.frombuffer(score, "<f4"), np.frombuffer(band, "i1"))
        histories[Kind(kind)].load_close(model, first, last, places, start, columns)
