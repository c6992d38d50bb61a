"""The whole fold as bodies of snapshot parts, and back. Each body is complete in itself and under 900 KB."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from scorer.core import history_parts
from scorer.core.alert_columns import RuleChange, pack_rule_change
from scorer.core.band_hold import HoldChange
from scorer.core.columns import pack_standing, unpack_standing
from scorer.core.dedupe import Hashes
from scorer.core.draft import pack_accounts, pack_users, unpack_accounts, unpack_users
from scorer.core.events import Int64s
from scorer.core.fold import Fold
from scorer.core.model import Kind
from scorer.core.roster import EntityKey
from scorer.core.runs import Run, in_parts
from scorer.core.standing import StandingChange

Item = TypeVar("Item")

PART_BYTES = 700_000
_CELLS = PART_BYTES // 16
_HASHES = PART_BYTES // 8
_SIDES = PART_BYTES // 48
_STANDINGS = PART_BYTES // StandingChange.ROW_BYTES


def freeze(fold: Fold) -> Iterator[dict[str, Any]]:
    """The bodies of a snapshot of the fold as it stands at the call, made as they are asked for.

    What may change later is copied at the call (runs of cells never change). Only who waits for Redis is read when
    the first body is asked for: by then the entries that the call came with have landed, and name their versions.
    """
    roster = fold.roster
    rows = roster.live_rows()
    head = {
        "t": fold.position,
        "t0": fold.counted_from,
        "rows": len(roster),
        "mo": [[code, held.name, held.hash, held.replaces] for code, held in fold.models.items()],
        "now": fold.now_ms,
        "day": fold.today,
        "kf": fold.kept_from,
        "em": fold.event_ms,
        "rt": fold.redis_through,
        "rid": fold.redis_id,
        "rl": fold.rules.packed(),
    }
    standings = [held.standing.of(code, rows) for code, held in fold.models.items()]
    sides = [part for rule in fold.rules.states.values() for part in rule.columns().parts(_SIDES)]
    holds = [(code, held.hold.columns()) for code, held in fold.models.items() if len(held.hold)]
    frozen = (
        list(roster.keys),
        roster.kind[rows],
        roster.parent[rows],
        roster.last_ms[rows],
        roster.first_bucket[rows],
    )
    due = [(code, np.flatnonzero(held.delta_due)) for code, held in fold.models.items()]
    rest = _bodies(rows, frozen, fold.traits.items(), fold.counts.runs(), fold.ids.columns(), standings)
    first = chain(_first_bodies(head, list(fold.types), fold), _rule_bodies(sides, holds))
    return chain(first, rest, _due_bodies(due), history_parts.bodies(fold.history))


def _first_bodies(head: dict[str, Any], types: list[str], fold: Fold) -> Iterator[dict[str, Any]]:
    rows, freed = list(fold.unacknowledged.rows()), fold.unacknowledged.freed()
    alerts = list(fold.outbox)
    yield head | {"dt": fold.outbox.delivered_through}
    for some_alerts in _by_size(alerts, lambda item: len(item[1][0]) + len(item[1][1])):
        yield {"ob": [[version, *alert] for version, alert in some_alerts]}
    for names in _by_size(types, len):
        yield {"ty": names}
    for keys in _by_size(freed, lambda item: sum(len(text or "") for text in item[1])):
        yield {"uf": [[version, list(key)] for version, key in keys]}
    for version, code, of_model in rows:
        for part in _cut(len(of_model), _HASHES):
            yield {"ur": [version, code, of_model[part].astype("<i8").tobytes()]}


def _rule_bodies(sides: Iterable[RuleChange], holds: Iterable[tuple[int, HoldChange]]) -> Iterator[dict[str, Any]]:
    for change in sides:
        yield {"rs": [pack_rule_change(change)]}
    for code, hold in holds:
        for part in hold.parts(_SIDES):
            yield {"bh": [code, part.pack()]}


def _bodies(
    rows: Int64s,
    roster: tuple[list[EntityKey | None], NDArray[np.int8], NDArray[np.int32], Int64s, NDArray[np.int32]],
    traits: list[tuple[int, Mapping[str, str]]],
    runs: Sequence[Run],
    ids: tuple[Hashes, Hashes],
    standings: list[StandingChange],
) -> Iterator[dict[str, Any]]:
    keys, kinds, parents, last_ms, first = roster
    yield from _entities(keys, rows, kinds, parents)
    for some_traits in _by_size(traits, lambda item: sum(len(name) + len(text) + 2 for name, text in item[1].items())):
        yield {"tr": some_traits}
    for part in _cut(len(rows), _HASHES // 2):
        yield {
            "lr": rows[part].astype("<i4").tobytes(),
            "lm": last_ms[part].astype("<i8").tobytes(),
            "lf": first[part].astype("<i4").tobytes(),
        }
    for cells in in_parts(runs, _CELLS):
        yield {"ck": cells.keys.astype("<i8").tobytes(), "cv": cells.values.astype("<i8").tobytes()}
    for generation, hashes in zip(("hp", "hc"), ids, strict=True):
        for part in _cut(len(hashes), _HASHES):
            yield {generation: hashes[part].astype("<u8").tobytes()}
    for change in standings:
        for part in _cut(len(change), _STANDINGS):
            mask = np.zeros(len(change), np.bool_)
            mask[part] = True
            yield {"st": [pack_standing(change.take(mask))]}


def _due_bodies(due: list[tuple[int, Int64s]]) -> Iterator[dict[str, Any]]:
    for code, rows in due:
        for part in _cut(len(rows), _HASHES):
            yield {"dd": [code, rows[part].astype("<i4").tobytes()]}


def _entities(
    keys: list[EntityKey | None], rows: Int64s, kinds: NDArray[np.int8], parents: NDArray[np.int32]
) -> Iterator[dict[str, Any]]:
    """Accounts, then users, whose account's row must be known first."""
    of_accounts = _keyed(keys, rows, parents, np.flatnonzero(kinds == Kind.ACCOUNT))
    accounts = ((row, account) for row, _, (account, _) in of_accounts if account is not None)
    for some_accounts in _by_size(accounts, lambda item: len(item[1])):
        yield {"na": pack_accounts(some_accounts)}
    of_users = _keyed(keys, rows, parents, np.flatnonzero(kinds == Kind.USER))
    users = ((row, parent, user) for row, parent, (_, user) in of_users if user is not None)
    for some_users in _by_size(users, lambda item: len(item[2])):
        yield {"nu": pack_users(some_users)}


