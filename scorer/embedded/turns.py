"""How the customers of a made-up company do, day for day and without end: their courses first, then turn after turn.

Pure and seeded. A turn leads to a pace drawn by the shares that courses have, so that as many rise, fade, leave and
come back in any month as in the past: the company goes on looking like itself.
"""

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from scorer.embedded.company import COURSES, TURN_SPREAD_DAYS, Company, Course

Floats = NDArray[np.float64]

_PACES = {Course.STEADY: 1.0, Course.RISING: 2.0, Course.FADING: 0.1, Course.LEAVING: 0.0, Course.NEW: 1.3}
"""What a course comes to in the end."""

_SHORTEST_DAYS = 6 * TURN_SPREAD_DAYS
"""Between two turns of one account: each is over before the next begins."""

_USUAL_DAYS = 45.0
"""And about so many more."""

_SPOTLIGHT_TURNS_AFTER_DAYS = 8
_MOOD_SPREAD = 0.16
_MOOD_LASTS = 0.8


def paces(company: Company) -> Iterator[Floats]:
    """What courses and turns make of the visits of each account's people: one array a day, from day 0 on.

    The past, `company.days`, is made by courses alone. The account to watch, which has faded, is the first to be won
    back.
    """
    rng = company.randomness("turns")
    accounts, watched = company.accounts, company.accounts.index(company.spotlight)
    levels, shares = np.array([_PACES[course] for course in COURSES]), np.array(list(COURSES.values()), np.float64)
    shares /= shares.sum()
    settled = np.full(len(accounts), np.nan)  # nan: its course goes on
    turns = company.days + _SHORTEST_DAYS / 2 + rng.exponential(_SHORTEST_DAYS + _USUAL_DAYS, len(accounts))
    leads_to = rng.choice(levels, len(accounts), p=shares)
    turns[watched], leads_to[watched] = company.days + _SPOTLIGHT_TURNS_AFTER_DAYS, _PACES[Course.STEADY]
    for day in count():
        over = np.flatnonzero(turns + _SHORTEST_DAYS / 2 <= day)
        settled[over] = leads_to[over]
        turns[over] = day + _SHORTEST_DAYS / 2 + rng.exponential(_USUAL_DAYS, len(over))
        leads_to[over] = rng.choice(levels, len(over), p=shares)
        before = np.where(np.isnan(settled), [account.pace(day) for account in accounts], settled)
        turned = 1.0 / (1.0 + np.exp(-(day - turns) / TURN_SPREAD_DAYS))
        yield before if day < company.days else before * (1.0 - turned) + leads_to * turned


def moods(company: Company) -> Iterator[Floats]:
    """What each day makes of each account's visits: good weeks and bad ones."""
    rng = company.randomness("moods")
    mood = rng.normal(0.0, _MOOD_SPREAD, len(company.accounts))
    while True:
        yield np.exp(mood)
        mood = rng.normal(0.0, _MOOD_SPREAD, len(company.accounts)) + _MOOD_LASTS * mood
