"""The customers of a made-up software company: accounts, their people, and how each does over the weeks.

Pure and seeded: the same seed makes up the same company. A few accounts have most of the people, and a few people do
most of the work.
"""

import hashlib
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

_ADJECTIVES = (
    "amber", "brisk", "copper", "dapper", "ember", "fable", "golden", "hazel", "indigo", "jolly",
    "keen", "lunar", "maple", "noble", "opal", "pine", "quiet", "river", "silver", "tidal",
)  # fmt: skip
_NOUNS = (
    "labs", "foods", "health", "travel", "bank", "works", "media", "robotics",
    "energy", "freight", "games", "homes", "motors", "optics", "press", "studio",
)  # fmt: skip
_PEOPLE = (
    "ana", "ben", "chloe", "dev", "elif", "finn", "grace", "hugo", "ines", "jun", "kofi", "lena",
    "mei", "noor", "omar", "pia", "quinn", "rosa", "sam", "tess", "uma", "vera", "wim", "yuki",
)  # fmt: skip

MOST_ACCOUNTS = len(_ADJECTIVES) * len(_NOUNS)
_LARGEST_ACCOUNT = 60
_PLANS = {"free": 5, "pro": 4, "enterprise": 2}
_REGIONS = {"us": 5, "eu": 4, "apac": 2}
_GROUPS = ("blue", "green", "red")
"""Values of traits that a scoring file names and this company doesn't know."""


class Role(StrEnum):
    """What somebody does all day."""

    READER = "reader"
    MAKER = "maker"
    ADMIN = "admin"


class Course(StrEnum):
    """How an account does over the weeks."""

    STEADY = "steady"
    RISING = "rising"
    FADING = "fading"
    LEAVING = "leaving"
    NEW = "new"


COURSES = {Course.STEADY: 56, Course.RISING: 13, Course.FADING: 14, Course.LEAVING: 7, Course.NEW: 10}
"""How many of a hundred accounts take each."""

TURN_SPREAD_DAYS = 4.0
"""Within about so many days a rise or a fall comes about."""


@dataclass(frozen=True, slots=True)
class Account:
    """A customer. `turns`: the day (from 0) around which its course shows; `adopts`: it takes up what is launched."""

    account_id: str
    traits: Mapping[str, str | int]
    course: Course
    turns: float
    adopts: bool

    def pace(self, day: float) -> float:
        """What its course makes of its people's visits on a day."""
        turned = 1.0 / (1.0 + math.exp(-(day - self.turns) / TURN_SPREAD_DAYS))
        match self.course:
            case Course.RISING:
                return 0.35 + 1.9 * turned
            case Course.FADING:
                return 1.25 - 1.15 * turned
            case Course.LEAVING:
                return 1.0 - turned if day < self.turns + 2 * TURN_SPREAD_DAYS else 0.0
            case Course.NEW:
                return 0.0 if day < self.joins else min(0.25 + (day - self.joins) / 12, 1.3)
            case _:
                return 1.0

    @property
    def joins(self) -> int:
        """The day it becomes a customer."""
        return max(round(self.turns), 0) if self.course is Course.NEW else 0

    def json(self) -> bytes:
        """What is known of it, as a record of the native format."""
        fields = {"type": "account", "account_id": self.account_id, "traits": dict(self.traits)}
        return json.dumps(fields, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of an account (by its number), and how often they come on a working day."""

    account: int
    user_id: str
    role: Role
    visits_per_day: float


class Company:
    """`traits`: names of further traits that its accounts have. `days`: over how many days courses play."""

    def __init__(self, seed: int, *, accounts: int = 240, days: int = 60, traits: tuple[str, ...] = ()) -> None:
        if not 1 <= accounts <= MOST_ACCOUNTS:
            raise ValueError(f"accounts is {accounts}: 1 to {MOST_ACCOUNTS} are possible")
        rng = random.Random(f"company {seed}")
        self.seed = seed
        self.days = days
        sizes = [min(int(3 * rng.paretovariate(1.4)), _LARGEST_ACCOUNT) for _ in range(accounts)]
        names = rng.sample([f"{adjective}-{noun}" for adjective in _ADJECTIVES for noun in _NOUNS], accounts)
        self.accounts = [_account(rng, name, size, days, traits) for name, size in zip(names, sizes, strict=True)]
        self.people = list(_people(rng, sizes))
        self.spotlight = _one_to_watch(self.accounts, sizes, days)
        """An account of a middling size that fades: worth looking at first."""

    def randomness(self, purpose: str) -> np.random.Generator:
        """Numbers that are this company's own, and always the same for one purpose."""
        digest = hashlib.blake2b(f"{purpose} {self.seed}".encode(), digest_size=8).digest()
        return np.random.default_rng(int.from_bytes(digest))


def _account(rng: random.Random, name: str, size: int, days: int, more_traits: tuple[str, ...]) -> Account:
    course = rng.choices(list(COURSES), list(COURSES.values()))[0]
    traits: dict[str, str | int] = {
        "plan": rng.choices(list(_PLANS), list(_PLANS.values()))[0],
        "region": rng.choices(list(_REGIONS), list(_REGIONS.values()))[0],
        "licenses": math.ceil(size * rng.uniform(1.0, 1.6)),
    }
    turns = rng.uniform(0.3, 0.9) * days
    adopts = rng.random() < 0.45
    return Account(name, {trait: rng.choice(_GROUPS) for trait in more_traits} | traits, course, turns, adopts)


def _one_to_watch(accounts: list[Account], sizes: list[int], days: int) -> Account:
    fading = [number for number, account in enumerate(accounts) if account.course is Course.FADING]
    wanted = fading or range(len(accounts))
    return accounts[min(wanted, key=lambda n: (abs(sizes[n] - 8) + abs(accounts[n].turns - 0.75 * days), n))]


def _people(rng: random.Random, sizes: list[int]) -> Iterator[Person]:
    for account, size in enumerate(sizes):
        for number in range(size):
            name = _PEOPLE[number % len(_PEOPLE)]
            if number >= len(_PEOPLE):
                name += str(number // len(_PEOPLE) + 1)
            role = Role.ADMIN if number == 0 else rng.choices((Role.READER, Role.MAKER), (7, 3))[0]
            yield Person(account, name, role, min(0.12 * rng.paretovariate(1.3), 4.0))
    # who must not count: our own staff looking in, and a robot
    yield Person(0, "support@ourcompany.example", Role.ADMIN, 2.0)
    yield Person(len(sizes) - 1, "bot-nightly-export", Role.MAKER, 8.0)
