"""The naive recount: SCORING 1, 2 and 4 written down once more, slowly, and sharing no code with what it judges.

It keeps a dict of counts and recomputes every score from nothing. Sums are decimals of 60 digits, so `raw` is the
float64 nearest to the true value; only the curves use float functions. Where the design is silent, it decides:

Rule 1: an event that isn't `counted` leaves no trace: no entity, no count, and its id isn't remembered.
Rule 2: without `now_ms`, `feed` calls nothing late. Lateness can't change a score (a late event lies outside every
    window, and `now` never goes back); it decides only which of two events with the same id counts, and who exists.
Rule 3: an event of value 0 is an event: whoever has one in the window isn't inactive.
Rule 4: an entity exists while it has a counted event within the retention (or ahead of `now`), an account also while
    it has traits. One with older events only is absent from `results`; `gone` names it, and Redis may still hold its
    last write, `inactive` (or `never_used`, of an account that had only traits and has none now).
Rule 5: an account with traits but no event within the retention is `never_used` if none of its events ever counted,
    else `inactive`. If it had no traits either for a while, it may have been forgotten meanwhile: either is right,
    and it is in `gone`.
Rule 6: the first state that fits: raw 0 without a benchmark is `warming_up`, not 1.
Rule 7: first seen is a function of the days of the counted events alone, in whatever order they came: a day more than
    400 days behind the one before it starts anew.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import quote

from scorer.core.model import Band, Curve, Kind, Model, Scoring, Shape
from tests.oracle_calendar import bucket_of
from tests.oracle_input import (
    MAX_TRAITS,
    MICRO,
    UnusableRecordError,
    as_native,
    calls_of,
    counted,
    decimal_of,
    is_account_record,
    member_id,
    parsed,
    partition_of,
    told,
)
from tests.oracle_rules import NEWEST, OLDEST, Rules, self_benchmark, tenure_factor

Entity = tuple[Kind, str]
Cell = tuple[int, str]
"""Bucket and event type."""

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
REMEMBERED_DAYS = 400
"""For how long after somebody's last event we remember when they were first seen (decision 10)."""
EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Result:
    """One entity in one model. `band` is that of the score alone (margin 0): see `band_after` for a margin."""

    score: float | None
    raw: float
    band: str | None
    state: str
    benchmark: float | None


class Yardstick(NamedTuple):
    """What a peer group's members are measured with, and how many of them are active. `steepness`: the curve's k.

    The benchmark is that of the nearest group around it that is large enough, else the file's `initial`, with k 3
    where it is `auto`.
    """

    benchmark: float | None
    population: int
    steepness: float


