"""What readers are told of KPIs (INTERFACES 6)."""

from collections.abc import Mapping
from typing import Any

import msgspec


def kpi_body(kpis: Mapping[str, Any], as_of: float | None) -> str:
    """A JSON object that lacks `v`, which comes first: so without its opening brace.

    >>> kpi_body({"window": 30}, 1.5)
    '"as_of":1.5,"window":30}'
    """
    return msgspec.json.encode({"as_of": as_of, **kpis}).decode()[1:]
