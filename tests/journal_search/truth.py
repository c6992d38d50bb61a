"""What must be true in the end: a naive recount of the source, and what follows from it."""

from collections import defaultdict
from collections.abc import Iterable

from scorer.core.events import MICRO
from scorer.core.journal.restore import Restore
from scorer.core.partition import PartitionState
from tests.journal_search.outside import Event, Log, Redis
from tests.journal_search.setting import BUCKET_MS, SCORING, WINDOW, documents, make_state
from tests.property.harness import fold_of

Counts = dict[tuple[str | None, str | None, int, str], int]
"""By account, user (None: the account itself), bucket and event type."""

IN_FUTURE_MS = 3_600_000


class Hole(Exception):
    """The protocol broke a promise."""


def recount(events: Iterable[Event], first_bucket: int) -> Counts:
    """What the events add up to in the buckets that still count."""
    seen: set[str] = set()
    cells: Counts = defaultdict(int)
    for event in events:
        bucket = event.ts_ms // BUCKET_MS
        counts = event.type in SCORING.events and bucket >= first_bucket and not ahead(event)
        if not counts or event.id in seen:
            continue
        seen.add(event.id)
        cells[event.account, event.user, bucket, event.type] += MICRO
        if event.account is not None:
            cells[event.account, None, bucket, event.type] += MICRO
    return dict(cells)


def ahead(event: Event) -> bool:
    """Whether it goes to the dead letters."""
    return event.ts_ms > event.produced_ms + IN_FUTURE_MS


def cells_of(state: PartitionState, first_bucket: int) -> Counts:
    cells = state.counts.all()
    names = list(state.types)
    found: Counts = {}
    columns = zip(cells.rows.tolist(), cells.buckets.tolist(), cells.types.tolist(), cells.values.tolist(), strict=True)
    for row, bucket, kind, value in columns:
        if bucket >= first_bucket:
            account, user = state.roster.keys[row] or ("nobody", f"row {row}")
            found[account, user, bucket, names[kind]] = value
    return found


def check_counts(state: PartitionState, source: list[Event], start: int, now_ms: int) -> None:
    """The state has counted every event from `start` to its position, once."""
    first_bucket = now_ms // BUCKET_MS - WINDOW + 1
    expected, found = recount(source[start : state.position], first_bucket), cells_of(state, first_bucket)
    wrong = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
    if wrong:
        raise Hole("counts: " + ", ".join(f"{key}: {found.get(key)} for {expected.get(key)}" for key in wrong[:3]))


def check_letters(letters: set[int], source: list[Event], start: int) -> None:
    expected = {at for at, event in enumerate(source) if at >= start and event.type in SCORING.events and ahead(event)}
    if expected - letters:
        raise Hole(f"no dead letter of source offsets {sorted(expected - letters)}")


def restored(log: Log) -> PartitionState:
    """What whoever reads the whole journal gets."""
    reader = Restore(make_state, log.start)
    for record in log.records:
        reader.read(record)
    if reader.state is None:
        raise Hole("the journal can't be restored")
    reader.state.expire_due()
    return reader.state


def check_restore(state: PartitionState, log: Log) -> None:
    """Whoever reads the journal gets the very same fold."""
    found, expected = fold_of(restored(log)), fold_of(state)
    for name, value in expected.items():
        if found[name] != value:
            raise Hole(f"a restore gives other {name}: {found[name]} for {value}")


def check_redis(state: PartitionState, redis: Redis, *, knows_all: bool) -> None:
    """Redis has what the state says and, unless a journal was lost, of nobody else but that they are inactive."""
    expected = documents(state)
    for key, document in expected.items():
        found = redis.documents.get(key)
        if found is None or found[1] != document:
            raise Hole(f"Redis has {found} for {key}, the state {document}")
    for key, (_, document) in redis.documents.items():
        if knows_all and key not in expected and document["state"] != "inactive":
            raise Hole(f"Redis has {document} for {key}, which nobody knows")
