"""One partition: what becomes of events, who is told what, and what the journal keeps."""

import json
from dataclasses import replace

import msgpack
import numpy as np
import pytest

from scorer.core.alert_rules import Rule, When
from scorer.core.draft import Cut
from scorer.core.events import MICRO, Reason
from scorer.core.footing import Basis, OneGroup
from scorer.core.intake import Applied
from scorer.core.journal.records import JournalError
from scorer.core.model import BenchmarkRule, Curve, HistoryDays, Kind, Model, Scoring, Shape, Weight
from scorer.core.partition import PartitionState
from scorer.core.partitioner import partition_of
from scorer.core.publish import ScoreBatch, version
from scorer.core.standing import State
from tests.decoding import decode
from tests.property.harness import decoded

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
TODAY = 20_000
NOW_MS = TODAY * DAY_MS + 5 * HOUR_MS
BOTH = (Kind.USER, Kind.ACCOUNT)
PLAIN = Model("plain", BOTH, 3, {"a": Weight(1.0), "b": Weight(2.0)}, curve=Curve(Shape.NONE), margin=0.0)
AGAINST = replace(PLAIN, name="against", curve=Curve(Shape.LINEAR), benchmark=BenchmarkRule(initial=4.0))

Record = dict[str, object]
Told = tuple[str, float, str | None]
"""State, score, previous band."""


NO_HISTORY = HistoryDays(user=0, account=0)


def scoring(*models: Model, exclude: tuple[str, ...] = (), history: HistoryDays = NO_HISTORY) -> Scoring:
    """Without history a row is free once its window is empty; what history changes has tests of its own."""
    return Scoring(86_400, ("a", "b", "other"), models or (PLAIN,), exclude, history=history)


def bases(of: Scoring, benchmark: float | None = 4.0, number: int = 0) -> OneGroup:
    return OneGroup({(model.name, kind): Basis(benchmark, number) for model in of.models for kind in model.kinds})


class Partition:
    """A state, its source, and the entries that it made; `told` is what readers were told last, by key."""

    def __init__(
        self, of: Scoring | None = None, partition: int = 0, partitions: int = 1, event_clock: bool = False
    ) -> None:
        self.scoring = of or scoring()
        self.of_partitions = (partition, partitions)
        self.event_clock = event_clock
        self.entries: list[dict[str, object]] = [{"t": 0}]
        self.offset = 0
        self.told: dict[str, Told] = {}
        self.batches: list[ScoreBatch] = []
        self.alerts: list[dict[str, object]] = []
        self.state = self.restored()

    def restored(self) -> PartitionState:
        """The state that the entries give."""
        state = PartitionState(self.scoring, *self.of_partitions, 1_000, event_clock=self.event_clock)
        for number, body in enumerate(self.entries, start=1):
            state.restore(body, version(1, number))
        state.restored(seed=7)
        return state

    def restart(self, of: Scoring | None = None) -> None:
        self.scoring = of or self.scoring
        self.state = self.restored()

    def apply(self, *records: Record | bytes, now_ms: int = NOW_MS, recorded_ms: int | None = None) -> Applied:
        columns, _ = decode(
            [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
        )
        offsets = np.arange(self.offset, self.offset + len(records))
        self.offset += len(records)
        times = np.full(len(records), now_ms if recorded_ms is None else recorded_ms)
        return self.state.apply(columns, offsets, times, self.offset, now_ms)

    def score(self, now_ms: int = NOW_MS, benchmark: float | None = 4.0, number: int = 0) -> None:
        for _ in self.state.score(now_ms, bases(self.scoring, benchmark, number)):
            pass

    def flush(self) -> dict[str, Told]:
        """Journal what happened; who was told what, by model:kind:id."""
        return self.land(self.state.cut())

    def land(self, cuts: list[Cut]) -> dict[str, Told]:
        told: dict[str, Told] = {}
        for cut in cuts:
            self.entries.append(cut.body)
            batches, alerts = self.state.landed(cut, version(1, len(self.entries)))
            self.alerts += [json.loads(alert) for _, alert in alerts]
            for batch in batches:
                self.batches.append(batch)
                for at, entity in enumerate(batch.entity_id):
                    key = f"{batch.model}:{Kind(batch.kind[at]).label}:{entity}"
                    told[key] = (batch.state[at], float(batch.score[at]), batch.previous_band[at])
        self.told |= told
        return told

    def counted(self, **arguments: int) -> None:
        self.score(**arguments)
        self.flush()

    def acknowledged(self) -> None:
        """Redis has all that was told, and the journal says so."""
        self.state.acknowledged(version(1, len(self.entries)), "redis")
        self.flush()

    def counts(self, state: PartitionState | None = None) -> dict[str, float]:
        """Counts by entity id, over everything."""
        total: dict[str, float] = {}
        for (kind, entity), _, value in decoded(state or self.state):
            key = f"{kind.label}:{entity}"
            total[key] = total.get(key, 0) + value / MICRO
        return total


def event(user: str = "u", account: str | None = "acme", days_ago: float = 0, **more: object) -> Record:
    return {"event": "a", "user_id": user, "account_id": account, "ts": int(NOW_MS - days_ago * DAY_MS)} | more


def outcomes(applied: Applied) -> dict[str, int]:
    return {outcome: count for outcome, count in applied.outcomes.items() if count}


# What becomes of an event


def test_an_event_counts_for_its_user_and_the_users_account() -> None:
    partition = Partition()
    assert outcomes(partition.apply(event("u"), event("v", value=2.5), event("w", None))) == {"counted": 3}
    assert partition.counts() == {"user:acme/u": 1, "user:acme/v": 2.5, "account:acme": 3.5, "user:w": 1}


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        (event(), "counted"),
        (event(days_ago=2), "counted"),
        (event(days_ago=3), "late"),
        (event(event="unheard of"), "unknown_type"),
        (event("bot-7"), "excluded"),
        (event(ts=NOW_MS + HOUR_MS), "counted"),
        (event(ts=NOW_MS + HOUR_MS + 1), "dead_letter"),
        (event(event="other"), "counted"),
        (event(value=0), "counted"),
    ],
)
def test_each_event_has_its_outcome(record: Record, outcome: str) -> None:
    partition = Partition(scoring(exclude=("bot-*",)))
    assert outcomes(partition.apply(record)) == {outcome: 1}
    assert bool(partition.counts()) == (outcome == "counted")


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        (event("bot-7", days_ago=9, event="unheard of"), "late"),
        (event("bot-7", event="unheard of"), "excluded"),
        (event("bot-7", ts=NOW_MS + 2 * HOUR_MS), "dead_letter"),
    ],
)
def test_of_several_outcomes_the_first_that_fits_holds(record: Record, outcome: str) -> None:
    assert outcomes(Partition(scoring(exclude=("bot-*",))).apply(record)) == {outcome: 1}


