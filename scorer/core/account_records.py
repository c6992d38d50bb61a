"""The way of account records into the fold: an account known only by its traits gets a row, too."""

from collections.abc import Sequence

from scorer.core.admission import Gate, Verdict
from scorer.core.draft import Newcomers, TraitNews
from scorer.core.events import AccountTraits, Reason, Reject
from scorer.core.roster import NO_PARENT, Roster
from scorer.core.traits import TooManyTraits, Traits


def take_in(
    records: Sequence[AccountTraits], traits: Traits, roster: Roster, gate: Gate, new: Newcomers
) -> tuple[TraitNews, list[Reject]]:
    """Merge account records in their order; what that changed, and the records that can't be used.

    `new` are the entities that the chunk's events brought; accounts that the records bring join them. A record that
    names no trait, or takes away what isn't there, makes nobody known.
    """
    told, rejects = TraitNews(), []
    for record in records:
        if record.account_id is None:
            continue
        row = roster.row_of.get((record.account_id, None), -1)
        if row < 0 and gate.judge((record.account_id, None), at_home=False) is Verdict.WRONG_PARTITION:
            rejects.append(gate.wrong_partition((record.index, record.call), "account_id", record.account_id))
            continue
        try:
            news = traits.news(row, record.traits)
        except TooManyTraits as refused:
            rejects.append(Reject(record.index, Reason.BAD_VALUE, str(refused), record.call))
            continue
        if not news:
            continue
        if row < 0:
            row = roster.take_row()
            roster.enter(row, (record.account_id, None), NO_PARENT)
            new.enter_account(record.index, row, record.account_id)
        traits.set(row, news)
        told.changes.append((row, news))
        told.at.append(record.index)
    first: dict[int, int] = {}
    for (row, _), at in zip(told.changes, told.at, strict=True):
        first.setdefault(row, at)
    new.bring_forward(first)
    return told, rejects
