"""Days of time zones, across those that have 23, 25 or 24.5 hours, begin later than midnight, or are skipped."""

from dataclasses import replace
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.core.model import Scoring
from tests.property.harness import World, fold_of, small_steps
from tests.property.test_partition import (
    PHASES,
    Op,
    check_ends_right,
    check_history,
    few_ops,
    floors,
    lived_ops,
    run,
    scorings,
)

ODD_DAYS = (
    ("Europe/Berlin", "2024-03-31T00:00+01:00"),
    ("Europe/Berlin", "2024-10-27T00:00+02:00"),
    ("America/Sao_Paulo", "2018-11-04T01:00-02:00"),
    ("America/Sao_Paulo", "2018-02-17T00:00-02:00"),
    ("Africa/Cairo", "2024-04-26T01:00+03:00"),
    ("Australia/Lord_Howe", "2024-04-07T00:00+11:00"),
    ("America/St_Johns", "2006-10-29T00:00-02:30"),
    ("Pacific/Apia", "2011-12-31T00:00+14:00"),
)
"""When an odd day begins."""

HOUR_MS = 3_600_000
odd_days = st.sampled_from(ODD_DAYS)
before = st.sampled_from([1, HOUR_MS, 3 * HOUR_MS]) | st.integers(1, 72 * HOUR_MS)
"""So long before an odd day it is when a world begins: some of its days go by, and hours in between."""


@settings(max_examples=60, phases=PHASES)
@given(scorings(), odd_days, before, st.sampled_from([1, 3]), floors, lived_ops, few_ops)
def test_partitions_with_days_of_a_zone_end_where_a_naive_recount_does(
    drawn: Scoring, odd: tuple[str, str], early_ms: int, partitions: int, floor: int, told: list[Op], more: list[Op]
) -> None:
    zone, begins = odd
    start_ms = int(datetime.fromisoformat(begins).timestamp() * 1000) - early_ms
    scoring = replace(drawn, bucket_seconds=86_400, timezone=zone)
    world = World(scoring, partitions, start_ms, floor=floor)
    with small_steps():
        run(world, told, more)
        check_ends_right(world)
        check_history(world)
        folds = [fold_of(home.state) for home in world.homes]
        for home in world.homes:
            world.restart(home)
        assert [fold_of(home.state) for home in world.homes] == folds
