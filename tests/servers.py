"""Real servers for tests: Apache Kafka (KRaft, one node) and redis-server, each on its own port of 127.0.0.1.

Both die with the test run (scorer/embedded/child.py). `make servers` brings Kafka's jars; redis-server is Debian's.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from uuid import uuid4

from scorer.embedded.broker import answers_kafka
from scorer.embedded.child import Child, ServerDidNotStart, free_port
from scorer.embedded.redis_server import start_redis

KAFKA_JARS = Path.home() / ".cache/scorer/kafka-3.9.1"
_ATTEMPTS = 3
_KAFKA_READY_SECONDS = 90.0
_JAVA_OPTIONS = [
    "-Xms256m",
    "-Xmx1g",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # C1 only: tests are short, and C2 would take the second core
    "-XX:-UsePerfData",  # no file in /tmp
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
]
_KAFKA_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.retention.check.interval.ms=1000
log.cleaner.backoff.ms=1000
log.cleaner.dedupe.buffer.size=16777216
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
num.network.threads=2
num.io.threads=4
"""


class ServerMissing(RuntimeError):
    """What a server needs isn't installed; the message says how to get it."""


class KafkaServer:
    """Apache Kafka 3.9.1, broker and controller in one node; ready once constructed.

    Port and data stay over `kill`, `pause` and `restart`; `stop` removes the data. Topics aren't created by use.
    """

    def __init__(self, extra_properties: str = "") -> None:
        _need_kafka()
        self._folder = tempfile.TemporaryDirectory(prefix="scorer-kafka-")
        self._extra = extra_properties
        for attempt in range(1, _ATTEMPTS + 1):
            self.port, controller = free_port(), free_port()
            try:
                self._format(controller)
                self._child = self._run()
                return
            except ServerDidNotStart:
                if attempt == _ATTEMPTS:  # a port may have been taken meanwhile
                    self._folder.cleanup()
                    raise

    @property
    def folder(self) -> Path:
        """Its configuration and data."""
        return Path(self._folder.name)

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _format(self, controller: int) -> None:
        data = self.folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        text = _KAFKA_PROPERTIES.format(port=self.port, controller=controller, data=data) + self._extra
        self._properties.write_text(text)
        options = ["format", "-t", uuid4().hex[:22], "-c", str(self._properties)]
        done = subprocess.run(
            [*_java(), "kafka.tools.StorageTool", *options], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise ServerDidNotStart(f"Kafka's storage can't be formatted: {done.stdout}{done.stderr}")

    def _run(self) -> Child:
        child = Child([*_java(), "kafka.Kafka", str(self._properties)])
        child.wait_until(lambda: answers_kafka("127.0.0.1", self.port), _KAFKA_READY_SECONDS)
        return child

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._child.pid

    def kill(self) -> None:
        """SIGKILL: the broker is gone, its data stays."""
        self._child.kill()

    def restart(self) -> None:
        """On the same port, with the same data; stops it first if it still runs. Returns once it answers."""
        self._child.stop(patience_seconds=20.0)
        self._child = self._run()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """At once, and its data is removed."""
        self._child.kill()
        self._folder.cleanup()


class RedisServer:
    """redis-server in memory; ready once constructed. The port stays over `stop` and `restart`."""

    def __init__(self) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise ServerMissing("redis-server is missing: apt-get install redis-server")
        self._binary = binary
        for attempt in range(1, _ATTEMPTS + 1):
            self.port = free_port()
            try:
                self._child = start_redis(binary, self.port)
                return
            except ServerDidNotStart:
                if attempt == _ATTEMPTS:  # the port may have been taken meanwhile
                    raise

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        return self._child.pid

    def restart(self) -> None:
        """On the same port, EMPTY, with another run id; stops it first if it still runs."""
        self._child.kill()
        self._child = start_redis(self._binary, self.port)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """SIGKILL: what it holds is lost. `restart` brings it back empty."""
        self._child.kill()


def _need_kafka() -> None:
    if shutil.which("java") is None:
        raise ServerMissing("java is missing: apt-get install default-jre-headless")
    if not (KAFKA_JARS / "kafka_2.13-3.9.1.jar").exists():
        raise ServerMissing(f"Kafka's jars are not in {KAFKA_JARS}: make servers")


def _java() -> list[str]:
    java = shutil.which("java") or "java"
    return [java, *_JAVA_OPTIONS, "-cp", f"{KAFKA_JARS}/*"]
