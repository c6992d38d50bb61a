"""What the workers' heartbeats in Redis say: how far they have read, by which scoring file, from where on."""

import asyncio
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from scorer.verifying.documents import Document, Documents

CLOSE_SECONDS = 5.0
"""A worker that isn't further behind publishes at its usual pace; the rounds wait longer than that."""

_SILENT_SECONDS = 15.0
_CATCHING_UP_SECONDS = 600.0
_POLL_SECONDS = 0.25
_BEATS = 2
"""A heartbeat may have been on its way; the second one was surely made after the first was seen."""


class OtherScoring(Exception):
    """The workers score by another file than the one that is to be verified with."""


class Heartbeats:
    """Of all partitions. `scoring_hash` is the hash of the scoring file that a recount is made with."""

    def __init__(self, documents: Documents, partitions: int, scoring_hash: str) -> None:
        self._documents = documents
        self._partitions = partitions
        self._scoring_hash = scoring_hash

    def read(self) -> dict[int, Document]:
        """By partition. Raises OtherScoring."""
        beats = self._documents.heartbeats(range(self._partitions))
        for partition, beat in beats.items():
            if (beat.get("scoring") or self._scoring_hash) != self._scoring_hash:
                raise OtherScoring(
                    f"partition {partition} is scored by another file than this one (worker {beat['owner']}): "
                    "name the workers' file with --scoring"
                )
        return beats

    def newest_event_ms(self) -> int:
        """What now is with SCORER_CLOCK=event: the largest event time of all partitions."""
        return max((round(beat["as_of"] * 1000) for beat in self.read().values() if beat["as_of"]), default=0)

    async def caught_up(self, partitions: Collection[int], on_poll: Callable[[], None]) -> list[str]:
        """Wait until the workers have read what was there at the call. Returns what must be said where they haven't."""
        began = time.monotonic()
        before = self.read()
        last = {partition: before.get(partition) for partition in partitions}
        beats = dict.fromkeys(partitions, 0)
        while True:
            for partition, beat in self.read().items():
                known = last.get(partition)
                if partition in beats and (known is None or beat["at"] != known["at"]):
                    last[partition] = beat
                    beats[partition] += 1
            waiting = {p for p, count in beats.items() if count < _BEATS or _behind(last[p]) > CLOSE_SECONDS}
            silent = {p for p in waiting if not beats[p]}
            waited = time.monotonic() - began
            if not waiting or waited > _CATCHING_UP_SECONDS or (waiting == silent and waited > _SILENT_SECONDS):
                return [_said(partition, last[partition], silent) for partition in sorted(waiting)]
            on_poll()
            await asyncio.sleep(_POLL_SECONDS)


def _behind(beat: Document | None) -> float:
    return 0.0 if beat is None else float(beat["behind_seconds"])


def _said(partition: int, beat: Document | None, silent: Collection[int]) -> str:
    if beat is None:
        return f"partition {partition}: no worker has ever written a heartbeat"
    if partition in silent:
        return f"partition {partition}: no worker has been heard of since {_time(beat['at'])}"
    return f"partition {partition} is {_behind(beat):.0f} s behind: what was read may not have been scored yet"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
