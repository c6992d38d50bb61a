"""`scorer top` for a person, in 80 columns: rank, bar, score, direction, band by word; and why there is nothing."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from scorer.core.model import DEFAULT_BANDS, Kind, Model, Shape
from scorer.freshness import told_age, told_time
from scorer.looks import MUTED, Looks
from scorer.quantities import counted
from scorer.ranking import Ranking

_BAR_CELLS = 16
_HIGHEST = 100.0
_NO_EVENTS = "No events yet. Send one:"


class RankTable:
    """Renders rankings of one model; `model` is None where no scoring file tells of it."""

    def __init__(self, model: Model | None, console: Console) -> None:
        self._model = model
        bands = model.bands if model is not None else DEFAULT_BANDS
        self._looks = Looks([band.name for band in bands], ascii_only=console.options.ascii_only)

    def render(self, ranking: Ranking) -> Group:
        body = self._table(ranking) if ranking.rows else self._why_nothing(ranking)
        lines = (Text(line, style=MUTED) for line in self._lines(ranking))
        trouble = ranking.freshness.trouble()
        stale = [Text(trouble, style="bold yellow")] if trouble and ranking.freshness.ever_worked else []
        return Group(self._title(ranking), body, *stale, *lines)

    def _title(self, ranking: Ranking) -> Text:
        wanted = ranking.wanted
        order = ", the lowest first" if wanted.lowest else ""
        which = f" in {' or '.join(wanted.bands)}" if wanted.bands else ""
        scale = "the score is the raw one" if self._raw else "1 to 100, 100 is healthy"
        return Text.assemble((f"{wanted.model}: {wanted.kind.label}s{which}{order}", "bold"), f"  {scale}")

    def _table(self, ranking: Ranking) -> Table:
        table = Table(box=box.SIMPLE_HEAD, header_style=MUTED, pad_edge=False)
        table.add_column("#", justify="right", no_wrap=True)
        table.add_column(ranking.wanted.kind.label, min_width=12)  # the only one that gives way to the others
        table.add_column("", width=_BAR_CELLS)
        table.add_column("score", justify="right", min_width=5, no_wrap=True)
        table.add_column("7 days", justify="right", min_width=6, no_wrap=True)
        table.add_column("band", min_width=10, no_wrap=True)
        full = ranking.highest if self._raw else _HIGHEST
        for row in ranking.rows:
            score: Any = row.score
            table.add_row(
                str(row.rank),
                Text(row.id, no_wrap=True, overflow="ellipsis"),
                self._looks.bar(score["score"] / full if full > 0 else 0.0, _BAR_CELLS, score["band"]),
                f"{score['score']:.1f}",
                self._looks.direction(score["delta"]),
                self._looks.band(score["band"]),
            )
        return table

    @property
    def _raw(self) -> bool:
        return self._model is not None and self._model.curve.shape is Shape.NONE

    def why_nobody(self, ranking: Ranking) -> str:
        """Why there are no rows, in one sentence."""
        if _has_no_events(ranking):
            return f"{_NO_EVENTS} {self._sending(ranking.freshness.now)}"
        return self._why_nobody(ranking)

    def _why_nothing(self, ranking: Ranking) -> Group:
        if _has_no_events(ranking):
            # in one line, whatever the terminal's width, to be copied
            return Group(_NO_EVENTS, Text(self._sending(ranking.freshness.now), no_wrap=True, overflow="ignore"))
        return Group(Text(self._why_nobody(ranking)))

    def _sending(self, now: float) -> str:
        event = next(iter(self._model.weights), "") if self._model is not None else "app_opened"
        said = {"event": event, "user_id": "ann", "account_id": "acme", "ts": int(now)}
        return f"echo {shlex.quote(json.dumps(said, ensure_ascii=False))} | scorer replay -"

    def _why_nobody(self, ranking: Ranking) -> str:
        wanted, freshness = ranking.wanted, ranking.freshness
        if not freshness.ever_worked:
            return "No worker has ever written into this Redis under this namespace. Start one: scorer worker"
        if wanted.kind is Kind.USER and not ranking.ranked:
            return "Users aren't ranked in Redis. One user's score: scorer show user acme/ann"
        if ranking.ranked and (wanted.bands or ranking.silent):
            silent = f": {ranking.silent:,} went silent (--band inactive)" if ranking.silent else ""
            return f"None of {counted(ranking.ranked, f'ranked {wanted.kind.label}')} is to be shown{silent}"
        if ranking.warming_up:
            return f"No {wanted.kind.label} has a score yet: {self._warming_up(ranking)}"
        return "No ranking yet: it comes within seconds of the first scores."

    def _warming_up(self, ranking: Ranking) -> str:
        there = ranking.benchmark["population"] if ranking.benchmark else 0
        label = ranking.wanted.kind.label
        if self._model is None:
            return f"warming up, {counted(there, f'active {label}')} so far"
        needed = counted(self._model.benchmark.min_population, f"active {label}")
        return f"warming up, {there:,} of {needed} needed"

    def _lines(self, ranking: Ranking) -> Iterator[str]:
        wanted, benchmark = ranking.wanted, ranking.benchmark
        if ranking.rows:
            left = f"{len(ranking.rows)} of {counted(ranking.ranked, wanted.kind.label)}"
            silent = f", {ranking.silent:,} who went silent left out (--band inactive)" if ranking.silent else ""
            yield f"{left}{silent}"
            if ranking.warming_up:
                yield self._warming_up(ranking)
        if benchmark is not None and benchmark["raw"] is not None and not self._raw:
            yield (
                f"the benchmark is a raw score of {benchmark['raw']:,.1f}"
                f" ({counted(benchmark['population'], f'active {wanted.kind.label}')}, computed"
                f" {told_age(ranking.freshness.now - benchmark['computed_at'])})"
            )
        if (as_of := ranking.freshness.as_of) is not None:
            yield f"newest event {told_time(as_of)} ({told_age(ranking.freshness.now - as_of)})"


def _has_no_events(ranking: Ranking) -> bool:
    return ranking.freshness.ever_worked and ranking.freshness.as_of is None
