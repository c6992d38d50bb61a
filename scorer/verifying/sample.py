"""Whose events are kept: some entities drawn at random, or some accounts with all of their users.

An entity is drawn by the hash of its id and the seed: those with the smallest hashes are the sample. So it is the same
in whatever order they are met, in Redis or in the input, and who is in it from the first event on is known at that
event: one pass is enough, though nobody knows all entities before.
"""

import heapq
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import xxhash

from scorer.core.model import Kind


class Entity(NamedTuple):
    """A user (of an account, or of none), or an account (`user` is None)."""

    account: str | None
    user: str | None

    @property
    def kind(self) -> Kind:
        return Kind.ACCOUNT if self.user is None else Kind.USER

    @property
    def home(self) -> str:
        """What its events are keyed by."""
        return self.account if self.account is not None else self.user or ""

    @property
    def id(self) -> str:
        """As INTERFACES 4 has it.

        >>> Entity("50%/a", "u/1").id, Entity(None, "u/1").id, Entity("50%", None).id
        ('50%25%2Fa/u/1', 'u%2F1', '50%')
        """
        if self.user is None:
            return self.account or ""
        return _encoded(self.user) if self.account is None else f"{_encoded(self.account)}/{self.user}"

    @staticmethod
    def of_id(kind: Kind, entity_id: str) -> "Entity":
        """
        >>> Entity.of_id(Kind.USER, '50%25%2Fa/u/1'), Entity.of_id(Kind.USER, 'u%2F1')
        (Entity(account='50%/a', user='u/1'), Entity(account=None, user='u/1'))
        """
        if kind is Kind.ACCOUNT:
            return Entity(entity_id, None)
        account, slash, user = entity_id.partition("/")
        return Entity(_decoded(account), user) if slash else Entity(None, _decoded(entity_id))


def _encoded(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F")


def _decoded(text: str) -> str:
    return text.replace("%2F", "/").replace("%25", "%")


@dataclass(slots=True)
class Tally:
    """What an entity's events add up to. `fresh` came since the last `settle`: (bucket, type, micros), in order."""

    cells: dict[tuple[int, str], int] = field(default_factory=dict)
    fresh: list[tuple[int, str, int]] = field(default_factory=list)
    repeats: int = 0
    """Events left out for their ids."""

    def settle(self) -> None:
        """The fresh ones are past, too."""
        if self.fresh:
            *_, self.cells = self.states()
            self.fresh.clear()

    def states(self) -> Iterator[dict[tuple[int, str], int]]:
        """The counts before the fresh events, after the first of them, and so on to now; each changes into the next."""
        cells = dict(self.cells)
        yield cells
        for bucket, event, micros in self.fresh:
            cells[bucket, event] = cells.get((bucket, event), 0) + micros
            yield cells


class Sample(Protocol):
    """`tallies`: the entities that are in it so far."""

    tallies: dict[Entity, Tally]

    def meet(self, entity: Entity) -> Tally | None:
        """Where its events are to be added up; None if it isn't in the sample, now or ever."""

    def close(self) -> None:
        """From here on the sample stays as it is."""


class Chosen:
    """Some accounts, and the users in them."""

    def __init__(self, accounts: Collection[str]) -> None:
        self.accounts = tuple(dict.fromkeys(accounts))
        self.tallies: dict[Entity, Tally] = {}
        self._closed = False

    @property
    def strangers(self) -> list[str]:
        """The accounts of which nothing was met."""
        met = {entity.account for entity in self.tallies}
        return [account for account in self.accounts if account not in met]

    def meet(self, entity: Entity) -> Tally | None:
        if self._closed or entity.account not in self.accounts:
            return self.tallies.get(entity)
        return self.tallies.setdefault(entity, Tally())

    def close(self) -> None:
        self._closed = True


class Drawn:
    """So many entities of each kind, drawn by `seed`."""

    def __init__(self, sizes: Mapping[Kind, int], seed: int) -> None:
        self._sizes = sizes
        self._seed = seed
        self._worst: dict[Kind, list[tuple[int, Entity]]] = {kind: [] for kind in sizes}  # heaps of (-hash, entity)
        self.tallies: dict[Entity, Tally] = {}
        self._closed = False

    def meet(self, entity: Entity) -> Tally | None:
        known = self.tallies.get(entity)
        worst = self._worst.get(entity.kind)
        if known is not None or worst is None or self._closed:
            return known
        drawn = -xxhash.xxh3_64_intdigest(f"{self._seed}:{entity.kind}:{entity.id}".encode())
        if len(worst) >= self._sizes[entity.kind]:
            if not worst or drawn <= worst[0][0]:
                return None
            del self.tallies[heapq.heapreplace(worst, (drawn, entity))[1]]
        else:
            heapq.heappush(worst, (drawn, entity))
        self.tallies[entity] = Tally()
        return self.tallies[entity]

    def close(self) -> None:
        self._closed = True
