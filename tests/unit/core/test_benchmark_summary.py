"""Summaries on their topic: in any order, with leftovers, repeats and older ones, the newest counts."""

import random
from dataclasses import replace
from itertools import chain
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.core import benchmark_summary
from scorer.core.benchmark import EVERYONE
from scorer.core.benchmark_summary import RAW_VALUES, Summaries, Summary, SummaryKey
from scorer.core.histogram import Histogram
from scorer.core.model import Kind, Weight
from tests.shares import FREE, MODEL, PRO, Record, read, records, summary

LARGE = 25
"""Raw scores that take three records, where parts are small."""


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_summary, "PART_BYTES", 100)


def one(summaries: Summaries, peers: str = EVERYONE) -> Summary:
    (found,) = summaries.of(MODEL, Kind.USER, peers).values()
    return found


@pytest.mark.parametrize(("population", "raw"), [(0, True), (1, True), (RAW_VALUES, True), (RAW_VALUES + 1, False)])
def test_raw_scores_are_sent_up_to_the_limit_and_a_histogram_beyond(population: int, raw: bool) -> None:
    raws = np.random.default_rng(3).lognormal(3, 2, population)
    sent = summary(7, *raws.tolist(), peers=PRO)
    found = one(read(records(sent)), PRO)
    assert (found.partition, found.peers, found.caught_up, found.population) == (7, PRO, True, population)
    assert (found.histogram is None) == raw
    assert found.raws.tolist() == (np.sort(raws).tolist() if raw else [])
    expected = Histogram.of(raws)
    assert found.buckets.indexes.tolist() == expected.indexes.tolist()
    assert found.buckets.counts.tolist() == expected.counts.tolist()


def test_everyones_summary_lists_the_other_groups() -> None:
    found = one(read(records(summary(0, 1.0, groups=[FREE, PRO], cut=True))))
    assert (found.groups, found.cut) == ((FREE, PRO), True)


