"""What was published and that Redis has not acknowledged: a restore publishes it again (journal rule 6)."""

from collections.abc import Iterator

import numpy as np

from scorer.core.events import Int64s
from scorer.core.roster import EntityKey

_COMPACT_FACTOR = 4


class Unacknowledged:
    """Rows by model code, and entities whose row was freed, by the version of the entry that published them.

    While Redis is away each is kept about once, under the newest version: its memory is bounded.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[str, int, Int64s]] = []
        self._freed: dict[EntityKey, str] = {}
        self._length = 0
        self._compacted = 0

    def __bool__(self) -> bool:
        return bool(self._rows or self._freed)

    def add(self, version: str, model: int, rows: Int64s) -> None:
        self._rows.append((version, model, rows))
        self._length += len(rows)
        if self._length > 100_000 + _COMPACT_FACTOR * self._compacted:
            self._compact()

    def add_freed(self, version: str, keys: list[EntityKey]) -> None:
        self._freed.update(dict.fromkeys(keys, version))

    def acknowledge(self, through: str) -> None:
        """Everything up to a version has arrived."""
        self._rows = [item for item in self._rows if item[0] > through]
        self._freed = {key: version for key, version in self._freed.items() if version > through}
        self._length = sum(len(rows) for _, _, rows in self._rows)

    def rows(self) -> Iterator[tuple[str, int, Int64s]]:
        yield from self._rows

    def freed(self) -> list[tuple[str, EntityKey]]:
        return [(version, key) for key, version in self._freed.items()]

    def _compact(self) -> None:
        """While Redis is away rows repeat: keep each once, under the newest version that it can wait for."""
        newest = self._rows[-1][0]
        models = {model for _, model, _ in self._rows}
        self._rows = [
            (newest, model, np.unique(np.concatenate([rows for _, code, rows in self._rows if code == model])))
            for model in sorted(models)
        ]
        self._length = self._compacted = sum(len(rows) for _, _, rows in self._rows)