def test_an_event_in_another_accounts_partition_goes_to_the_dead_letters() -> None:
    home = partition_of("acme", 5)
    partition = Partition(partition=(home + 1) % 5, partitions=5)
    applied = partition.apply(event("u"), event(ts=NOW_MS + 9 * HOUR_MS))
    assert outcomes(applied) == {"dead_letter": 2}
    assert [(reject.index, reject.reason) for reject in applied.rejects] == [
        (0, Reason.WRONG_PARTITION),
        (1, Reason.WRONG_PARTITION),
    ]
    assert f"partition {home}" in applied.rejects[0].detail


def test_a_chunk_counts_both_kinds_of_dead_letters() -> None:
    home = partition_of("acme", 5)
    elsewhere = next(name for name in "abcdef" if partition_of(name, 5) != home)
    partition = Partition(partition=home, partitions=5)
    applied = partition.apply(event(), event(account=elsewhere), event(ts=NOW_MS + 9 * HOUR_MS))
    assert outcomes(applied) == {"counted": 1, "dead_letter": 2}


def test_a_user_without_account_belongs_to_the_partition_of_its_own_id() -> None:
    partition = Partition(partition=partition_of("w", 5), partitions=5)
    assert outcomes(partition.apply(event("w", None))) == {"counted": 1}
    elsewhere = next(name for name in "abcdef" if partition_of(name, 5) != partition_of("w", 5))
    (refused,) = partition.apply(event(elsewhere, None)).rejects
    assert refused.reason is Reason.WRONG_PARTITION and "no account was found in it" in refused.detail


def test_the_future_is_judged_by_the_smaller_of_record_and_clock() -> None:
    ahead = event(ts=NOW_MS + 2 * HOUR_MS)
    partition = Partition()
    assert outcomes(partition.apply(ahead, now_ms=NOW_MS + HOUR_MS, recorded_ms=NOW_MS)) == {"dead_letter": 1}
    assert outcomes(partition.apply(ahead, now_ms=NOW_MS, recorded_ms=NOW_MS + HOUR_MS)) == {"dead_letter": 1}
    assert outcomes(partition.apply(ahead, now_ms=NOW_MS + HOUR_MS)) == {"counted": 1}


def test_a_record_without_a_timestamp_is_judged_by_the_clock() -> None:
    assert outcomes(Partition().apply(event(), recorded_ms=-1)) == {"counted": 1}


def test_with_the_event_clock_lateness_is_behind_the_largest_event_time() -> None:
    partition = Partition(event_clock=True)
    long_ago = 5 * DAY_MS
    assert outcomes(partition.apply(event(ts=long_ago))) == {"counted": 1}
    assert outcomes(partition.apply(event(ts=long_ago + 9 * DAY_MS))) == {"counted": 1}
    assert outcomes(partition.apply(event(ts=long_ago))) == {"late": 1}


def test_late_and_the_journals_clock_go_by_the_days_of_the_zone() -> None:
    """New York's day of NOW_MS began an hour before it; UTC's will end only 19 hours after."""
    partition = Partition(replace(scoring(), timezone="America/New_York"))
    midnight_ms = NOW_MS - HOUR_MS
    oldest_ms = midnight_ms - 2 * DAY_MS
    assert outcomes(partition.apply(event(ts=oldest_ms - 1))) == {"late": 1}
    assert outcomes(partition.apply(event(ts=oldest_ms), now_ms=midnight_ms + 20 * HOUR_MS)) == {"counted": 1}
    assert partition.counts()["user:acme/u"] == 1
    for now_ms in (NOW_MS, midnight_ms + DAY_MS - 1, midnight_ms + DAY_MS):
        partition.counted(now_ms=now_ms)
    partition.restart()
    assert partition.state.now_ms == midnight_ms + DAY_MS


