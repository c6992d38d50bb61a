"""One dead letter a record, however many of its calls are refused."""

from scorer.core.events import Reason, Reject
from scorer.core.refusals import Refusal, by_record


def test_a_batch_whose_calls_are_refused_is_kept_once_and_its_calls_are_named() -> None:
    rejects = [
        Reject(3, Reason.NOT_JSON, "x"),
        Reject(4, Reason.BAD_ID, "a", 7),
        Reject(5, Reason.EMPTY, "y"),
        Reject(4, Reason.WRONG_PARTITION, "b", 2),
    ]
    assert by_record(rejects) == [
        Refusal(3, Reason.NOT_JSON, "x"),
        Refusal(4, Reason.BAD_ID, "batch[7]: bad_id: a; batch[2]: wrong_partition: b", (2, 7)),
        Refusal(5, Reason.EMPTY, "y"),
    ]


def test_of_very_many_calls_the_first_few_are_told_and_all_are_known() -> None:
    (refusal,) = by_record(Reject(0, Reason.BAD_ID, "x" * 250, call) for call in range(2_500))
    assert refusal.calls == tuple(range(2_500))
    assert refusal.detail.endswith("; and 2495 calls more")
    assert len(refusal.detail) < 2_000  # the most that a letter holds
