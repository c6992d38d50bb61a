"""What account records say, and the peer groups that follow from it (INTERFACES 4, SCORING 2.2)."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from scorer.core.events import MAX_TRAITS
from scorer.verifying.documents import EVERYONE
from scorer.verifying.sample import Entity


class TraitsRead:
    """The traits of accounts, as far as they were read. Per name the last record wins, null takes a trait away."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, str | None]] = {}

    def take(self, account: str, told: Mapping[str, str | None]) -> None:
        """One record. One that would leave the account with too many traits changes nothing."""
        merged = {**self._of.get(account, {}), **told}
        if sum(value is not None for value in merged.values()) <= MAX_TRAITS:
            self._of[account] = merged

    def groups(self, entity: Entity, peers: Sequence[str], *, complete: bool) -> list[str] | None:
        """The peer groups of an account, or of a user's account, the narrowest first.

        None where they aren't known: unless the records are `complete`, what wasn't read may have been said before.
        """
        told: Mapping[str, str | None] = {} if entity.account is None else self._of.get(entity.account, {})
        groups, pairs = [EVERYONE], list[str]()
        for name in () if entity.account is None else peers:
            if name not in told and not complete:
                return None
            value = told.get(name)
            if value is None:
                break
            pairs.append(f"{quote(name, safe='')}={quote(value, safe='')}")
            groups.insert(0, ",".join(pairs))
        return groups
