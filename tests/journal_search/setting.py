"""What is scored in the made-up world: short windows, so that entities go and come back, and alerts with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import numpy as np

from scorer.core.alert_rules import Rule, When
from scorer.core.draft import Judged
from scorer.core.events import MICRO, EventColumns, Int64s
from scorer.core.footing import Basis, Footing
from scorer.core.journal.owner import Identity
from scorer.core.model import BenchmarkRule, Curve, HistoryDays, Kind, Model, Scoring, Shape, Weight
from scorer.core.partition import PartitionState
from scorer.core.views import score_batch
from tests.journal_search.outside import Document, Event, Redis

BUCKET_SECONDS = 60
BUCKET_MS = BUCKET_SECONDS * 1000
WINDOW = 3
DEDUPE_IDS = 40
MODEL = Model(
    "use",
    (Kind.USER, Kind.ACCOUNT),
    WINDOW,
    {"opened": Weight(1.0), "made": Weight(5.0, cap_user=2.0)},
    half_life=2.0,
    benchmark=BenchmarkRule(initial=10.0),
    curve=Curve(Shape.LINEAR),
    margin=5.0,
)


def _rule(name: str, kind: Kind, when: When, threshold: float, cooldown_ms: int = 0) -> Rule:
    bands = tuple(band.name for band in MODEL.bands)
    return Rule(
        name,
        MODEL.name,
        kind,
        when,
        threshold,
        cooldown_ms=cooldown_ms,
        margin=MODEL.margin,
        model_bands=bands,
        model_hash=MODEL.hash,
    )


RULES = (
    _rule("keen", Kind.USER, When.CROSSED_ABOVE, 25.0),
    _rule("quiet", Kind.ACCOUNT, When.CROSSED_BELOW, 60.0, cooldown_ms=BUCKET_MS),
)
"""Little traffic crosses them often, both ways. An entity with an open alert keeps its row: users come and go."""

SCORING = Scoring(BUCKET_SECONDS, ("opened", "made"), (MODEL,), alerts=RULES, history=HistoryDays(user=1, account=2))
IDENTITY = Identity.of("searched", SCORING)


@contextmanager
def short_days() -> Iterator[None]:
    """A day is two buckets, and a delta is against the day before."""
    with (
        patch.multiple("scorer.core.calendar", DAY_MS=2 * BUCKET_MS),
        patch.multiple("scorer.core.fold", DELTA_DAYS=1),
        patch.multiple("scorer.core.history", DELTA_DAYS=1),
    ):
        yield


def make_state() -> PartitionState:
    return PartitionState(SCORING, 0, 1, DEDUPE_IDS)


def as_columns(events: list[Event], at: int) -> tuple[EventColumns, Int64s, Int64s]:
    """(columns, offsets, broker timestamps) of events that stand in the source from offset `at` on."""
    n = len(events)
    columns = EventColumns(
        np.arange(n, dtype=np.int32),
        [event.type for event in events],
        [event.user for event in events],
        [event.account for event in events],
        [event.id for event in events],
        np.array([event.ts_ms for event in events], np.int64),
        np.full(n, MICRO),
    )
    return columns, np.arange(at, at + n), np.array([event.produced_ms for event in events], np.int64)


def documents(state: PartitionState) -> dict[str, Document]:
    """What Redis should have of a state's standings."""
    redis = Redis()
    rows = state.roster.live_rows()
    for code, held in state.models.items():
        for kind in MODEL.kinds:
            own = rows[state.roster.kind[rows] == kind]
            standing = held.standing.of(code, own)
            ground = Footing([Basis(None)]).under(np.zeros(len(own), np.int64))
            delta = state.delta(code, kind, own, standing.score)
            judged = Judged(standing, MODEL, kind, ground, 0.0, delta)
            batch = score_batch(0, judged, state.roster)
            if batch is not None:
                redis.write(replace(batch, version="1"))
    return {key: document for key, (_, document) in redis.documents.items()}
