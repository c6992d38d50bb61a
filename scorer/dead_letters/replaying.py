"""Dead letters judged anew by the worker's own rules, and those that can be used now written into the input."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from scorer.core.decode import Decoder
from scorer.core.events import Reason
from scorer.dead_letters.selection import Place
from scorer.replaying.judging import Source, judged
from scorer.stream.input_writer import InputWriter
from scorer.stream.letter_reader import KeptLetter


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A letter that can't be used now either."""

    key: str
    reason: str
    detail: str


@dataclass(slots=True)
class Replayed:
    """What became of the letters so far. `reasons`: how many are `left_out` for which; `named`: the first `limit` of
    them. `without_id`: of the `replayed`, those whose events have no event_id.
    """

    limit: int
    replayed: int = 0
    left_out: int = 0
    without_id: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    named: list[LeftOut] = field(default_factory=list)

    def leave_out(self, letters: Sequence[LeftOut]) -> None:
        self.left_out += len(letters)
        self.reasons.update(each.reason for each in letters)
        self.named += letters[: max(0, self.limit - len(self.named))]

    def as_json(self) -> dict[str, object]:
        return {
            "replayed": self.replayed,
            "left_out": self.left_out,
            "without_id": self.without_id,
            "reasons": dict(self.reasons.most_common()),
            "named": [asdict(each) for each in self.named],
        }


async def replay(
    letters: Sequence[KeptLetter], decoder: Decoder, writer: InputWriter | None, replayed: Replayed
) -> None:
    """Write what can be used, in its order, keyed right; without a writer only judge.

    Of a batch only the calls that were refused, each as a record of its own: its other calls have counted.

    Raises Unreachable, Refused: some may then have been written.
    """
    whole = [kept.letter for kept in letters if kept.full_bytes is None]
    found = judged([Source(letter.value, letter.headers, letter.calls) for letter in whole], decoder)
    if writer is not None:
        await writer.write(record for _, record in found.records)
    replayed.replayed += len(found.records)
    replayed.without_id += found.without_id
    rejected = [LeftOut(str(Place.of(whole[bad.index])), str(bad.reason), bad.detail) for bad in found.rejects]
    replayed.leave_out([*rejected, *(_cut(kept) for kept in letters if kept.full_bytes is not None)])


def _cut(kept: KeptLetter) -> LeftOut:
    held = len(kept.letter.value or b"")
    detail = f"only {held:,} of its {kept.full_bytes:,} bytes fit into the dead letters"
    return LeftOut(str(Place.of(kept.letter)), str(Reason.TOO_LARGE), detail)