class Oracle:
    """Counts events one at a time; tells all scores of any moment.

    With `partitions`, event ids are remembered per input partition, as a worker does it (the same id in accounts of
    two partitions counts twice); without, over everything. `rules`: of a model, by its name.
    """

    def __init__(
        self, scoring: Scoring, *, partitions: int | None = None, rules: Mapping[str, Rules] | None = None
    ) -> None:
        self.scoring = scoring
        self.rules = rules or {}
        self.partitions = partitions
        self.outcomes: dict[str, int] = defaultdict(int)
        self.largest_ts_ms: int | None = None
        """Of the counted events."""
        self._seen: set[tuple[int, str]] = set()
        self._cells: dict[str, dict[Cell, int]] = defaultdict(lambda: defaultdict(int))
        self._members: dict[str, set[str]] = defaultdict(set)
        self._account_of: dict[str, str] = {}
        self.traits: dict[str, dict[str, str]] = {}
        """Of every account that has any."""
        self.once_told: set[tuple[str, str]] = set()
        """Every trait's name and value that any account ever had."""
        self.once_had_traits: set[str] = set()
        self._perhaps_forgotten: set[str] = set()

    def feed(
        self,
        event: Mapping[str, object] | bytes | None,
        record_timestamp_ms: int,
        *,
        now_ms: int | None = None,
        partition: int | None = None,
    ) -> str:
        """Takes a record's value; returns its outcome, as the metric names it, or `dead_letter:` and the reason.

        Of a batch those of its calls, with commas between.

        `now_ms`: the worker's clock at that moment, for `late` and `in_future`. `partition`: where the record stood.
        A negative `record_timestamp_ms` is unknown.
        """
        try:
            calls = calls_of(parsed(event))
        except UnusableRecordError:
            calls = None
        if calls is not None:
            return ", ".join(self.feed(call, record_timestamp_ms, now_ms=now_ms, partition=partition) for call in calls)
        try:
            outcome = self._count(event, record_timestamp_ms, now_ms, partition)
        except UnusableRecordError as rejected:
            outcome = f"dead_letter:{rejected}"
        self.outcomes[outcome] += 1
        return outcome

    def _count(
        self, event: Mapping[str, object] | bytes | None, record_ms: int, now_ms: int | None, partition: int | None
    ) -> str:
        record = as_native(parsed(event))
        if record is None:
            return "trait"
        if is_account_record(record):
            return self._tell(*told(record), now_ms, partition)
        said = counted(record)
        home = self._home(said.account or said.user, partition)
        clocks = [ms for ms in (record_ms if record_ms >= 0 else None, now_ms) if ms is not None]
        if clocks and said.ts_ms > min(clocks) + HOUR_MS:
            raise UnusableRecordError("in_future")
        bucket = self._bucket(said.ts_ms)
        if now_ms is not None and bucket < self._oldest(now_ms):
            return "late"
        if any(fnmatchcase(said.user, pattern) for pattern in self.scoring.exclude_users):
            return "excluded"
        if said.event not in self.scoring.events:
            return "unknown_type"
        if said.event_id is not None:
            if (home, said.event_id) in self._seen:
                return "duplicate"
            self._seen.add((home, said.event_id))
        member = member_id(said.account, said.user)
        self._cells[member][bucket, said.event] += said.micros
        if said.account is not None:
            self._members[said.account].add(member)
            self._account_of[member] = said.account
            self._perhaps_forgotten.discard(said.account)
        self.largest_ts_ms = said.ts_ms if self.largest_ts_ms is None else max(said.ts_ms, self.largest_ts_ms)
        return "counted"

    def _home(self, key: str, partition: int | None) -> int:
        """The partition that a key belongs into."""
        home = partition_of(key, self.partitions) if self.partitions else 0
        if partition is not None and partition != home:
            raise UnusableRecordError("wrong_partition")
        return home

    def _tell(self, account: str, traits: Mapping[str, str | None], now_ms: int | None, partition: int | None) -> str:
        self._home(account, partition)
        before = self.traits.pop(account, {})
        merged = {name: value for name, value in (before | dict(traits)).items() if value is not None}
        if len(merged) > MAX_TRAITS:
            self.traits[account] = before
            raise UnusableRecordError("bad_value")
        if merged:
            self.traits[account] = merged
            self.once_had_traits.add(account)
            self.once_told.update(merged.items())
        if merged and not before and account in self._members:
            newest = max(bucket for member in self._members[account] for bucket, _ in self._cells[member])
            if now_ms is None or newest < self._oldest(now_ms):
                self._perhaps_forgotten.add(account)
        return "trait"

    def group(self, model: Model, kind: Kind, entity_id: str) -> str:
        """The name of an entity's peer group."""
        account = entity_id if kind is Kind.ACCOUNT else self._account_of.get(entity_id, "")
        return peer_path(model.benchmark.peers, self.traits.get(account, {}))[-1]

    def _oldest(self, now_ms: int) -> int:
        """The oldest bucket within the retention."""
        return self._bucket(now_ms) - retention(self.scoring) + 1

    def account_of(self, member: str) -> str | None:
        return self._account_of.get(member)

    def day(self, ms: int) -> int:
        """The day that an instant lies in."""
        return self.day_of(self._bucket(ms))

    def day_of(self, bucket: int) -> int:
        """The day that a bucket lies in; a bucket is a day or a divisor of one."""
        return bucket * self.scoring.bucket_seconds // 86_400

    def first_seen(self, kind: Kind, entity_id: str, until: int | None = None) -> int | None:
        """The day an entity was first seen, by its events up to day `until`; None if it has none."""
        members = [entity_id] if kind is Kind.USER else self._members.get(entity_id, set())
        days = {self.day_of(bucket) for member in members for bucket, _ in self._cells.get(member, {})}
        return first_day(day for day in days if until is None or day <= until)

    def _bucket(self, ms: int) -> int:
        return bucket_of(ms, self.scoring.bucket_seconds * 1000, self.scoring.timezone)

    def counts(self, now_ms: int | None = None) -> dict[Entity, dict[Cell, int]]:
        """Counts of every entity by (bucket, event type), in units of 1e-6; with `now_ms`, within the retention only.

        Cells of value 0 are there (Rule 3); an entity without any cell isn't.
        """
        oldest = None if now_ms is None else self._oldest(now_ms)
        counts: dict[Entity, dict[Cell, int]] = {}
        for member, cells in self._cells.items():
            counts[Kind.USER, member] = dict(cells)
        for account, members in self._members.items():
            total: dict[Cell, int] = defaultdict(int)
            for member in members:
                for cell, micros in self._cells[member].items():
                    total[cell] += micros
            counts[Kind.ACCOUNT, account] = dict(total)
        kept = {
            entity: {cell: micros for cell, micros in cells.items() if oldest is None or cell[0] >= oldest}
            for entity, cells in counts.items()
        }
        return {entity: cells for entity, cells in kept.items() if cells}

    def benchmarks(self, now_ms: int) -> dict[tuple[str, str], tuple[float | None, int]]:
        """(model, kind) -> benchmark (None: everyone is warming up) and active population; not for curve `none`.

        Of everyone: `group_benchmarks` tells those of peer groups.
        """
        groups = self.group_benchmarks(now_ms)
        return {(model, kind): found[:2] for (model, kind, group), found in groups.items() if group == "all"}

    def group_benchmarks(self, now_ms: int) -> dict[tuple[str, str, str], Yardstick]:
        """(model, kind, peer group) -> what its members are measured with; not for curve `none`.

        For `all`, and for every group that somebody is in; a group that is too small has its parent's benchmark.
        """
        counts, current = self.counts(now_ms), self._bucket(now_ms)
        return {
            (model.name, kind.label, group): found
            for model in self.scoring.models
            for kind in model.kinds
            if model.curve.shape is not Shape.NONE
            and self.rules_of(model).against == "peers"
            and not (kind is Kind.ACCOUNT and self.rules_of(model).rollup == "mean")
            for group, found in self._yardsticks(model, kind, self._raws(model, kind, counts, current)).items()
        }

    def results(
        self, now_ms: int, histories: Mapping[tuple[str, str, str], Mapping[int, float]] | None = None
    ) -> dict[tuple[str, str, str], Result]:
        """(model, kind, entity id) -> its score at `now_ms`, everybody rescored at once.

        `histories`: the raws at the close of days, by day, for models that measure entities against themselves.
        Without, those that follow from the counts, as if no event had come after the close of its day.
        """
        counts = self.counts(now_ms)
        return {
            (model.name, kind.label, entity_id): result
            for model in self.scoring.models
            for kind in model.kinds
            for entity_id, result in self._results_of(model, kind, counts, now_ms, histories).items()
        }

    def _results_of(
        self,
        model: Model,
        kind: Kind,
        counts: Mapping[Entity, Mapping[Cell, int]],
        now_ms: int,
        histories: Mapping[tuple[str, str, str], Mapping[int, float]] | None,
    ) -> dict[str, Result]:
        rules = self.rules_of(model)
        results: dict[str, Result] = {}
        if kind is Kind.ACCOUNT and rules.rollup == "mean":
            users = self._results_of(model, Kind.USER, counts, now_ms, histories)
            for _, account in (entity for entity in self._present(counts) if entity[0] is kind):
                of_account = [result for member, result in users.items() if self._account_of.get(member) == account]
                results[account] = mean_result(model, of_account)
        else:
            raws = self._raws(model, kind, counts, self._bucket(now_ms))
            yardsticks = self._yardsticks(model, kind, raws)
            own = self.daily_raws(model, kind, now_ms) if rules.against == "self" and histories is None else {}
            for entity_id, raw in raws.items():
                yardstick = yardsticks[self.group(model, kind, entity_id)]
                if rules.against == "self":
                    history = own if histories is None else histories
                    days = history.get((model.name, kind.label, entity_id), {})
                    yardstick = Yardstick(self_benchmark(days, self.day(now_ms)), 0, model.curve.steepness or 3.0)
                results[entity_id] = _result(model, raw, yardstick)
        if kind is Kind.ACCOUNT:
            for account in results.keys() - self._members.keys():
                results[account] = Result(None, 0.0, None, "never_used", results[account].benchmark)
        return results

    def daily_raws(self, model: Model, kind: Kind, now_ms: int) -> dict[tuple[str, str, str], dict[int, float]]:
        """The raws that a self benchmark looks at: at the close of days 84 to 28 days back, by entity and day."""
        counts, today = self.counts(), self.day(now_ms)
        raws: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
        for day in range(today - OLDEST, today - NEWEST + 1):
            last_bucket = (day + 1) * 86_400 // self.scoring.bucket_seconds - 1
            for entity_id, raw in self._raws(model, kind, counts, last_bucket).items():
                if self.first_seen(kind, entity_id, until=day) is not None:
                    raws[model.name, kind.label, entity_id][day] = raw or 0.0
        return raws

    def rules_of(self, model: Model) -> Rules:
        return self.rules.get(model.name, Rules())

    def gone(self, now_ms: int) -> set[tuple[str, str, str]]:
        """(model, kind, entity id) of those that are known no more, or may not be (Rules 4 and 5)."""
        known = self.counts().keys() | {(Kind.ACCOUNT, account) for account in self.once_had_traits}
        gone = known - self._present(self.counts(now_ms))
        return {
            (model.name, kind.label, entity_id)
            for model in self.scoring.models
            for kind, entity_id in gone
            if kind in model.kinds
        }

    def _raws(
        self, model: Model, kind: Kind, counts: Mapping[Entity, Mapping[Cell, int]], current: int
    ) -> dict[str, float | None]:
        """Raw of every entity of the kind, in bucket `current`; None without an event in the window that weighs."""
        present = (entity for entity in self._present(counts) if entity[0] is kind)
        return {entity[1]: self._raw(model, entity, counts, current) for entity in present}

    def _raw(
        self, model: Model, entity: Entity, counts: Mapping[Entity, Mapping[Cell, int]], current: int
    ) -> float | None:
        kind, entity_id = entity
        raw = exact_raw(model, kind, counts.get(entity, {}), current)
        if kind is Kind.ACCOUNT and self.rules_of(model).rollup == "sum":
            users = [(Kind.USER, member) for member in self._members.get(entity_id, set())]
            raws = [exact_raw(model, Kind.USER, counts.get(user, {}), current) for user in users]
            with localcontext(EXACT):
                active = [raw for raw in raws if raw is not None]
                raw = sum(active, Decimal(0)) if active else None
        if raw is None or self.rules_of(model).tenure == "as_is":
            return None if raw is None else float(raw)
        today = self.day_of(current)
        first_seen = self.first_seen(kind, entity_id, until=today)
        assert first_seen is not None, "with an event in the window"
        window_days = Fraction(model.window * self.scoring.bucket_seconds, 86_400)
        factor = tenure_factor(window_days, today - first_seen)
        with localcontext(EXACT):
            return float(raw * factor.numerator / factor.denominator)

    def _present(self, counts: Mapping[Entity, Mapping[Cell, int]]) -> set[Entity]:
        """Who exists for sure (Rules 4 and 5); `counts` are those within the retention."""
        return counts.keys() | {(Kind.ACCOUNT, account) for account in self.traits.keys() - self._perhaps_forgotten}

    def _yardsticks(self, model: Model, kind: Kind, raws: Mapping[str, float | None]) -> dict[str, Yardstick]:
        """By peer group: what its members are measured with (SCORING 2.2)."""
        peers, rule = model.benchmark.peers, model.benchmark
        active: dict[str, list[float]] = {"all": []}
        path_to = {"all": ["all"]}
        for entity_id, raw in raws.items():
            account = entity_id if kind is Kind.ACCOUNT else self._account_of.get(entity_id, "")
            path = peer_path(peers, self.traits.get(account, {}))
            for length, group in enumerate(path, start=1):
                path_to[group] = path[:length]
                active.setdefault(group, []).extend([raw] if raw is not None and raw > 0 else [])
        found: dict[str, Yardstick] = {}
        for group, path in path_to.items():
            enough = [active[each] for each in path if len(active[each]) >= max(1, rule.min_population)]
            benchmark = percentile(enough[-1], rule.percentile) if enough else rule.initial
            steepness = 3.0 if model.curve.steepness is None else model.curve.steepness
            if enough and model.curve.steepness is None:
                steepness = auto_steepness(percentile(enough[-1], 50.0), percentile(enough[-1], rule.percentile))
            plain = model.curve.shape is Shape.NONE
            found[group] = (
                Yardstick(None, 0, steepness) if plain else Yardstick(benchmark, len(active[group]), steepness)
            )
        return found


