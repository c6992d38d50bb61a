"""One step of a rule for rows that may have moved: the rules of `scorer.core.alerts` as masks over columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.core.alert_columns import OPEN, PENDING, WAITING, Alerts, Bools, Codes, Facts, Look
from scorer.core.alert_rules import Cause, Rule, When
from scorer.core.model import INACTIVE_BAND
from scorer.core.score import Floats
from scorer.core.sparse_rows import Records
from scorer.core.standing import INACTIVE_CODE, NO_BAND

UNKNOWN, CLEAR, OVER = 0, 1, 2
"""The sides of a crossing. A rule on any change of the band keeps the band instead: its code + 1."""

Levels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Step:
    """The rows' state after a step, and the alerts that it made."""

    level: Levels
    entries: Records
    alerts: Alerts


class Bound:
    """What lies beyond a rule's bound, what is back behind it, and on which side a score alone is."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        codes = {name: code for code, name in enumerate(rule.model_bands)} | {INACTIVE_BAND: INACTIVE_CODE}
        self._inside = np.zeros(256, np.bool_)
        self._inside[[codes[name] for name in rule.bands]] = True

    def beyond_and_back(self, score: Floats, band: Codes) -> tuple[Bools, Bools]:
        rule = self.rule
        if rule.threshold is None:
            inside = self._inside[band]
            return inside, ~inside & (band != NO_BAND)
        lower, upper = rule.threshold - rule.margin, rule.threshold + rule.margin
        if rule.when is When.CROSSED_BELOW:
            return score < lower, score >= upper
        return score >= upper, score < lower

    def over(self, score: Floats, band: Codes) -> Bools:
        if self.rule.threshold is None:
            inside: Bools = self._inside[band]
            return inside
        below: Bools = score < self.rule.threshold
        return below if self.rule.when is When.CROSSED_BELOW else ~below

    def known(self, score: Floats, band: Codes) -> Bools:
        known: Bools = band != NO_BAND if self.rule.threshold is None else ~np.isnan(score)
        return known


def crossing_step(bound: Bound, look: Look, level: Levels, entries: Records, floor: int, now_ms: int) -> Step:
    """Rules 2 to 7. `entries` is changed in place; `floor`: episodes up to it are taken."""
    rule, flags, was_over = bound.rule, _Flags(entries), level == OVER
    known = bound.known(look.score, look.band)
    silent = known & (look.silent | (level == UNKNOWN))
    heard = known & ~silent
    beyond, back = bound.beyond_and_back(look.score, look.band)
    wants = heard & np.where(was_over, back, beyond)
    starts = wants & ~flags.have(PENDING)
    entries["since_ms"][starts] = now_ms
    _remember(entries, (starts | silent) & ~flags.have(WAITING), look, look.previous_band)
    moves = wants & (now_ms - entries["since_ms"] >= rule.hold_ms)
    flags.put(PENDING, wants & ~moves, known)
    over = np.where(silent, bound.over(look.score, look.band), was_over ^ moves)
    crosses = moves & over
    flags.put(WAITING, crosses, crosses | silent | ~over)
    _number(entries, crosses, floor)
    resolved = flags.have(OPEN) & ~over
    flags.put(OPEN, ~resolved, resolved)
    fired = _fire(rule, entries, heard, now_ms)
    cause, episode = _same(look, Cause.RECOVERED), entries["episode"].astype(np.int64)
    ended = Alerts.of(look, resolved, cause, episode, _remembered(entries), fired=False)
    alerts = Alerts.joined(ended, _fired_alerts(rule, look, entries, fired))
    settled = ~flags.have(PENDING | WAITING)
    _forget(entries, settled, settled)
    entries["since_ms"][~flags.have(PENDING)] = 0
    return Step(np.where(known, np.where(over, OVER, CLEAR), level).astype(np.uint8), entries, alerts)


def change_step(bound: Bound, look: Look, level: Levels, entries: Records, floor: int, now_ms: int) -> Step:
    """Rules 8 to 10. `entries` is changed in place; `floor`: episodes up to it are taken."""
    rule, flags = bound.rule, _Flags(entries)
    known = look.band != NO_BAND
    silent = known & (look.silent | (level == UNKNOWN))
    heard = known & ~silent
    left = (level.astype(np.int16) - 1).astype(np.int8)
    moved = known & (level != UNKNOWN) & (look.band != left)
    returned = moved & (look.band == entries["from_band"])
    resolved = moved & flags.have(OPEN)
    leaves = heard & moved & ~returned & ~flags.have(WAITING)
    episode = entries["episode"].astype(np.int64)
    flags.put(OPEN, ~resolved, resolved)
    flags.put(WAITING, leaves, leaves | returned | silent)
    _remember(entries, leaves, look, left)
    _number(entries, leaves, floor)
    fired = _fire(rule, entries, heard, now_ms)
    cause = np.where(returned, Cause.RECOVERED, Cause.SUPERSEDED).astype(np.int8)
    ended = Alerts.of(look, resolved, cause, episode, (look.previous_score, look.previous_raw, left), fired=False)
    alerts = Alerts.joined(ended, _fired_alerts(rule, look, entries, fired))
    _forget(entries, ~flags.have(WAITING), ~flags.have(WAITING | OPEN))
    new_level = np.where(known, look.band.astype(np.int16) + 1, level).astype(np.uint8)
    return Step(new_level, entries, alerts)


class _Flags:
    """The flags of entries, as masks."""

    def __init__(self, entries: Records) -> None:
        self._entries = entries

    def have(self, flag: int) -> Bools:
        """Which have `flag`, or one of several."""
        found: Bools = (self._entries["flags"] & flag) != 0
        return found

    def put(self, flag: int, value: Bools, where: Bools) -> None:
        flags = self._entries["flags"]
        flags[where & value] |= flag
        flags[where & ~value] &= 0xFF ^ flag


def _number(entries: Records, mask: Bools, floor: int) -> None:
    """Give the rows in `mask` their next episode."""
    entries["episode"][mask] = np.maximum(entries["episode"][mask], floor) + 1


def _fire(rule: Rule, entries: Records, heard: Bools, now_ms: int) -> Bools:
    """Open the alerts of rows that wait, aren't about to recover, and are past their cooldown; which those are."""
    flags = entries["flags"]
    waits = (flags & (WAITING | PENDING)) == WAITING
    fired: Bools = heard & waits & (entries["fired_ms"] <= now_ms - rule.cooldown_ms)
    flags[fired] = (flags[fired] & (0xFF ^ WAITING)) | OPEN
    entries["fired_ms"][fired] = now_ms
    return fired


def _fired_alerts(rule: Rule, look: Look, entries: Records, fired: Bools) -> Alerts:
    episode = entries["episode"].astype(np.int64)
    return Alerts.of(look, fired, _same(look, rule.fired_cause), episode, _remembered(entries), fired=True)


def _same(look: Look, cause: Cause) -> Codes:
    return np.full(len(look), cause, np.int8)


def _remember(entries: Records, mask: Bools, look: Look, band: Codes) -> None:
    """Keep what the rows in `mask` were before they moved, until it can be told."""
    entries["from_score"][mask] = look.previous_score[mask]
    entries["from_raw"][mask] = look.previous_raw[mask]
    entries["from_band"][mask] = band[mask]


def _remembered(entries: Records) -> Facts:
    return entries["from_score"], entries["from_raw"], entries["from_band"]


def _forget(entries: Records, scores: Bools, bands: Bools) -> None:
    entries["from_score"][scores] = entries["from_raw"][scores] = np.nan
    entries["from_band"][bands] = NO_BAND
