"""What was folded since the last journal entry, until it becomes one (or several)."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from scorer.core.columns import Counted, joined, pack_counted, pack_standing
from scorer.core.days import ClosedDays
from scorer.core.events import Int64s, TraitChanges
from scorer.core.footing import Ground
from scorer.core.model import Kind, Model
from scorer.core.outbox import SentAlert
from scorer.core.publish import KpiBatch, ScoreBatch
from scorer.core.roster import EntityKey
from scorer.core.score import Floats
from scorer.core.standing import StandingChange

ENTRY_TARGET_BYTES = 800_000
"""Entries are filled up to here; one piece more never passes `MAX_ENTRY_BYTES`."""

PIECE_BYTES = 400_000
"""A chunk that takes more is several pieces."""

EVENT_BYTES = 34
"""The most that an event takes in an entry, ids of new entities not counted."""

NEWCOMER_BYTES = 12
"""The most that a new entity takes beside its id: two rows and the length of its id."""

TRAITS_BYTES = 12
"""The most that an account's changed traits take beside the traits themselves: a row, two lengths."""

TRAIT_BYTES = 5
"""The most that a trait takes beside its name and value: their lengths."""

Accounts = list[tuple[int, str]]
Users = list[tuple[int, int, str]]
ChangedTraits = list[tuple[int, TraitChanges]]


@dataclass(slots=True)
class Newcomers:
    """The entities that are new with some records; `accounts_at` and `users_at`: with which of the chunk each came.

    Each list is in the order of the chunk.
    """

    accounts: Accounts = field(default_factory=list)
    users: Users = field(default_factory=list)
    accounts_at: list[int] = field(default_factory=list)
    users_at: list[int] = field(default_factory=list)

    def enter_account(self, at: int, row: int, account: str) -> None:
        self.accounts.append((row, account))
        self.accounts_at.append(at)

    def enter_user(self, at: int, row: int, parent: int, user: str) -> None:
        self.users.append((row, parent, user))
        self.users_at.append(at)

    def bring_forward(self, needed_at: Mapping[int, int]) -> None:
        """Accounts that an earlier record needs than the one that they came with: their rows -> that record."""
        at = dict(zip((row for row, _ in self.accounts), self.accounts_at, strict=True))
        at |= {row: needed for row, needed in needed_at.items() if row in at and needed < at[row]}
        self.accounts.sort(key=lambda item: at[item[0]])
        self.accounts_at = sorted(at.values())


@dataclass(slots=True)
class TraitNews:
    """Traits that some records changed, by row; `at`: which record of the chunk did, ascending."""

    changes: ChangedTraits = field(default_factory=list)
    at: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Piece:
    """The events of one chunk or a part of it, up to source position `to`, and what is new with it: entities, traits.

    `size` is an upper bound of its bytes.
    """

    to: int
    events: Counted | None = None
    accounts: Accounts = field(default_factory=list)
    users: Users = field(default_factory=list)
    traits: ChangedTraits = field(default_factory=list)
    size: int = 0


