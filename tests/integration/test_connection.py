"""Proving who we are: settings that contradict each other, and a real Kafka with TLS, SASL and access rules."""

import asyncio
import json
import subprocess
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scorer.embedded.child import free_port
from scorer.stream.broker_errors import BadConnection, NotAccepted, Refused
from scorer.stream.connection import Connection
from scorer.stream.journal_log import JournalLog
from scorer.stream.topics import TopicNames, ensure_topics
from tests import commands
from tests.servers import KafkaServer
from tests.topic_making import make_topic, open_sockets

PATIENCE = 20.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"brokers": ()}, "no broker"),
        ({"security_protocol": "TLS"}, "'TLS' is none of PLAINTEXT, SSL"),
        ({"security_protocol": "SASL_SSL"}, "SASL mechanism None is none of"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "u"}, "username and a password"),
        ({"sasl_mechanism": "PLAIN", "sasl_username": "u", "sasl_password": "p"}, "PLAINTEXT has no SASL"),
        ({"ca_file": "/ca.pem"}, "PLAINTEXT has no TLS"),
        ({"security_protocol": "SSL", "cert_file": "/cert.pem"}, "both the certificate file and the key file"),
    ],
)
def test_settings_that_contradict_each_other_are_named(settings: dict[str, str], message: str) -> None:
    with pytest.raises(BadConnection, match=message):
        Connection(**({"brokers": ("b:9092",)} | settings))  # type: ignore[arg-type]


def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(BadConnection, match=r"/no/ca\.pem"):
        Connection(("b:9092",), "SSL", ca_file="/no/ca.pem").client_kwargs()


def test_the_password_does_not_show() -> None:
    connection = Connection(("b:9092",), "SASL_PLAINTEXT", "PLAIN", "u", "hunter2")
    assert "hunter2" not in repr(connection)


@dataclass(frozen=True)
class SecureKafka:
    """A Kafka with a listener that wants a password over TLS, and one that wants a client certificate."""

    bootstrap: str
    password_over_tls: str
    mutual_tls: str
    certificate: str
    key: str


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(folder)
    server = KafkaServer()
    try:
        secure = SecureKafka(
            server.bootstrap, f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}", str(certificate), str(key)
        )
        secure_listeners(server, secure, folder)
        server.restart()
        yield secure
    finally:
        server.stop()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate), "-days", "2"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *names]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def secure_listeners(server: KafkaServer, secure: SecureKafka, folder: Path) -> None:
    """Adds the two listeners. Java's properties let the last line win."""
    store = folder / "server.pem"
    store.write_text(Path(secure.key).read_text() + Path(secure.certificate).read_text())
    properties = server.folder / "server.properties"
    lines = properties.read_text().splitlines()
    plain = next(line for line in lines if line.startswith("listeners=")).removeprefix("listeners=")
    more = f"PASSWORD://{secure.password_over_tls},MUTUAL://{secure.mutual_tls}"
    lines += [
        f"listeners={plain},{more}",
        f"advertised.listeners=PLAINTEXT://{secure.bootstrap},{more}",
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PASSWORD:SASL_SSL,MUTUAL:SSL",
        "listener.name.password.sasl.enabled.mechanisms=PLAIN",
        "listener.name.password.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule "
        'required user_writer="secret" user_stranger="secret";',
        "listener.name.mutual.ssl.client.auth=required",
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={store}",
        "ssl.truststore.type=PEM",
        f"ssl.truststore.location={secure.certificate}",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS;User:writer;User:CN=127.0.0.1",
    ]
    properties.write_text("\n".join(lines) + "\n")


def with_password(secure: SecureKafka, username: str = "writer", password: str = "secret") -> Connection:
    return Connection((secure.password_over_tls,), "SASL_SSL", "PLAIN", username, password, ca_file=secure.certificate)


def with_certificate(secure: SecureKafka) -> Connection:
    return Connection(
        (secure.mutual_tls,), "SSL", ca_file=secure.certificate, cert_file=secure.certificate, key_file=secure.key
    )


async def write_and_read(connection: Connection, namespace: str) -> None:
    names = TopicNames.of(namespace, f"{namespace}-input")
    await ensure_topics(connection, names, partitions=1, replication_factor=1, patience=PATIENCE)
    log = JournalLog(connection, names.journal, patience=PATIENCE)
    await log.start()
    try:
        assert (log.idempotent, log.can_trim) == (True, True)
        await log.append(0, b"a")
        assert [record.value async for batch in log.read(0, 0) for record in batch] == [b"a"]
    finally:
        await log.stop()


@pytest.mark.parametrize("proof", [with_password, with_certificate])
def test_a_journal_is_written_and_read_over_tls(secure: SecureKafka, namespace: str, proof: object) -> None:
    assert callable(proof)
    asyncio.run(write_and_read(proof(secure), namespace))


