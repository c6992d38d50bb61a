"""Whatever comes, in whatever chunks, with whatever crashes: the partitions end where a naive recount does."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scorer.core.alert_columns import OPEN
from scorer.core.alert_documents import alert_id
from scorer.core.alert_rules import Rule, When
from scorer.core.model import Band, BenchmarkRule, Curve, HistoryDays, Kind, Model, Scoring, Shape, Weight
from scorer.core.outbox import SentAlert
from scorer.core.roster import entity_id
from tests.oracle import compare
from tests.oracle_calendar import bucket_of
from tests.property.harness import REDIS, Home, World, closes_of, fold_of, small_steps

TYPES = ("a", "b", "c", "d")
USERS = ("u", "v", "w/x", "50%", "ünï", "bot-1", "acme/u")
ACCOUNTS = (None, None, "acme", "acme/east", "100%", "ж")
BANDS = (Band("low", float("-inf")), Band("fair", 20.37), Band("good", 48.91), Band("best", 77.13))
"""Bounds that no score hits: on a bound the last bit decides, which is the unit tests' matter."""

BUCKETS_SECONDS = (86_400, 3_600, 900, 60)
BUSY = {"u": "acme", "v": None}
"""Users who come and go, and their accounts."""

HISTORIES = (HistoryDays(0, 0), HistoryDays(1, 3), HistoryDays(8, 8), HistoryDays(11, 8), HistoryDays())
"""A row is free once its history is over: with little of it rows are freed and used again soon."""

START_MS = 20_000 * 86_400_000 + 12_345_678

PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)
"""Explaining a failure takes minutes here."""

Op = tuple[Callable[..., None], dict[str, object]]

eighths = st.integers(1, 64).map(lambda n: n / 8)
"""Weights and values whose sums are exact: where terms cancel the oracle and float64 agree on 0."""


@st.composite
def models(draw: st.DrawFn, name: str) -> Model:
    half_life = draw(st.none() | st.sampled_from([0.5, 1.0, 2.5]))
    signed = eighths if half_life else eighths | eighths.map(lambda weight: -weight)
    weights = draw(st.dictionaries(st.sampled_from(TYPES), signed, min_size=1))
    caps = st.none() | eighths
    shape = draw(st.sampled_from([Shape.NONE, *Shape]))
    return Model(
        name,
        draw(st.sampled_from([(Kind.USER,), (Kind.ACCOUNT,), (Kind.USER, Kind.ACCOUNT)])),
        draw(st.integers(1, 5)),
        {event: Weight(weight, draw(caps), draw(caps)) for event, weight in weights.items()},
        half_life=half_life,
        benchmark=BenchmarkRule(
            draw(st.sampled_from([0.0, 37.5, 50.0, 90.0, 100.0])),
            draw(st.integers(1, 4)),
            draw(st.none() | eighths),
            draw(st.sampled_from([(), (), ("plan",), ("plan", "region")])),
        ),
        curve=Curve(shape, draw(st.sampled_from([0.5, 3.0, 6.0] + [None] * (shape is Shape.EXPONENTIAL)))),
        bands=BANDS,
        margin=0.0,
    )


@st.composite
def rules(draw: st.DrawFn, name: str, model: Model) -> Rule:
    when = draw(st.sampled_from(When))
    return Rule(
        name,
        model.name,
        draw(st.sampled_from(model.kinds)),
        when,
        None if when is When.BAND_CHANGED else draw(st.sampled_from([7.7, 33.3, 81.9])),
        draw(st.sampled_from([(), ("low",), ("best", "inactive")])) if when is When.BAND_CHANGED else (),
        draw(st.sampled_from([0, 0, 1_000_000, 100_000_000])),
        margin=model.margin,
        hold_ms=model.hold_ms,
        model_bands=tuple(band.name for band in model.bands),
        model_hash=model.hash,
    )


@st.composite
def scorings(draw: st.DrawFn) -> Scoring:
    scored = tuple(draw(models(name)) for name in draw(st.sampled_from([("one",), ("one", "two")])))
    watched = draw(st.lists(st.sampled_from(scored), max_size=2))
    return Scoring(
        draw(st.sampled_from(BUCKETS_SECONDS)),
        TYPES,
        scored,
        draw(st.sampled_from([(), ("bot-*",), ("*%", "v")])),
        tuple(draw(rules(f"rule-{number}", model)) for number, model in enumerate(watched)),
        history=draw(st.sampled_from(HISTORIES)),
    )


