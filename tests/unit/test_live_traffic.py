"""The present of the made-up company."""

import json
from collections import Counter
from itertools import islice, pairwise

import pytest

from scorer.embedded.company import Company
from scorer.embedded.habits import OURS
from scorer.embedded.live_traffic import Due, LiveTraffic
from scorer.embedded.records import Fate
from tests.decoding import decode

NOW = 1_795_355_044.0
PER_SECOND = 50.0


def live(seed: int = 7, number: int = 4000, since: float = NOW) -> list[Due]:
    traffic = LiveTraffic(Company(seed, accounts=80), OURS, 60)
    return list(islice(traffic.records(since, PER_SECOND), number))


def test_the_same_seed_gives_the_same_records() -> None:
    assert live() == live()
    assert live(8) != live()


def test_records_are_due_in_order_at_the_rate_asked_for() -> None:
    made = live()
    assert made[0].at >= NOW
    assert all(earlier.at <= later.at for earlier, later in pairwise(made))
    events = sum(due.record.fate is Fate.EVENT for due in made)
    assert events / (made[-1].at - NOW) == pytest.approx(PER_SECOND, rel=0.1)


def test_every_event_is_native_json_of_the_time_it_is_due() -> None:
    made = [due for due in live() if due.record.fate is Fate.EVENT]
    columns, rejects = decode([due.record.value for due in made])
    assert rejects == []
    assert [ms / 1000 for ms in columns.ts_ms.tolist()] == pytest.approx([due.at for due in made], abs=0.002)


def test_no_event_id_comes_twice_also_not_in_a_later_run() -> None:
    both = [*live(), *live(since=NOW + 1000)]
    ids = Counter(json.loads(due.record.value)["event_id"] for due in both if due.record.fate is Fate.EVENT)
    assert ids.most_common(1)[0][1] == 1


def test_some_come_twice_and_some_are_junk() -> None:
    fates = Counter(due.record.fate for due in live(number=20_000))
    assert fates[Fate.REPEAT] == pytest.approx(0.01 * fates[Fate.EVENT], rel=0.3)
    assert 10 < fates[Fate.JUNK] < 80


def test_the_account_that_is_shown_first_has_the_first_story() -> None:
    """Things go wrong there, and are mended."""
    watched = Company(7, accounts=80).spotlight.account_id
    told = [due for due in live(number=2000) if due.record.fate is Fate.EVENT and due.record.key == watched]

    def share_of_bad(first: float, last: float) -> float:
        happened = [json.loads(due.record.value)["event"] for due in told if first <= due.at - NOW < last]
        assert len(happened) > 40
        return sum(event in OURS.bad for event in happened) / len(happened)

    assert share_of_bad(0, 12) > 0.8 and share_of_bad(12, 22) < 0.2
