"""Settings: where they come from, what each allows, and that no secret shows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from scorer.settings import Address, Settings, SettingsError, load


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(**overrides: object) -> Settings:
    return load(overrides)[0]


def refused(**overrides: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(overrides)
    return str(caught.value)


def test_defaults_are_those_of_the_interfaces() -> None:
    settings, warnings = load()
    assert warnings == []
    assert settings.brokers == ("localhost:9092",)
    assert settings.kafka_security_protocol == "PLAINTEXT"
    assert settings.broker_patience == timedelta(minutes=5)
    assert settings.scores_topic is False
    assert settings.dedupe_ids == 1_000_000
    assert settings.redis_url.get_secret_value() == "redis://localhost:6379/0"
    assert settings.scoring == Path("scoring.yaml")
    assert settings.instance is None
    assert settings.session_timeout == timedelta(seconds=10)
    assert (settings.namespace, settings.input_topic) == ("scorer", "product-events")
    assert (settings.input_format, settings.input_key, settings.start) == ("auto", "account", "earliest")
    assert (settings.partitions, settings.replication_factor) == (16, 1)
    assert settings.clock == "wall"
    assert settings.publish_interval == timedelta(milliseconds=500)
    assert settings.benchmark_interval == timedelta(seconds=10)
    assert settings.http == Address("127.0.0.1", 9108)
    assert (settings.log_format, settings.log_level) == ("console", "info")


def test_who_waits_at_a_terminal_waits_less_for_a_broker_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded().first_patience == timedelta(seconds=10)
    assert loaded(broker_patience="5m").first_patience == timedelta(minutes=5)  # also if it is the default
    monkeypatch.setenv("SCORER_BROKER_PATIENCE", "30s")
    assert loaded().first_patience == timedelta(seconds=30)


def test_flags_come_before_the_environment_before_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("SCORER_NAMESPACE=file\nSCORER_INPUT_TOPIC=file\nSCORER_INSTANCE=file\n")
    monkeypatch.setenv("SCORER_NAMESPACE", "environment")
    monkeypatch.setenv("SCORER_INPUT_TOPIC", "environment")
    settings = loaded(namespace="flag", input_topic=None)
    assert (settings.namespace, settings.input_topic, settings.instance) == ("flag", "environment", "file")


def test_no_env_file_is_read_where_none_is_wanted() -> None:
    Path(".env").write_text("SCORER_NAMESPACE=file\n")
    assert load(env_file=None)[0].namespace == "scorer"


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORER_INSTANCE", "")
    assert loaded().instance is None


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        loaded().namespace = "other"  # type: ignore[misc]


def test_an_override_that_is_no_setting_is_a_bug() -> None:
    with pytest.raises(TypeError, match="sesion_timeout"):
        load({"sesion_timeout": "10s"})


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("field", "written", "value"),
    [
        ("brokers", "a:1, b ,[::1]:3,a:1", ("a:1", "b:9092", "[::1]:3")),
        ("broker_patience", "2m", timedelta(minutes=2)),
        ("dedupe_ids", "5000", 5000),
        ("instance", "worker-1", "worker-1"),
        ("start", "latest", "latest"),
        ("start", "30d", timedelta(days=30)),
        ("clock", "event", "event"),
        ("clock", "2026-03-01T12:00:00+02:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("clock", "2026-03-01T00:00:00.5Z", datetime(2026, 3, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("http", "0.0.0.0:0", Address("0.0.0.0", 0)),
        ("http", "[::1]:80", Address("::1", 80)),
        ("log_level", "DEBUG", "debug"),
        ("scores_topic", "false", False),
        ("input_format", "native", "native"),
        ("input_format", "snowplow", "snowplow"),
        ("field_user_id", "properties.actor.id", ("properties", "actor", "id")),
        ("field_ts", "time sent", ("time sent",)),
        ("posthog_group", "project", "project"),
        ("redis_url", "rediss://cache", "rediss://cache"),
    ],
)
def test_a_value_is_read_from_the_environment(
    field: str, written: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SCORER_{field.upper()}", written)
    found = getattr(loaded(), field)
    assert (found.get_secret_value() if field == "redis_url" else found) == value


@pytest.mark.parametrize(
    ("field", "written", "allowed"),
    [
        ("brokers", "kafka://a:1", "comma-separated host:port"),
        ("brokers", "a:1,,b:2", "comma-separated host:port"),
        ("brokers", "a:70000", "comma-separated host:port"),
        ("brokers", "a:0", "comma-separated host:port"),
        ("brokers", "a..b:9092", "comma-separated host:port"),
        ("brokers", "x" * 64 + ":9092", "comma-separated host:port"),
        ("brokers", "[::zz]:9092", "comma-separated host:port"),
        ("kafka_security_protocol", "TLS", "PLAINTEXT or SSL or SASL_PLAINTEXT or SASL_SSL"),
        ("kafka_sasl_mechanism", "GSSAPI", "PLAIN or SCRAM-SHA-256 or SCRAM-SHA-512"),
        ("broker_patience", "5", "such as 500ms, 10s, 5m or 30d"),
        ("broker_patience", "0s", "from 1s to 1d"),
        ("session_timeout", "31m", "from 1s to 30m"),
        ("publish_interval", "1ms", "from 10ms to 1m"),
        ("benchmark_interval", "2h", "from 100ms to 1h"),
        ("dedupe_ids", "0", "greater than or equal to 1"),
        ("dedupe_ids", "many", "must be a whole number"),
        ("dedupe_ids", "1e6", "must be a whole number"),
        ("partitions", "0", "greater than or equal to 1"),
        ("replication_factor", "0", "greater than or equal to 1"),
        ("scores_topic", "perhaps", "must be true or false"),
        ("instance", "a b", "letters, digits"),
        ("input_topic", "..", "letters, digits"),
        ("input_topic", "x" * 250, "1 to 249"),
        ("namespace", "a:b", "letters, digits"),
        ("namespace", "x" * 201, "1 to 200"),
        ("namespace", "-a", "a letter or digit first"),
        ("namespace", "prod-notify", "must not end in -notify or -rekey"),
        ("namespace", "prod-rekey", "must not end in -notify or -rekey"),
        ("start", "yesterday", "earliest, latest, or how far back"),
        ("clock", "2026-03-01", "RFC 3339"),
        ("clock", "2026-03-01T00:00:00", "RFC 3339"),
        ("clock", "2026-13-01T00:00:00Z", "RFC 3339"),
        ("clock", "1969-12-31T23:59:59Z", "from 1970 to 2096"),
        ("clock", "9999-12-31T23:59:59-23:59", "from 1970 to 2096"),
        ("clock", "0001-01-01T00:00:00+23:59", "from 1970 to 2096"),
        ("http", "9108", "host:port"),
        ("http", "a..b:80", "must name a host or an address"),
        ("http", "::1:80", "host:port"),
        ("http", "localhost:65536", "at most 65535"),
        ("log_format", "xml", "console or json"),
        ("log_level", "loud", "debug or info or warning or error"),
        ("kafka_ca_file", "/nowhere/ca.pem", "a file that can be read"),
        ("input_format", "protobuf", "auto or native or segment or cloudevents or posthog or snowplow"),
        ("field_user_id", "properties..id", "names joined by dots, such as properties.actor.id"),
        ("field_ts", ".at", "names joined by dots"),
        ("field_value", "x" * 201, "200 characters at most"),
        ("posthog_group", "a group", "1 to 100 letters, digits"),
        ("snowplow_entity", "iglu:com.acme/account", "1 to 100 letters, digits"),
        ("redis_url", "http://cache", "rediss://host:port/database"),
        ("redis_url", "redis://cache/first", "percent-encoded"),
        ("redis_url", "redis://a..b", "percent-encoded"),
        ("redis_url", "redis://cache?no_such_option=1", "no options behind ? but those of redis-py"),
        ("redis_url", "redis://cache?socket_timeout=soon", "no options behind ? but those of redis-py"),
        ("redis_url", "redis://cache?db=x", "no options behind ? but those of redis-py"),
        ("redis_url", "rediss://cache?ssl_cert_reqs=maybe", "no options behind ? but those of redis-py"),
    ],
)
def test_a_bad_setting_is_named_with_its_value_and_what_is_allowed(
    field: str, written: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"SCORER_{field.upper()}"
    assert refused(**{field: written}).startswith(f"{variable}=")
    monkeypatch.setenv(variable, written)
    message = refused()
    assert "(environment)" in message
    assert allowed in message
    if field != "redis_url":
        assert f"{variable}={written} " in message


def test_options_that_redis_py_knows_stay_in_the_url() -> None:
    url = "rediss://cache:6379/0?ssl_cert_reqs=none&health_check_interval=5"
    assert loaded(redis_url=url).redis_url.get_secret_value() == url


@pytest.mark.parametrize("field", [name for name in Settings.model_fields if not name.endswith("_file")])
def test_what_is_no_text_is_named_and_not_passed_on(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "must be UTF-8 text without a NUL" in refused(**{field: "a\0b"})
    if field != "scoring":  # the name of a file is bytes
        monkeypatch.setenv(f"SCORER_{field.upper()}", "\udcff")
        assert "must be UTF-8 text without a NUL" in refused()


def test_a_long_or_odd_value_is_shown_on_one_line_and_cut() -> None:
    assert refused(namespace="a\nb\x1b[31m").startswith(r"SCORER_NAMESPACE=a\nb\x1b[31m (flag): must be ")
    assert len(refused(partitions="9" * 5000)) < 400


def test_every_bad_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("SCORER_CLOCK=never\n")
    monkeypatch.setenv("SCORER_LOG_LEVEL", "loud")
    lines = refused(start="soon").splitlines()
    assert [line.split(")")[0] for line in lines] == [
        "SCORER_START=soon (flag",
        "SCORER_CLOCK=never (.env",
        "SCORER_LOG_LEVEL=loud (environment",
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SCORER_REDIS_URL", "redis+sentinel://a:26379/mymaster"),
        ("SCORER_REDIS_URL", "redis+cluster://a:6379"),
        ("SCORER_INPUT_KEY", "other"),
        ("SCORER_SCORES_TOPIC", "true"),
        ("SCORER_API", "127.0.0.1:8080"),
    ],
)
def test_what_this_version_lacks_is_not_yet_supported(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert "not yet supported" in refused()
    monkeypatch.delenv(variable)
    Path(".env").write_text(f"{variable}={value}\n")
    assert "not yet supported" in refused()


def test_the_input_must_not_be_a_topic_of_the_namespace() -> None:
    assert "SCORER_INPUT_TOPIC=a-journal (flag): is a topic of the namespace's own" in refused(
        namespace="a", input_topic="a-journal"
    )
    assert loaded(namespace="b", input_topic="a-journal").input_topic == "a-journal"


def test_an_unknown_variable_is_a_warning_with_a_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("SCORER_FAVOURITE_COLOUR=red\nOTHER=1\n")
    monkeypatch.setenv("SCORER_BROKRS", "a:1")
    assert load()[1] == [
        "SCORER_BROKRS is no setting (did you mean SCORER_BROKERS?)",
        "SCORER_FAVOURITE_COLOUR is no setting",
    ]


def test_variables_that_kubernetes_sets_for_a_service_are_no_cause_for_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SERVICE_HOST", "PORT", "PORT_9108_TCP_ADDR", "API_SERVICE_PORT_HTTP"):
        monkeypatch.setenv(f"SCORER_{name}", "tcp://10.0.0.1:9108")
    assert load()[1] == []


SASL = {"kafka_sasl_mechanism": "scram-sha-512", "kafka_sasl_username": "me", "kafka_sasl_password": "hunter2"}


@pytest.mark.parametrize("protocol", ["SASL_SSL", "sasl_plaintext"])
def test_sasl_takes_mechanism_user_and_password(protocol: str) -> None:
    settings = loaded(kafka_security_protocol=protocol, **SASL)
    assert settings.kafka_security_protocol == protocol.upper()
    assert settings.kafka_sasl_mechanism == "SCRAM-SHA-512"
    assert settings.kafka_sasl_password is not None
    assert settings.kafka_sasl_password.get_secret_value() == "hunter2"


@pytest.mark.parametrize("missing", SASL)
def test_sasl_without_one_of_them_is_refused(missing: str) -> None:
    message = refused(kafka_security_protocol="SASL_SSL", **{**SASL, missing: None})
    assert message == f"SCORER_{missing.upper()} is required with SASL_SSL"


@pytest.mark.parametrize("given", SASL)
def test_a_login_that_would_not_be_used_is_refused(given: str) -> None:
    message = refused(kafka_security_protocol="SSL", **{given: SASL[given]})
    assert message.startswith(f"SCORER_{given.upper()}=")
    assert "needs SCORER_KAFKA_SECURITY_PROTOCOL to be SASL_SSL or SASL_PLAINTEXT" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("given", ["kafka_ca_file", "kafka_cert_file", "kafka_key_file"])
def test_a_certificate_that_would_not_be_used_is_refused(given: str) -> None:
    Path("some.pem").touch()
    assert "to be SSL or SASL_SSL" in refused(**{given: "some.pem"})


def test_a_certificate_and_its_key_belong_together() -> None:
    Path("some.pem").touch()
    tls = {"kafka_security_protocol": "SSL", "kafka_ca_file": "some.pem"}
    assert "SCORER_KAFKA_KEY_FILE is required" in refused(**tls, kafka_cert_file="some.pem")
    assert "SCORER_KAFKA_CERT_FILE is required" in refused(**tls, kafka_key_file="some.pem")
    settings = loaded(**tls, kafka_cert_file="some.pem", kafka_key_file="some.pem")
    assert settings.kafka_cert_file == settings.kafka_key_file == Path("some.pem")


def test_a_secret_is_read_from_a_file_without_its_last_newline(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("url").write_text("redis://:s3cret@cache:6379/1\n")
    monkeypatch.setenv("SCORER_REDIS_URL_FILE", "url")
    settings, warnings = load()
    assert settings.redis_url.get_secret_value() == "redis://:s3cret@cache:6379/1"
    assert warnings == []


def test_a_secret_of_a_higher_source_hides_the_file_of_a_lower_one(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("url").write_text("redis://from-file\n")
    monkeypatch.setenv("SCORER_REDIS_URL_FILE", "url")
    assert loaded(redis_url="redis://from-flag").redis_address == "redis://from-flag"
    Path(".env").write_text("SCORER_REDIS_URL=redis://from-env-file\n")
    assert loaded().redis_address == "redis://from-file"


def test_a_secret_given_twice_in_one_source_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORER_REDIS_URL", "redis://:s3cret@cache")
    monkeypatch.setenv("SCORER_REDIS_URL_FILE", "url")
    message = refused()
    assert "SCORER_REDIS_URL_FILE" in message
    assert "set only one" in message
    assert "s3cret" not in message


def test_a_mark_of_utf8_is_no_part_of_a_secret() -> None:
    Path("url").write_text("\ufeffredis://cache\r\n", newline="")
    assert loaded(redis_url_file="url").redis_address == "redis://cache"


def test_the_name_of_a_secret_file_that_is_none_is_refused() -> None:
    assert refused(redis_url_file="a\0b") == r"SCORER_REDIS_URL_FILE=a\x00b (a file): embedded null byte"
    assert "(a file): Is a directory" in refused(redis_url_file=".")


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"", "empty"), (b"\xff", "UTF-8")])
def test_a_secret_file_that_cannot_be_used_is_named(content: bytes | None, reason: str) -> None:
    if content is not None:
        Path("password").write_bytes(content)
    message = refused(kafka_sasl_password_file="password")
    assert message.startswith("SCORER_KAFKA_SASL_PASSWORD_FILE=password ")
    assert reason in message


def test_a_bad_secret_from_a_file_is_named_and_not_shown() -> None:
    Path("url").write_text("redis://:s3cret@cache/x")
    message = refused(redis_url_file="url")
    assert message.startswith("SCORER_REDIS_URL=*** (flag, from a file): must be redis://")


def test_an_env_file_that_is_not_utf8_is_named() -> None:
    Path(".env").write_bytes(b"SCORER_NAMESPACE=\xff\n")
    assert refused() == ".env can't be read: isn't UTF-8"


@pytest.mark.parametrize(
    "line",
    [
        'SCORER_REDIS_URL="redis://:s3cret@cache',
        "SCORER_REDIS_URL",
        "SCORER_REDIS_URL: redis://:s3cret@cache",
        "export SCORER_REDIS_URL redis://:s3cret@cache",
        "scorer_redis_url redis://:s3cret@cache",
    ],
)
def test_a_line_of_the_env_file_that_says_nothing_is_named_and_not_shown(line: str) -> None:
    Path(".env").write_text(f"# a comment\n\nSCORER_NAMESPACE=a\n\n{line}\nSCORER_INSTANCE=b\n")
    assert refused() == ".env:5 can't be read: write SCORER_REDIS_URL=value, with the quotes closed"


def test_the_env_file_may_be_shared_with_other_programs_and_written_by_any_editor(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = ["what is this", "DEBUG", "# SCORER_NAMESPACE", "export SCORER_NAMESPACE='a' # why", "scorer_instance = b"]
    Path(".env").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    settings, warnings = load()
    assert (settings.namespace, settings.instance, warnings) == ("a", "b", [])
    assert caplog.messages == []


def test_an_env_folder_is_no_env_file() -> None:
    Path(".env").mkdir()  # some keep their virtual environment there
    assert load()[0] == loaded()


def test_no_secret_shows_in_the_error_of_settings_made_by_hand() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(redis_url="cache:s3cret@host")
    assert "s3cret" not in str(caught.value)


def test_no_secret_shows_in_a_repr_or_a_dump() -> None:
    settings = loaded(
        redis_url="redis://admin:s3cret@cache:6379/1?password=s3cret", kafka_security_protocol="SASL_SSL", **SASL
    )
    for shown in (repr(settings), str(settings), settings.model_dump_json(), settings.redis_address):
        assert "s3cret" not in shown
        assert "hunter2" not in shown
    assert settings.redis_address == "redis://***@cache:6379/1"


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:s3cret@host:port",
        "redis://user:s3/cret@host",
        "redis://user:12/s3cret@host",
        "redis://user:12?s3cret@host",
        "redis://user:12#s3cret@host",
        "redis://:s3cret@",
        "redis://[s3cret",
        "redis://host:0/s3cret",
        "cache:s3cret@host",
        "redis+sentinel://user:s3cret@host/master",
    ],
)
def test_no_secret_shows_in_an_error(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"redis_url": url})
    assert "s3cret" not in str(caught.value)
    assert "SCORER_REDIS_URL=***" in str(caught.value)
    assert caught.value.__cause__ is None
