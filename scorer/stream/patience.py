"""How long an unreachable broker is waited for, and the growing pauses in between."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from scorer.stream.broker_errors import Unanswered, Unreachable

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0

T = TypeVar("T")


class Patience:
    """A deadline for one wish, from its first try on."""

    def __init__(self, seconds: float, brokers: str) -> None:
        self._seconds = seconds
        self._brokers = brokers
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._next_pause = FIRST_PAUSE_SECONDS
        self._reason = "no answer"

    async def attempt(self, action: Callable[[], Awaitable[T]]) -> T:
        """One try that ends with the patience. Raises what it raises, or Unreachable."""
        limit = asyncio.timeout_at(self._deadline)
        try:
            async with limit:
                return await action()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise self._over() from error

    async def pause(self, cause: Unanswered) -> None:
        """Wait before the next try. Raises Unreachable when the patience is over."""
        self._reason = str(cause)
        left = self._deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise self._over() from cause
        # Jitter: partitions that lost the same broker must not all come back in the same instant.
        await asyncio.sleep(min(left, self._next_pause * random.uniform(0.7, 1.0)))
        self._next_pause = min(self._next_pause * 2, LONGEST_PAUSE_SECONDS)

    async def insist(
        self, action: Callable[[], Awaitable[T]], on_first_failure: Callable[[str], None] = lambda said: None
    ) -> T:
        """Try until there is an answer. Raises Unreachable when the patience is over.

        `on_first_failure` is told, in words for a person, that this may take a while.
        """
        try:
            return await self.attempt(action)
        except Unanswered as error:
            on_first_failure(
                f"SCORER_BROKERS={self._brokers} can't be reached ({error}): trying on, for {self._seconds:g} s"
            )
            await self.pause(error)
        while True:
            try:
                return await self.attempt(action)
            except Unanswered as error:
                await self.pause(error)

    def _over(self) -> Unreachable:
        return Unreachable(
            f"SCORER_BROKERS={self._brokers} can't be reached, waited {self._seconds:g} s (last: {self._reason}): "
            "is this where the brokers are, and do they run? SCORER_BROKER_PATIENCE is how long to wait for them"
        )
