"""How a score looks in a terminal (LOOK): a band by shape, colour and word, a direction by arrow, a bar.

A glyph that the terminal's encoding lacks is left out, or written in ASCII; the word is always there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from scorer.core.model import INACTIVE_BAND

MUTED = "bright_black"
_RAMP = (("▼", "red"), ("◢", "yellow"), ("●", "green"), ("▲", "magenta"))
_UNKNOWN = ("○", MUTED)
_STILL = 0.05
"""A move that would show as 0.0."""


@dataclass(frozen=True, slots=True)
class Looks:
    """`bands`: a model's, the lowest first; they take the ramp by their order, however many there are."""

    bands: Sequence[str]
    ascii_only: bool = False

    def band(self, name: str | None) -> Text:
        shape, colour = self._of(name)
        word = name or "no band"
        return Text(word if self.ascii_only else f"{shape} {word}", style=colour)

    def bar(self, share: float, cells: int, band: str | None) -> Text:
        """`share`: 0..1 of the cells."""
        filled = round(min(max(share, 0.0), 1.0) * cells)
        return Text(("#" if self.ascii_only else "━") * filled, style=self._of(band)[1])

    def direction(self, delta: float | None) -> Text:
        """Points up or down; a dash where nothing is known of the past."""
        if delta is None:
            return Text("-", style=MUTED)
        if abs(delta) < _STILL:
            return Text("0.0" if self.ascii_only else "· 0.0", style=MUTED)
        if self.ascii_only:
            return Text(f"{delta:+.1f}")
        return Text(f"{'↑' if delta > 0 else '↓'} {abs(delta):.1f}")

    def _of(self, band: str | None) -> tuple[str, str]:
        if band is None or band == INACTIVE_BAND or band not in self.bands:
            return _UNKNOWN
        return _RAMP[round(self.bands.index(band) / max(len(self.bands) - 1, 1) * (len(_RAMP) - 1))]
