"""Whether the ranking says of accounts what their scores say."""

import asyncio
from collections.abc import Sequence

from scorer.verifying.comparison import Difference
from scorer.verifying.documents import Document, Documents
from scorer.verifying.sample import Entity

FIELD = "ranking"

_PAUSE_SECONDS = 6.0
"""Longer than a worker leaves a ranking behind its scores."""
_ROUNDS = 4


Scores = dict[Entity, Document | None]


async def ranking_differences(documents: Documents, model: str, accounts: Sequence[Entity]) -> list[Difference]:
    """Of the accounts whose score stayed as it is for long enough to be ranked by it. Raises RedisUnusable."""
    scores, differing = _look(documents, model, accounts)
    lasting: list[Difference] = []
    for _ in range(_ROUNDS):
        if len(lasting) == len(differing):
            break
        before = scores
        await asyncio.sleep(_PAUSE_SECONDS)
        scores, differing = _look(documents, model, [each.entity for each in differing])
        lasting = [each for each in differing if _version(before, each.entity) == _version(scores, each.entity)]
    return lasting


def _look(documents: Documents, model: str, accounts: Sequence[Entity]) -> tuple[Scores, list[Difference]]:
    """The scores, and who is ranked by another one. Who is freed has a last score that ends, and no rank."""
    ranked, scores = documents.ranked(model, accounts), documents.scores(model, accounts)
    differing = [each for each in accounts if ranked[each] != _score(scores[each])]
    freed = {each for each in documents.ending(model, differing) if ranked[each] is None}
    return scores, [
        Difference(each, model, FIELD, ranked[each], _score(scores[each])) for each in differing if each not in freed
    ]


def _score(document: Document | None) -> float | None:
    return None if document is None else document["score"]


def _version(scores: Scores, entity: Entity) -> str | None:
    document = scores[entity]
    return None if document is None else document["v"]