def test_a_duplicate_counts_once_whoever_sent_it() -> None:
    partition = Partition()
    assert outcomes(partition.apply(event(event_id="1"), event(event_id="1"))) == {"counted": 1, "duplicate": 1}
    assert outcomes(partition.apply(event("v", event_id="1"), event(), event())) == {"counted": 2, "duplicate": 1}


@pytest.mark.parametrize(
    "first",
    [event("bot-7"), event(days_ago=9), event(event="unheard of"), event(ts=NOW_MS + 9 * HOUR_MS)],
)
def test_an_id_that_did_not_count_is_not_remembered(first: Record) -> None:
    partition = Partition(scoring(exclude=("bot-*",)))
    partition.apply(first | {"event_id": "1"})
    assert outcomes(partition.apply(event(event_id="1"))) == {"counted": 1}


def test_what_stands_before_the_position_is_skipped() -> None:
    partition = Partition()
    partition.apply(event("u"), event("v"))
    partition.offset = 0
    assert outcomes(partition.apply(event("u"), event("v"), event("w"))) == {"replayed": 2, "counted": 1}
    assert partition.counts() == {"user:acme/u": 1, "user:acme/v": 1, "user:acme/w": 1, "account:acme": 3}
    partition.offset = 0
    assert outcomes(partition.apply(event("u"))) == {"replayed": 1}
    assert partition.state.position == 3


def test_a_reject_points_at_its_record_in_the_chunk() -> None:
    partition = Partition()
    partition.apply(event())
    partition.offset = 0
    applied = partition.apply(event(), b"not json", event(), event(ts=NOW_MS + 9 * HOUR_MS))
    assert [reject.index for reject in applied.rejects] == [3]


def test_without_a_start_nothing_is_read() -> None:
    partition = Partition()
    partition.entries = []
    partition.restart()
    with pytest.raises(RuntimeError, match="no start"):
        partition.apply(event())


def test_too_many_event_types_are_refused_with_the_way_out() -> None:
    with pytest.raises(JournalError, match=r"4097 event types were ever counted.* another SCORER_NAMESPACE"):
        Partition(replace(scoring(), events=tuple(str(n) for n in range(4_097))))


# Exclusion


def test_an_exclusion_is_not_retroactive() -> None:
    partition = Partition()
    partition.apply(event("u"), event("v"))
    partition.counted()
    partition.restart(scoring(exclude=("u",)))
    assert outcomes(partition.apply(event("u"), event("v"), event("u", "emca"))) == {"excluded": 2, "counted": 1}
    assert partition.counts() == {"user:acme/u": 1, "user:acme/v": 2, "account:acme": 3}


def test_a_row_that_an_excluded_user_had_can_be_anothers() -> None:
    partition = Partition()
    partition.apply(event("u"), event("v", days_ago=-3))
    partition.counted()
    partition.restart(scoring(exclude=("u",)))
    assert outcomes(partition.apply(event("u"))) == {"excluded": 1}
    later = NOW_MS + 3 * DAY_MS
    partition.counted(now_ms=later)
    assert ("acme", "u") not in partition.state.roster.row_of
    assert outcomes(partition.apply(event("w", ts=later), now_ms=later)) == {"counted": 1}
    assert outcomes(partition.apply(event("w", ts=later), now_ms=later)) == {"counted": 1}


# Scores


def test_only_what_changed_is_told() -> None:
    partition = Partition()
    partition.apply(event("u"), event("v"))
    partition.score()
    assert partition.flush() == {
        "plain:user:acme/u": ("scored", 1.0, None),
        "plain:user:acme/v": ("scored", 1.0, None),
        "plain:account:acme": ("scored", 2.0, None),
    }
    partition.apply(event("v"))
    partition.score()
    assert partition.flush().keys() == {"plain:user:acme/v", "plain:account:acme"}
    partition.score()
    assert partition.flush() == {}
    assert partition.state.cut() == []


def test_a_closing_bucket_rescores_without_any_event() -> None:
    partition = Partition(scoring(AGAINST))
    partition.apply(event("u"), event("v", days_ago=1))
    partition.score()
    partition.flush()
    partition.score(now_ms=NOW_MS + 2 * DAY_MS)
    assert partition.flush().keys() >= {"against:user:acme/v", "against:account:acme"}
    assert partition.told["against:user:acme/v"][0] == "inactive"
    assert partition.told["against:user:acme/u"][0] == "scored"


def test_time_that_stays_in_its_bucket_rescores_nobody() -> None:
    partition = Partition(scoring(replace(AGAINST, half_life=1.0)))
    partition.apply(event())
    partition.counted()
    partition.score(now_ms=NOW_MS + 18 * HOUR_MS)
    assert partition.flush() == {}


def test_now_never_goes_back() -> None:
    partition = Partition()
    partition.apply(event("u", days_ago=2))
    partition.counted(now_ms=NOW_MS + DAY_MS)
    partition.score(now_ms=NOW_MS)
    assert partition.flush() == {}
    assert partition.told["plain:user:acme/u"][0] == "inactive"
    partition.restart()
    assert outcomes(partition.apply(event("u", days_ago=2))) == {"late": 1}