def retention(scoring: Scoring) -> int:
    """For how many buckets counts are kept: the longest window of the models and, of KPIs, 2N + 1 and N + 8 days."""
    windows = [model.window for model in scoring.models]
    if scoring.kpis is not None:
        a_day = DAY_MS // 1000 // scoring.bucket_seconds
        windows += [(2 * scoring.kpis.window + 1) * a_day, (scoring.kpis.window + 8) * a_day]
    return max(windows)


def first_day(days: Iterable[int]) -> int | None:
    """The first of the days that are remembered (Rule 7)."""
    ordered = sorted(days)
    starts = ordered[:1] + [day for before, day in pairwise(ordered) if day - before > REMEMBERED_DAYS]
    return starts[-1] if starts else None


def peer_path(peers: Sequence[str], traits: Mapping[str, str]) -> list[str]:
    """The peer groups that traits put an account in: everyone's first, its own last."""
    path = ["all"]
    for length in range(1, len(peers) + 1):
        names = peers[:length]
        if any(name not in traits for name in names):
            break
        path.append(",".join(f"{quote(name, safe='')}={quote(traits[name], safe='')}" for name in names))
    return path


def raw_score(model: Model, kind: Kind, cells: Mapping[Cell, int], current: int) -> float | None:
    """SCORING 2.1 over cells in units of 1e-6, in bucket `current`; None without an event in the window that weighs."""
    raw = exact_raw(model, kind, cells, current)
    return None if raw is None else float(raw)


