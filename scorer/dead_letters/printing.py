"""Dead letters for a person."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scorer.core.events import Reason
from scorer.dead_letters.listing import Listing
from scorer.dead_letters.replaying import Replayed
from scorer.dead_letters.selection import Place, at_of
from scorer.looks import MUTED
from scorer.quantities import counted, numbered
from scorer.stream.letter_reader import KeptLetter

_TIME = "%Y-%m-%d %H:%M:%S"
_SHOWN_BYTES = 4_096
_HEADER_WIDTH = 2_000
_ROW = 16
_INDENT = 21
"""As wide as the time before it."""

_WAYS_OUT = {
    Reason.EMPTY: "the producer writes records without a value: it should write none",
    Reason.NOT_JSON: "the producer writes something else than JSON or msgpack into the input topic",
    Reason.UNKNOWN_FORMAT: "the producer should write native, Segment, CloudEvents 1.0, PostHog or Snowplow records",
    Reason.IN_FUTURE: "the producer's clock, or its unit of time, is wrong; once that time has come, replay it",
    Reason.TOO_LARGE: "the producer should send less with an event: what isn't a field of ours is not used",
    Reason.WRONG_PARTITION: (
        "the producer should key by account (by user where there is none) with Kafka's default partitioner; "
        "`scorer dead-letters replay --reason wrong_partition` writes what is there with the right key"
    ),
}
"""What to do about a reason, where the detail doesn't tell."""


def print_listing(listing: Listing, topic: str, out: Console) -> None:
    if not listing.letters:
        out.print(f"no dead letters of that kind in {topic}" if listing.foreign else f"no dead letters in {topic}")
        return
    table = _table("reason", "letters", "first (UTC)", "last (UTC)")
    table.columns[1].justify = "right"
    for reason, total in sorted(listing.totals.items(), key=lambda each: -each[1].letters):
        table.add_row(escape(reason), f"{total.letters:,}", f"{total.first:{_TIME}}", f"{total.last:{_TIME}}")
    out.print(table)
    for kept in listing.newest:
        letter = kept.letter
        out.print(Text.assemble(f"{at_of(letter):{_TIME}}  ", (letter.reason, "bold"), f"  {Place.of(letter)}"))
        out.print(Text(" " * _INDENT + letter.detail, style=MUTED), no_wrap=True, overflow="ellipsis")
    if listing.newest:
        out.print()
    out.print(_sentence(listing, topic), highlight=False, soft_wrap=True, markup=False)


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(heading)
    return table


def _sentence(listing: Listing, topic: str) -> str:
    letters = f"{counted(listing.letters, 'dead letter')} in {topic}"
    shown = len(listing.newest)
    more = "" if shown >= listing.letters else f", the newest {shown} shown (--limit)"
    are = numbered(listing.foreign, "record there is no dead letter", "records there are no dead letters")
    foreign = f"; {listing.foreign:,} {are}" if listing.foreign else ""
    return f"{letters}{more}{foreign}; scorer dead-letters show KEY shows what one holds"


def print_replayed(replayed: Replayed, topic: str, out: Console, *, dry_run: bool) -> None:
    """What is left out, counted by reason, and some of it; then all of it in a sentence."""
    if replayed.left_out:
        table = _table("reason", "left out")
        table.columns[1].justify = "right"
        for reason, letters in replayed.reasons.most_common():
            table.add_row(escape(reason), f"{letters:,}")
        out.print(table)
    for each in replayed.named:
        out.print(Text.assemble(each.key, "  ", (each.reason, "bold")))
        out.print(Text(f"    {each.detail}", style=MUTED), no_wrap=True, overflow="ellipsis")
    if replayed.named:
        out.print()
    out.print(_outcome(replayed, topic, dry_run=dry_run), highlight=False, soft_wrap=True, markup=False)


def _outcome(replayed: Replayed, topic: str, *, dry_run: bool) -> str:
    said = f"{counted(replayed.replayed, 'dead letter')} {'would be ' if dry_run else ''}written to {topic}"
    if replayed.left_out:
        shown = len(replayed.named)
        more = "" if shown >= replayed.left_out else f" (the first {shown} shown: --limit)"
        said += f", {left_out(replayed)}{more}"
    if replayed.without_id:
        have = numbered(replayed.without_id, "has no event_id, and counts", "have no event_id, and count")
        are = numbered(replayed.without_id, "it is", "they are")
        said += f"; {replayed.without_id:,} {have} again each time {are} replayed"
    return said


def left_out(replayed: Replayed) -> str:
    """How many, and why in general; only if there are any."""
    they = numbered(replayed.left_out, "it", "they")
    return f"{replayed.left_out:,} left out: {they} can't be used now either"


def print_letter(kept: KeptLetter, out: Console) -> None:
    letter = kept.letter
    facts = {
        "key": str(Place.of(letter)),
        "reason": letter.reason,
        "detail": letter.detail,
        "rejected": f"{at_of(letter):{_TIME}} UTC",
        "value": _size(kept),
    }
    if letter.headers:
        facts["headers"] = ", ".join(f"{name}={_header_text(value)}" for name, value in letter.headers)[:_HEADER_WIDTH]
    if (way_out := _WAYS_OUT.get(letter.reason)) is not None:  # type: ignore[call-overload]
        facts["way out"] = way_out
    for name, fact in facts.items():
        out.print(f"{name:<9} {fact}", markup=False, highlight=False, soft_wrap=True)
    if letter.value:
        out.print()
        out.print(shown_bytes(letter.value), markup=False, highlight=False, soft_wrap=True)


def _header_text(value: bytes | None) -> str:
    text = "null" if value is None else value.decode(errors="replace")
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _size(kept: KeptLetter) -> str:
    value = kept.letter.value
    if value is None:
        return "none (a tombstone)"
    held = counted(len(value), "byte")
    return held if kept.full_bytes is None else f"the first {held} of {kept.full_bytes:,}"


def shown_bytes(value: bytes) -> str:
    """Text as it is, without what a terminal would take for a command; other bytes in hex.

    >>> print(shown_bytes(b'{"a": "\\x1b[2J"}'))
    {"a": "\\x1b[2J"}
    >>> print(shown_bytes(b"\\xff{a"))
    00000000  ff 7b 61                                         .{a
    """
    cut = value[:_SHOWN_BYTES]
    try:
        text = cut.decode()
    except UnicodeDecodeError as error:
        # a character cut in two is no reason to doubt the others
        if len(value) == len(cut) or error.start < len(cut) - 3:
            return _hex(cut) + _more(value, cut)
        text = cut[: error.start].decode()
    return "".join(each if each.isprintable() or each in "\n\t" else _escaped(each) for each in text) + _more(
        value, cut
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _more(value: bytes, cut: bytes) -> str:
    left = len(value) - len(cut)
    return f"\n... {counted(left, 'byte')} more: --raw writes them all" if left else ""


def _hex(data: bytes) -> str:
    rows = []
    for start in range(0, len(data), _ROW):
        row = data[start : start + _ROW]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        rows.append(f"{start:08x}  {row.hex(' '):<{3 * _ROW - 1}}  {text}")
    return "\n".join(rows)
