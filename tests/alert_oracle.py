"""A rule on one entity, naively: SCORING 4 and the rules of `scorer.core.alerts` once more, one score at a time.

Numbers and names only; it shares no code with what it judges. It may be told of a score as often as one likes.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Told:
    """An alert that fired or resolved. `before`: the score and band from which it came, None where there was none."""

    state: str
    cause: str
    episode: int
    score: float | None
    band: str | None
    before: tuple[float | None, str | None]


@dataclass(frozen=True)
class Seen:
    """A score, its band, and what they were before."""

    score: float | None
    band: str | None
    score_before: float | None = None
    band_before: str | None = None

    @property
    def before(self) -> tuple[float | None, str | None]:
        return self.score_before, self.band_before


@dataclass
class NaiveCrossing:
    """`crossed_below`, `crossed_above`, or entering one of some bands."""

    when: str
    threshold: float | None
    bands: tuple[str, ...]
    margin: float
    hold_ms: int
    cooldown_ms: int
    over: bool | None = None
    past_since: int | None = None
    past_from: tuple[float | None, str | None] = (None, None)
    waits_from: tuple[float | None, str | None] | None = None
    open_episode: int | None = None
    episodes: int = 0
    fired_at: int | None = None
    told: list[Told] = field(default_factory=list)

    def see(self, now: int, seen: Seen, silent: bool) -> None:
        if (seen.score if self.threshold is not None else seen.band) is None:
            return
        if silent or self.over is None:
            self._see_silently(seen)
            return
        past = self._is_back(seen) if self.over else self._is_beyond(seen)
        if not past:
            self.past_since = None
        elif self.past_since is None:
            self.past_since, self.past_from = now, seen.before
        if self.past_since is not None and now - self.past_since >= self.hold_ms:
            self.past_since = None
            self._cross(seen)
        cooled = self.fired_at is None or self.fired_at + self.cooldown_ms <= now
        if self.waits_from is not None and self.past_since is None and cooled:
            self.told.append(Told("fired", self.when, self.episodes, seen.score, seen.band, self.waits_from))
            self.open_episode, self.fired_at, self.waits_from = self.episodes, now, None

    def _see_silently(self, seen: Seen) -> None:
        self.past_since = self.waits_from = None
        self.over = self._is_over_alone(seen)
        if not self.over:
            self._resolve(seen, seen.before)

    def _cross(self, seen: Seen) -> None:
        self.over = not self.over
        if self.over:
            self.episodes += 1
            self.waits_from = self.past_from
        else:
            self.waits_from = None
            self._resolve(seen, self.past_from)

    def _resolve(self, seen: Seen, before: tuple[float | None, str | None]) -> None:
        if self.open_episode is not None:
            self.told.append(Told("resolved", "recovered", self.open_episode, seen.score, seen.band, before))
            self.open_episode = None

    def _is_beyond(self, seen: Seen) -> bool:
        if self.threshold is None or seen.score is None:
            return seen.band in self.bands
        if self.when == "crossed_below":
            return seen.score < self.threshold - self.margin
        return seen.score >= self.threshold + self.margin

    def _is_back(self, seen: Seen) -> bool:
        if self.threshold is None or seen.score is None:
            return seen.band not in self.bands
        if self.when == "crossed_below":
            return seen.score >= self.threshold + self.margin
        return seen.score < self.threshold - self.margin

    def _is_over_alone(self, seen: Seen) -> bool:
        if self.threshold is None or seen.score is None:
            return seen.band in self.bands
        return (seen.score < self.threshold) == (self.when == "crossed_below")


@dataclass
class NaiveChange:
    """`band_changed: true`."""

    cooldown_ms: int
    band: str | None = None
    home: str | None = None
    waits_from: tuple[float | None, str | None] | None = None
    open_episode: int | None = None
    episodes: int = 0
    fired_at: int | None = None
    told: list[Told] = field(default_factory=list)

    def see(self, now: int, seen: Seen, silent: bool) -> None:
        if seen.band is None:
            return
        last, self.band = self.band, seen.band
        if last is None:
            return
        changed, returned = seen.band != last, seen.band == self.home
        before = (seen.score_before, last)
        if changed and self.open_episode is not None:
            cause = "recovered" if returned else "superseded"
            self.told.append(Told("resolved", cause, self.open_episode, seen.score, seen.band, before))
            self.open_episode = self.home = None
        if silent or (changed and returned):
            if self.waits_from is not None:
                self.waits_from = self.home = None
            return
        if changed and self.waits_from is None:
            self.episodes += 1
            self.waits_from, self.home = before, last
        if self.waits_from is not None and (self.fired_at is None or self.fired_at + self.cooldown_ms <= now):
            self.told.append(Told("fired", "band_changed", self.episodes, seen.score, seen.band, self.waits_from))
            self.open_episode, self.fired_at, self.waits_from = self.episodes, now, None