def test_a_moved_benchmark_costs_the_curve_of_everyone() -> None:
    partition = Partition(scoring(AGAINST))
    partition.apply(event("u"), event("v"))
    partition.counted()
    partition.score(benchmark=2.0, number=1)
    assert partition.flush() == {
        "against:user:acme/u": ("scored", 50.5, "low"),
        "against:user:acme/v": ("scored", 50.5, "low"),
        "against:account:acme": ("scored", 100.0, "healthy"),
    }


def test_who_comes_during_a_pass_is_left_to_the_next() -> None:
    """Judged before its counts are summed, a newcomer would be told inactive first, and keep it as previous band."""
    partition = Partition(scoring(AGAINST))
    partition.apply(event("u"))
    partition.counted()
    for _ in partition.state.score(NOW_MS, bases(partition.scoring, 2.0, 1)):
        if len(partition.state.roster) < 9:
            partition.apply(event("u", f"late-{len(partition.state.roster)}"))
    partition.score(benchmark=2.0, number=1)
    partition.flush()
    newcomers = [told for key, told in partition.told.items() if "late" in key]
    assert newcomers == [("scored", 50.5, None)] * len(newcomers)
    assert len(newcomers) >= 2


def test_a_benchmark_that_moves_during_a_pass_is_for_the_next() -> None:
    partition = Partition(scoring(AGAINST))
    partition.apply(event("u"))
    partition.counted()
    standing = dict(bases(partition.scoring, 2.0, 1).of)
    moving = OneGroup(standing)
    for _ in partition.state.score(NOW_MS, moving):
        standing |= bases(partition.scoring, 8.0, 2).of
    partition.flush()
    assert partition.told["against:user:acme/u"][1] == partition.told["against:account:acme"][1] == 50.5
    for _ in partition.state.score(NOW_MS, moving):
        pass
    partition.flush()
    assert partition.told["against:user:acme/u"][1] == partition.told["against:account:acme"][1] == 13.375


@pytest.mark.parametrize("between", [0, 1])
def test_a_row_taken_during_a_pass_is_not_counted_for_its_neighbour(between: int) -> None:
    partition = Partition(scoring(PLAIN))
    partition.apply(*(event(user, None) for user in "uvwx"))
    partition.counted()
    later = NOW_MS + 3 * DAY_MS
    partition.apply(*(event(user, None, days_ago=-2) for user in "uwx"), now_ms=later)
    partition.counted(now_ms=later)
    assert ((None, "v") in partition.state.roster.row_of) is False
    partition.state.tell_all_again()
    run = partition.state.score(later, bases(partition.scoring))
    if between:
        next(run)
    partition.apply(*[event("new", None, ts=later)] * 5, now_ms=later)
    for _ in run:
        pass
    partition.score(now_ms=later)
    partition.flush()
    assert {key: told[1] for key, told in partition.told.items()} == {
        "plain:user:u": 1.0,
        "plain:user:v": 0.0,
        "plain:user:w": 1.0,
        "plain:user:x": 1.0,
        "plain:user:new": 5.0,
    }


def test_the_same_state_gives_the_same_last_bit_whatever_the_batches() -> None:
    fading = replace(PLAIN, window=20, weights={"a": Weight(0.1), "b": Weight(0.7)}, half_life=3.3)
    events = [event(f"u{n % 7}", days_ago=n % 19, event="ab"[n % 2], value=(n * 37 % 101) / 7) for n in range(200)]
    at_once, bit_by_bit = Partition(scoring(fading)), Partition(scoring(fading))
    at_once.apply(*events)
    at_once.score()
    for start in range(0, 200, 3):
        bit_by_bit.apply(*reversed(events[start : start + 3]))
        bit_by_bit.counted()
    at_once.flush()
    assert {key: score for key, (_, score, _) in at_once.told.items()} == {
        key: score for key, (_, score, _) in bit_by_bit.told.items()
    }


# Rows


def test_a_freed_entity_is_told_inactive_for_good_and_its_row_is_anothers() -> None:
    partition = Partition()
    partition.apply(event("u"), event("v"))
    partition.counted()
    later = NOW_MS + 3 * DAY_MS
    partition.score(now_ms=later)
    told = partition.flush()
    assert told == {
        "plain:user:acme/u": ("inactive", 0.0, None),
        "plain:user:acme/v": ("inactive", 0.0, None),
        "plain:account:acme": ("inactive", 0.0, None),
    }
    assert [batch.freed.all() for batch in partition.batches[-2:]] == [True, True]
    assert partition.state.roster.row_of == {}
    partition.apply(event("x", "emca", ts=later), now_ms=later)
    assert set(partition.state.roster.row_of.values()) <= {0, 1, 2}
    partition.score(now_ms=later)
    assert partition.flush() == {
        "plain:user:emca/x": ("scored", 1.0, None),
        "plain:account:emca": ("scored", 1.0, None),
    }
    assert partition.counts(partition.restored()) == partition.counts()


def test_a_row_reused_before_its_entry_has_landed_tells_the_right_names() -> None:
    partition = Partition()
    partition.apply(event("u"))
    partition.counted()
    later = NOW_MS + 3 * DAY_MS
    partition.score(now_ms=later)
    cuts = partition.state.cut()
    partition.apply(event("x", None, ts=later), now_ms=later)
    assert partition.land(cuts).keys() == {"plain:user:acme/u", "plain:account:acme"}