events = st.fixed_dictionaries(
    {
        "event": st.sampled_from([*TYPES * 3, "unheard of"]),
        "user_id": st.sampled_from(USERS),
        "account_id": st.sampled_from(ACCOUNTS),
        "event_id": st.none() | st.integers(0, 30).map(str),
        "ts": st.sampled_from([-0.01, -0.3, -0.6, 0.1]) | st.floats(-2, 0) | st.floats(-5, 0) | st.floats(0, 2),
        "value": st.none() | st.just(0) | eighths,
    }
)
"""`ts` is in buckets, or ahead in hours, from the clock."""

trait_values = st.sampled_from(["pro", "free", "", "a,b=c/%", 50, 50.0, 0.25, True, None, None]) | st.just([1])
account_records = st.fixed_dictionaries(
    {
        "type": st.just("account"),
        "account_id": st.sampled_from(["acme", "acme/east", "100%", "ж", "known by traits only"]),
        "traits": st.dictionaries(st.sampled_from(["plan", "region", "licenses"]), trait_values, max_size=3),
    }
)

few = st.integers(0, 6)
betweens = st.lists(st.integers(0, 3), max_size=4)
crashes = st.none() | st.integers(0, 15)


def op(what: Callable[..., None], **arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Op]:
    return st.tuples(st.just(what), st.fixed_dictionaries(arguments))


def produce(world: World, told: list[dict[str, object]], gap: int, astray: bool, junk: bool) -> None:
    for each in told:
        ago = each["ts"]
        assert isinstance(ago, float)
        ms = int(ago * world.scoring.bucket_seconds * 1000) if ago < 0 else int(ago * 3_600_000)
        record = {name: value for name, value in each.items() if value is not None} | {"ts": world.now_ms + ms}
        key = str(each["account_id"] or each["user_id"])
        world.produce(json.dumps(record).encode(), key, world.now_ms, gap=gap, partition=0 if astray else None)
    if junk:
        world.produce(b"not json", "x", world.now_ms)


def tell_traits(world: World, told: list[dict[str, object]], among: list[dict[str, object]], astray: bool) -> None:
    """Account records, each behind an event if there is one left."""
    for at, record in enumerate(told):
        produce(world, among[at : at + 1], 0, False, False)
        world.produce(
            json.dumps(record).encode(), str(record["account_id"]), world.now_ms, partition=0 if astray else None
        )


def at_home(world: World, at: int) -> Home:
    """One of the partitions, owned."""
    home = world.homes[at % len(world.homes)]
    if home.owner is None:
        assert world.own(home)
    return home


def apply(world: World, at: int, records: int, overlap: int) -> None:
    world.apply(at_home(world, at), records, overlap)


def score(
    world: World,
    at: int,
    between: list[int],
    sweep_rows: int | None,
    steps: int | None,
    moves_wait: bool,
    rules_paused: bool,
) -> None:
    world.score(at_home(world, at), between, sweep_rows, steps, moves_wait=moves_wait, rules_paused=rules_paused)


def flush(world: World, at: int, crash_at: int | None, between: list[int]) -> None:
    world.flush(at_home(world, at), crash_at, between)


def redis_takes(world: World, at: int, batches: int) -> None:
    world.redis_takes(at_home(world, at), batches)


def restart(world: World, at: int, crash_at: int | None) -> None:
    home = world.homes[at % len(world.homes)]
    world.crash(home)
    world.own(home, crash_at)


def own_again(world: World, at: int) -> None:
    assert world.own(at_home(world, at))


def work(
    world: World, at: int, scored: bool, crash_at: int | None, between: list[int], batches: int, dies: bool
) -> None:
    """What a worker does all the time; it may die in the flush, or when Redis took some of it and nobody was told."""
    home = at_home(world, at)
    world.apply(home, 20)
    if scored:
        world.score(home, between)
    if not world.flush(home, crash_at, between):
        return
    if not dies:
        world.redis_takes(home, batches)
        return
    for batch in home.queue[:batches]:
        world.redis.take(batch)
    world.crash(home)