def exact_raw(model: Model, kind: Kind, cells: Mapping[Cell, int], current: int) -> Decimal | None:
    """`raw_score` before it is a float."""
    total, any_event = Decimal(0), False
    with localcontext(EXACT):
        for (bucket, event), micros in cells.items():
            weight, age = model.weights.get(event), current - bucket
            if weight is None or weight.weight == 0 or not 0 <= age < model.window:
                continue
            any_event = True
            count = Decimal(micros) / MICRO
            cap = weight.cap_user if kind is Kind.USER else weight.cap_account
            points = decimal_of(weight.weight) * (count if cap is None else min(count, decimal_of(cap)))
            if model.half_life is not None:
                points *= _decay(age, model.half_life)
            total += points
    return max(total, Decimal(0)) if any_event else None


@lru_cache(maxsize=4096)
def _decay(age: int, half_life: float) -> Decimal:
    with localcontext(EXACT):
        return Decimal(2) ** (-Decimal(age) / decimal_of(half_life))


def percentile(values: Sequence[float], percent: float) -> float:
    """R-7: straight between the two values around position (n - 1) * percent / 100 of the sorted values."""
    ordered = sorted(Decimal(value) for value in values)
    with localcontext(EXACT):
        position = (len(ordered) - 1) * decimal_of(percent) / 100
        below = math.floor(position)
        above = min(below + 1, len(ordered) - 1)
        return float(ordered[below] + (position - below) * (ordered[above] - ordered[below]))


