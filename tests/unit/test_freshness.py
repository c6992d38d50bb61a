"""How old what Redis says is, by the heartbeats."""

import pytest

from scorer.core.partitioner import partition_of
from scorer.freshness import Freshness, Partition, told_age, told_time

NOW = 1_795_355_044.0


def beat(silent: float = 1.0, behind: float = 0.2, as_of: float | None = NOW - 3) -> Partition:
    return Partition(NOW - silent, as_of, behind, None)


def fresh(*beats: Partition | None) -> Freshness:
    return Freshness(NOW, {n: each for n, each in enumerate(beats) if each is not None})


def test_partitions_that_beat_and_keep_up_are_no_trouble() -> None:
    found = fresh(beat(), beat(silent=14.9), beat(behind=4.9))
    assert (found.trouble(), found.stale_seconds, found.as_of) == (None, 0.0, NOW - 3)


def test_without_a_heartbeat_no_worker_ever_worked() -> None:
    assert not fresh().ever_worked
    assert (fresh().as_of, fresh().count, fresh().stale_seconds) == (None, 0, 0.0)


@pytest.mark.parametrize(
    ("beats", "told"),
    [
        ([beat(), beat(silent=250)], "stale for 4m: no worker has partition 1 of 2"),
        ([beat(silent=30), beat(silent=250), beat()], "stale for 4m: no worker has partitions 0, 1 of 3"),
        ([beat(silent=250), beat(silent=90)], "stale for 4m: no worker has any partition"),
        ([beat(silent=60)] * 8 + [beat()], "stale for 1m: no worker has partitions 0, 1, 2, 3, 4 and 3 more of 9"),
        ([beat(behind=200), beat()], "stale for 3m: the workers are that far behind their input"),
        ([beat(), None, beat()], "no worker has ever had partition 1 of 3"),
        ([beat(silent=60, behind=120)], "stale for 3m: no worker has any partition"),
    ],
)
def test_what_is_wrong_is_one_sentence(beats: list[Partition | None], told: str) -> None:
    assert fresh(*beats).trouble() == told


def test_an_entitys_own_partition_tells_how_old_its_score_is() -> None:
    beats = [beat() for _ in range(4)]
    beats[partition_of("acme", 4)] = beat(silent=250)
    found = fresh(*beats)
    own = found.of_key("acme")
    assert own is not None and own.trouble(NOW) == "stale for 4m: no worker has its partition"
    elsewhere = next(key for key in "abcdefgh" if partition_of(key, 4) != partition_of("acme", 4))
    other = found.of_key(elsewhere)
    assert other is not None and other.trouble(NOW) is None
    assert beat(behind=61).trouble(NOW) == "stale for 1m: its worker is that far behind"


def test_an_entitys_own_partition_is_unknown_while_one_is_missing() -> None:
    assert fresh(beat(), None, beat()).of_key("acme") is None
    assert fresh().of_key("acme") is None


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.3, "0s ago"), (59, "59s ago"), (61, "1m ago"), (7300, "2h ago"), (260_000, "3d ago"), (-5, "in the future")],
)
def test_ages_are_told_in_the_largest_unit_that_fits(seconds: float, told: str) -> None:
    assert told_age(seconds) == told


def test_times_are_told_in_utc() -> None:
    assert told_time(NOW) == "2026-11-22 13:44:04 UTC"
