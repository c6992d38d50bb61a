"""The oracle against numbers worked out by hand, or published: SCORING section 5 and one case a rule."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from scorer.core.model import DEFAULT_BANDS, BenchmarkRule, Curve, Kind, Model, Scoring, Shape, Weight
from tests.oracle import Oracle, Result, band_after, band_of, compare, curve_score, percentile
from tests.oracle_input import murmur2, partition_of

DAY_MS = 86_400_000
NOW_MS = 20_000 * DAY_MS + 3_600_000
TODAY = 20_000
PLAIN = Curve(Shape.NONE)
PUBLISHED = [475.0, 89, 101, 7, 3, 21, 2, 149, 223, 1, 13, 9, 37]


def model(weights: Mapping[str, float | Weight], **changes: object) -> Model:
    """A plain sum over 30 days for users, unless changed."""
    resolved = {event: w if isinstance(w, Weight) else Weight(w) for event, w in weights.items()}
    return replace(Model("points", (Kind.USER,), 30, resolved, curve=PLAIN, margin=0.0), **changes)  # type: ignore[arg-type]


def oracle(*models: Model, exclude: Iterable[str] = (), partitions: int | None = None) -> Oracle:
    events = {event: None for each in models for event in each.weights} | {"seen": None}
    return Oracle(Scoring(86_400, tuple(events), models, tuple(exclude)), partitions=partitions)


def event(name: str, value: float = 1, *, user: str = "u", days_ago: float = 0, **more: object) -> dict[str, object]:
    return {"event": name, "user_id": user, "ts": int(NOW_MS - days_ago * DAY_MS), "value": value, **more}


def result(recount: Oracle, entity_id: str = "u", kind: str = "user", now_ms: int = NOW_MS) -> Result:
    return recount.results(now_ms)[recount.scoring.models[0].name, kind, entity_id]


def fed(recount: Oracle, *events: Mapping[str, object]) -> Oracle:
    for each in events:
        assert recount.feed(each, NOW_MS) == "counted"
    return recount


# Published vectors


@pytest.mark.parametrize(
    ("counts_and_weights", "total"),
    [
        ([(3, 9), (5, 7), (10, 5)], 112),
        ([(3, 9), (5, 7), (10, 5), (20, 3), (15, 1)], 187),
        ([(2, 40), (5, 10), (15, 5), (3, 20)], 265),
    ],
)
def test_raw_is_the_sum_of_weighted_counts(counts_and_weights: list[tuple[int, int]], total: float) -> None:
    weights = {f"type_{i}": float(weight) for i, (_, weight) in enumerate(counts_and_weights)}
    recount = oracle(model(weights))
    for i, (count, _) in enumerate(counts_and_weights):
        fed(recount, *(event(f"type_{i}", days_ago=n % 30) for n in range(count)))
    assert result(recount) == Result(total, total, "champion", "scored", None)


def test_benchmark_is_the_inclusive_percentile() -> None:
    assert percentile(PUBLISHED, 90) == 208.2
    assert percentile([7.0], 90) == 7.0
    assert percentile([1.0, 2.0], 0) == 1.0
    assert percentile([1.0, 2.0], 100) == 2.0
    assert percentile([1.0, 2.0], 50) == 1.5


@pytest.mark.parametrize(
    ("raw", "linear", "exponential", "power_user", "uncapped"),
    [
        (0, 1, 1, 1, 1),
        (7, 4.33, 11.00, 1.55, 8.38),
        (37, 18.59, 44.05, 4.65, 34.25),
        (89, 43.32, 76.29, 14.51, 63.00),
        (149, 71.85, 93.01, 40.21, 80.95),
        (223, 100, 100, 100, 91.59),
        (475, 100, 100, 100, 99.48),
    ],
)
def test_curves_give_the_published_scores(
    raw: float, linear: float, exponential: float, power_user: float, uncapped: float
) -> None:
    expected = {"linear": linear, "exponential": exponential, "power_user": power_user, "uncapped": uncapped}
    got = {shape: curve_score(Curve(Shape(shape)), raw, 208.2) for shape in expected}
    assert got == pytest.approx(expected, abs=0.005)


def test_published_population_is_scored_whole() -> None:
    scored = model({"act": 1}, curve=Curve(Shape.LINEAR), benchmark=BenchmarkRule(min_population=13))
    recount = fed(oracle(scored), *(event("act", raw, user=f"u{raw:g}") for raw in PUBLISHED))
    assert recount.benchmarks(NOW_MS) == {("points", "user"): (208.2, 13)}
    assert result(recount, "u37").score == pytest.approx(18.59, abs=0.005)
    assert result(recount, "u475") == Result(100.0, 475.0, "champion", "scored", 208.2)


@pytest.mark.parametrize(("days", "points"), [(0, 10), (7, 7.0711), (14, 5), (30, 2.2643)])
def test_half_life_halves(days: int, points: float) -> None:
    recount = fed(oracle(model({"act": 10}, window=60, half_life=14.0)), event("act", days_ago=days))
    assert result(recount).raw == pytest.approx(points, abs=0.00005)


@pytest.mark.parametrize(
    ("key", "hashed"),
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536), ("abc", 479470107)],
)
def test_partitioner_is_kafkas(key: str, hashed: int) -> None:
    assert murmur2(key.encode()) == hashed % 2**32
    assert partition_of(key, 16) == (hashed % 2**31) % 16


# Raw


def test_window_holds_its_n_buckets_and_no_other() -> None:
    recount = oracle(model({"act": 1}, window=3), model({"act": 1}, name="long", window=90))
    fed(recount, *(event("act", 10**days, days_ago=days) for days in range(5)))
    assert result(recount).raw == 111
    assert recount.results(NOW_MS)["long", "user", "u"].raw == 11111
    assert result(recount, now_ms=NOW_MS + DAY_MS).raw == 11


def test_bucket_ahead_of_now_is_not_in_the_window() -> None:
    recount = fed(oracle(model({"act": 1})), event("act", 5), event("act", 7, days_ago=-0.04))
    assert result(recount, now_ms=(TODAY - 1) * DAY_MS) == Result(0.0, 0.0, "inactive", "inactive", None)
    assert result(recount).raw == 12


def test_buckets_of_an_hour_start_on_the_hour() -> None:
    scoring = Scoring(3600, ("act",), (model({"act": 1}, window=1),))
    recount = Oracle(scoring)
    recount.feed({"event": "act", "user_id": "u", "ts": NOW_MS}, NOW_MS)
    recount.feed({"event": "act", "user_id": "u", "ts": NOW_MS - 1}, NOW_MS)
    assert recount.counts()[Kind.USER, "u"] == {(480_001, "act"): 10**6, (480_000, "act"): 10**6}
    assert result(recount).raw == 1


def test_cap_bounds_each_kind_per_type_and_bucket() -> None:
    capped = model({"act": Weight(2, cap_user=3, cap_account=4), "free": 1}, kinds=(Kind.USER, Kind.ACCOUNT))
    recount = oracle(capped)
    for user in ("u", "v"):
        fed(recount, event("act", 100, user=user, account_id="a"), event("free", 100, user=user, account_id="a"))
    fed(recount, event("act", 100, account_id="a", days_ago=1))
    assert result(recount, "a/u").raw == 2 * 3 + 100 + 2 * 3
    assert result(recount, "a/v").raw == 2 * 3 + 100
    assert result(recount, "a", "account").raw == 2 * 4 + 200 + 2 * 4


def test_negative_weight_takes_away_and_raw_stops_at_0() -> None:
    mixed = model({"act": 2, "ticket": -5})
    assert result(fed(oracle(mixed), event("act", 4), event("ticket"))).raw == 3
    low = result(fed(oracle(mixed), event("act", 2), event("ticket", days_ago=3)))
    assert low == Result(0.0, 0.0, "at_risk", "scored", None)


def test_cancelling_decimals_are_exactly_0() -> None:
    recount = fed(oracle(model({"act": 0.1, "ticket": -0.3})), event("act", 3), event("ticket"))
    assert result(recount).raw == 0.0


# What counts


def test_duplicate_counts_once_and_an_id_that_did_not_count_is_not_remembered() -> None:
    recount = oracle(model({"act": 1}), exclude=["bot-*"])
    feed = recount.feed
    assert feed(event("nobody_knows", event_id="1"), NOW_MS) == "unknown_type"
    assert feed(event("act", user="bot-7", event_id="1"), NOW_MS) == "excluded"
    assert feed(event("act", event_id="1", days_ago=31), NOW_MS, now_ms=NOW_MS) == "late"
    assert feed(event("act", -1, event_id="1"), NOW_MS) == "dead_letter:bad_value"
    assert feed(event("act", 5, event_id="1"), NOW_MS) == "counted"
    assert feed(event("act", 7, event_id="1"), NOW_MS) == "duplicate"
    assert feed(event("act", 1), NOW_MS) == feed(event("act", 1), NOW_MS) == "counted"
    assert result(recount).raw == 7
    assert recount.outcomes["counted"] == 3


def test_ids_are_remembered_per_partition() -> None:
    assert partition_of("21", 2) != partition_of("abc", 2)
    twice = [event("act", account_id=account, event_id="1") for account in ("21", "abc")]
    everywhere = oracle(model({"act": 1}))
    assert [everywhere.feed(each, NOW_MS) for each in twice] == ["counted", "duplicate"]
    apart = oracle(model({"act": 1}), partitions=2)
    assert [apart.feed(each, NOW_MS) for each in twice] == ["counted", "counted"]
    home = partition_of("21", 2)
    assert apart.feed(event("act", account_id="21"), NOW_MS, partition=1 - home) == "dead_letter:wrong_partition"
    assert apart.feed(event("act", account_id="21"), NOW_MS, partition=home) == "counted"


def test_excluded_user_counts_neither_for_itself_nor_for_its_account() -> None:
    both = model({"act": 1}, kinds=(Kind.USER, Kind.ACCOUNT))
    recount = fed(oracle(both, exclude=["*@us.example", "bot-?"]), event("act", user="BOT-1", account_id="a"))
    for user in ("ann@us.example", "bot-1"):
        assert recount.feed(event("act", user=user, account_id="a"), NOW_MS) == "excluded"
    assert recount.counts() == {
        (Kind.USER, "a/BOT-1"): {(TODAY, "act"): 10**6},
        (Kind.ACCOUNT, "a"): {(TODAY, "act"): 10**6},
    }


def test_member_ids_tell_accounts_and_users_with_slashes_apart() -> None:
    recount = oracle(model({"act": 1}))
    fed(recount, event("act", user="b/c%", account_id="a"), event("act", user="c%", account_id="a/b"))
    fed(recount, event("act", user="a/b%", account_id=None))
    users = {entity_id for kind, entity_id in recount.counts() if kind is Kind.USER}
    assert users == {"a/b/c%", "a%2Fb/c%", "a%2Fb%25"}
    assert {entity_id for kind, entity_id in recount.counts() if kind is Kind.ACCOUNT} == {"a", "a/b"}


@pytest.mark.parametrize(
    ("value", "micros"),
    [(1, 10**6), (0.1, 10**5), (0.0000005, 0), (0.0000015, 2), (0.0000025, 2), (1.0000005, 10**6), (1e9, 10**15)],
)
def test_value_is_rounded_half_even_to_a_millionth(value: float, micros: int) -> None:
    recount = fed(oracle(model({"act": 1})), event("act", value))
    assert recount.counts() == {(Kind.USER, "u"): {(TODAY, "act"): micros}}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"event": None}, "missing_field"),
        ({"user_id": 5}, "bad_type"),
        ({"account_id": ""}, "bad_type"),
        ({"event_id": "a\nb"}, "bad_type"),
        ({"user_id": "é" * 257}, "bad_type"),
        ({"value": "5"}, "bad_value"),
        ({"value": True}, "bad_value"),
        ({"value": math.nan}, "bad_value"),
        ({"value": 1e9 + 1}, "bad_value"),
        ({"ts": "2024-10-04T01:00:00"}, "bad_timestamp"),
        ({"ts": "2024-02-30T01:00:00Z"}, "bad_timestamp"),
        ({"ts": NOW_MS + 3_600_001}, "in_future"),
    ],
)
def test_unusable_records_are_named(change: dict[str, object], reason: str) -> None:
    recount = oracle(model({"act": 1}))
    assert recount.feed(event("act") | change, NOW_MS) == f"dead_letter:{reason}"
    assert recount.counts() == {}


def test_an_hour_ahead_of_the_smaller_clock_is_not_yet_the_future() -> None:
    recount, ahead = oracle(model({"act": 1})), event("act", days_ago=-1 / 24)
    assert recount.feed(ahead, NOW_MS) == recount.feed(ahead, NOW_MS + 1, now_ms=NOW_MS) == "counted"
    assert recount.feed(ahead, NOW_MS + 1, now_ms=NOW_MS - 1) == "dead_letter:in_future"
    assert recount.feed(ahead, -1) == "counted"


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (b"", "dead_letter:empty"),
        (None, "dead_letter:empty"),
        (b"{", "dead_letter:not_json"),
        (b'{"value": NaN}', "dead_letter:not_json"),
        (b"[1]", "dead_letter:not_an_object"),
        (b'"' + b"x" * 131_072 + b'"', "dead_letter:too_large"),
        (b'{"type": "account", "account_id": "a", "traits": {"plan": "pro"}}', "trait"),
        (json.dumps(event("act")).encode(), "counted"),
    ],
)
def test_bytes_are_read_as_json(raw: bytes | None, outcome: str) -> None:
    assert oracle(model({"act": 1})).feed(raw, NOW_MS) == outcome


@pytest.mark.parametrize(
    ("ts", "ms"),
    [
        (1_728_003_600, 1_728_003_600_000),
        (1_728_003_600.9999, 1_728_003_600_999),
        (1_728_003_600_123, 1_728_003_600_123),
        ("2024-10-04T01:00:00Z", 1_728_003_600_000),
        ("2024-10-04t03:30:00.1239+02:30", 1_728_003_600_123),
    ],
)
def test_times_are_read_to_the_millisecond(ts: object, ms: int) -> None:
    recount = oracle(model({"act": 1}))
    assert recount.feed({"event": "act", "user_id": "u", "ts": ts}, ms) == "counted"
    assert recount.largest_ts_ms == ms


# Benchmark and states


def test_too_few_active_entities_wait_for_a_benchmark_or_use_the_initial_one() -> None:
    waiting = model({"act": 1}, curve=Curve(), benchmark=BenchmarkRule(min_population=3))
    crowd = [event("act", 5), event("act", 9, user="v"), event("seen", user="silent")]
    recount = fed(oracle(waiting), *crowd)
    assert recount.benchmarks(NOW_MS) == {("points", "user"): (None, 2)}
    assert result(recount) == Result(None, 5.0, None, "warming_up", None)
    assert result(recount, "silent") == Result(1.0, 0.0, "inactive", "inactive", None)

    initial = replace(waiting, curve=Curve(Shape.LINEAR), benchmark=BenchmarkRule(min_population=3, initial=10.0))
    recount = fed(oracle(initial), *crowd)
    assert recount.benchmarks(NOW_MS) == {("points", "user"): (10.0, 2)}
    assert result(recount) == Result(50.5, 5.0, "healthy", "scored", 10.0)


def test_benchmark_is_of_the_active_of_the_same_kind() -> None:
    both = model(
        {"act": 1, "ticket": -1},
        kinds=(Kind.USER, Kind.ACCOUNT),
        curve=Curve(Shape.LINEAR),
        benchmark=BenchmarkRule(percentile=50, min_population=1),
    )
    recount = oracle(both)
    fed(recount, event("act", 10, account_id="a"), event("act", 30, user="v", account_id="a"))
    fed(recount, event("ticket", 5, user="w", account_id="a"), event("act", 99, user="gone", days_ago=30))
    assert recount.benchmarks(NOW_MS) == {("points", "user"): (20.0, 2), ("points", "account"): (35.0, 1)}
    assert result(recount, "a/w") == Result(1.0, 0.0, "at_risk", "scored", 20.0)
    assert result(recount, "a/u") == Result(50.5, 10.0, "healthy", "scored", 20.0)


def test_an_entity_goes_inactive_and_then_away() -> None:
    short, long = model({"act": 1}, name="short", window=2), model({"act": 1}, name="long", window=4)
    recount = fed(oracle(short, long), event("act"))
    states = [
        {name: r.state for (name, _, _), r in recount.results(NOW_MS + days * DAY_MS).items()} for days in range(5)
    ]
    scored, inactive = {"short": "scored", "long": "scored"}, {"short": "inactive", "long": "scored"}
    assert states == [scored, scored, inactive, inactive, {}]
    assert recount.gone(NOW_MS + 3 * DAY_MS) == set()
    assert recount.gone(NOW_MS + 4 * DAY_MS) == {("short", "user", "u"), ("long", "user", "u")}


def test_an_event_of_weight_0_or_unnamed_in_the_model_leaves_it_inactive_and_a_value_of_0_does_not() -> None:
    recount = fed(oracle(model({"act": 1, "idle": 0})), event("idle"), event("seen"), event("act", 0, user="zero"))
    assert result(recount) == Result(0.0, 0.0, "inactive", "inactive", None)
    assert result(recount, "zero") == Result(0.0, 0.0, "at_risk", "scored", None)


# Bands


@pytest.mark.parametrize(
    ("score", "band"),
    [(-5, "at_risk"), (24.999, "at_risk"), (25, "low"), (50, "healthy"), (74.999, "healthy"), (75, "champion")],
)
def test_lower_bounds_are_inclusive(score: float, band: str) -> None:
    assert band_of(DEFAULT_BANDS, score) == band
    assert band_of(DEFAULT_BANDS[::-1], score) == band


@pytest.mark.parametrize(
    ("previous", "score", "band"),
    [
        (None, 50, "healthy"),
        ("inactive", 50, "healthy"),
        ("of an older file", 50, "healthy"),
        ("low", 50, "low"),
        ("low", 51.999, "low"),
        ("low", 52, "healthy"),
        ("low", 76, "champion"),
        ("at_risk", 51, "healthy"),
        ("healthy", 48, "healthy"),
        ("healthy", 47.999, "low"),
        ("healthy", 3, "at_risk"),
        ("champion", 100, "champion"),
        ("at_risk", 1, "at_risk"),
    ],
)
def test_a_band_is_left_by_its_own_bound_and_the_margin(previous: str | None, score: float, band: str) -> None:
    assert band_after(DEFAULT_BANDS, 2.0, previous, score) == band


# compare


def test_compare_names_every_difference_and_nothing_else() -> None:
    results = {
        ("m", "user", "a:b/c"): Result(50.0, 10.0, "healthy", "scored", 20.0),
        ("m", "user", "w"): Result(None, 10.0, None, "warming_up", None),
        ("m", "account", "x"): Result(1.0, 0.0, "inactive", "inactive", 20.0),
    }
    good: dict[str, dict[str, object]] = {
        "scorer:score:m:user:a:b/c": {
            "score": 50.00000000001,
            "raw": 10,
            "band": "healthy",
            "state": "scored",
            "benchmark": 20,
        },
        "scorer:score:m:user:w": {"score": None, "raw": 10.0, "band": None, "state": "warming_up", "benchmark": None},
        "scorer:score:m:account:x": {
            "score": 1,
            "raw": 0,
            "band": "inactive",
            "state": "inactive",
            "benchmark": 20.0,
        },
        "scorer:score:m:user:old": {"score": 1, "raw": 0, "band": "inactive", "state": "inactive", "benchmark": None},
        "scorer:partition:0": {"at": 1},
        "other:score:m:user:z": {},
    }
    gone = {("m", "user", "old")}
    assert compare(results, good, gone=gone) == []
    assert compare(results, good) == [f"surplus: m:user:old, found {good['scorer:score:m:user:old']}"]

    bad = {key: dict(document) for key, document in good.items()}
    del bad["scorer:score:m:account:x"]
    bad["scorer:score:m:user:old"]["state"] = "scored"
    bad["scorer:score:m:user:w"] |= {"score": 1.0, "state": "scored"}
    bad["scorer:score:m:user:a:b/c"] |= {"score": 50.0000001, "band": "low", "raw": "10"}
    del bad["scorer:score:m:user:a:b/c"]["benchmark"]
    assert compare(results, bad, gone=gone) == [
        f"missing: m:account:x, expected {results['m', 'account', 'x']}",
        "m:user:old: no event left, but state is 'scored'",
        "m:user:a:b/c: band is 'low', expected 'healthy'",
        "m:user:a:b/c: score is 50.0000001, expected 50.0",
        "m:user:a:b/c: raw is '10', expected 10.0",
        "m:user:a:b/c: benchmark is 'no such field', expected 20.0",
        "m:user:w: state is 'scored', expected 'warming_up'",
        "m:user:w: score is 1.0, expected None",
    ]
    assert not any("band is" in difference for difference in compare(results, bad, gone=gone, without_bands=["m"]))


# Traits and peer groups


def traits(account: str, **told: object) -> dict[str, object]:
    return {"type": "account", "account_id": account, "traits": told}


def tell(recount: Oracle, *records: Mapping[str, object], now_ms: int = NOW_MS) -> Oracle:
    for record in records:
        assert recount.feed(record, NOW_MS, now_ms=now_ms) == "trait"
    return recount


def by_plan(percentile: float = 90.0, initial: float | None = None) -> Oracle:
    rule = BenchmarkRule(percentile, 2, initial, ("plan", "region"))
    return oracle(model({"act": 1}, kinds=(Kind.USER, Kind.ACCOUNT), curve=Curve(Shape.LINEAR), benchmark=rule))


def test_traits_are_merged_by_name_and_taken_away_by_null() -> None:
    recount = tell(oracle(model({"act": 1})), traits("a", plan="pro", licenses=50.0, trial=False), traits("b", x=1))
    tell(recount, traits("a", plan=None, licenses=50), traits("b", x=None))
    assert recount.traits == {"a": {"licenses": "50", "trial": "false"}}


def test_what_can_be_no_trait_is_a_dead_letter() -> None:
    recount = oracle(model({"act": 1}))
    bad: list[tuple[dict[str, object], str]] = [
        (traits("a", x=[1]), "bad_type"),
        (traits("a", x="x" * 257), "bad_value"),
        (traits("a", **{"": 1}), "bad_value"),
        (traits("a", **{f"t{n}": n for n in range(65)}), "bad_value"),
        ({"type": "account", "account_id": "a"}, "missing_field"),
        ({"type": "account", "account_id": "a", "traits": "pro"}, "bad_type"),
    ]
    for record, reason in bad:
        assert recount.feed(record, NOW_MS) == f"dead_letter:{reason}"
    tell(recount, traits("a", **{f"t{n}": n for n in range(64)}))
    assert recount.feed(traits("a", one="more"), NOW_MS) == "dead_letter:bad_value"
    assert len(recount.traits["a"]) == 64


def test_a_group_that_is_too_small_has_its_parents_benchmark() -> None:
    recount = by_plan(percentile=100.0)
    tell(recount, traits("a", plan="pro", region="eu"), traits("b", plan="pro", region="us"), traits("c", region="eu"))
    for account, amount in (("a", 2), ("b", 4), ("c", 8)):
        fed(recount, event("act", amount, account_id=account))
    yardsticks = recount.group_benchmarks(NOW_MS)
    accounts = {group: found[:2] for (_, kind, group), found in yardsticks.items() if kind == "account"}
    assert accounts == {
        "all": (8.0, 3),
        "plan=pro": (4.0, 2),
        "plan=pro,region=eu": (4.0, 1),
        "plan=pro,region=us": (4.0, 1),
    }
    assert recount.benchmarks(NOW_MS)["points", "account"] == (8.0, 3)
    benchmarks = {name: result(recount, name, "account").benchmark for name in "abc"}
    assert benchmarks == {"a": 4.0, "b": 4.0, "c": 8.0}
    assert result(recount, "a/u").benchmark == 4.0  # a user is in its account's group
    assert result(recount, "b/u").score == 100.0


def test_with_too_few_everywhere_it_is_the_files() -> None:
    recount = fed(tell(by_plan(initial=10.0), traits("a", plan="pro")), event("act", 5, account_id="a"))
    assert result(recount, "a", "account").score == 50.5


def test_an_account_known_only_by_its_traits_was_never_used() -> None:
    recount = tell(by_plan(initial=10.0), traits("a", plan="pro"))
    assert result(recount, "a", "account") == Result(None, 0.0, None, "never_used", 10.0)
    fed(recount, event("act", days_ago=20, account_id="a"))
    assert result(recount, "a", "account").state == "scored"
    later = NOW_MS + 20 * DAY_MS
    assert result(recount, "a", "account", later).state == "inactive"
    assert ("points", "user", "a/u") in recount.gone(later)


def test_traits_that_come_to_an_account_of_old_events_leave_open_whether_it_was_forgotten() -> None:
    recount = fed(by_plan(initial=10.0), event("act", account_id="a"))
    later = NOW_MS + 40 * DAY_MS
    tell(recount, traits("a", plan="pro"), now_ms=later)
    assert ("points", "account", "a") not in recount.results(later)
    documents = {"scorer:score:points:account:a": {"state": "never_used", "score": None}}
    assert compare(recount.results(later), documents, gone=recount.gone(later)) == []


def test_an_account_that_lost_all_its_traits_is_gone() -> None:
    recount = tell(by_plan(), traits("a", plan="pro"), traits("a", plan=None))
    assert recount.results(NOW_MS) == {}
    assert recount.gone(NOW_MS) == {("points", "account", "a")}
