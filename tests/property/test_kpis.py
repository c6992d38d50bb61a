"""The KPIs of a partition are those of the naive recount, whatever was counted again in between."""

import json
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.core.footing import Basis, OneGroup
from scorer.core.kpis import board, totals
from scorer.core.model import Kind
from scorer.core.partition import PartitionState
from scorer.core.publish import version
from tests.decoding import decode
from tests.kpi_histories import KpiHistory, big_history, histories
from tests.oracle_kpis import KpiKey, Kpis, compare_kpis, kpis, perhaps
from tests.property.harness import small_steps

UNSCORED = Basis(None)


class Told:
    """A partition that is told a history; `documents` are what readers have of KPIs, by Redis key."""

    def __init__(self, history: KpiHistory) -> None:
        self.history = history
        self.entries: list[dict[str, Any]] = [{"t": 0}]
        self.documents: dict[str, dict[str, Any]] = {}
        self.offset = 0
        self.state = self.restored()

    def restored(self) -> PartitionState:
        state = PartitionState(self.history.scoring, 0, 1, 1_000)
        for number, body in enumerate(self.entries, start=1):
            state.restore(body, version(1, number))
        state.restored(seed=7)
        return state

    def hear(self, count: int) -> None:
        """So many records more, each when it came."""
        for at_ms, record in self.history.told[self.offset : self.offset + count]:
            columns, _ = decode([json.dumps(record).encode()])
            self.state.apply(columns, np.array([self.offset]), np.array([at_ms]), self.offset + 1, at_ms)
            self.offset += 1

    def survey(self, now_ms: int, steps: int | None = None) -> None:
        """A pass, and so many steps of KPIs (None: all that there are)."""
        models = self.history.scoring.models
        bases = OneGroup({(model.name, kind): UNSCORED for model in models for kind in model.kinds})
        for _ in self.state.score(now_ms, bases):
            pass
        for number, _ in enumerate(self.state.survey()):
            if steps is not None and number >= steps:
                break
        for cut in self.state.cut():
            self.entries.append(cut.body)
            number = len(self.entries)
            self.state.landed(cut, version(1, number))
            for batch in self.state.landed_kpis(cut, version(1, number)):
                for account, body in zip(batch.account_id, batch.body, strict=True):
                    self.documents[f"scorer:kpi:account:{account}"] = json.loads("{" + body)

    @property
    def now_ms(self) -> int:
        """The clock after what was heard so far."""
        return self.history.told[self.offset - 1].at_ms if self.offset else self.history.told[0].at_ms

    def come_to_rest(self, now_ms: int) -> None:
        for _ in range(100):
            self.survey(now_ms)
            if self.state.board is not None and self.state.board.settled:
                return
        raise AssertionError("the KPIs don't come to rest")

    def totals(self) -> dict[str, dict[str, Any]]:
        """Those of segments and the product, as documents."""
        kept = self.state.board
        assert kept is not None and kept.totals is not None
        found = {
            "scorer:kpi:product:all": kept.figures.of(kept.totals.product, kept.totals.spans, kept.totals.kept_from)
        }
        for name, total in kept.totals.segments.items():
            found[f"scorer:kpi:segment:{name}"] = kept.figures.of(total, kept.totals.spans, kept.totals.kept_from)
        return found


def differences(told: Told, expected: dict[KpiKey, Kpis], allowed: set[KpiKey]) -> list[str]:
    return compare_kpis(expected, {**told.documents, **told.totals()}, perhaps=allowed)


LAST = 3
"""So many records are heard after everyone was counted: what they add doesn't stand with the rest yet."""


def heard_in_the_end(history: KpiHistory) -> KpiHistory:
    """The same, but the last records come at the very end."""
    last = [each._replace(at_ms=history.now_ms) for each in history.told[-LAST:]]
    return replace(history, told=[*history.told[:-LAST], *last])


def check(told: Told) -> None:
    oracle = told.history.oracle(partitions=1)
    now_ms = told.history.now_ms
    expected, allowed = kpis(oracle, now_ms), perhaps(oracle, now_ms)
    told.hear(max(0, len(told.history.told) - LAST - told.offset))
    told.come_to_rest(now_ms)
    told.hear(LAST)
    told.come_to_rest(now_ms)
    assert differences(told, expected, allowed) == []
    told.state = told.restored()
    told.documents.clear()
    told.come_to_rest(now_ms)
    assert differences(told, expected, allowed) == []


pauses = st.lists(st.tuples(st.integers(1, 40), st.none() | st.integers(0, 3), st.booleans()), max_size=6)


@settings(deadline=None)
@given(histories(), pauses, st.sampled_from([1, 2, 4_096]))
def test_kpis_of_accounts_segments_and_the_product_are_the_oracles(
    history: KpiHistory, plan: list[tuple[int, int | None, bool]], block: int
) -> None:
    """`plan`: how many records are heard before KPIs are looked at, for how many steps, and whether a restart
    follows."""
    with small_steps(), patch.multiple(board, STEP_MEMBERS=block), patch.multiple(totals, _SHARES_AT_ONCE=block):
        told = Told(heard_in_the_end(history))
        for count, steps, restart in plan if history.told else ():
            told.hear(count)
            told.survey(told.now_ms, steps)
            if restart:
                told.state = told.restored()
        check(told)


def test_kpis_of_many_accounts_are_the_oracles() -> None:
    for seed, window, bucket_seconds in ((1, 30, 86_400), (2, 7, 3_600), (3, 5, 86_400)):
        history = big_history(seed, window=window, bucket_seconds=bucket_seconds)
        told = Told(heard_in_the_end(history))
        assert any(kind == Kind.ACCOUNT.label for kind, _ in kpis(history.oracle(partitions=1), history.now_ms))
        for count in (500, 900, 1_300):
            told.hear(count)
            told.survey(told.now_ms)
        check(told)
