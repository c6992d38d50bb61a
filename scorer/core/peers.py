"""Peer groups: whom an entity is measured against (SCORING 2.2).

Rule 1: an account's group follows from its traits, in the order of the model's `peers`, as far as it has them: with
  `peers: [plan, region]`, a plan and no region it is in `plan=pro`; with no plan in `all`.
Rule 2: a user is in its account's group; a user without an account in `all`.
Rule 3: who is in a group is in its parents too: the group without the last trait, in the end `all`.
"""

from collections.abc import Sequence
from urllib.parse import quote

import numpy as np

from scorer.core.benchmark import EVERYONE
from scorer.core.events import Int64s
from scorer.core.model import Kind
from scorer.core.roster import Roster
from scorer.core.traits import Traits

ALL = 0
"""The code of `all`."""


def group_name(peers: Sequence[str], values: Sequence[str]) -> str:
    """The name of the group with these values of the first traits of `peers`.

    >>> group_name(("plan", "region"), ("pro", "eu/west")), group_name(("plan", "region"), ())
    ('plan=pro,region=eu%2Fwest', 'all')
    """
    pairs = zip(peers, values, strict=False)
    return ",".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs) or EVERYONE


class PeerGroups:
    """The peer groups of one list of traits in one partition.

    A group's code is its place in `names` and stays; `parents` holds the code of each one's parent, -1 for `all`.
    Groups appear as accounts need them. Derived: nothing of it is journaled.
    """

    def __init__(self, peers: tuple[str, ...], traits: Traits, roster: Roster) -> None:
        self.peers = peers
        self.names = [EVERYONE]
        self.parents = [-1]
        self._traits = traits
        self._roster = roster
        self._codes: dict[tuple[str, ...], int] = {(): ALL}
        self._code: Int64s = np.zeros(0, np.int64)  # by account row, as of the revision of its traits in _seen
        self._seen: Int64s = np.zeros(0, np.int64)

    def codes(self, rows: Int64s) -> Int64s:
        """The group code of each row, as the traits are now."""
        revision = self._traits.revision
        codes = np.full(len(rows), ALL, np.int64)
        if not self.peers or not len(revision):
            return codes
        roster = self._roster
        account = np.where(roster.kind[rows] == Kind.ACCOUNT, rows, roster.parent[rows])
        known = np.flatnonzero((account >= 0) & (account < len(revision)))
        account = account[known]
        self._fit(len(revision))
        stale = np.unique(account[self._seen[account] != revision[account]])
        if len(stale):
            self._code[stale] = [self._code_of(self._values(row)) for row in stale.tolist()]
            self._seen[stale] = revision[stale]
        codes[known] = self._code[account]
        return codes

    def _values(self, row: int) -> tuple[str, ...]:
        """What an account has of the traits, up to the first one that it lacks."""
        traits = self._traits.of(row)
        values: list[str] = []
        for name in self.peers:
            value = traits.get(name)
            if value is None:
                break
            values.append(value)
        return tuple(values)

    def _code_of(self, values: tuple[str, ...]) -> int:
        """The code of the group with these values, its parents' codes given out before it."""
        code = self._codes.get(values)
        if code is None:
            parent = self._code_of(values[:-1])
            code = self._codes[values] = len(self.names)
            self.names.append(group_name(self.peers, values))
            self.parents.append(parent)
        return code

    def _fit(self, rows: int) -> None:
        missing = rows - len(self._seen)
        if missing > 0:
            self._code = np.concatenate([self._code, np.zeros(missing, np.int64)])
            self._seen = np.concatenate([self._seen, np.zeros(missing, np.int64)])
