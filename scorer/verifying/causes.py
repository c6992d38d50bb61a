"""What may explain a difference though every rule was kept: what the input doesn't tell."""

from collections.abc import Iterator, Sequence

from scorer.core.model import Scoring
from scorer.quantities import counted, numbered
from scorer.verifying.comparison import Difference
from scorer.verifying.reach import Reach
from scorer.verifying.sample import Entity, Tally

_COUNTS = frozenset({"document", "state", "raw"})


def causes(
    differences: Sequence[Difference],
    tallies: dict[Entity, Tally],
    reach: dict[int, Reach],
    scoring: Scoring,
    dedupe_ids: int,
) -> Iterator[str]:
    """Sentences, those that fit what differs."""
    differing = {each.entity for each in differences if each.field in _COUNTS}
    if not differing:
        return
    yield "an event type counts from when the workers' scoring file first named it, the recount counts all there is"
    yield (
        "an exclusion isn't retroactive: what came before the scoring file named it stays, what came while it stood "
        "isn't there" + ("" if scoring.exclude_users else " (it excludes nobody now)")
    )
    yield "with a window made longer, events that came too late for the shorter one aren't there"
    yield "a model that was changed keeps its old scores until its first benchmark is in force"
    repeats = sum(tallies[entity].repeats for entity in differing)
    if repeats:
        yield (
            f"{counted(repeats, 'event')} {numbered(repeats, 'was', 'were')} left out for "
            f"{numbered(repeats, 'its id', 'their ids')}: a worker knows the last {dedupe_ids} of a partition "
            "(SCORER_DEDUPE_IDS), and counts an older one again"
        )
    if any(each.counted_from is None for each in reach.values()):
        yield "the workers don't tell where they began to count: what came before SCORER_START isn't there"
