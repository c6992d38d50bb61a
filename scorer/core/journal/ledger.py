"""Which records of a journal count: the same answer for whoever reads them in order."""

from dataclasses import dataclass

from scorer.core.journal.records import FORMAT, Claim, Entry, OtherCounting


@dataclass
class Ledger:
    """The newest epoch, the number of its last entry, and what the first claim fixed for good."""

    epoch: int = 0
    number: int = 0
    first: Claim | None = None

    def claim(self, claim: Claim, timestamp_ms: int) -> None:
        """Somebody claimed the partition; `timestamp_ms` is the broker's append time. Rule 1."""
        self.epoch = self.next_epoch(timestamp_ms)
        self.number = 0
        if self.first is None:
            self.first = claim

    def next_epoch(self, timestamp_ms: int) -> int:
        return max(self.epoch + 1, timestamp_ms)

    def accepts(self, entry: Entry) -> bool:
        """Whether an entry counts. Rule 2."""
        return entry.epoch == self.epoch and entry.number == self.number + 1

    def check(self, claim: Claim) -> None:
        """A worker's own claim: bucket width, time zone and format are fixed for good. Raises `OtherCounting`."""
        fixed = self.first
        if fixed is None:
            return
        for name, was, now in (
            ("bucket", fixed.bucket_seconds, claim.bucket_seconds),
            ("timezone", fixed.timezone, claim.timezone),
            ("format", fixed.format, FORMAT),
        ):
            if was != now:
                unit = " seconds" if name == "bucket" else ""
                raise OtherCounting(
                    f"{name} is {now}{unit}, but this namespace has counted with {was}{unit}: "
                    f"set it back, or count anew in another SCORER_NAMESPACE (`scorer rebuild` isn't there yet)"
                )
