"""What schedules went through: a search that saw no trim says nothing about trims."""

from dataclasses import dataclass, fields

_SHOWN = 10


@dataclass
class Findings:
    """`first`: the first holes, a line each.

    A zombie's append is an entry that lands behind a newer claim than its writer's.
    """

    schedules: int = 0
    holes: int = 0
    workers: int = 0
    zombie_appends: int = 0
    snapshots_completed: int = 0
    restores_from_a_snapshot: int = 0
    trims: int = 0
    trims_during_a_restore: int = 0
    rows_used_again: int = 0
    redis_emptied: int = 0
    journals_lost: int = 0
    alerts_fired: int = 0
    alerts_resolved: int = 0
    alerts_repeated: int = 0
    sends_cut_short: int = 0
    schedules_that_alerted: int = 0
    first: str = ""

    def __str__(self) -> str:
        counted = [f"{getattr(self, f.name)} {f.name.replace('_', ' ')}" for f in fields(self) if f.name != "first"]
        return ", ".join(counted) + (f"; {self.first}" if self.first else "")

    def add(self, other: "Findings") -> None:
        for f in fields(self):
            if f.name != "first":
                setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))
        self.first = "\n".join(f"{self.first}\n{other.first}".strip().splitlines()[:_SHOWN])