def test_an_account_outlives_its_users() -> None:
    partition = Partition()
    partition.apply(event("u"))
    partition.apply(event("v", days_ago=-1), now_ms=NOW_MS + DAY_MS)
    partition.counted()
    partition.counted(now_ms=NOW_MS + 3 * DAY_MS)
    assert set(partition.state.roster.row_of) == {("acme", None), ("acme", "v")}


def test_a_returning_entity_is_as_new() -> None:
    partition = Partition(scoring(AGAINST))
    partition.apply(*[event("u")] * 4)
    partition.counted()
    later = NOW_MS + 3 * DAY_MS
    partition.counted(now_ms=later)
    partition.apply(event("u", ts=later), now_ms=later)
    partition.score(now_ms=later)
    assert partition.flush()["against:user:acme/u"] == ("scored", 25.75, None)


def test_a_longer_window_does_not_bring_back_what_a_freed_row_held() -> None:
    partition = Partition()
    partition.apply(*[event("u", None)] * 5)
    partition.counted()
    later = NOW_MS + 3 * DAY_MS
    partition.counted(now_ms=later)
    partition.apply(event("x", None, ts=later), now_ms=later)
    partition.counted(now_ms=later)
    partition.restart(scoring(replace(PLAIN, window=30)))
    assert partition.counts() == {"user:x": 1}


def test_after_a_longer_window_older_events_count() -> None:
    partition = Partition()
    partition.apply(event("u", days_ago=2))
    partition.counted(now_ms=NOW_MS + DAY_MS)
    partition.restart(scoring(replace(PLAIN, window=30)))
    assert outcomes(partition.apply(event("v", days_ago=9))) == {"counted": 1}
    partition.counted(now_ms=NOW_MS + DAY_MS)
    assert partition.counts(partition.restored()) == partition.counts() == {"user:acme/v": 1, "account:acme": 1}


# Days that close

KEPT = HistoryDays(8, 10)


def passing(partition: Partition, *days: int) -> dict[str, Told]:
    """A scoring pass on each of some days from now on, each made durable; who was told what on the last."""
    told: dict[str, Told] = {}
    for day in days:
        partition.score(now_ms=NOW_MS + day * DAY_MS)
        told = partition.flush()
    return told


def delta_of(partition: Partition, key: str) -> float | None:
    """The delta that readers were told last."""
    found: float | None = None
    for batch in partition.batches:
        for at, entity in enumerate(batch.entity_id):
            if f"{batch.model}:{Kind(batch.kind[at]).label}:{entity}" == key:
                found = None if np.isnan(batch.delta[at]) else float(batch.delta[at])
    return found


def long_model(window: int = 30) -> Scoring:
    return scoring(replace(PLAIN, window=window), history=KEPT)


def test_delta_is_null_until_there_is_a_close_of_7_days_ago() -> None:
    partition = Partition(long_model())
    partition.apply(*[event("u", None)] * 3)
    passing(partition, 0, 1)
    for day in range(2, 7):
        assert passing(partition, day) == {}
    assert delta_of(partition, "plain:user:u") is None
    assert passing(partition, 7) == {"plain:user:u": ("scored", 3.0, None)}
    assert delta_of(partition, "plain:user:u") == 0.0


def test_a_delta_that_a_new_day_changes_is_told_though_the_standing_is_the_same() -> None:
    partition = Partition(long_model())
    partition.apply(event("u", None), event("v", None))
    passing(partition, 0)
    partition.apply(event("u", None, days_ago=-1), now_ms=NOW_MS + DAY_MS)
    passing(partition, *range(1, 8))
    assert delta_of(partition, "plain:user:u") == 1.0
    assert passing(partition, 8) == {"plain:user:u": ("scored", 2.0, None)}
    assert delta_of(partition, "plain:user:u") == 0.0
    assert passing(partition, 8, 8) == {}


def test_whoever_was_not_told_of_a_new_delta_is_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry that closes the day has landed; the one with the standings, behind it, hasn't."""
    partition = Partition(long_model())
    partition.apply(event("u", None))
    passing(partition, *range(6))
    partition.acknowledged()
    monkeypatch.setattr("scorer.core.draft.ENTRY_TARGET_BYTES", 100)
    partition.state.draft.types.append("a new type, so that the standings don't fit into the same entry")
    partition.score(now_ms=NOW_MS + 7 * DAY_MS)
    closing, telling = partition.state.cut()
    assert ("cl" in closing.body, "st" in closing.body, "st" in telling.body) == (True, False, True)
    partition.entries.append(closing.body)
    partition.restart()
    partition.score(now_ms=NOW_MS + 7 * DAY_MS)
    assert partition.flush() == {"plain:user:u": ("scored", 1.0, None)}
    assert delta_of(partition, "plain:user:u") == 0.0


def test_a_day_closes_with_what_readers_were_told_before_it_is_scored_anew() -> None:
    partition = Partition(scoring(AGAINST, history=KEPT))
    partition.apply(*[event("u", None)] * 4)
    passing(partition, 0)
    passing(partition, 3)
    (row,) = partition.state.roster.live_rows()
    code = next(iter(partition.state.models))
    assert partition.told["against:user:u"] == ("inactive", 1.0, "champion")
    assert [day for day, _, _ in partition.state.history[Kind.USER].of(code, int(row))] == [TODAY, TODAY + 1, TODAY + 2]
    assert partition.state.history[Kind.USER].reference(code, TODAY + 2, np.array([row])).tolist() == [100.0]


