"""Recent event ids: a duplicate within their reach is counted once.

Ids are kept as 64-bit hashes in two generations of open-addressing tables. The current one takes new ids; when it
holds `capacity` of them it becomes the previous one and an empty one takes its place. So at least the last
`capacity` ids are known, at most twice as many. When to rotate is the caller's decision, for it is journaled.
"""

from collections.abc import Sequence
from itertools import repeat

import numpy as np
import xxhash
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

NO_ID = np.uint64(0)
"""Stands for an event without an id: it is never a duplicate. No id hashes to it."""

_FIRST_SIZE = 1024


def hash_ids(event_ids: Sequence[str], seed: int) -> Hashes:
    """The seeded 64-bit hashes (xxh3) of event ids; `NO_ID` where an id is "".

    The seed is a secret of the journal's: who doesn't know it can't make two ids collide.
    """
    if not event_ids:
        return np.empty(0, np.uint64)
    digests = map(xxhash.xxh3_64_intdigest, map(str.encode, event_ids), repeat(seed))
    hashes = np.fromiter(digests, np.uint64, len(event_ids))
    hashes[hashes == NO_ID] = 1
    if "" in event_ids:
        hashes[np.fromiter(map(len, event_ids), np.int64, len(event_ids)) == 0] = NO_ID
    return hashes


class _Table:
    """A set of hashes other than 0: linear probing in an array that is at most half full.

    A hash's place follows its highest bits, so that hashes in ascending order touch the array from left to right: at
    millions of ids that is several times as fast as touching it at random.
    """

    def __init__(self) -> None:
        self.slots: Hashes = np.zeros(_FIRST_SIZE, np.uint64)
        self.count = 0

    def _first_slots(self, hashes: Hashes) -> Hashes:
        return hashes >> np.uint64(65 - len(self.slots).bit_length())

    def contains(self, hashes: Hashes) -> NDArray[np.bool_]:
        mask = np.uint64(len(self.slots) - 1)
        slot = self._first_slots(hashes)
        held = self.slots[slot]
        found: NDArray[np.bool_] = held == hashes
        rest = np.flatnonzero(~found & (held != 0))
        slot = slot[rest]
        while len(rest):
            slot = (slot + np.uint64(1)) & mask
            held = self.slots[slot]
            hit = held == hashes[rest]
            found[rest[hit]] = True
            on = ~hit & (held != 0)
            rest, slot = rest[on], slot[on]
        return found

    def add(self, hashes: Hashes) -> None:
        """Take in hashes that are ascending, distinct, not held yet and not 0."""
        while (self.count + len(hashes)) * 2 > len(self.slots):
            self._grow()
        self.count += len(hashes)
        self._place(hashes)

    def _place(self, hashes: Hashes) -> None:
        mask = np.uint64(len(self.slots) - 1)
        slot = self._first_slots(hashes)
        while len(hashes):
            empty = self.slots[slot] == 0
            self.slots[slot[empty]] = hashes[empty]
            # Two hashes may have wanted one slot: the last writer has it, the other looks on.
            homeless = self.slots[slot] != hashes
            hashes = hashes[homeless]
            slot = (slot[homeless] + np.uint64(1)) & mask

    def _grow(self) -> None:
        held = np.sort(self.slots[self.slots != 0])
        self.slots = np.zeros(len(self.slots) * 4, np.uint64)
        self._place(held)


class RecentIds:
    """The event ids that a partition remembers."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.rotations = 0
        self._current = _Table()
        self._previous = _Table()

    @property
    def full(self) -> bool:
        """Whether the current generation holds its share, so that a rotation is due."""
        return self._current.count >= self.capacity

    def __len__(self) -> int:
        return self._current.count + self._previous.count

    def first_seen(self, hashes: Hashes) -> NDArray[np.bool_]:
        """True where a hash is neither remembered nor stands earlier in `hashes`; always where it is `NO_ID`."""
        ordered = np.sort(hashes[hashes != NO_ID])
        repeats = (ordered[1:] == ordered[:-1]).any()
        if not repeats and not any(table.count and table.contains(ordered).any() for table in self._tables):
            return np.ones(len(hashes), np.bool_)
        new = np.ones(len(hashes), np.bool_)
        for table in self._tables:
            new &= ~table.contains(hashes)
        _, first = np.unique(hashes, return_index=True)
        earlier = np.ones(len(hashes), np.bool_)
        earlier[first] = False
        new &= ~earlier
        new[hashes == NO_ID] = True
        return new

    @property
    def _tables(self) -> tuple[_Table, _Table]:
        return self._current, self._previous

    def remember(self, hashes: Hashes) -> None:
        """Remember hashes that were `first_seen`."""
        self._current.add(np.sort(hashes[hashes != NO_ID]))

    def rotate(self) -> None:
        """The current generation becomes the previous one, which is forgotten."""
        self.rotations += 1
        self._previous = self._current
        self._current = _Table()

    def columns(self) -> tuple[Hashes, Hashes]:
        """Copies of (previous, current) generations, for a snapshot."""
        previous, current = self._previous.slots, self._current.slots
        return previous[previous != 0], current[current != 0]

    def load(self, previous: Hashes, current: Hashes) -> None:
        """Add what a snapshot's part holds of both generations."""
        self._previous.add(np.sort(previous))
        self._current.add(np.sort(current))