def exchange(world: World) -> None:
    for home in world.homes:
        at_home(world, home.partition)
    world.exchange()


def tick(world: World, buckets: float) -> None:
    world.now_ms += int(buckets * world.scoring.bucket_seconds * 1000)


def live(
    world: World,
    told: list[list[dict[str, object]]],
    skipped: int,
    sweep_rows: int | None,
    crash_at: int | None,
    batches: int,
    at: int,
) -> None:
    """Days go by, with events on each, and a worker that scores; it may die in the end. `skipped` days it is away."""
    for number, of_day in enumerate(told):
        world.now_ms += 86_400_000 * (skipped if number == 0 else 1)
        produce(world, of_day, 0, False, False)
        for home in world.homes:
            last = number == len(told) - 1 and home is world.homes[at % len(world.homes)]
            world.apply(at_home(world, home.partition), len(of_day))
            world.score(home, sweep_rows=sweep_rows)
            work(world, home.partition, False, crash_at if last else None, [], batches, False)


def come_and_go(
    world: World, present: list[str], crash_at: int | None, batches: int, dies: bool, sweep_rows: int | None
) -> None:
    """Buckets go by, each with other users, and a worker scores in each; it may die in the last."""
    for number, users in enumerate(present):
        tick(world, 1.0)
        told: list[dict[str, object]] = [
            {"event": "a", "user_id": user, "account_id": BUSY[user], "ts": -0.01, "value": 4 + number}
            for user in users
        ]
        produce(world, told, 0, False, False)
        world.apply(at_home(world, 0), len(told))
        world.score(world.homes[0], sweep_rows=sweep_rows)
        last = number == len(present) - 1
        work(world, 0, False, crash_at if last else None, [], batches, dies and last)


floors = st.sampled_from([0, 1_000, 10**9])
"""From which size of its journal on a partition takes snapshots."""

where = st.integers(0, 2)
work_ops = op(
    work,
    at=where,
    scored=st.sampled_from([True, True, False]),
    crash_at=crashes,
    between=betweens,
    batches=few,
    dies=st.booleans(),
)
ops = st.one_of(
    op(produce, told=st.lists(events, max_size=8), gap=st.integers(0, 1), astray=st.booleans(), junk=st.booleans()),
    op(
        produce,
        told=st.lists(events, min_size=3, max_size=12),
        gap=st.just(0),
        astray=st.just(False),
        junk=st.just(False),
    ),
    op(
        tell_traits,
        told=st.lists(account_records, min_size=1, max_size=6),
        among=st.lists(events, max_size=6),
        astray=st.sampled_from([False, False, True]),
    ),
    op(apply, at=where, records=st.integers(0, 12), overlap=st.integers(0, 2)),
    op(
        score,
        at=where,
        between=betweens,
        sweep_rows=st.none() | st.integers(0, 6),
        steps=st.none() | st.integers(0, 4),
        moves_wait=st.booleans(),
        rules_paused=st.booleans(),
    ),
    op(flush, at=where, crash_at=crashes, between=betweens),
    op(flush, at=where, crash_at=st.none(), between=betweens),
    op(redis_takes, at=where, batches=few),
    op(restart, at=where, crash_at=crashes),
    op(own_again, at=where),
    work_ops,
    work_ops,
    work_ops,
    op(exchange),
    op(tick, buckets=st.sampled_from([0.01, 0.3, 0.3, 1.0, 2.5, 6.0])),
)
few_ops = st.lists(ops, max_size=12)
many_ops = st.lists(ops, min_size=12, max_size=60)


alerting_ops = st.lists(
    st.one_of(
        op(
            come_and_go,
            present=st.lists(st.sampled_from(["", "u", "v", "uv"]), min_size=3, max_size=6),
            crash_at=crashes,
            batches=few,
            dies=st.booleans(),
            sweep_rows=st.none() | st.integers(0, 3),
        ),
        ops,
    ),
    min_size=6,
    max_size=24,
)


