"""The settings of a process: flags over environment over `.env` over defaults, resolved once, frozen.

`load` is the only way in. Nothing reads the environment later.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from scorer import setting_values as values
from scorer.setting_sources import PREFIX, Layers, SecretFiles, SettingProblem, SettingsError, read_layers
from scorer.setting_values import Address

__all__ = ["Address", "SettingProblem", "Settings", "SettingsError", "load"]


def _span(least: str, most: str) -> AfterValidator:
    bounds = values.read_duration(least), values.read_duration(most)
    return AfterValidator(lambda span: values.within(span, *bounds))


def _one_of(*built: str, later: tuple[str, ...] = ()) -> BeforeValidator:
    def read(value: object) -> object:
        if value in later:
            raise ValueError(f"{value} is not yet supported: allowed is {' or '.join(built)}")
        if value not in built:
            raise ValueError(f"must be {' or '.join(built)}")
        return value

    return BeforeValidator(read)


def _not_yet_true(value: bool) -> bool:
    if value:
        raise ValueError("true is not yet supported: allowed is false")
    return value


def _redis_url(secret: SecretStr) -> SecretStr:
    values.read_redis_url(secret.get_secret_value())
    return secret


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("must be a file that can be read")
    return path


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


ALLOWED = {
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "bool_parsing": "must be true or false",
}
"""What is allowed, where pydantic says it at length."""

FIRST_PATIENCE = timedelta(seconds=10)

Duration = Annotated[timedelta, BeforeValidator(values.read_duration)]
Name = Annotated[str, AfterValidator(values.read_name)]
ExistingFile = Annotated[Path, AfterValidator(_existing_file)]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


FieldPath = Annotated[tuple[str, ...], BeforeValidator(values.read_field_path)] | None
ShortName = Annotated[str, AfterValidator(values.read_short_name)]


def _field(name: str) -> Any:
    return Field(None, description=f"Where an event's {name} stands; unset: where its format has it.")


class Settings(BaseSettings):
    """Every setting of INTERFACES 2, named `SCORER_` and the field's name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        enable_decoding=False,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    brokers: Annotated[tuple[str, ...], BeforeValidator(values.read_brokers)] = Field(
        ("localhost:9092",), description="Kafka brokers to start from, comma-separated host:port."
    )
    kafka_security_protocol: Annotated[
        SecurityProtocol, _one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), BeforeValidator(_upper)
    ] = Field("PLAINTEXT", description="How to talk to the brokers: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.")
    kafka_sasl_mechanism: (
        Annotated[SaslMechanism, _one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"), BeforeValidator(_upper)] | None
    ) = Field(None, description="How to log in with SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")
    kafka_sasl_username: str | None = Field(None, description="The user that logs in with SASL.")
    kafka_sasl_password: SecretStr | None = Field(None, description="The password that logs in with SASL.")
    kafka_sasl_password_file: Path | None = Field(None, description="A file that holds the SASL password.")
    kafka_ca_file: ExistingFile | None = Field(
        None, description="Certificates (PEM) of the authorities that sign the brokers'; unset: the system's."
    )
    kafka_cert_file: ExistingFile | None = Field(None, description="This client's certificate (PEM), for mutual TLS.")
    kafka_key_file: ExistingFile | None = Field(None, description="The key (PEM) of this client's certificate.")
    broker_patience: Annotated[Duration, _span("1s", "1d")] = Field(
        timedelta(minutes=5),
        description="How long an unreachable broker is waited for; unless it is set, a command other than the worker "
        "waits for 10s, and what is writing then goes on for as long as the worker would.",
    )
    scores_topic: Annotated[bool, AfterValidator(_not_yet_true)] = Field(
        False, description="Whether scores are also written to Kafka (not yet)."
    )
    dedupe_ids: int = Field(1_000_000, ge=1, le=1_000_000_000, description="Event ids remembered per partition.")
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] = Field(
        SecretStr("redis://localhost:6379/0"), description="Where scores go: redis:// or, with TLS, rediss://."
    )
    redis_url_file: Path | None = Field(None, description="A file that holds the URL of Redis.")
    scoring: Path = Field(Path("scoring.yaml"), description="The scoring file; a restart reads it again.")
    instance: Name | None = Field(
        None, description="A stable name of this worker: a restart within the session timeout moves no partition."
    )
    session_timeout: Annotated[Duration, _span("1s", "30m")] = Field(
        timedelta(seconds=10), description="After this, a silent worker's partitions move to others."
    )
    namespace: Annotated[str, AfterValidator(values.read_namespace)] = Field(
        "scorer", description="Prefix of the consumer group, the topics and the Redis keys."
    )
    input_topic: Name = Field("product-events", description="The topic that events are read from.")
    input_format: Annotated[
        Literal["auto", "native", "segment", "cloudevents", "posthog", "snowplow"],
        _one_of("auto", "native", "segment", "cloudevents", "posthog", "snowplow"),
    ] = Field("auto", description="The format of the input: one for all records, or auto (each record tells its own).")
    field_event: FieldPath = _field("event")
    field_user_id: FieldPath = _field("user_id")
    field_account_id: FieldPath = _field("account_id")
    field_event_id: FieldPath = _field("event_id")
    field_ts: FieldPath = _field("ts")
    field_value: FieldPath = _field("value")
    posthog_group: ShortName = Field("company", description="The type of PostHog's groups that are the accounts.")
    snowplow_entity: ShortName = Field(
        "account", description="The name of the Snowplow entity that is the account, as its schema has it."
    )
    start: Annotated[Literal["earliest", "latest"] | timedelta, BeforeValidator(values.read_start)] = Field(
        "earliest", description="Where a new deployment starts reading: earliest, latest, or how far back (30d)."
    )
    input_key: Annotated[Literal["account"], _one_of("account", later=("other",))] = Field(
        "account", description="What the input's record key is: the account id."
    )
    partitions: int = Field(
        16, ge=1, le=100_000, description="Partitions of topics that are created; the input's own count wins."
    )
    replication_factor: int = Field(1, ge=1, le=100, description="Replicas of topics that are created.")
    clock: Annotated[Literal["wall", "event"] | datetime, BeforeValidator(values.read_clock)] = Field(
        "wall", description="What now is: wall, event (the largest event time), or a fixed instant (RFC 3339)."
    )
    publish_interval: Annotated[Duration, _span("10ms", "1m")] = Field(
        timedelta(milliseconds=500), description="How often changed scores leave."
    )
    benchmark_interval: Annotated[Duration, _span("100ms", "1h")] = Field(
        timedelta(seconds=10), description="How often benchmarks are exchanged."
    )
    http: Annotated[Address, BeforeValidator(values.read_address)] = Field(
        Address("127.0.0.1", 9108), description="Where health and metrics are served; port 0 picks a free one."
    )
    log_format: Annotated[Literal["console", "json"], _one_of("console", "json"), BeforeValidator(_lower)] = Field(
        "console", description="How log lines are written: console or json."
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _one_of("debug", "info", "warning", "error"),
        BeforeValidator(_lower),
    ] = Field("info", description="The least severe log lines that are written: debug, info, warning or error.")

    @property
    def first_patience(self) -> timedelta:
        """How long a command that somebody waits for waits for a broker: as is set, else not as long as a worker."""
        return self.broker_patience if "broker_patience" in self.model_fields_set else FIRST_PATIENCE

    @property
    def redis_address(self) -> str:
        """The URL of Redis as a log may show it."""
        return values.shown_redis_url(self.redis_url.get_secret_value())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        layers = init_settings, env_settings, dotenv_settings
        return tuple(SecretFiles(settings_cls, layer) for layer in layers)

    @field_validator("*", mode="before")
    @classmethod
    def _is_text(cls, value: object, info: ValidationInfo) -> object:
        """Of the environment any bytes can come. The name of a file may hold them, nothing else."""
        is_path = info.field_name == "scoring" or str(info.field_name).endswith("_file")
        if isinstance(value, str) and ("\0" in value or not (is_path or values.is_utf8(value))):
            raise ValueError("must be UTF-8 text without a NUL")
        return value

    @model_validator(mode="after")
    def _agree(self) -> Self:
        own = {f"{self.namespace}-{suffix}" for suffix in values.TOPIC_SUFFIXES}
        if self.input_topic in own:
            raise _disagreement("input_topic", "is a topic of the namespace's own: read events from another")
        self._agree_on_sasl()
        self._agree_on_tls()
        return self

    def _agree_on_sasl(self) -> None:
        """A login that is set but not used would look like protection that isn't there."""
        given = {
            "kafka_sasl_mechanism": self.kafka_sasl_mechanism,
            "kafka_sasl_username": self.kafka_sasl_username,
            "kafka_sasl_password": self.kafka_sasl_password,
        }
        uses_sasl = self.kafka_security_protocol.startswith("SASL")
        for key, value in given.items():
            if uses_sasl and value is None:
                raise _disagreement(key, f"is required with {self.kafka_security_protocol}")
            if not uses_sasl and value is not None:
                raise _disagreement(key, "needs SCORER_KAFKA_SECURITY_PROTOCOL to be SASL_SSL or SASL_PLAINTEXT")

    def _agree_on_tls(self) -> None:
        given = {key: getattr(self, key) for key in ("kafka_ca_file", "kafka_cert_file", "kafka_key_file")}
        if not self.kafka_security_protocol.endswith("SSL"):
            for key, value in given.items():
                if value is not None:
                    raise _disagreement(key, "needs SCORER_KAFKA_SECURITY_PROTOCOL to be SSL or SASL_SSL")
        if (self.kafka_cert_file is None) != (self.kafka_key_file is None):
            missing = "kafka_cert_file" if self.kafka_cert_file is None else "kafka_key_file"
            raise _disagreement(missing, "is required: a certificate and its key belong together")


