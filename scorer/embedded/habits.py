"""What made-up people do with a product: which events come of a visit, and how often each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from scorer.core.model import Model
from scorer.embedded.company import Role

_HARM_SHARE = 0.04
_TAIL = {Role.READER: 1.4, Role.MAKER: 0.7, Role.ADMIN: 0.5}
"""How quickly an event gets rare as it is worth more, by role."""


@dataclass(frozen=True)
class Habits:
    """`shares`: how often each of `events` is an action, by role.

    A visit begins with `opening` and ends with `closing`, whose value is its seconds. `launched` comes into
    use on the launch day.

    `bad` is what goes wrong at a customer on a bad day.
    """

    events: tuple[str, ...]
    shares: Mapping[Role, Mapping[str, float]]
    opening: str
    closing: str | None
    launched: str | None
    bad: tuple[str, ...]

    def chances(self, *, launched: bool) -> NDArray[np.float64]:
        """Cumulative shares, a row for each role: of those who use what was launched, or of the others."""
        rows = np.array([[self.shares[role].get(event, 0.0) for event in self.events] for role in Role])
        if not launched and self.launched is not None:
            rows[:, self.events.index(self.launched)] = 0.0
        cumulative: NDArray[np.float64] = np.cumsum(rows / rows.sum(axis=1, keepdims=True), axis=1)
        cumulative[:, -1] = 1.0  # whatever rounding made of it
        return cumulative

    @property
    def encoded(self) -> list[str]:
        """The events as JSON."""
        return [json.dumps(event, ensure_ascii=False) for event in self.events]


OURS = Habits(
    events=(
        "app_opened", "report_viewed", "report_created", "dashboard_shared", "comment_added", "export_downloaded",
        "teammate_invited", "slack_connected", "api_key_created", "import_failed", "support_ticket_opened", "session",
    ),
    shares={
        Role.READER: {"app_opened": 40, "report_viewed": 45, "comment_added": 10, "support_ticket_opened": 1},
        Role.MAKER: {
            "app_opened": 25, "report_viewed": 25, "report_created": 25, "dashboard_shared": 14, "comment_added": 8,
            "export_downloaded": 5, "import_failed": 2,
        },
        Role.ADMIN: {
            "app_opened": 30, "report_viewed": 15, "dashboard_shared": 6, "teammate_invited": 14, "slack_connected": 6,
            "api_key_created": 6, "support_ticket_opened": 6, "import_failed": 8,
        },
    },
    opening="app_opened",
    closing="session",
    launched="dashboard_shared",
    bad=("import_failed", "import_failed", "support_ticket_opened"),
)  # fmt: skip
"""Of the made-up company itself, whose scoring file is demo_scoring.yaml."""


def habits_for(events: Sequence[str], durations: Sequence[str], model: Model) -> Habits:
    """Habits that fit somebody else's event types: what is worth more comes less often, what harms seldom.

    `durations`: the types whose value is seconds.
    """
    worth = {event: model.weights[event].weight if event in model.weights else 0.0 for event in events}
    actions = [event for event in events if event not in durations] or list(events)
    bad = [event for event in actions if worth[event] < 0]
    fine = [event for event in actions if worth[event] >= 0] or actions
    usual = median([worth[event] for event in fine if worth[event] > 0] or [1.0])
    by_worth = sorted(fine, key=lambda event: (worth[event], event))
    shares: dict[Role, dict[str, float]] = {}
    for role, tail in _TAIL.items():
        share = {event: (0.3 + abs(worth[event] or usual) / usual) ** -tail for event in fine}
        harm = _HARM_SHARE * sum(share.values()) / max(len(bad), 1)
        shares[role] = share | dict.fromkeys(bad, harm)
    valued = [event for event in by_worth if worth[event] > 0] or by_worth
    return Habits(
        events=tuple(events),
        shares=shares,
        opening=valued[0],
        closing=next((event for event in events if event in durations), None),
        launched=by_worth[-2] if len(by_worth) > 2 else None,
        bad=tuple(bad),
    )
