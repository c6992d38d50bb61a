"""What a demo shows: the page and the table are views of it.

It remembers what Redis doesn't keep: the scores at the end of the last days of the made-up world, and those of the last
minutes. Times are epoch seconds, of the wall's clock unless they are said to be made up.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from scorer.core.model import INACTIVE_BAND, Model
from scorer.demo.alert_words import told
from scorer.demo.made_up_time import MadeUpTime
from scorer.demo.reasons import Close, own_part, shares_of_benchmark

TRAIL_SECONDS = 180.0
_TRAIL_STEP_SECONDS = 2.0
_ALERTS_SHOWN = 40
_DELTA_DAYS = 7
_INACTIVE = -1
"""Stands for the band of those who went silent, as others are told by their place in the model."""

Document = Mapping[str, Any]
"""One JSON object of INTERFACES 6."""


class Stage(StrEnum):
    """What a demo is doing."""

    STARTING = "starting"
    LOADING = "loading"
    SWITCHING = "switching"
    LIVE = "live"
    ENDED = "ended"


@dataclass
class _Account:
    id: str
    traits: Mapping[str, str | int]
    closes: deque[Close | None]
    document: Document | None = None
    trail: deque[tuple[float, float]] = field(default_factory=deque)
    changed: bool = False


class Board:
    """`frame` tells what is new since the last one, `whole` everything, to who comes later.

    `about`: what never changes, for the page; `days`: of so many the ends are kept. `clock`: what time it is in the
    made-up world; None while there is none.
    """

    def __init__(
        self, model: Model, about: Mapping[str, object], days: int, now: Callable[[], float] = time.time
    ) -> None:
        self.model = model
        self.clock: MadeUpTime | None = None
        self.newest_event = 0.0
        self._hold = timedelta(milliseconds=model.hold_ms)
        self._now = now
        self._about = about
        self.stage = Stage.STARTING
        self.said = "Starting Kafka, Redis and a worker on this machine"
        self.benchmark: Document | None = None
        self.records: dict[str, int] = {}
        self.launch_day: int | None = None
        self.first_day: float | None = None
        self.sent = 0
        self.hints: tuple[str, ...] = ()
        self._events: deque[int] = deque(maxlen=days)
        self._closed = 0
        self._accounts: dict[str, _Account] = {}
        self._alerts: deque[Document] = deque(maxlen=_ALERTS_SHOWN)
        self._told_accounts = self._told_days = 0
        self._new_alerts: list[Document] = []
        self._bands = {band.name: number for number, band in enumerate(model.bands)} | {INACTIVE_BAND: _INACTIVE}

    # ---- what is told to it

    def at_stage(self, stage: Stage, said: str) -> None:
        self.stage, self.said = stage, said

    def meet(self, accounts: Iterable[tuple[str, Mapping[str, str | int]]]) -> None:
        """Accounts that may get a score, with what is known of them."""
        for account, traits in accounts:
            unknown = deque[Close | None]([None] * len(self._events), self._events.maxlen)
            self._accounts.setdefault(account, _Account(account, traits, unknown))

    def saw(self, at: float, documents: Mapping[str, Document], benchmark: Document | None) -> None:
        """What Redis held."""
        self.benchmark = benchmark
        self.meet((account, {}) for account in documents)
        for name, document in documents.items():
            account = self._accounts[name]
            if account.document is None or account.document["v"] != document["v"]:
                account.document, account.changed = document, True
            if self.stage is Stage.LIVE and document["score"] is not None:
                _extend(account.trail, at, document["score"])

    def close_day(self, events: int) -> None:
        """The scores as they are now are the day's last."""
        self._events.append(events)
        self._closed += 1
        for account in self._accounts.values():
            account.closes.append(Close.of(account.document))

    def alerted(self, alerts: Sequence[Document]) -> None:
        """What fired or resolved, and how a person reads it."""
        worded = [{**alert, "said": told(alert, self.model.margin, self._hold)} for alert in alerts]
        self._alerts.extend(worded)
        self._new_alerts.extend(worded)

    # ---- what it tells

    @property
    def made_up_at(self) -> float:
        """What time it is in the made-up world."""
        return self._now() if self.clock is None else self.clock.at(self._now())

    @property
    def newest_alert(self) -> Document | None:
        return self._alerts[-1] if self._alerts else None

    @property
    def accounts(self) -> list[str]:
        return list(self._accounts)

    @property
    def documents(self) -> dict[str, Document]:
        """Of those that Redis holds one of."""
        return {name: account.document for name, account in self._accounts.items() if account.document is not None}

    def frame(self) -> dict[str, object]:
        """What is new since the last frame, and how things stand."""
        accounts = list(self._accounts.values())
        news = [(number, account) for number, account in enumerate(accounts) if account.changed]
        for _, account in news:
            account.changed = False
        frame = self._state() | {
            "accounts": _introduced(accounts[self._told_accounts :]),
            "scores": [self._row(number, account) for number, account in news],
            "days": self._told(self._told_days),
            "alerts": self._new_alerts,
        }
        self._told_accounts, self._told_days, self._new_alerts = len(accounts), self._closed, []
        return frame

    def whole(self) -> dict[str, object]:
        """All that frames have told so far, and the way of the last minutes."""
        accounts = list(self._accounts.values())[: self._told_accounts]
        there = [(number, account) for number, account in enumerate(accounts) if account.document is not None]
        return self._state() | {
            "about": self._about,
            "accounts": _introduced(accounts),
            "scores": [self._row(number, account) for number, account in there],
            "days": self._told(0, self._told_days),
            "alerts": [alert for alert in self._alerts if alert not in self._new_alerts],
            "trails": [[[round(at, 1), round(score, 2)] for at, score in account.trail] for account in accounts],
        }

    def _state(self) -> dict[str, object]:
        return {
            "stage": self.stage.value,
            "said": self.said,
            "first_day": self.first_day,
            "launch_day": self.launch_day,
            "benchmark": self.benchmark,
            "bounds": shares_of_benchmark(self.model, self.benchmark),
            "records": self.records,
            "sent": self.sent,
            "hints": self.hints,
            "at": self._now(),
            "made_up_at": self.made_up_at,
            "made_up_pace": 1.0 if self.clock is None else self.clock.pace(self._now()),
        }

    def _told(self, first: int, last: int | None = None) -> list[dict[str, object]]:
        """Days by their number: how many events, and each account's score at its end."""
        accounts = list(self._accounts.values())
        kept = self._closed - len(self._events)
        return [
            {"day": kept + n, "events": events, "scores": [_rounded(account.closes[n]) for account in accounts]}
            for n, events in enumerate(self._events)
            if first <= kept + n < (self._closed if last is None else last)
        ]

    def _row(self, number: int, account: _Account) -> list[object]:
        """The order is that of `COLUMNS` in page.js."""
        document = account.document or {}
        band = document.get("band")
        before = account.closes[-_DELTA_DAYS - 1] if len(account.closes) > _DELTA_DAYS else None
        return [
            number,
            document.get("score"),
            document.get("raw"),
            None if band is None else self._bands.get(band),
            document.get("delta"),
            own_part(self.model, before, document),
            document.get("benchmark"),
            document.get("as_of"),
            document.get("state"),
            document.get("population"),
            document.get("min_population"),
        ]


def _introduced(accounts: Iterable[_Account]) -> list[dict[str, object]]:
    return [{"id": account.id, "traits": dict(account.traits)} for account in accounts]


def _rounded(close: Close | None) -> float | None:
    return None if close is None else round(close.score, 1)


def _extend(trail: deque[tuple[float, float]], at: float, score: float) -> None:
    """One point every few seconds, the last of which moves until its time is over."""
    if len(trail) > 1 and trail[-1][0] - trail[-2][0] < _TRAIL_STEP_SECONDS:
        trail.pop()
    trail.append((at, score))
    while trail and trail[0][0] < at - TRAIL_SECONDS:
        trail.popleft()
