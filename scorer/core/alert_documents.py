"""Alerts as the objects that readers get (INTERFACES 5, `scorer-alerts`)."""

import hashlib
import math
from collections.abc import Sequence

import msgspec
import numpy as np

from scorer.core.alert_columns import Alerts
from scorer.core.alert_rules import Cause, Rule
from scorer.core.events import Int64s
from scorer.core.model import INACTIVE_BAND, Kind
from scorer.core.standing import INACTIVE_CODE, NO_BAND


class Why(msgspec.Struct, frozen=True):
    """What a score can be computed again from: the raw score now and before, and the benchmark now."""

    raw: float | None
    previous_raw: float | None
    benchmark: float | None


class Alert(msgspec.Struct, frozen=True):
    """One alert that fired or resolved; `at` and `as_of` are epoch seconds. The keys stand in this order."""

    id: str
    rule: str
    state: str
    cause: str
    severity: str
    kind: str
    entity: str
    model: str
    score: float | None
    previous_score: float | None
    band: str | None
    previous_band: str | None
    threshold: float | None
    episode: int
    at: float
    as_of: float | None
    why: Why

    def encoded(self) -> bytes:
        """JSON; the same alert always gives the same bytes."""
        return _encode(self)


_encode = msgspec.json.Encoder().encode


def alert_id(namespace: str, model: str, rule: str, kind: Kind, entity: str, episode: int) -> str:
    """32 hex digits that name one episode of one entity under a rule, whoever computes them.

    >>> alert_id("scorer", "engagement", "churn_risk", Kind.ACCOUNT, "acme", 1)
    '212158e0ef0bac406035345b9acd49a6'
    """
    hashed = hashlib.blake2b(digest_size=16)
    for text in (namespace, model, rule, entity, kind.label, str(episode)):
        data = text.encode()
        hashed.update(len(data).to_bytes(4, "big") + data)
    return hashed.hexdigest()


def alert_documents(
    namespace: str,
    rule: Rule,
    alerts: Alerts,
    entities: Sequence[str],
    last_ms: Int64s,
    benchmark: Sequence[float | None],
    now_ms: int,
) -> list[Alert]:
    """The objects of some alerts of `rule`, in their order.

    Of each: its entity's id, the time of the entity's newest event (epoch ms, 0 where there is none) and the benchmark
    that its score rests on.
    """
    names: dict[int, str | None] = dict(enumerate(rule.model_bands))
    names |= {INACTIVE_CODE: INACTIVE_BAND, NO_BAND: None}
    numbers = [
        [None if math.isnan(number) else number for number in column.tolist()]
        for column in (alerts.score, alerts.previous_score, alerts.raw, alerts.previous_raw)
    ]
    codes = (
        column.tolist() for column in (alerts.fired, alerts.cause, alerts.episode, alerts.band, alerts.previous_band)
    )
    seconds = np.where(last_ms > 0, last_ms / 1000, np.nan).tolist()
    told = []
    for entity, as_of, against, score, before, raw, raw_before, fired, cause, episode, band, band_before in zip(
        entities, seconds, benchmark, *numbers, *codes, strict=True
    ):
        told.append(
            Alert(
                id=alert_id(namespace, rule.model, rule.name, rule.kind, entity, episode),
                rule=rule.name,
                state="fired" if fired else "resolved",
                cause=Cause(cause).label,
                severity=rule.severity.value,
                kind=rule.kind.label,
                entity=entity,
                model=rule.model,
                score=score,
                previous_score=before,
                band=names[band],
                previous_band=names[band_before],
                threshold=rule.threshold,
                episode=episode,
                at=now_ms / 1000,
                as_of=None if math.isnan(as_of) else as_of,
                why=Why(raw, raw_before, against),
            )
        )
    return told