def test_days_close_in_the_order_of_the_standings_around_them() -> None:
    """Also if a pass of the day before was never cut."""
    partition = Partition(long_model())
    partition.apply(event("u", None))
    for day in range(3):
        partition.score(now_ms=NOW_MS + day * DAY_MS)
        partition.apply(event("u", None, ts=NOW_MS), now_ms=NOW_MS)
    partition.flush()
    closes = [(entry["cl"], "st" in entry) for entry in partition.entries if "cl" in entry]
    days = [[TODAY, TODAY - 1], [TODAY, TODAY], [TODAY + 1, TODAY + 1]]
    assert closes == [([*first_last, 8, 10], True) for first_last in days]
    history = [list(state.history[Kind.USER].of(0, 0)) for state in (partition.state, partition.restored())]
    assert history[0] == history[1] == [(TODAY, 1.0, 0), (TODAY + 1, 2.0, 0)]


def test_missed_midnights_close_with_the_first_pass() -> None:
    partition = Partition(long_model())
    partition.apply(event("u", None))
    passing(partition, 0)
    partition.restart()
    partition.acknowledged()
    passing(partition, 4)
    assert [day for day, _, _ in partition.state.history[Kind.USER].of(0, 0)] == list(range(TODAY, TODAY + 4))
    passing(partition, 1_000_000)  # an event clock: not a day is kept that would be over at once
    assert len(list(partition.state.history[Kind.USER].of(0, 0))) == 8


def test_closes_of_accounts_are_kept_400_days_and_of_users_8() -> None:
    """By default, and not a day longer; after a restart likewise."""
    partition = Partition(scoring(replace(PLAIN, window=1_000), history=HistoryDays()))
    partition.apply(event("u"))

    def days(kind: Kind, name: str | None, state: PartitionState) -> list[int]:
        row = state.roster.row_of["acme", name]
        return [day - TODAY for day, score, _ in state.history[kind].of(0, row) if score == 1.0]

    passing(partition, *range(401))
    for state in (partition.state, partition.restored()):
        assert days(Kind.ACCOUNT, None, state) == list(range(400))
        assert days(Kind.USER, "u", state) == list(range(392, 400))
    passing(partition, 401)
    for state in (partition.state, partition.restored()):
        assert days(Kind.ACCOUNT, None, state) == list(range(1, 401))
        assert days(Kind.USER, "u", state) == list(range(393, 401))


def test_a_row_waits_with_being_freed_until_no_active_close_is_kept() -> None:
    partition = Partition(scoring(PLAIN, history=KEPT))
    partition.apply(event("u"))
    passing(partition, *range(3), 3, 10)
    assert set(partition.state.roster.row_of) == {("acme", None), ("acme", "u")}
    assert passing(partition, 11) == {"plain:user:acme/u": ("inactive", 0.0, None)}
    assert set(partition.state.roster.row_of) == {("acme", None)}
    passing(partition, 13)
    assert partition.state.roster.row_of == {}
    assert list(partition.state.history[Kind.ACCOUNT].rows_by_place()) == [-1]


def test_an_account_waits_for_the_history_of_its_users() -> None:
    users_only = replace(PLAIN, kinds=(Kind.USER,))
    partition = Partition(scoring(users_only, history=KEPT))
    partition.apply(event("u"))
    passing(partition, *range(4), 10)
    assert set(partition.state.roster.row_of) == {("acme", None), ("acme", "u")}
    passing(partition, 11)
    assert partition.state.roster.row_of == {}


def test_who_returns_within_its_history_has_a_delta_and_a_band_before() -> None:
    partition = Partition(scoring(AGAINST, history=KEPT))
    partition.apply(*[event("u", None)] * 4)
    passing(partition, *range(8))
    partition.apply(*[event("u", None, days_ago=-8)] * 2, now_ms=NOW_MS + 8 * DAY_MS)
    assert passing(partition, 8) == {"against:user:u": ("scored", 50.5, "inactive")}
    assert delta_of(partition, "against:user:u") == -49.5


def test_a_model_that_is_changed_begins_a_history_of_its_own() -> None:
    partition = Partition(scoring(AGAINST, history=KEPT))
    partition.apply(event("u", None))
    passing(partition, 0, 1)
    partition.restart(scoring(replace(AGAINST, margin=1.0), history=KEPT))
    partition.score(now_ms=NOW_MS + 2 * DAY_MS, number=1)
    partition.flush()
    for state in (partition.state, partition.restored()):
        assert [list(state.history[Kind.USER].of(code, 0)) for code in (0, 1)] == [[], []]
        assert not state.has_history(np.array([0])).any()


# Models


def changed(weight: float) -> Model:
    return replace(AGAINST, weights={"a": Weight(weight)})


def test_a_changed_model_waits_for_a_benchmark_of_its_own() -> None:
    partition = Partition(scoring(changed(1.0)))
    partition.apply(event())
    partition.counted()
    partition.restart(scoring(changed(2.0)))
    partition.score()
    assert partition.flush() == {}
    partition.score(benchmark=8.0, number=2)
    assert partition.flush()["against:user:acme/u"] == ("scored", 25.75, None)