def curve_score(curve: Curve, raw: float, benchmark: float) -> float:
    """SCORING 2.3 and 2.4, for the shapes that need a benchmark."""
    ratio, k = raw / benchmark, 3.0 if curve.steepness is None else curve.steepness
    x = min(ratio, 1.0)
    if curve.shape is Shape.LINEAR:
        return 1 + 99 * x
    if curve.shape is Shape.EXPONENTIAL:
        return 1 + 99 * (math.expm1(-k * x) / math.expm1(-k))
    if curve.shape is Shape.POWER_USER:
        return 1 + 99 * (math.expm1(k * x) / math.expm1(k))
    if curve.shape is Shape.UNCAPPED:
        return 1 + 99 * -math.expm1(-ratio * math.log(10))
    raise ValueError(f"no curve for {curve.shape}")


def auto_steepness(median: float, benchmark: float) -> float:
    """SCORING 2.4: the k in 0.1..10 that brings the score of the median nearest to 50."""
    x = min(Decimal(median) / Decimal(benchmark), Decimal(1))
    low, high = Decimal("0.1"), Decimal(10)
    while high - low > Decimal("1e-18"):
        k = (low + high) / 2
        score = 1 + 99 * (1 - (-k * x).exp()) / (1 - (-k).exp())
        low, high = (k, high) if score < 50 else (low, k)
    return float(low)