@st.composite
def alerting_scorings(draw: st.DrawFn) -> Scoring:
    """Whoever comes or goes crosses some bound."""
    weight = {"a": Weight(10.0)}
    margin, window = draw(st.sampled_from([1.5, 0.0])), draw(st.integers(1, 2))
    model = Model("one", (Kind.USER, Kind.ACCOUNT), window, weight, curve=Curve(Shape.NONE), bands=BANDS, margin=margin)
    watching = [
        replace(draw(rules("", model)), name="any", when=When.CROSSED_ABOVE, threshold=33.3, bands=()),
        replace(draw(rules("", model)), name="few", when=When.CROSSED_BELOW, threshold=61.2, bands=(), cooldown_ms=0),
        replace(draw(rules("", model)), name="band", when=When.BAND_CHANGED, threshold=None),
    ]
    return Scoring(900, TYPES, (model,), alerts=tuple(watching), history=draw(st.sampled_from(HISTORIES[:2])))


def run(world: World, told: list[Op], more: list[Op]) -> None:
    for home in world.homes:
        assert world.own(home)
    world.exchange()
    for what, arguments in told:
        what(world, **arguments)
    world.settle()  # at rest once, so that what then is lost isn't told again for a benchmark that moved
    for what, arguments in more:
        what(world, **arguments)
    world.settle()


@settings(max_examples=120, phases=PHASES)
@given(scorings(), st.sampled_from([1, 3]), floors, st.sampled_from([None, 1, 4]), many_ops, few_ops)
def test_partitions_end_where_a_naive_recount_does(
    scoring: Scoring, partitions: int, floor: int, sweep_rows: int | None, told: list[Op], more: list[Op]
) -> None:
    world = World(scoring, partitions, START_MS, floor=floor, sweep_rows=sweep_rows)
    with small_steps():
        run(world, told, more)
    check_ends_right(world)


def check_ends_right(world: World) -> None:
    """A world at rest is what a naive recount of all that was read says."""
    oracle, scoring = world.oracle(), world.scoring
    now_bucket = bucket_of(world.now_ms, scoring.bucket_seconds * 1000, scoring.timezone)
    first_bucket = now_bucket - scoring.retention + 1
    assert world.counts(first_bucket) == oracle.counts(world.now_ms)
    assert world.traits() == oracle.traits
    assert compare(oracle.results(world.now_ms), world.redis.documents, gone=oracle.gone(world.now_ms)) == []
    for (model, kind, group), right in oracle.group_benchmarks(world.now_ms).items():
        of = next(each for each in world.scoring.models if each.name == model)
        (basis,) = world.benchmarks.bases(of, Kind[kind.upper()], [group])
        assert basis.population == right.population or group != "all"
        assert (basis.benchmark is None) == (right.benchmark is None)
        assert math.isclose(basis.benchmark or 0.0, right.benchmark or 0.0)
        assert basis.steepness is None or math.isclose(basis.steepness, right.steepness)
    check_alerts(world)
    for home in world.homes:
        assert oracle_refusals(world, home) <= home.refused
        assert home.committed is None or home.committed <= (home.state.position or 0)


def check_alerts(world: World) -> None:
    """None is lost, doubled but with its id, or orphaned: what fired and didn't resolve is open."""
    told = [{name: alert[name] for name in ("id", "state")} for alert in alerts_of(world.alerts_in_kafka)]
    in_kafka, in_redis = (
        {(alert["id"], alert["state"]) for alert in alerts_of(sent)}
        for sent in (world.alerts_in_kafka, world.redis.alerts)
    )
    assert in_kafka == in_redis
    fired, resolved = ({id_ for id_, state in in_kafka if state == wanted} for wanted in ("fired", "resolved"))
    assert resolved <= fired
    for id_ in resolved:
        states = [alert["state"] for alert in told if alert["id"] == id_]
        assert states[0] == "fired"
        assert states[-1] == "resolved"
    assert fired - resolved == {id_ for home in world.homes for id_ in open_alerts(home)}


def alerts_of(sent: list[SentAlert]) -> list[dict[str, object]]:
    return [json.loads(alert) for _, alert in sent]


def open_alerts(home: Home) -> Iterator[str]:
    """The ids of the alerts that are open by the partition's state."""
    for held in home.state.rules.states.values():
        rule, entries = held.rule, held.columns().entries
        for row, flags, episode in zip(entries["row"], entries["flags"], entries["episode"], strict=True):
            key = home.state.roster.keys[row]
            if flags & OPEN and key is not None:
                yield alert_id("scorer", rule.model, rule.name, rule.kind, entity_id(key), int(episode))


