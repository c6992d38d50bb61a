"""How to reach the brokers: what the settings say, as the arguments that aiokafka's clients take."""

import ssl
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from aiokafka import errors

from scorer.stream.broker_errors import BadConnection

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

# Below the patience (minutes), so that a broker that hangs is noticed and asked again on a new connection.
REQUEST_TIMEOUT_MS = 30_000


@dataclass(frozen=True)
class Connection:
    """Where the brokers are and how to prove who we are. Raises BadConnection if the parts contradict each other.

    `brokers`: `host:port`, one or more. Files are PEM; `cert_file` and `key_file` prove the client (mutual TLS).
    """

    brokers: tuple[str, ...]
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def __post_init__(self) -> None:
        if not self.brokers:
            raise BadConnection("no broker is named")
        if self.security_protocol not in PROTOCOLS:
            raise BadConnection(f"security protocol {self.security_protocol!r} is none of {', '.join(PROTOCOLS)}")
        if self._sasl:
            self._check_sasl()
        elif self.sasl_mechanism or self.sasl_username or self.sasl_password:
            raise BadConnection(
                f"SASL credentials are given, but security protocol {self.security_protocol} has no SASL"
            )
        if not self._tls and (self.ca_file or self.cert_file or self.key_file):
            raise BadConnection(f"TLS files are given, but security protocol {self.security_protocol} has no TLS")
        if bool(self.cert_file) != bool(self.key_file):
            raise BadConnection("a client certificate needs both the certificate file and the key file")

    def _check_sasl(self) -> None:
        if self.sasl_mechanism not in MECHANISMS:
            raise BadConnection(f"SASL mechanism {self.sasl_mechanism!r} is none of {', '.join(MECHANISMS)}")
        if not self.sasl_username or not self.sasl_password:
            raise BadConnection("SASL needs both a username and a password")

    @property
    def _sasl(self) -> bool:
        return self.security_protocol.startswith("SASL_")

    @property
    def _tls(self) -> bool:
        return self.security_protocol.endswith("SSL")

    @property
    def bootstrap(self) -> str:
        """The brokers as one comma-separated string, as tools take it and messages show it."""
        return ",".join(self.brokers)

    @cached_property
    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS context, None without TLS. Raises BadConnection naming the file that can't be used."""
        if not self._tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise BadConnection(f"SCORER_KAFKA_CA_FILE={self.ca_file} can't be used: {_said(error)}") from error
        if self.cert_file and self.key_file:
            try:
                context.load_cert_chain(self.cert_file, self.key_file)
            except OSError as error:
                pair = f"SCORER_KAFKA_CERT_FILE={self.cert_file} with SCORER_KAFKA_KEY_FILE={self.key_file}"
                raise BadConnection(f"{pair} can't be used: {_said(error)}") from error
        return context

    def explain(self, error: Exception) -> str | None:
        """Why this connection isn't accepted, and the way out; None if the error is of another kind."""
        match error:
            case errors.SaslAuthenticationFailed():
                return (
                    f"SCORER_KAFKA_SASL_USERNAME={self.sasl_username}: the broker refuses this user or its password "
                    f"({error}); set SCORER_KAFKA_SASL_PASSWORD, or _FILE, to that of this user"
                )
            case errors.UnsupportedSaslMechanismError() | errors.IllegalSaslStateError():
                others = ", ".join(mechanism for mechanism in MECHANISMS if mechanism != self.sasl_mechanism)
                way_out = f"set one that it has (of {others}), or does this port ask for no login at all?"
                return f"SCORER_KAFKA_SASL_MECHANISM={self.sasl_mechanism} isn't offered by the broker; {way_out}"
            case ssl.SSLCertVerificationError():
                file = self.ca_file or "the system's"
                return (
                    f"SCORER_KAFKA_CA_FILE={file}: by these authorities the broker isn't who it claims to be "
                    f"({error.reason}: {error.verify_message}); name the file of those that signed its certificate"
                )
        return None

    @property
    def fits_the_port(self) -> str:
        """The question to ask when a broker hangs up at once."""
        return f"does SCORER_KAFKA_SECURITY_PROTOCOL={self.security_protocol} fit this port?"

    def security_kwargs(self) -> dict[str, Any]:
        """What every client of aiokafka, and a bare connection, takes to prove who we are."""
        kwargs: dict[str, Any] = {"security_protocol": self.security_protocol, "ssl_context": self.ssl_context}
        if self._sasl:
            kwargs["sasl_mechanism"] = self.sasl_mechanism
            kwargs["sasl_plain_username"] = self.sasl_username
            kwargs["sasl_plain_password"] = self.sasl_password
        return kwargs

    def client_kwargs(self, client_id: str = "scorer") -> dict[str, Any]:
        """Arguments of AIOKafkaClient, AIOKafkaAdminClient, AIOKafkaProducer and AIOKafkaConsumer alike."""
        return {
            "bootstrap_servers": self.bootstrap,
            "client_id": client_id,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            **self.security_kwargs(),
        }


def _said(error: OSError) -> str:
    """OpenSSL knows no better than `[SSL] PEM lib (_ssl.c:4149)`."""
    if isinstance(error, ssl.SSLError):
        return "it is no PEM, or the two don't belong together"
    return error.strerror or str(error)
