"""What workers share and what befalls it, whether or not they do anything."""

import random

from scorer.core.footing import Basis
from scorer.core.journal.steps import Landed
from tests.journal_search import truth
from tests.journal_search.alerting import Alerting
from tests.journal_search.findings import Findings
from tests.journal_search.outside import Event, Log, Redis
from tests.journal_search.setting import BUCKET_MS


class Surroundings:
    """The source, the journal's log, Redis, the clock, and what is still on its way."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.found = Findings()
        self.source: list[Event] = []
        self.start: int | None = None
        self.alerting = Alerting()
        self.log = Log(self.found, self.alerting)
        self.late: list[bytes] = []
        self.trims: list[int] = []
        self.redis = Redis()
        self.basis = Basis(6.0, self.random.randint(0, 1))
        self.now_ms = 1_000 * BUCKET_MS

    def produce(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            if self.source and self.random.random() < 0.15:
                self.source.append(self.random.choice(self.source[-10:]))
                continue
            account = self.random.choice(["a", "b", None])
            user = self.random.choice("uuuvvwxyz")
            kind = self.random.choice(["opened", "made", "unknown"])
            ago_ms = self.random.choice([0, 0, 0, BUCKET_MS, 2 * BUCKET_MS, -2 * truth.IN_FUTURE_MS])
            self.source.append(
                Event(f"e{len(self.source)}", kind, account, user, self.now_ms - ago_ms, produced_ms=self.now_ms)
            )

    def tick(self) -> None:
        self.now_ms += self.random.choice([50, 1_000, BUCKET_MS, 2 * BUCKET_MS])

    def move_benchmark(self) -> None:
        self.basis = Basis(self.random.choice([2.0, 6.0, 20.0]), self.basis.version + 1)

    def append(self, value: bytes) -> Landed:
        return self.log.append(value, self.now_ms + self.random.randint(-3, 3))

    def late_append(self) -> None:
        if self.late:
            self.append(self.late.pop(self.random.randrange(len(self.late))))

    def late_alerts(self) -> None:
        late = self.alerting.late
        if late:
            self.alerting.kafka.extend(late.pop(self.random.randrange(len(late))))

    def arrive(self) -> None:
        while self.late:
            self.late_append()
        while self.alerting.late:
            self.late_alerts()

    def late_trim(self) -> None:
        if self.trims:
            self.trim(self.trims.pop(self.random.randrange(len(self.trims))))

    def trim(self, before: int) -> None:
        if self.log.trim(before):
            self.audit()

    def audit(self) -> None:
        """Whenever the journal is read, it says what the source says."""
        state = truth.restored(self.log)
        if self.start is not None and state.position is not None:
            truth.check_counts(state, self.source, self.start, self.now_ms)
