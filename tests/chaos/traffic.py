"""Input that keeps coming while things break: duplicates, disorder, transactions, records that can't be used."""

import asyncio
import random
import threading
from collections.abc import Sequence

from tests.deployment import Deployment, Record, events

STEP_RECORDS = 120
ACCOUNTS = 100  # few events each: what a fault loses, a later event doesn't always mend
_LONGEST_PAUSE_SECONDS = 0.4


class Traffic(threading.Thread):
    """Appends so many made-up records to a deployment's input, from a thread of its own; `rest` waits for its end.

    Each record that counts is there at least once; a repeat is an exact copy. Hold `quiet` while the broker is away:
    a producer of ours that doesn't know what became of its record would make the oracle wrong, not the worker.
    """

    def __init__(self, site: Deployment, seed: int, count: int) -> None:
        super().__init__(name="traffic", daemon=True)
        self._site = site
        self._chance = random.Random(seed)
        self._to_come = [*events(seed, count, accounts=ACCOUNTS), *(_unusable(i) for i in range(count // 100))]
        self._chance.shuffle(self._to_come)
        self._past: list[Record] = []
        self._error: BaseException | None = None
        self.quiet = threading.Lock()

    def run(self) -> None:
        try:
            asyncio.run(self._produce())
        except BaseException as error:
            self._error = error

    def rest(self) -> None:
        """Wait until all has been appended; raises what went wrong."""
        self.join()
        if self._error is not None:
            raise self._error

    async def _produce(self) -> None:
        number = 0
        while self._to_come:
            number += 1
            size = self._chance.randrange(1, STEP_RECORDS)
            fresh, self._to_come = self._to_come[:size], self._to_come[size:]
            with self.quiet:
                await self._step(number, fresh)
            await asyncio.sleep(self._chance.random() * _LONGEST_PAUSE_SECONDS)

    async def _step(self, number: int, fresh: Sequence[Record]) -> None:
        chance = self._chance
        again = chance.sample(self._past, min(len(self._past), chance.randrange(STEP_RECORDS)))
        batch = [*fresh, *again]
        chance.shuffle(batch)
        self._past += fresh
        way = chance.random()
        if way < 0.2:
            ghosts = events(chance.randrange(1 << 30), 60, name=f"ghost-{number}")
            await self._site.append([*ghosts, *batch], transaction=f"{self._site.namespace}-t", abort=True)
        await self._site.append(batch, transaction=f"{self._site.namespace}-t" if way < 0.5 else None)


def _unusable(i: int) -> Record:
    return Record(f"acme/{i % 7}%", b'{"event": "opened", "number": %d' % i)
