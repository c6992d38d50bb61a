"""KPIs as Redis holds them (INTERFACES 6): `v` comes first, as in a score, so that the same script compares it."""

from scorer.core.publish import KpiBatch
from scorer.sinks.score_json import OPENING, Rows


def kpi_key(namespace: str, kind: str, entity_id: str) -> str:
    """
    >>> kpi_key("scorer", "segment", "plan=pro")
    'scorer:kpi:segment:plan=pro'
    """
    return f"{namespace}:kpi:{kind}:{entity_id}"


def kpi_value(version: str, body: str) -> str:
    """`body` lacks the version, and so the opening brace."""
    return f'{OPENING}{version}",{body}'


class KpiRendering:
    """One batch on its way into JSON, by slices."""

    def __init__(self, namespace: str, batch: KpiBatch) -> None:
        self._namespace = namespace
        self.batch = batch

    def rows(self, start: int, stop: int) -> Rows:
        """The rows `start` to `stop` (exclusive), in the batch's order."""
        batch = self.batch
        keys = [kpi_key(self._namespace, "account", account) for account in batch.account_id[start:stop]]
        values = [kpi_value(batch.version, body) for body in batch.body[start:stop]]
        return Rows(keys, values, keys if batch.freed else [], {})
