"""The table of `scorer demo`: accounts by score, how each moved, and its band by shape and word."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scorer.core.model import Model, Shape
from scorer.demo.made_up_time import told
from scorer.looks import MUTED, Looks

TREND_SECONDS = 30.0
_BAR_CELLS = 20


class Trends:
    """How far each score has moved within the last half minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Mapping[str, float]]] = deque()

    def saw(self, at: float, scores: Mapping[str, float]) -> None:
        """The scores as of `at`, in seconds of any clock that doesn't go back."""
        self._seen.append((at, scores))
        # one that is just older stays: it is what the scores are compared with
        while len(self._seen) > 1 and self._seen[1][0] <= at - TREND_SECONDS:
            self._seen.popleft()

    def moved(self, account: str) -> float | None:
        """Points since half a minute ago, or since it was first seen; None if it wasn't seen before."""
        first = next((scores[account] for _, scores in self._seen if account in scores), None)
        last = self._seen[-1][1].get(account) if self._seen else None
        return None if first is None or last is None else last - first


@dataclass(frozen=True, slots=True)
class Standings:
    """What Redis held at one moment: each account's score object (INTERFACES 6), and the benchmark's, if any."""

    scores: Mapping[str, Mapping[str, Any]]
    benchmark: Mapping[str, Any] | None

    @property
    def ranked(self) -> list[str]:
        """Accounts that have a score, the best first."""
        there = [account for account, score in self.scores.items() if score["score"] is not None]
        return sorted(there, key=lambda account: (-self.scores[account]["score"], account))


class DemoTable:
    """Renders standings of one model, whose scores are 1 to 100."""

    def __init__(self, model: Model, hints: Sequence[str], *, ascii_only: bool = False) -> None:
        self._model = model
        self._looks = Looks([band.name for band in model.bands], ascii_only)
        self._hints = hints

    def render(
        self,
        standings: Standings,
        trends: Trends,
        progress: str,
        rows: int | None = None,
        *,
        page: str = "",
        alert: Mapping[str, Any] | None = None,
    ) -> Group:
        """`rows`: at most so many accounts, those that moved most; `progress`: one sentence about the traffic; `page`:
        its address; `alert`: the newest one, as the board has it.
        """
        accounts = dict(enumerate(standings.ranked, 1))
        shown = _liveliest(accounts, trends, rows)
        scale = "the raw score" if self._model.curve.shape is Shape.NONE else "1 to 100, 100 is healthy"
        title = Text.assemble((f"{self._model.name} of made-up accounts", "bold"), f"  {scale}")
        parts: list[Text | Table] = [title, self._table(standings, trends, shown)]
        if page:
            parts.insert(0, Text.assemble("page: ", (page, "bold underline")))
        if not accounts:
            parts[-1] = Text("No ranking yet: it comes within seconds of the first scores.")
        elif len(shown) < len(accounts):
            parts.append(Text(f"and {len(accounts) - len(shown)} more, that moved less", style=MUTED))
        if alert is not None:
            parts.append(Text(f"alert: {alert['entity']}: {alert['rule'].replace('_', ' ')}: {alert['said']}"))
        parts += [Text(line, style=MUTED) for line in (self._state(standings), progress, *self._hints) if line]
        return Group(*parts)

    def _table(self, standings: Standings, trends: Trends, accounts: Mapping[int, str]) -> Table:
        """Of accounts by their rank."""
        table = Table(box=box.SIMPLE_HEAD, header_style=MUTED, pad_edge=False)
        table.add_column("#", justify="right")
        table.add_column("account", min_width=16)
        table.add_column("", width=_BAR_CELLS)
        table.add_column("score", justify="right", min_width=5)
        table.add_column(f"{TREND_SECONDS:.0f} s", justify="right", min_width=7)
        table.add_column("band", min_width=10)
        scores = [standings.scores[account]["score"] for account in accounts.values()]
        longest = 100.0 if self._model.curve.shape is not Shape.NONE else max([*scores, 1.0])
        for rank, account in accounts.items():
            score = standings.scores[account]
            table.add_row(
                str(rank),
                escape(account),
                self._looks.bar(score["score"] / longest, _BAR_CELLS, score["band"]),
                f"{score['score']:.1f}",
                self._looks.direction(trends.moved(account)),
                self._looks.band(score["band"]),
            )
        return table

    def _state(self, standings: Standings) -> str:
        newest = max((score["as_of"] for score in standings.scores.values() if score["as_of"]), default=None)
        facts = []
        # null while too few are active
        if standings.benchmark is not None and standings.benchmark["raw"] is not None:
            percentile = f"{self._model.benchmark.percentile:g}th percentile"
            facts.append(f"benchmark {standings.benchmark['raw']:.1f} ({percentile} of the raw scores)")
        if newest is not None:
            facts.append(f"as of {told(newest)}, made-up time")
        return ", ".join(facts)


def _liveliest(accounts: Mapping[int, str], trends: Trends, rows: int | None) -> dict[int, str]:
    """By rank, the best first; of those that moved alike, too."""
    if rows is None:
        return dict(accounts)
    by_move = sorted(accounts, key=lambda rank: (-abs(trends.moved(accounts[rank]) or 0.0), rank))
    return {rank: accounts[rank] for rank in sorted(by_move[:rows])}
