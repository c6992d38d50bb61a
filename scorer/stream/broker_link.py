"""Requests to the leaders of one topic's partitions, each awaited, over one aiokafka client.

aiokafka's producer and consumer hide what the journal must know: whether the first try of a write may have landed,
what becomes of the sequence numbers after a refused or abandoned write, and where exactly a fetch ended. So this
speaks the protocol through `AIOKafkaClient` (connections, TLS, SASL, versions) and `aiokafka.protocol`. The version
of aiokafka is pinned, and tests/integration holds what is used here against real brokers.
"""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from aiokafka import errors
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from scorer.stream.broker_answers import judge
from scorer.stream.broker_errors import NotAccepted, Unanswered, Unsupported
from scorer.stream.connection import REQUEST_TIMEOUT_MS, Connection
from scorer.stream.patience import Patience

T = TypeVar("T")

_HUNG_UP = (ssl.SSLError, ConnectionResetError, errors.KafkaConnectionError)


async def open_connection(connection: Connection) -> AIOKafkaConnection:
    """A bare connection to any one of the brokers, for a question that may break it; close it after use.

    Raises NotAccepted if a broker doesn't accept who we are (or we not its certificate), Unanswered if none is there.
    """
    reasons = []
    for host, port, _ in collect_hosts(connection.bootstrap):
        try:
            return await create_conn(host, port, request_timeout_ms=REQUEST_TIMEOUT_MS, **connection.security_kwargs())
        except (OSError, errors.KafkaError) as error:
            if refused := connection.explain(error):
                raise NotAccepted(f"{host}:{port}: {refused}") from error
            hint = f" ({connection.fits_the_port})" if isinstance(error, _HUNG_UP) else ""
            reasons.append(f"{host}:{port}: {error!r}{hint}")
    raise Unanswered("; ".join(reasons))


async def say_why(connection: Connection) -> None:
    """Raises why no broker can be reached (aiokafka's `bootstrap` only says that), or returns if one can by now."""
    bare = await open_connection(connection)
    if closed := bare.close():
        await closed


class BrokerLink:
    """One topic's leaders. `patience`: seconds that an unreachable broker is waited for, per request."""

    def __init__(self, connection: Connection, topic: str, *, patience: float, client_id: str = "scorer") -> None:
        self.connection = connection
        self.topic = topic
        self.partitions = 0
        self._patience_seconds = patience
        self._client = AIOKafkaClient(**connection.client_kwargs(client_id))
        self._leaders: dict[int, int] = {}
        self._learning = asyncio.Lock()
        self._lessons = 0

    async def start(self) -> None:
        """Connect and learn the leaders. Raises Unreachable, or Refused (credentials, no access to the topic)."""
        try:
            await self.patience().insist(self._connect)
        except BaseException:
            await self.stop()
            raise

    def wait_for(self, patience: float) -> None:
        """From now on, so many seconds per request."""
        self._patience_seconds = patience

    async def stop(self) -> None:
        await self._client.close()

    def patience(self) -> Patience:
        """A new deadline, counted from now."""
        return Patience(self._patience_seconds, self.connection.bootstrap)

    async def ask_leader(self, partition: int, request: Any) -> Any:
        """One try. Raises Unanswered or Refused."""
        leader = self._leaders.get(partition)
        if leader is None:
            raise Unanswered(f"{self.topic}-{partition} has no leader")
        return await self._ask(leader, request)

    async def ask_any(self, request: Any) -> Any:
        """One try, of any broker of the cluster. Raises Unanswered or Refused."""
        node = self._client.get_random_node()
        if node is None:
            raise Unanswered("no broker is known")
        return await self._ask(node, request)

    async def insist(self, action: Callable[[], Awaitable[T]], patience: Patience | None = None) -> T:
        """Try until there is an answer; leaders are learned anew between tries. Raises Unreachable, or Refused."""
        patience = patience or self.patience()
        while True:
            try:
                return await patience.attempt(action)
            except Unanswered as error:
                await self.pause(patience, error)

    async def pause(self, patience: Patience, cause: Unanswered) -> None:
        """Wait before the next try and learn the leaders anew. Raises Unreachable when the patience is over."""
        known = self._lessons
        await patience.pause(cause)
        with suppress(Unanswered):
            await patience.attempt(lambda: self._learn_unless_after(known))

    async def _ask(self, node: Any, request: Any) -> Any:
        try:
            return await self._client.send(node, request)
        except errors.NodeNotReadyError as error:
            raise Unanswered(f"broker {node} can't be reached") from error
        except (errors.IncompatibleBrokerVersion, NotImplementedError) as error:
            raise Unsupported(f"the broker doesn't speak {type(request).__name__}: {error}") from error
        # KeyError: after a timeout aiokafka's client looks its connection up again, and it may be gone by then
        except (errors.KafkaError, OSError, KeyError) as error:
            raise Unanswered(repr(error), in_doubt=True) from error

    async def _connect(self) -> None:
        try:
            await self._client.bootstrap()
        except errors.KafkaError as error:
            await say_why(self.connection)
            raise Unanswered(repr(error)) from error
        await self._learn()

    async def _learn_unless_after(self, lessons: int) -> None:
        """One lesson serves every partition that waits for it."""
        async with self._learning:
            if self._lessons == lessons:
                await self._learn()

    async def _learn(self) -> None:
        # Not the client's own refresh: that one lets the broker create a missing topic, with settings that lose data.
        request = MetadataRequest([self.topic], allow_auto_topic_creation=False)
        nodes = [broker.nodeId for broker in self._client.cluster.brokers()]
        random.shuffle(nodes)
        for node in nodes:
            try:
                answer = await self._ask(node, request)
            except Unanswered:
                continue
            return self._take_in(answer)
        # Every address known may be out of date: begin again from the ones in the settings.
        with suppress(errors.KafkaError):
            await self._client.bootstrap()
        raise Unanswered("no broker answers")

    def _take_in(self, answer: Any) -> None:
        if answer.brokers:
            self._client.cluster.update_metadata(answer)
        (topic,) = answer.to_object()["topics"]
        judge(topic["error_code"], topic=self.topic)
        self._leaders = {each["partition"]: each["leader"] for each in topic["partitions"] if each["leader"] >= 0}
        self.partitions = len(topic["partitions"])
        self._lessons += 1
