"""What can go wrong between us and the broker, named by what the caller can do about it.

    BrokerError
    ├── BadConnection   the connection's settings can't work: stop, name the setting
    ├── NoSuchTopic     the input isn't there, and only a worker may create it: stop
    ├── Unreachable     waited for as long as allowed: stop, a restart goes on where this stopped
    ├── Refused         the broker says no (unauthorised, fenced, no such topic): stop, somebody must act
    │   ├── NotAccepted ... to us, or we to it, for what it or we prove to be: a setting is wrong
    │   ├── TooLarge    ... because of the size: cut it, or raise the limit
    │   └── Unsupported ... because this broker can't do it at all: go without
    ├── Trimmed         the log no longer holds what is asked for: restore anew from a later start
    ├── Truncated       the log ends before what is asked for: it was recreated or lost its end
    ├── Damaged         bytes that fail their checksum: stop
    └── WrongTopic      a topic's settings lose data: stop, the message carries the command that mends it

`Unanswered` is not in the tree: it is what one try raises to the loop that tries again, and never leaves this folder.
"""

from dataclasses import dataclass


class BrokerError(Exception):
    """Everything that the broker, or its absence, makes fail. Carries the place where one is known."""

    def __init__(
        self, message: str, *, topic: str | None = None, partition: int | None = None, offset: int | None = None
    ) -> None:
        place = "-".join(str(part) for part in (topic, partition) if part is not None)
        if offset is not None:
            place += f"@{offset}"
        super().__init__(f"{place}: {message}" if place else message)
        self.topic = topic
        self.partition = partition
        self.offset = offset


class BadConnection(BrokerError, ValueError):
    """Settings of the connection that contradict each other, or a file that can't be read."""


class NoSuchTopic(BrokerError):
    """The input topic isn't there, and a writer must not decide how many partitions it has."""


class Unreachable(BrokerError):
    """No usable answer within the patience. `in_doubt`: what was being written may have landed all the same."""

    in_doubt = False


class Refused(BrokerError):
    """The broker answered no, and asking again would change nothing."""


class NotAccepted(Refused):
    """A login or a certificate that isn't accepted; the message names the setting."""


class TooLarge(Refused):
    """Refused for its size."""


class Unsupported(Refused):
    """The broker doesn't know the request."""


class Trimmed(BrokerError):
    """The log starts at `log_start`, behind what was asked for."""

    def __init__(self, *, topic: str, partition: int, offset: int, log_start: int) -> None:
        message = f"trimmed, the log starts at {log_start}"
        super().__init__(message, topic=topic, partition=partition, offset=offset)
        self.log_start = log_start


class Truncated(BrokerError):
    """The log ends at `log_end`, before what was asked for."""

    def __init__(self, *, topic: str, partition: int, offset: int, log_end: int) -> None:
        message = f"the log ends at {log_end}: was the topic recreated, or its end lost?"
        super().__init__(message, topic=topic, partition=partition, offset=offset)
        self.log_end = log_end


class Damaged(BrokerError):
    """A batch of records fails its checksum."""


@dataclass(frozen=True, slots=True)
class TopicFault:
    """One setting of a topic that can't stay. `mend` is a command, or the way out in words."""

    topic: str
    key: str
    value: str
    needed: str
    mend: str

    def __str__(self) -> str:
        return f"topic {self.topic}: {self.key} is {self.value}, needed is {self.needed}. To mend it: {self.mend}"


class WrongTopic(BrokerError):
    """Settings of topics that would lose data."""

    def __init__(self, faults: tuple[TopicFault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class Unanswered(Exception):
    """One try got no usable answer. `in_doubt`: the broker may have done what was asked."""

    def __init__(self, reason: str, *, in_doubt: bool = False) -> None:
        super().__init__(reason)
        self.in_doubt = in_doubt
