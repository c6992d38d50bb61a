"""Times of events on their way to readers."""

import numpy as np

from scorer.stream.latencies import KEPT, Latencies


def readable(latencies: Latencies, version: str) -> list[int]:
    return [int(time) for times in latencies.readable(version) for time in times]


def test_times_become_readable_with_the_version_that_their_scores_left_with() -> None:
    latencies = Latencies()
    latencies.counted(np.array([1, 2]))
    first = latencies.take()
    latencies.counted(np.array([3]))  # during the pass: another version's
    latencies.published("1", first)
    latencies.published("2", latencies.take())
    assert readable(latencies, "1") == [1, 2]
    assert readable(latencies, "2") == [3]
    assert len(latencies) == 0


def test_times_of_a_pass_that_told_no_events_are_the_next_ones() -> None:
    latencies = Latencies()
    latencies.counted(np.array([1]))
    latencies.put_back(latencies.take())
    latencies.published("1", latencies.take())
    assert readable(latencies, "1") == [1]


def test_of_too_many_a_sample_stays_the_oldest_too() -> None:
    latencies = Latencies()
    for version in range(1_000):  # redis is away
        latencies.counted(np.full(1_000, version))
        latencies.published(f"{version:04d}", latencies.take())
        assert len(latencies) <= KEPT
    found = readable(latencies, "9999")
    assert len(found) > KEPT // 4
    assert set(found) == set(range(1_000))


def test_of_a_single_large_version_a_sample_stays() -> None:
    latencies = Latencies()
    latencies.counted(np.arange(10 * KEPT))
    latencies.published("1", latencies.take())
    assert KEPT // 4 < len(readable(latencies, "1")) <= KEPT