def test_a_model_changed_there_and_back_has_standings_anew() -> None:
    partition = Partition(scoring(changed(1.0)))
    partition.apply(*[event()] * 4)
    partition.counted()
    assert partition.told["against:user:acme/u"] == ("scored", 100.0, None)
    for number, weight in enumerate((0.5, 1.0), start=2):
        partition.restart(scoring(changed(weight)))
        partition.score(number=number)
        partition.flush()
    # had the first standings come back, there were a band before this one, or nothing to tell
    assert partition.told["against:user:acme/u"] == ("scored", 100.0, None)
    assert list(partition.state.models) == [2]


def test_an_added_model_leaves_the_others_standings_alone() -> None:
    partition = Partition(scoring(PLAIN))
    partition.apply(event())
    partition.counted()
    partition.acknowledged()
    partition.restart(scoring(AGAINST, PLAIN))
    partition.score()
    assert {key.split(":")[0] for key in partition.flush()} == {"against"}


def test_a_newly_named_type_counts_from_then_on() -> None:
    partition = Partition()
    assert outcomes(partition.apply(event(event="new"))) == {"unknown_type": 1}
    partition.flush()
    wider = replace(scoring(replace(PLAIN, weights={"new": Weight(3.0)})), events=("new", "a"))
    partition.restart(wider)
    assert outcomes(partition.apply(event(event="new"))) == {"counted": 1}
    partition.score(number=1)
    assert partition.flush()["plain:user:acme/u"][1] == 3.0
    assert partition.restored().types == {"a": 0, "b": 1, "other": 2, "new": 3}


def test_a_type_that_is_named_no_more_is_unknown() -> None:
    partition = Partition()
    partition.apply(event(event="b"))
    partition.counted()
    partition.restart(replace(scoring(replace(PLAIN, weights={"a": Weight(1.0)})), events=("a",)))
    assert outcomes(partition.apply(event("v", event="b"), event("w", event="a"))) == {"unknown_type": 1, "counted": 1}
    assert partition.counts() == {"user:acme/u": 1, "user:acme/w": 1, "account:acme": 2}
    partition.restart()
    assert outcomes(partition.apply(event("v", event="b"))) == {"unknown_type": 1}
    partition.restart(scoring())
    assert outcomes(partition.apply(event("v", event="b"))) == {"counted": 1}


# What readers may not have


def test_what_was_not_acknowledged_is_told_again() -> None:
    partition = Partition()
    partition.apply(event("u"), event("v", "emca"))
    partition.counted()
    partition.state.acknowledged(version(1, len(partition.entries)), "redis")
    partition.apply(event("v", "emca"))
    partition.score()
    told = partition.flush()
    assert told.keys() == {"plain:user:emca/v", "plain:account:emca"}
    partition.restart()
    partition.score()
    assert partition.flush() == told


def test_an_old_acknowledgement_does_not_cover_what_is_to_be_told_again() -> None:
    """A newer version that arrived says nothing of the older one that the last worker took with it."""
    partition = Partition()
    partition.apply(event("u"))
    partition.counted()
    for _ in range(2):
        partition.restart()
        partition.apply(event("x", None))
        partition.flush()  # no pass yet: who is to be told again still is
        partition.acknowledged()
    partition.restart()
    partition.score()
    assert partition.flush().keys() == {"plain:user:acme/u", "plain:account:acme", "plain:user:x"}
    partition.acknowledged()
    partition.restart()
    partition.score()
    assert partition.flush() == {}


def test_a_last_document_that_was_not_acknowledged_is_told_again_unless_its_entity_returned() -> None:
    partition = Partition()
    partition.apply(event("u", None), event("v", None))
    partition.counted()
    later = NOW_MS + 3 * DAY_MS
    partition.counted(now_ms=later)
    partition.restart()
    partition.apply(event("v", None, ts=later), now_ms=later)
    partition.score(now_ms=later)
    assert partition.flush() == {"plain:user:u": ("inactive", 0.0, None), "plain:user:v": ("scored", 1.0, None)}
    partition.restart()
    partition.score(now_ms=later)
    assert partition.flush() == {"plain:user:u": ("inactive", 0.0, None), "plain:user:v": ("scored", 1.0, None)}


def test_last_documents_told_again_are_cut_into_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = Partition()
    partition.apply(*(event(f"{n:03d}" * 100, None) for n in range(50)))
    partition.counted()
    partition.counted(now_ms=NOW_MS + 3 * DAY_MS)
    partition.restart()
    monkeypatch.setattr("scorer.core.draft.ENTRY_TARGET_BYTES", 4_000)
    cuts = partition.state.cut()
    assert len(cuts) > 10
    assert max(len(msgpack.packb(cut.body)) for cut in cuts) < 4_100
    assert len(partition.land(cuts)) == 50


def test_lost_readers_are_told_everything() -> None:
    partition = Partition()
    partition.apply(event("u"), event("v"))
    partition.counted()
    partition.state.tell_all_again()
    partition.score()
    assert partition.flush().keys() == {"plain:user:acme/u", "plain:user:acme/v", "plain:account:acme"}


def test_redis_has_acknowledged_nothing_while_alerts_are_owed() -> None:
    partition = Partition()
    state = partition.state
    state.outbox.add(version(1, 1), [(b"u", b"{}")])
    state.tell_all_again()
    state.acknowledged(version(1, 2), "redis")
    assert (state.redis_through, len(state.outbox)) == ("", 1)
    (cut,) = state.cut()
    _, alerts = state.landed(cut, version(1, 3))
    assert alerts == [(b"u", b"{}")]
    state.acknowledged(version(1, 3), "redis")
    state.delivered_all()
    assert (state.redis_through, len(state.outbox)) == (version(1, 3), 0)