def test_a_wrong_password_is_refused_at_once(secure: SecureKafka) -> None:
    async def story() -> None:
        wrong = with_password(secure, password="wrong")
        with pytest.raises(Refused, match="Authentication"):
            await write_and_read(wrong, "any")
        with pytest.raises(Refused, match="Authentication"):
            await start_and_stop(wrong, "any")

    run_until_closed(story())


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(secure: SecureKafka) -> None:
    async def story() -> None:
        with pytest.raises(NotAccepted, match="SCORER_KAFKA_CA_FILE=the system's: by these authorities"):
            await start_and_stop(Connection((secure.mutual_tls,), "SSL"), "any")
        stranger = Connection((secure.mutual_tls,), "SSL", cert_file=secure.certificate, key_file=secure.key)
        with pytest.raises(Refused, match="by these authorities the broker isn't who it claims"):
            await start_and_stop(stranger, "any")

    run_until_closed(story())


def worker_of(secure: SecureKafka, folder: Path, **settings: str) -> commands.Outcome:
    """A worker to its end, with a login that works but for `settings`."""
    (folder / "scoring.yaml").write_text("version: 1\nevents: {a: {}}\nmodels: {m: {weights: {a: 1}}}\n")
    login = {
        "BROKERS": secure.password_over_tls,
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_SASL_USERNAME": "writer",
        "KAFKA_SASL_PASSWORD": "secret",
        "KAFKA_CA_FILE": secure.certificate,
        "BROKER_PATIENCE": "2s",
        "HTTP": "127.0.0.1:0",
        "LOG_FORMAT": "json",
    }
    chosen = {f"SCORER_{key}": value for key, value in {**login, **settings}.items() if value}
    return commands.run("worker", cwd=folder, settings=chosen)


@pytest.mark.parametrize(
    ("settings", "status", "told"),
    [
        ({"KAFKA_SASL_PASSWORD": "geheim-1"}, 2, "SCORER_KAFKA_SASL_USERNAME=writer: the broker refuses this user or"),
        ({"KAFKA_SASL_USERNAME": "nobody"}, 2, "SCORER_KAFKA_SASL_USERNAME=nobody: the broker refuses this user or"),
        (
            {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"},
            2,
            "SCORER_KAFKA_SASL_MECHANISM=SCRAM-SHA-256 isn't offered by the broker; set one that it has (of PLAIN,",
        ),
        ({"KAFKA_CA_FILE": ""}, 2, "SCORER_KAFKA_CA_FILE=the system's: by these authorities the broker isn't who it"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_CA_FILE": ""},
            1,
            "does SCORER_KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT fit this port?",
        ),
    ],
    ids=["password", "user", "mechanism", "authority", "protocol"],
)
def test_a_worker_that_may_not_in_says_which_setting_and_the_way_out(
    secure: SecureKafka, tmp_path: Path, settings: dict[str, str], status: int, told: str
) -> None:
    done = worker_of(secure, tmp_path, **settings)
    last = json.loads(done.stderr.splitlines()[-1])
    assert (done.status, done.stdout) == (status, "")
    assert last["event"] == "the worker stops" and told in last["error"]
    assert "Traceback" not in done.stderr and "geheim" not in done.stderr


def test_a_file_that_is_no_certificate_is_named_with_its_setting(secure: SecureKafka, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("hello")
    done = worker_of(secure, tmp_path, KAFKA_CA_FILE=str(tmp_path / "no.pem"))
    assert done.status == 2
    assert f"SCORER_KAFKA_CA_FILE={tmp_path}/no.pem can't be used: it is no PEM" in done.stderr
    assert "Traceback" not in done.stderr


def run_until_closed(story: Coroutine[None, None, None]) -> None:
    """aiokafka doesn't wait for the end of a TLS connection that was refused: the event loop must outlive it."""

    async def run() -> None:
        before = open_sockets()
        await story
        async with asyncio.timeout(PATIENCE):
            while open_sockets() > before:
                await asyncio.sleep(0.01)

    asyncio.run(run())


async def start_and_stop(connection: Connection, topic: str) -> None:
    log = JournalLog(connection, topic, patience=PATIENCE)
    await log.start()
    await log.stop()


def test_a_topic_that_we_may_not_touch_is_refused_by_name(secure: SecureKafka, namespace: str) -> None:
    async def story() -> None:
        await make_topic(secure.bootstrap, namespace)
        stranger = with_password(secure, username="stranger")
        with pytest.raises(Refused, match=f"{namespace}: .*TopicAuthorizationFailed"):
            await start_and_stop(stranger, namespace)
        with pytest.raises(Refused, match=f"{namespace}-input: .*AuthorizationFailed"):
            names = TopicNames.of(namespace, f"{namespace}-input")
            await ensure_topics(stranger, names, partitions=1, replication_factor=1, patience=PATIENCE)

    asyncio.run(story())
