"""What Redis may not have is remembered until it has."""

import numpy as np

from scorer.core.publish import version
from scorer.core.unacknowledged import Unacknowledged


def waiting(of: Unacknowledged) -> list[tuple[str, int, list[int]]]:
    return [(at, model, rows.tolist()) for at, model, rows in of.rows()]


def test_what_is_acknowledged_is_forgotten_and_no_more() -> None:
    unacknowledged = Unacknowledged()
    for number in (1, 2, 3):
        unacknowledged.add(version(9, number), 0, np.array([number]))
        unacknowledged.add_freed(version(9, number), [("acme", f"u{number}")])
    unacknowledged.acknowledge(version(9, 2))
    assert waiting(unacknowledged) == [(version(9, 3), 0, [3])]
    assert unacknowledged.freed() == [(version(9, 3), ("acme", "u3"))]
    unacknowledged.acknowledge(version(8, 999))
    assert unacknowledged
    unacknowledged.acknowledge(version(10, 1))
    assert not unacknowledged


def test_a_newer_epoch_is_newer_whatever_its_number() -> None:
    unacknowledged = Unacknowledged()
    unacknowledged.add(version(10, 1), 0, np.array([1]))
    unacknowledged.acknowledge(version(9, 999_999_999))
    assert waiting(unacknowledged) == [(version(10, 1), 0, [1])]


def test_while_redis_is_away_each_row_is_kept_once() -> None:
    unacknowledged = Unacknowledged()
    rows = np.arange(1_000)
    for number in range(1, 1_001):
        unacknowledged.add(version(9, number), number % 2, rows)
    assert sum(len(kept) for _, _, kept in unacknowledged.rows()) <= 102_000
    for model in (0, 1):
        kept = np.unique(np.concatenate([kept for _, code, kept in unacknowledged.rows() if code == model]))
        assert kept.tolist() == rows.tolist()


def test_what_was_kept_once_waits_for_its_newest_version() -> None:
    unacknowledged = Unacknowledged()
    for number in (1, 2):
        unacknowledged.add(version(9, number), 0, np.arange(60_000) * number)
    unacknowledged.acknowledge(version(9, 1))
    assert len({row for _, _, rows in unacknowledged.rows() for row in rows.tolist()}) >= 60_000
    unacknowledged.acknowledge(version(9, 2))
    assert not unacknowledged