def oracle_refusals(world: World, home: Home) -> set[int]:
    """The offsets of a partition that belong to the dead letters."""
    recount = type(world.oracle())(world.scoring, partitions=len(world.homes))
    outcomes = {
        offset: recount.feed(record, ms, now_ms=home.applied_at[offset], partition=home.partition)
        for offset, ms, record in home.source
    }
    return {offset for offset, outcome in outcomes.items() if outcome.startswith("dead_letter")}


lives = op(
    live,
    told=st.lists(st.lists(events, max_size=3), min_size=1, max_size=9),
    skipped=st.sampled_from([1, 1, 1, 2, 6, 8, 13]),
    sweep_rows=st.none() | st.integers(0, 4),
    crash_at=crashes,
    batches=few,
    at=where,
)
lived_ops = st.lists(st.tuples(lives, st.lists(ops, max_size=3)), min_size=3, max_size=8).map(
    lambda lived: [each for days, others in lived for each in (days, *others)]
)


@settings(max_examples=120, phases=PHASES)
@given(scorings(), st.sampled_from([1, 1, 3]), floors, lived_ops, few_ops)
def test_history_and_every_delta_follow_from_what_was_told(
    scoring: Scoring, partitions: int, floor: int, told: list[Op], more: list[Op]
) -> None:
    world = World(scoring, partitions, START_MS, floor=floor)
    with small_steps():
        run(world, told, more)
    check_history(world)


def check_history(world: World) -> None:
    """What was told follows from what was told before."""
    for home in world.homes:
        history = home.history
        history.reach(history.day(world.now_ms / 1000))
        assert history.differences == []
        assert history.compare(closes_of(home.state)) == []
        for (model, kind, entity), _ in history.told.items():
            document = world.redis.documents[f"scorer:score:{model}:{kind.label}:{entity}"]
            history.check((model, kind, entity), document["delta"])  # type: ignore[arg-type]
        assert history.differences == []


@settings(max_examples=80, phases=PHASES)
@given(alerting_scorings(), floors, st.sampled_from([None, 1, 4]), alerting_ops)
def test_alerts_are_neither_lost_nor_doubled_nor_orphaned(
    scoring: Scoring, floor: int, sweep_rows: int | None, told: list[Op]
) -> None:
    """In a world where most examples alert, some many times."""
    world = World(scoring, 1, START_MS, floor=floor, sweep_rows=sweep_rows)
    with small_steps():
        run(world, told, [])
    check_alerts(world)
    live = fold_of(world.homes[0].state)
    world.restart(world.homes[0])
    assert fold_of(world.homes[0].state) == live


@settings(max_examples=60, phases=PHASES)
@given(scorings(), st.data(), st.sampled_from([4, 1_000]), floors, many_ops)
def test_a_restore_brings_back_what_was_live(
    scoring: Scoring, data: st.DataObject, dedupe_ids: int, floor: int, told: list[Op]
) -> None:
    """Also with ids forgotten, and with models and windows that change between runs."""
    world = World(scoring, 1, START_MS, dedupe_ids=dedupe_ids, floor=floor)
    (home,) = world.homes
    with small_steps():
        run(world, told, [])
        for _ in range(2):
            other = data.draw(scorings())
            world.scoring = replace(other, bucket_seconds=scoring.bucket_seconds, timezone=scoring.timezone)
            world.restart(home)
            run(world, [], data.draw(few_ops))
        check_alerts(world)
        live = fold_of(home.state)
        world.crash(home)
        assert world.own(home)
        assert fold_of(home.state) == live


@settings(max_examples=40, phases=PHASES)
@given(scorings(), floors, many_ops)
def test_a_clean_restart_tells_redis_nothing(scoring: Scoring, floor: int, told: list[Op]) -> None:
    world = World(scoring, 1, START_MS, floor=floor)
    (home,) = world.homes
    with small_steps():
        run(world, told, [])
        assert home.state.redis_id in ("", REDIS)
        written = len(world.redis.written)
        world.restart(home)
        world.settle()
        world.exchange()
        world.settle()
    assert world.redis.written[written:] == []
