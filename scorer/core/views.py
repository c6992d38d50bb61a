"""What readers are told of a standing, as columns for the sinks."""

from collections.abc import Sequence

import numpy as np

from scorer.core.draft import Judged
from scorer.core.model import INACTIVE_BAND, Kind, Model, Shape
from scorer.core.publish import ScoreBatch
from scorer.core.roster import EntityKey, Roster, entity_id
from scorer.core.standing import INACTIVE_CODE, NO_BAND, State


def score_batch(partition: int, judged: Judged, roster: Roster) -> ScoreBatch | None:
    """The documents of standing changes, their version still open. Rows that stand for nobody now are left out."""
    change, delta, model, ground = judged.change, judged.delta, judged.model, judged.ground
    keys = [roster.keys[row] for row in change.rows.tolist()]
    if None in keys:
        kept = np.array([key is not None for key in keys])
        change, delta, ground = change.take(kept), delta[kept], ground.take(kept)
        keys = [key for key in keys if key is not None]
    n = len(keys)
    if not n:
        return None
    names: dict[int, str | None] = {code: band.name for code, band in enumerate(model.bands)}
    names |= {INACTIVE_CODE: INACTIVE_BAND, NO_BAND: None}
    states = {state.value: state.name.lower() for state in State}
    last_ms = roster.last_ms[change.rows]
    return ScoreBatch(
        partition=partition,
        version="",
        model=model.name,
        model_version=ground.model_version,
        computed_at=judged.computed_at,
        kind=np.full(n, judged.kind, np.int8),
        entity_id=[entity_id(key) for key in keys if key is not None],
        score=change.score,
        raw=change.raw,
        band=[names[code] for code in change.band.tolist()],
        previous_band=[names[code] for code in change.previous.tolist()],
        delta=delta,
        state=[states[code] for code in change.state.tolist()],
        benchmark=ground.benchmark if model.curve.shape is not Shape.NONE else np.full(n, np.nan),
        benchmark_version=change.basis,
        population=ground.population,
        min_population=model.benchmark.min_population,
        as_of=np.where(last_ms > 0, last_ms / 1000, np.nan),
        freed=np.zeros(n, np.bool_),
    )


def freed_batch(
    partition: int, model: Model, kind: Kind, keys: Sequence[EntityKey], computed_at: float
) -> ScoreBatch | None:
    """The last documents of entities whose rows were freed: inactive; their version still open."""
    ids = [entity_id(key) for key in keys if (key[1] is None) == (kind is Kind.ACCOUNT)]
    n = len(ids)
    if not n:
        return None
    return ScoreBatch(
        partition=partition,
        version="",
        model=model.name,
        model_version=0,
        computed_at=computed_at,
        kind=np.full(n, kind, np.int8),
        entity_id=ids,
        score=np.full(n, 0.0 if model.curve.shape is Shape.NONE else 1.0),
        raw=np.zeros(n),
        band=[INACTIVE_BAND] * n,
        previous_band=[None] * n,
        delta=np.full(n, np.nan),
        state=["inactive"] * n,
        benchmark=np.full(n, np.nan),
        benchmark_version=np.zeros(n, np.int64),
        population=np.zeros(n, np.int64),
        min_population=model.benchmark.min_population,
        as_of=np.full(n, np.nan),
        freed=np.ones(n, np.bool_),
    )
