"""Numbers of things, as sentences tell them."""


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """
    >>> counted(1, "event"), counted(1234, "dead letter"), counted(0, "entity", "entities")
    ('1 event', '1,234 dead letters', '0 entities')
    """
    return f"{count:,} {numbered(count, noun, plural or f'{noun}s')}"


def numbered(count: float, one: str, many: str) -> str:
    """The form that agrees with the count, of a noun or a verb.

    >>> numbered(1, "differs", "differ"), numbered(2, "differs", "differ")
    ('differs', 'differ')
    """
    return one if count == 1 else many
