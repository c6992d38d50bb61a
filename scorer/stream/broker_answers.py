"""The error codes of the Kafka protocol, read as: fine, ask again, or no."""

from aiokafka import errors

from scorer.stream.broker_errors import Refused, TooLarge, Unanswered

OFFSET_OUT_OF_RANGE = 1

# Asking again may help although aiokafka (0.14) doesn't say so, or doesn't know the code.
_ASK_AGAIN = {
    -1: "unknown server error",
    2: "corrupt message",
    8: "broker not available",
    9: "replica not available",
    13: "stale leader epoch",
    74: "fenced leader epoch",
    75: "unknown leader epoch",
    78: "offset not available",
    80: "preferred leader not available",
    89: "throttling quota exceeded",
}
# The broker may have written the records before it answered this.
_IN_DOUBT = {-1, errors.RequestTimedOutError.errno, errors.NotEnoughReplicasAfterAppendError.errno}
_TOO_LARGE = {errors.MessageSizeTooLargeError.errno, errors.RecordListTooLargeError.errno}


def judge(
    code: int,
    *,
    topic: str | None = None,
    partition: int | None = None,
    offset: int | None = None,
    said: str | None = None,
) -> None:
    """Return if the code is no error. Raises Unanswered if asking again may help, else Refused or TooLarge."""
    if code == errors.NoError.errno:
        return
    kind = errors.for_code(code)
    name = _ASK_AGAIN.get(code) or f"{kind.__name__} ({kind.description or 'error'} {code})"
    if kind.retriable or code in _ASK_AGAIN:
        raise Unanswered(f"the broker answered: {name}", in_doubt=code in _IN_DOUBT)
    refusal = TooLarge if code in _TOO_LARGE else Refused
    message = f"the broker refused: {name}" + (f": {said}" if said else "")
    raise refusal(message, topic=topic, partition=partition, offset=offset)