@pytest.mark.parametrize(("population", "parts"), [(RAW_VALUES // 2, 1), (RAW_VALUES, 2), (1_000_000, 1)])
def test_a_large_summary_is_several_records_of_400_kb(population: int, parts: int) -> None:
    told = records(summary(0, *np.random.default_rng(7).lognormal(3, 3, population)))
    assert len(told) == parts
    assert max(len(value) for _, value in told) < 402_000


@pytest.mark.usefixtures("small_parts")
def test_a_large_summary_counts_once_it_is_complete() -> None:
    raws = np.sort(np.random.default_rng(7).random(LARGE))
    first, second, third = records(summary(0, *raws.tolist()))
    summaries = read([third, first])
    assert summaries.of(MODEL, Kind.USER) == {}
    summaries.read(*second)
    assert one(summaries).raws.tolist() == raws.tolist()


def test_long_names_of_groups_are_several_records_too() -> None:
    names = [f"plan={number:04}{'x' * 1_600}" for number in range(1_000)]
    told = records(summary(0, 1.0, groups=names))
    assert len(told) > 1
    assert one(read(told)).groups == tuple(names)


@pytest.mark.usefixtures("small_parts")
def test_a_newer_summary_replaces_a_larger_one() -> None:
    large = records(summary(0, *([1.0] * LARGE)), number=1)
    small = records(summary(0, 2.0), number=2)
    for told in ([*large, *small], [large[0], *small, *large[1:]], [*small, *large]):
        assert one(read(told)).raws.tolist() == [2.0]


def test_the_greater_epoch_wins_whatever_its_number() -> None:
    old, new = records(summary(0, 1.0), epoch=1, number=9), records(summary(0, 2.0), epoch=2, number=1)
    for told in ([*old, *new], [*new, *old]):
        assert one(read(told)).raws.tolist() == [2.0]


def test_an_older_summary_behind_a_newer_one_asks_for_the_newer_to_be_sent_again() -> None:
    summaries = read(records(summary(3, 2.0, peers=PRO), number=2))
    ((key, value),) = records(summary(3, 1.0, peers=PRO), number=1)
    assert summaries.read(key, value) == SummaryKey("m", Kind.USER, PRO, 3)
    ((key, value),) = records(summary(3, 2.0, peers=PRO), number=2)
    assert summaries.read(key, value) is None


@pytest.mark.usefixtures("small_parts")
def test_what_a_larger_summary_left_behind_asks_for_nothing() -> None:
    large = records(summary(0, *([1.0] * LARGE)), number=1)
    summaries = read(records(summary(0, 2.0), number=2))
    assert [summaries.read(*leftover) for leftover in large[1:]] == [None, None]
    assert summaries.read(*large[0]) == SummaryKey("m", Kind.USER, EVERYONE, 0)


@pytest.mark.usefixtures("small_parts")
def test_an_older_record_behind_one_of_an_incomplete_summary_asks_for_it_too() -> None:
    old = records(summary(0, *([1.0] * LARGE)), number=1)
    new = records(summary(0, *([2.0] * LARGE)), number=2)
    summaries = read(old, [new[1]])
    assert summaries.read(*old[0]) is None  # its newer one is yet to come
    assert summaries.read(*old[1]) == SummaryKey("m", Kind.USER, EVERYONE, 0)


logs = st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6)
"""Summaries one after the other: how many records more than one each takes, and whether a zombie repeats it later."""


@given(logs, st.integers(0, 2**32))
def test_reading_in_any_order_finds_the_newest_and_asks_only_for_what_is_overwritten(
    log: list[tuple[int, bool]], seed: int
) -> None:
    """Each key's records are in their order; of different keys any may come first."""
    chance = random.Random(seed)
    with patch.object(benchmark_summary, "PART_BYTES", 100):
        told = [
            records(summary(0, *([float(number)] * (1 + more * 12))), number=number)
            for number, (more, _) in enumerate(log, start=1)
        ]
    assert [len(each) for each in told] == [more + 1 for more, _ in log]
    late = [told[number] for number, (_, again) in enumerate(log[:-1]) if again]
    by_key: dict[bytes, list[Record]] = {}
    for record in chain(*told, *late):
        by_key.setdefault(record[0], []).append(record)
    queues = [list(queue) for queue in by_key.values()]
    summaries = Summaries()
    asked = []
    while any(queues):
        queue = chance.choice([queue for queue in queues if queue])
        asked.append(summaries.read(*queue.pop(0)))
    assert one(summaries).raws[0] == len(log)
    newest_keys = {key for key, _ in told[-1]}
    overwritten = any(key in newest_keys for key, _ in chain(*late))
    if overwritten:
        assert SummaryKey("m", Kind.USER, EVERYONE, 0) in asked
    elif not late:
        assert set(asked) == {None}


def test_summaries_of_other_weights_are_left_out() -> None:
    other = replace(MODEL, weights={"a": Weight(2.0)})
    summaries = read(records(summary(0, 1, 2, 3)), records(summary(1, 1, 2, 3, model=other)))
    assert list(summaries.of(MODEL, Kind.USER)) == [0]


def test_the_largest_event_time_of_all_is_known() -> None:
    assert read(records(summary(0, event_ms=5)), records(summary(1, event_ms=9, caught_up=False))).event_ms == 9


def test_groups_that_a_partition_lists_no_more_are_emptied_once() -> None:
    summaries = read(*(records(summary(partition, 1.0, peers=peers)) for partition in (0, 1) for peers in (PRO, FREE)))
    everyone = summary(0, 1.0, groups=[FREE])
    (emptied,) = summaries.vanished(everyone)
    assert (emptied.peers, emptied.partition, emptied.population) == (PRO, 0, 0)
    for record in records(emptied, number=2):
        summaries.read(*record)
    assert list(summaries.vanished(everyone)) == []


def test_a_record_of_another_schema_is_left_out() -> None:
    (key, value), *_ = records(summary(0, 1.0))
    assert b"\xa1s\x02" in value
    assert read([(key, value.replace(b"\xa1s\x02", b"\xa1s\x09"))]).of(MODEL, Kind.USER) == {}