def test_what_was_open_under_a_rule_that_is_gone_resolves_when_the_next_worker_scores() -> None:
    """Not when it restores: the time that the journal knows is that of its last bucket."""
    bands = tuple(band.name for band in PLAIN.bands)
    busy = Rule("busy", "plain", Kind.USER, When.CROSSED_ABOVE, 3.0, model_bands=bands, model_hash=PLAIN.hash)
    partition = Partition(replace(scoring(), alerts=(busy,)))
    partition.apply(event("u"))
    partition.counted()
    partition.apply(event("u", value=5))
    partition.counted(now_ms=NOW_MS + 60_000)
    partition.restart(scoring())
    partition.flush()
    partition.counted(now_ms=NOW_MS + 90_000)
    partition.flush()
    partition.restart(scoring())
    partition.counted(now_ms=NOW_MS + 95_000)
    told = [(alert["state"], alert["cause"], alert["score"], alert["at"]) for alert in partition.alerts]
    assert list(dict.fromkeys(told)) == [
        ("fired", "crossed_above", 6.0, NOW_MS / 1000 + 60),
        ("resolved", "rule_removed", 6.0, NOW_MS / 1000 + 90),
    ]


# What is asked of a state


def test_a_summary_holds_the_raws_above_0() -> None:
    partition = Partition(scoring(AGAINST))
    partition.apply(event("u"), event("v", value=2), event("w", value=0), event("x", event="other"))
    partition.score()
    users, accounts = partition.state.passes.summaries(caught_up=True)
    assert (users.kind, users.raws.tolist(), users.caught_up, users.event_ms) == (Kind.USER, [1.0, 2.0], True, NOW_MS)
    assert (accounts.kind, accounts.raws.tolist()) == (Kind.ACCOUNT, [3.0])


def test_the_population_is_told_by_state_and_band() -> None:
    partition = Partition(scoring(AGAINST))
    partition.apply(*[event("u")] * 4, event("w", event="other"))
    partition.score()
    found = {kind: (states, bands) for _, kind, states, bands in partition.state.passes.population()}
    states, bands = found[Kind.USER]
    assert states == {"scored": 1, "inactive": 1, "warming_up": 0, "never_used": 0}
    assert {name: count for name, count in bands.items() if count} == {"champion": 1, "inactive": 1}


def test_states_have_the_numbers_that_the_journal_holds() -> None:
    assert [(state.name, state.value) for state in State] == [
        ("UNKNOWN", 0),
        ("SCORED", 1),
        ("INACTIVE", 2),
        ("WARMING_UP", 3),
        ("NEVER_USED", 4),
    ]


def test_the_last_entry_says_that_the_position_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scorer.core.draft.ENTRY_TARGET_BYTES", 100)
    partition = Partition()
    partition.apply(event("u"), event("v"))
    partition.score()
    cuts = partition.state.cut()
    assert len(cuts) > 2
    assert (cuts[-1].moved, cuts[-1].position) == (True, 2)
    assert "t" not in cuts[-1].body


# ---- batches: one record of several events


def call(user: str, account: str = "acme", **more: object) -> Record:
    at = {"timestamp": "2024-10-04T04:00:00Z", "groupId": account}  # TODAY, an hour before NOW
    return {"type": "track", "event": "a", "userId": user} | at | more


def test_each_call_of_a_batch_has_its_own_outcome() -> None:
    home = partition_of("acme", 4)
    elsewhere = next(name for name in "abcdefgh" if partition_of(name, 4) != home)
    partition = Partition(scoring(exclude=("bot",)), home, 4)
    group: Record = {"type": "group", "groupId": elsewhere, "traits": {"plan": "pro"}}
    late = call("u", timestamp="2000-01-01T00:00:00Z")
    calls = [call("u", messageId="1"), call("u", messageId="1"), call("bot"), late, call("x", elsewhere), group]
    applied = partition.apply({"batch": [*calls, call("u", event="unheard of"), call("v", messageId="2")]})
    assert outcomes(applied) == {
        "counted": 2, "duplicate": 1, "excluded": 1, "late": 1, "unknown_type": 1, "dead_letter": 2,
    }  # fmt: skip
    assert [(each.index, each.call, each.reason) for each in applied.rejects] == [
        (0, 4, Reason.WRONG_PARTITION),
        (0, 5, Reason.WRONG_PARTITION),
    ]
    partition.counted()
    assert partition.counts() == {"user:acme/u": 1, "user:acme/v": 1, "account:acme": 2}
    assert partition.counts(partition.restored()) == partition.counts()


def test_a_batch_read_again_counts_nothing_again_and_its_ids_are_known_ever_after() -> None:
    partition = Partition()
    batch: Record = {"batch": [call("u", messageId="1"), call("v"), call("u", messageId="2")]}
    partition.apply(batch)
    partition.counted()
    partition.restart()
    partition.offset = 0  # behind what the journal holds
    assert outcomes(partition.apply(batch)) == {"replayed": 3}
    assert outcomes(partition.apply(batch)) == {"duplicate": 2, "counted": 1}