def pieces(
    to: int, events: Counted | None, events_at: Int64s, offsets: Int64s, new: Newcomers, told: TraitNews
) -> Iterator[Piece]:
    """What one chunk brings as pieces, none much larger than `PIECE_BYTES`.

    `events_at` says which record of the chunk each event is, `offsets` is of all its records. What a record brings
    is in the piece that passes its offset, and no later than what rests on it.
    """
    at = np.sort(np.concatenate([events_at, np.array(told.at, np.int64)])) if told.at else events_at
    size = _sizes(at, new, told)
    total = np.cumsum(size)
    if int(total[-1]) <= PIECE_BYTES:
        yield Piece(to, events, new.accounts, new.users, told.changes, int(total[-1]))
        return
    # A batch is one record of many events: it stays whole, for a piece ends with a record's offset.
    cuts = np.searchsorted(at, at[np.flatnonzero(np.diff(total // PIECE_BYTES)) + 1])
    starts = [0, *(cut for cut in np.unique(cuts).tolist() if cut), len(at)]
    for start, stop in pairwise(starts):
        first, last = int(at[start]), int(at[stop]) if stop < len(at) else len(offsets)
        accounts = new.accounts[_between(new.accounts_at, first, last)]
        users = new.users[_between(new.users_at, first, last)]
        traits = told.changes[_between(told.at, first, last)]
        own = slice(*np.searchsorted(events_at, (first, last)).tolist())
        part = Counted(*(column[own] for column in events.columns())) if events is not None else None
        before_next = int(offsets[last]) if stop < len(at) else to
        yield Piece(before_next, part or None, accounts, users, traits, int(size[start:stop].sum()))


def _sizes(at: Int64s, new: Newcomers, told: TraitNews) -> Int64s:
    """The most bytes that each record brings; `at`: their places in the chunk."""
    size = np.full(len(at), EVENT_BYTES, np.int64)
    ids = (*(account for _, account in new.accounts), *(user for _, _, user in new.users))
    bytes_of = [NEWCOMER_BYTES + len(text.encode()) for text in ids]
    bytes_of += [traits_bytes(changes) for _, changes in told.changes]
    places = np.searchsorted(at, (*new.accounts_at, *new.users_at, *told.at))
    np.add.at(size, places.astype(np.int64), np.array(bytes_of, np.int64))
    return size


def _between(at: list[int], first: int, last: int) -> slice:
    return slice(bisect_left(at, first), bisect_left(at, last))


def traits_bytes(changes: TraitChanges) -> int:
    """The most that changed traits of one account take."""
    texts = sum(TRAIT_BYTES + len(name.encode()) + len((text or "").encode()) for name, text in changes.items())
    return TRAITS_BYTES + texts


@dataclass(frozen=True, slots=True)
class Judged:
    """Standing changes of one model and kind, and what they rest on.

    `computed_at`: epoch seconds; `delta`: of each row, nan where there is none; `moves`: how many went from one band
    (code) to another.
    """

    change: StandingChange
    model: Model
    kind: Kind
    ground: Ground
    computed_at: float
    delta: Floats
    moves: Counter[tuple[int, int]] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        return StandingChange.ROW_BYTES * len(self.change) + 64


@dataclass(frozen=True, slots=True)
class RuleNews:
    """A change of rules, of their sides or of bands on hold, packed, and the alerts that it makes: of one entry.

    `told`: how many alerts, by (rule, state).
    """

    tag: str
    packed: Any
    size: int
    alerts: list[SentAlert] = field(default_factory=list)
    told: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass
class Cut:
    """One journal entry to be, and what may leave once it has landed.

    `position` is the source position after it; `moved` says whether that is news. `telling` counts the losses of
    Redis before it.
    """

    position: int
    moved: bool = False
    body: dict[str, Any] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)
    closed: ClosedDays | None = None
    judged: list[Judged] = field(default_factory=list)
    rules: list[RuleNews] = field(default_factory=list)
    alerts_again: list[SentAlert] = field(default_factory=list)
    freed: list[EntityKey] = field(default_factory=list)
    batches: list[ScoreBatch] = field(default_factory=list)
    kpis: list[KpiBatch] = field(default_factory=list)
    telling: int = 0
    size: int = 0

    @property
    def alerts(self) -> list[SentAlert]:
        """Those that this entry is the first to hold."""
        return [alert for news in self.rules for alert in news.alerts]


@dataclass
class Draft:
    """What the next entries will hold. Standings and closing days stand in one list: their order tells."""

    types: list[str] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    judged: list[Judged | ClosedDays] = field(default_factory=list)
    rules: list[RuleNews] = field(default_factory=list)
    kpis: list[KpiBatch] = field(default_factory=list)
    size: int = 0
    scores: int = 0
    """How many are told anew."""

    def add_piece(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self.size += piece.size

    def add_judged(self, judged: Judged) -> None:
        self.scores += len(judged.change)
        self.judged.append(judged)
        self.size += judged.size

    def add_closed(self, closed: ClosedDays) -> None:
        self.judged.append(closed)

    def add_rule_news(self, news: RuleNews) -> None:
        self.rules.append(news)
        self.size += news.size

    def cuts(self, position: int) -> list[Cut]:
        """Entries that hold all of it, in the order of the fold: types, events, rules, standings, holds.

        `position` is the source position before it. What rules made of standings is journaled no later than these: a
        silent score whose standing alone is known would be heard by the next worker. Of a hold that is over, its band
        comes first, or the hold would begin anew.
        """
        cuts = [Cut(position)]
        for name in self.types:
            room(cuts, 4 * len(name) + 8).body.setdefault("ty", []).append(name)
        for piece in self.pieces:
            cut = room(cuts, piece.size)
            cut.pieces.append(piece)
            cut.position, cut.moved = piece.to, True
        for news in self.rules:
            if news.tag != "h":
                room(cuts, news.size).rules.append(news)
        for judged in self.judged:
            if isinstance(judged, Judged):
                room(cuts, judged.size).judged.append(judged)
            else:
                _close(cuts, judged)
        for news in self.rules:
            if news.tag == "h":
                room(cuts, news.size).rules.append(news)
        for cut in cuts:
            _fill(cut)
        return cuts


def room(cuts: list[Cut], size: int) -> Cut:
    """The last of `cuts`, or a new one behind it if it hasn't room for so many bytes more."""
    if cuts[-1].size + size > ENTRY_TARGET_BYTES and cuts[-1].size:
        cuts.append(Cut(cuts[-1].position))
    cuts[-1].size += size
    return cuts[-1]


def _close(cuts: list[Cut], closed: ClosedDays) -> None:
    """Let days close in the last of `cuts`; in a new one behind it if that has standings, for those were before."""
    if cuts[-1].judged or cuts[-1].closed is not None:
        cuts.append(Cut(cuts[-1].position))
    cuts[-1].closed = closed


def _fill(cut: Cut) -> None:
    """The body of an entry: "t" to, "ev" events, "na" and "nu" new accounts and users, "tr" traits, "cl" days, "st"
    standings, "rl" rules, "al" alerts."""
    if cut.moved:
        cut.body["t"] = cut.position
    events = [piece.events for piece in cut.pieces if piece.events is not None]
    if events:
        cut.body["ev"] = pack_counted(joined(events))
    accounts = [account for piece in cut.pieces for account in piece.accounts]
    if accounts:
        cut.body["na"] = pack_accounts(accounts)
    users = [user for piece in cut.pieces for user in piece.users]
    if users:
        cut.body["nu"] = pack_users(users)
    traits = [changed for piece in cut.pieces for changed in piece.traits]
    if traits:
        cut.body["tr"] = traits
    if cut.closed is not None:
        cut.body["cl"] = list(cut.closed)
    if cut.judged:
        cut.body["st"] = [pack_standing(judged.change) for judged in cut.judged]
    if cut.rules:
        cut.body["rl"] = [[news.tag, news.packed] for news in cut.rules]
    if cut.alerts:
        cut.body["al"] = [list(alert) for alert in cut.alerts]


def pack_accounts(accounts: Accounts) -> list[Any]:
    return [_pack_rows([row for row, _ in accounts]), [account for _, account in accounts]]


def pack_users(users: Users) -> list[Any]:
    rows = _pack_rows([row for row, _, _ in users])
    return [rows, _pack_rows([parent for _, parent, _ in users]), [user for _, _, user in users]]


def unpack_accounts(packed: list[Any]) -> Accounts:
    rows, accounts = packed
    return list(zip(np.frombuffer(rows, "<i4").tolist(), accounts, strict=True))


def unpack_users(packed: list[Any]) -> Users:
    rows, parents, users = packed
    columns = (np.frombuffer(rows, "<i4").tolist(), np.frombuffer(parents, "<i4").tolist(), users)
    return list(zip(*columns, strict=True))


def _pack_rows(rows: list[int]) -> bytes:
    return np.array(rows, "<i4").tobytes()
