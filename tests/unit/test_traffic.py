"""The made-up traffic of `scorer demo`."""

import json
from collections import Counter
from datetime import datetime
from itertools import islice, pairwise
from pathlib import Path

import pytest

from scorer import embedded
from scorer.checking import check
from scorer.core.decode import decode
from scorer.embedded.traffic import Company, MadeUpEvent

NOW = 1_795_355_044.0
DAY_SECONDS = 86_400
SCORING_FILE = Path(embedded.__file__).with_name("demo_scoring.yaml")


def _history(seed: int = 7) -> list[MadeUpEvent]:
    return list(Company(seed).history(NOW))


def _live(seed: int = 7, number: int = 3000) -> list[MadeUpEvent]:
    return list(islice(Company(seed).live(NOW, per_second=50), number))


def test_the_same_seed_gives_the_same_events() -> None:
    assert _history() == _history()
    assert _live() == _live()


def test_another_seed_gives_other_events() -> None:
    assert _history(7) != _history(8)
    assert _live(7) != _live(8)


def test_history_lies_within_its_days_and_in_order() -> None:
    times = [event.at for event in _history()]
    assert times[0] >= NOW - 30 * DAY_SECONDS
    assert times[-1] <= NOW
    assert all(earlier <= later for earlier, later in pairwise(times))


def test_live_events_follow_in_order_at_the_rate_asked_for() -> None:
    times = [event.at for event in _live()]
    assert times[0] >= NOW
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert len(times) / (times[-1] - NOW) == pytest.approx(50, rel=0.1)


def test_no_event_id_comes_twice_also_not_in_a_later_run() -> None:
    later = islice(Company(7).live(NOW + 60, per_second=50), 3000)
    ids = Counter(event.event_id for event in [*_history(), *_live(), *later])
    assert ids.most_common(1)[0][1] == 1


def test_every_event_is_native_json_that_reads_back() -> None:
    for event in [*_history()[:500], *_live(number=500)]:
        read = json.loads(event.json())
        assert set(read) - {"value"} == {"event", "user_id", "account_id", "event_id", "ts"}
        assert datetime.fromisoformat(read["ts"]).timestamp() == pytest.approx(event.at, abs=1e-6)
        assert read.get("value") == event.value
        assert read["account_id"].encode() == event.key


def test_every_customer_has_a_plan_and_a_licence_for_each_member() -> None:
    company = Company(7)
    members = Counter(account for account, _ in company.users)
    assert {account.account_id for account in company.accounts} == set(members)
    assert {account.plan for account in company.accounts} >= {"free", "pro"}
    assert all(account.licenses >= members[account.account_id] for account in company.accounts)
    assert company.accounts == Company(7).accounts
    columns, rejects = decode([account.json() for account in company.accounts])
    assert rejects == []
    told = [(record.account_id, dict(record.traits)) for record in columns.traits]
    assert told == [(a.account_id, {"plan": a.plan, "licenses": str(a.licenses)}) for a in company.accounts]


def test_sessions_carry_their_seconds() -> None:
    seconds = [event.value for event in _history() if event.event == "session"]
    assert seconds
    assert all(value is not None and 0 <= value <= 4 * 3600 for value in seconds)


def test_users_are_heavy_tailed() -> None:
    by_user = sorted(Counter((event.account_id, event.user_id) for event in _history()).values(), reverse=True)
    top_tenth = sum(by_user[: len(by_user) // 10])
    assert 0.25 < top_tenth / sum(by_user) < 0.8


def test_the_demo_scoring_file_is_right_and_knows_every_event() -> None:
    report = check(SCORING_FILE)
    assert (report.errors, report.warnings) == ((), ())
    assert report.scoring is not None
    assert {event.event for event in [*_history(), *_live()]} == set(report.scoring.events)


def test_staff_and_bots_are_among_the_traffic() -> None:
    users = {event.user_id for event in _history()}
    assert any(user.endswith("@ourcompany.example") for user in users)
    assert any(user.startswith("bot-") for user in users)


def test_a_company_without_accounts_is_refused() -> None:
    with pytest.raises(ValueError, match="accounts is 0"):
        Company(1, accounts=0)