def _result(model: Model, raw: float | None, yardstick: Yardstick) -> Result:
    benchmark = yardstick.benchmark
    plain = model.curve.shape is Shape.NONE
    if raw is None:
        return Result(0.0 if plain else 1.0, 0.0, "inactive", "inactive", benchmark)
    if plain:
        return Result(raw, raw, band_of(model.bands, raw), "scored", None)
    if benchmark is None:
        return Result(None, raw, None, "warming_up", None)
    score = curve_score(replace(model.curve, steepness=yardstick.steepness), raw, benchmark)
    return Result(score, raw, band_of(model.bands, score), "scored", benchmark)


def mean_result(model: Model, users: Sequence[Result]) -> Result:
    """An account's with `rollup: mean`, from those of its users (tests/oracle_rules.py, Rule 3)."""
    bottom = 0.0 if model.curve.shape is Shape.NONE else 1.0
    if all(user.state == "inactive" for user in users):
        return Result(bottom, 0.0, "inactive", "inactive", None)
    scores = [Fraction(user.score) for user in users if user.score is not None and user.raw > 0]
    if scores:
        mean = float(sum(scores) / len(scores))
        return Result(mean, mean, band_of(model.bands, mean), "scored", None)
    if any(user.state == "warming_up" for user in users):
        return Result(None, 0.0, None, "warming_up", None)
    return Result(bottom, 0.0, band_of(model.bands, bottom), "scored", None)


def band_of(bands: Sequence[Band], score: float) -> str:
    """The band of a score alone: the highest whose lower bound it reaches; the lowest has none."""
    ordered = sorted(bands, key=lambda band: band.lower)
    return [ordered[0].name, *(band.name for band in ordered[1:] if score >= band.lower)][-1]


def band_after(bands: Sequence[Band], margin: float, previous: str | None, score: float) -> str:
    """The band that follows `previous` (SCORING 4): it is left only if the score passes ITS bound by the margin.

    Once left, the band is that of the score alone, however many bands away. From no band, `inactive`, or a band that
    the file no longer names there is nothing to leave: the score alone decides.
    """
    ordered = sorted(bands, key=lambda band: band.lower)
    names = [band.name for band in ordered]
    alone = band_of(bands, score)
    if previous not in names or alone == previous:
        return alone
    at = names.index(previous)
    if names.index(alone) > at:
        return alone if score >= ordered[at + 1].lower + margin else previous
    return alone if score < ordered[at].lower - margin else previous


def compare(
    results: Mapping[tuple[str, str, str], Result],
    documents: Mapping[str, Mapping[str, object]],
    rel: float = 1e-9,
    *,
    namespace: str = "scorer",
    gone: Collection[tuple[str, str, str]] = (),
    without_bands: Collection[str] = (),
) -> list[str]:
    """The differences between the oracle's results and the documents of Redis (key -> parsed JSON), in words.

    State and band are compared exactly, score, raw and benchmark to `rel`. Keys that aren't scores are ignored. `gone`:
    entities that may be there, `inactive` or `never_used`. `without_bands`: models whose band depends on a past (margin
    above 0).
    """
    prefix = f"{namespace}:score:"
    found = {key.removeprefix(prefix): document for key, document in documents.items() if key.startswith(prefix)}
    expected = {":".join(key): result for key, result in results.items()}
    allowed = {":".join(key) for key in gone}
    differences = [f"missing: {key}, expected {expected[key]}" for key in sorted(expected.keys() - found.keys())]
    for key in sorted(found.keys() - expected.keys()):
        if key not in allowed:
            differences.append(f"surplus: {key}, found {dict(found[key])}")
        elif found[key].get("state") not in ("inactive", "never_used"):
            differences.append(f"{key}: no event left, but state is {found[key].get('state')!r}")
    for key in sorted(expected.keys() & found.keys()):
        exact = ("state",) if key.split(":")[0] in without_bands else ("state", "band")
        differences += [f"{key}: {what}" for what in _differences(expected[key], found[key], exact, rel)]
    return differences


def _differences(result: Result, document: Mapping[str, object], exact: Sequence[str], rel: float) -> list[str]:
    different = []
    for field in (*exact, "score", "raw", "benchmark"):
        want, got = getattr(result, field), document.get(field, "no such field")
        same = want == got
        if isinstance(want, float) and isinstance(got, int | float) and not isinstance(got, bool):
            # The absolute part is for sums that cancel: a true 0 may be 1e-16 in float64.
            same = math.isclose(want, got, rel_tol=rel, abs_tol=1e-12)
        if not same:
            different.append(f"{field} is {got!r}, expected {want!r}")
    return different
