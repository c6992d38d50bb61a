"""The time zones that a scoring file may name: those of the machine's tz database, and of the package tzdata."""

from functools import cache
from zoneinfo import available_timezones

_OF_A_MACHINE = {"Factory", "localtime"}
"""Names in the database that say nothing, or something else on each machine."""

ALLOWED = "must be a time zone of the tz database, such as UTC, Europe/Berlin or America/New_York"


@cache
def known_timezones() -> frozenset[str]:
    """Their names; all directories of the database are walked for them once."""
    return frozenset(available_timezones() - _OF_A_MACHINE)


def is_timezone(name: str) -> bool:
    return name == "UTC" or name in known_timezones()
