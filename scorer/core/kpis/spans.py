"""Which days KPIs look at."""

from dataclasses import dataclass

from scorer.core.model import WEEK, KpiRules


@dataclass(frozen=True, slots=True)
class Spans:
    """The days of a share, `today` being the last: columns 0..days-1 of what is told by day.

    With N the `window`: the window is the N complete days before today, and `before` the N days before those.
    """

    rules: KpiRules
    today: int

    @property
    def window(self) -> int:
        return self.rules.window

    @property
    def days(self) -> int:
        """How many days a share tells of."""
        return self.rules.days

    @property
    def first(self) -> int:
        """The earliest of them."""
        return self.today - self.days + 1

    @property
    def of_window(self) -> slice:
        return slice(self.days - 1 - self.window, self.days - 1)

    @property
    def of_window_before(self) -> slice:
        return slice(self.days - 1 - 2 * self.window, self.days - 1 - self.window)

    @property
    def week(self) -> slice:
        return slice(self.days - 1 - WEEK, self.days - 1)

    @property
    def week_before(self) -> slice:
        """The same, one window ago."""
        return slice(self.days - 1 - self.window - WEEK, self.days - 1 - self.window)

    @property
    def window_begins(self) -> int:
        """The window's first day."""
        return self.today - self.window