def _keyed(
    keys: list[EntityKey | None], rows: Int64s, parents: NDArray[np.int32], at: Int64s
) -> Iterator[tuple[int, int, EntityKey]]:
    """(row, account's row, key), a few at a time: there may be very many."""
    for part in _cut(len(at), _HASHES):
        for row, parent in zip(rows[at[part]].tolist(), parents[at[part]].tolist(), strict=True):
            key = keys[row]
            if key is not None:
                yield row, parent, key


def _by_size(items: Iterable[Item], characters: Callable[[Item], int]) -> Iterator[list[Item]]:
    some: list[Item] = []
    size = 0
    for item in items:
        some.append(item)
        size += 40 + 4 * characters(item)
        if size > PART_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _cut(length: int, step: int) -> Iterator[slice]:
    for at in range(0, length, step):
        yield slice(at, at + step)


def load(fold: Fold, body: dict[str, Any]) -> None:
    """Take up one body. They come in the order in which they were made."""
    if "rows" in body:
        _load_head(fold, body)
    for name in body.get("ty", ()):
        fold.types[name] = len(fold.types)
    for version, (account, user) in body.get("uf", ()):
        fold.unacknowledged.add_freed(version, [(account, user)])
    if "na" in body:
        fold.roster.enter_restored(unpack_accounts(body["na"]), [])
    if "nu" in body:
        fold.roster.enter_restored([], unpack_users(body["nu"]))
    fold.fit()
    for row, traits in body.get("tr", ()):
        fold.traits.set(row, traits)
    if "lr" in body:
        rows = np.frombuffer(body["lr"], "<i4")
        fold.roster.last_ms[rows] = np.frombuffer(body["lm"], "<i8")
        fold.roster.first_bucket[rows] = np.frombuffer(body["lf"], "<i4")
    if "ck" in body:
        fold.counts.add(np.frombuffer(body["ck"], "<i8"), np.frombuffer(body["cv"], "<i8"))
    none = np.empty(0, np.uint64)
    for generation in ("hp", "hc"):
        if generation in body:
            hashes = np.frombuffer(body[generation], "<u8")
            fold.ids.load(*((hashes, none) if generation == "hp" else (none, hashes)))
    for packed in body.get("st", ()):
        change = unpack_standing(packed)
        fold.models[change.model].standing.apply(change)
    fold.rules.restore(body.get("rs", ()))
    if "bh" in body:
        code, packed = body["bh"]
        fold.models[code].hold.apply(HoldChange.unpack(packed))
    for version, key, value in body.get("ob", ()):
        fold.outbox.add(version, [(key, value)])
    if "ur" in body:
        version, code, rows = body["ur"]
        fold.unacknowledged.add(version, code, np.frombuffer(rows, "<i8"))
    if "dd" in body:
        code, rows = body["dd"]
        fold.models[code].delta_due[np.frombuffer(rows, "<i4")] = True
    history_parts.load(fold.history, body)


def _load_head(fold: Fold, body: dict[str, Any]) -> None:
    fold.position, fold.counted_from = body["t"], body.get("t0")
    fold.put_in_force(body["mo"])
    fold.now_ms, fold.event_ms, fold.today = body["now"], body["em"], body["day"]
    fold.redis_through, fold.redis_id = body["rt"], body["rid"]
    fold.kept_from = body["kf"]
    fold.rules.load(body["rl"])
    fold.outbox.delivered(body["dt"])
    fold.outbox.acknowledged(body["rt"])
    fold.roster.reserve(body["rows"])
