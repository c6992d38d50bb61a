"""Days as the standing history counts them, numbered by `scorer/core/calendar.py`."""

from typing import NamedTuple

from scorer.core.model import HistoryDays, Kind

DELTA_DAYS = 7
"""`delta` is against the close of the day so many days ago (SCORING 4)."""


class ClosedDays(NamedTuple):
    """The days `first` to `last` closed, and how many of them and of those before are kept, by kind.

    `last` is the day before today; `first` is today where nothing closed, which says only what day it is.
    """

    first: int
    last: int
    user_days: int
    account_days: int

    @classmethod
    def before(cls, today: int, following: int | None, kept: HistoryDays) -> "ClosedDays":
        """The days up to `today`, from the one `following` the last that closed; none if there was none before."""
        return cls(today if following is None else following, today - 1, kept.user, kept.account)

    @property
    def today(self) -> int:
        return self.last + 1

    def first_kept(self, kind: Kind) -> int:
        return self.today - (self.user_days if kind is Kind.USER else self.account_days)
