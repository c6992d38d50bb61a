"""Which records of a journal count (journal rules 1 and 2)."""

import pytest

from scorer.core.journal.ledger import Ledger
from scorer.core.journal.records import Claim, Entry, JournalError


def claim(nonce: int = 1, *, bucket_seconds: int = 86_400, timezone: str = "UTC", format_: int = 1) -> Claim:
    return Claim(nonce, 7, bucket_seconds, timezone, "hash", "worker", format_)


def test_an_epoch_is_the_brokers_time() -> None:
    ledger = Ledger()
    ledger.claim(claim(), 1_000)
    assert ledger.epoch == 1_000


def test_an_epoch_never_goes_back() -> None:
    ledger = Ledger()
    for timestamp_ms in (1_000, 1_000, 500):
        ledger.claim(claim(), timestamp_ms)
    assert ledger.epoch == 1_002


def test_only_the_next_entry_of_the_newest_epoch_counts() -> None:
    ledger = Ledger()
    ledger.claim(claim(), 1_000)
    assert [ledger.accepts(Entry(1_000, number, {})) for number in (0, 1, 2)] == [False, True, False]
    ledger.number = 1
    assert [ledger.accepts(Entry(1_000, number, {})) for number in (1, 2, 3)] == [False, True, False]
    ledger.claim(claim(2), 2_000)
    assert not ledger.accepts(Entry(1_000, 2, {}))
    assert not ledger.accepts(Entry(2_000, 2, {}))
    assert ledger.accepts(Entry(2_000, 1, {}))


def test_the_first_claim_holds_for_good() -> None:
    ledger = Ledger()
    ledger.claim(claim(1), 1)
    ledger.claim(claim(2), 2)
    assert ledger.first == claim(1)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (claim(bucket_seconds=3_600), "bucket is 3600 seconds, but this namespace has counted with 86400 seconds"),
        (claim(timezone="Europe/Berlin"), "timezone is Europe/Berlin, but this namespace has counted with UTC"),
    ],
)
def test_what_is_fixed_can_not_be_changed(changed: Claim, named: str) -> None:
    ledger = Ledger()
    ledger.check(changed)
    ledger.claim(claim(), 1)
    ledger.check(claim(9))
    with pytest.raises(JournalError, match=named) as raised:
        ledger.check(changed)
    assert "scorer rebuild" in str(raised.value)


def test_a_journal_of_another_format_is_refused() -> None:
    ledger = Ledger()
    ledger.claim(claim(format_=2), 1)
    with pytest.raises(JournalError, match="format is 1, but this namespace has counted with 2"):
        ledger.check(claim())