def _disagreement(field: str, message: str) -> PydanticCustomError:
    # The message goes by context, for a template would read braces in it.
    return PydanticCustomError("disagreement", "{message}", {"field": field, "message": message})


def load(
    overrides: Mapping[str, object] | None = None, env_file: Path | str | None = ".env"
) -> tuple[Settings, list[str]]:
    """The settings, and warnings about `SCORER_` variables that aren't settings.

    `overrides` are flags by field name (`session_timeout`); None means that a flag wasn't given.
    Raises SettingsError that names every bad setting with its value and what is allowed.
    """
    layers = read_layers(Settings, overrides or {}, env_file)
    try:
        settings = Settings(_env_file=env_file, _env_file_encoding="utf-8", **layers.flags)
    except ValidationError as error:
        raise SettingsError(_problems(error, layers)) from None  # it holds the values, secrets among them
    return settings, layers.unknown_variables()


def _problems(error: ValidationError, layers: Layers) -> list[SettingProblem]:
    problems: dict[str, SettingProblem] = {}
    for detail in error.errors(include_url=False):
        context = detail.get("ctx", {})
        field = str(context.get("field") or detail["loc"][0])
        cause = context.get("error")
        message = str(cause) if cause else ALLOWED.get(detail["type"]) or detail["msg"].replace("Input should", "must")
        problems.setdefault(field, layers.problem(field, message))
    return list(problems.values())
