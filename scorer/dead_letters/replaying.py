"""Dead letters judged anew by the worker's own rules, and those that can be used now written into the input."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from scorer.core.decode import Decoder
from scorer.core.events import Reason
from scorer.dead_letters.selection import Place
from scorer.replaying.judging import Source, judged
from scorer.stream.input_writer import InputWriter
from scorer.stream.letter_reader import KeptLetter

_NAMED = 100


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A letter that can't be used now either."""

    key: str
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}: {self.detail}"


@dataclass(slots=True)
class Replayed:
    """What became of the letters so far. `named` are the first hundred of the `left_out`.

    `without_id`: of the `replayed`, those whose events have no event_id.
    """

    replayed: int = 0
    left_out: int = 0
    without_id: int = 0
    named: list[LeftOut] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return asdict(self)


async def replay(
    letters: Sequence[KeptLetter], decoder: Decoder, writer: InputWriter | None, replayed: Replayed
) -> list[LeftOut]:
    """Write what can be used, in its order, keyed right; without a writer only judge. Returns what is newly named.

    Of a batch only the calls that were refused, each as a record of its own: its other calls have counted.

    Raises Unreachable, Refused: some may then have been written.
    """
    whole = [kept.letter for kept in letters if kept.full_bytes is None]
    found = judged([Source(letter.value, letter.headers, letter.calls) for letter in whole], decoder)
    if writer is not None:
        await writer.write(record for _, record in found.records)
    left_out = [
        *(LeftOut(str(Place.of(whole[bad.index])), str(bad.reason), bad.detail) for bad in found.rejects),
        *(_cut(kept) for kept in letters if kept.full_bytes is not None),
    ]
    replayed.replayed += len(found.records)
    replayed.without_id += found.without_id
    replayed.left_out += len(left_out)
    named = left_out[: max(0, _NAMED - len(replayed.named))]
    replayed.named += named
    return named


def _cut(kept: KeptLetter) -> LeftOut:
    held = len(kept.letter.value or b"")
    detail = f"only {held} of its {kept.full_bytes} bytes fit into the dead letters"
    return LeftOut(str(Place.of(kept.letter)), str(Reason.TOO_LARGE), detail)
