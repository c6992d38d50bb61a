"""Says in the log why records go to the dead letters: the first of each reason at once, then how many more."""

import logging
import time
from collections import Counter
from collections.abc import Iterable

from scorer.core.events import Reject

_log = logging.getLogger(__name__)

QUIET_SECONDS = 60.0


class RejectionLog:
    """One partition's rejections. The detail of the newest stands for its reason: it names the way out."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._untold: Counter[str] = Counter()
        self._quiet_until: dict[str, float] = {}

    def note(self, rejects: Iterable[Reject]) -> None:
        """At most one line a reason and minute."""
        newest = {}
        for reject in rejects:
            self._untold[reject.reason] += 1
            newest[reject.reason] = reject
        now = time.monotonic()
        for reason, reject in newest.items():
            if now >= self._quiet_until.get(reason, 0.0):
                self._quiet_until[reason] = now + QUIET_SECONDS
                count = self._untold.pop(reason)
                _log.warning(
                    "partition %s: %s to the dead letters, %s: %s", self._partition, count, reason, reject.detail
                )
