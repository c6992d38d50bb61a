"""How far which Redis has everything: the mark that the journal keeps (journal rule 6)."""

from dataclasses import dataclass


@dataclass
class RedisMark:
    """Redis `redis_id` has acknowledged everything up to the version `through` ("" for nothing yet).

    A Redis that lost its data, or another one, has nothing until all scores were told again: until then the mark
    that the journal holds stays as it was, and names the old Redis, so that a restore tells everything again too.
    """

    through: str = ""
    redis_id: str = ""
    _refilling: str | None = None
    _refilled_at: str | None = None

    def lost(self, redis_id: str) -> None:
        """`redis_id` is an empty or another Redis; all scores are to be told again."""
        self._refilling, self._refilled_at = redis_id, None

    def told_again(self, version: str) -> None:
        """Every score has been handed over, the last one as `version`."""
        if self._refilling is not None and self._refilled_at is None:
            self._refilled_at = version

    def acknowledged(self, version: str, redis_id: str) -> None:
        """Redis has everything up to `version` of what was handed over."""
        if self._refilling is not None:
            if self._refilled_at is None or version < self._refilled_at or redis_id != self._refilling:
                return
            self._refilling = None
        elif self.redis_id and redis_id != self.redis_id:
            return
        if version > self.through or redis_id != self.redis_id:
            self.through, self.redis_id = version, redis_id
