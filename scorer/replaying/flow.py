"""A file into the input topic, piece by piece."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from scorer.core.decode import Decoder
from scorer.replaying.formats import BadLine, Format, Piece
from scorer.replaying.judging import Source, judged
from scorer.replaying.lines import START, LineReader, Position
from scorer.stream.input_writer import InputWriter

_NAMED_BAD_LINES = 100


@dataclass(slots=True)
class Replay:
    """What became of the lines so far. `bad` names the first hundred of the `skipped`; `end` is behind what was
    acknowledged."""

    sent: int = 0
    skipped: int = 0
    end: Position = START
    bad: list[BadLine] = field(default_factory=list)


async def replay(
    lines: LineReader,
    form: Format,
    decoder: Decoder,
    writer: InputWriter,
    replayed: Replay,
    on_step: Callable[[list[BadLine]], None],
) -> None:
    """Write every usable record; `replayed` counts along, `on_step` is told what was newly found bad.

    Raises Unreachable, Refused, OSError, BadTable; `replayed` then tells how far it came.
    """
    async for piece in _pieces(lines, form):
        found = judged([Source(record.value) for record in piece.records], decoder)
        bad = [BadLine(piece.records[reject.index].line, str(reject.reason), reject.detail) for reject in found.rejects]
        bad = sorted([*piece.bad, *bad], key=lambda line: line.line)
        await writer.write(record for _, record in found.records)
        replayed.sent += len(found.records)
        replayed.skipped += len(bad)
        replayed.end = piece.end
        named = bad[: max(0, _NAMED_BAD_LINES - len(replayed.bad))]
        replayed.bad += named
        on_step(named)


async def _pieces(lines: LineReader, form: Format) -> AsyncIterator[Piece]:
    async for some in lines:
        yield form.take(some, last=False)
    yield form.take([], last=True)
