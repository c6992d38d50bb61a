"""docs/settings.md: every setting with its flag, default, what is allowed, and what a mistake is answered with."""

from datetime import timedelta
from typing import Any

from annotated_types import Ge, Le

from docs.pages.markdown import block, code, table
from scorer.setting_flags import shown_default
from scorer.setting_sources import SECRETS, variable_of
from scorer.settings import Settings, SettingsError, load

_GROUPS = {
    "Kafka": (
        "brokers", "broker_patience", "kafka_security_protocol", "kafka_sasl_mechanism", "kafka_sasl_username",
        "kafka_sasl_password", "kafka_sasl_password_file", "kafka_ca_file", "kafka_cert_file", "kafka_key_file",
    ),
    "Topics and the input": (
        "namespace", "input_topic", "input_key", "start", "partitions", "replication_factor", "scores_topic",
        "dedupe_ids",
    ),
    "What a record says": (
        "input_format", "field_event", "field_user_id", "field_account_id", "field_event_id", "field_ts",
        "field_value", "posthog_group", "snowplow_entity",
    ),
    "Redis": ("redis_url", "redis_url_file"),
    "Scoring and time": ("scoring", "clock", "publish_interval", "benchmark_interval"),
    "The worker": ("instance", "session_timeout", "http", "log_format", "log_level"),
}  # fmt: skip

_BEFORE = """\
<!-- made by `make docs` from scorer/settings.py -->
# Settings

A setting is a variable in the environment, a line in the file `.env` of the current folder, or a flag: `SCORER_SESSION_TIMEOUT=30s` is `--session-timeout 30s`. A flag wins over the environment, that over `.env`, that over the default; an empty variable is an unset one. All are read once, at the start. `scorer worker` takes every flag, the other commands those that mean something to them (`scorer show --help`).

A wrong setting ends the command with status 2, before anything is touched, and is named with its value, where it came from and what is allowed:
"""

_SECRETS = """\
**Secrets** ({secrets}) can stand in a file that the variable with `_FILE` names; a line end at its end is no part of them. They are in no message and no log line.

**In `.env`**, `${{NAME}}` stands for the variable of that name, also within quotes: a password that holds `${{` belongs into a file of its own. A line that means a setting and can't be read is refused; a `SCORER_...` variable that is no setting is warned of, with what was probably meant.

**What a worker ends with:** 2 if its settings can't work (a wrong password, a certificate of nobody known, a topic whose settings would lose data): it says which setting, and the way out. 1 for anything else that it can't go on with, such as brokers that can't be reached for `SCORER_BROKER_PATIENCE`: a restart goes on where it stopped. Redis is waited for as long as it takes; counting goes on meanwhile.
"""

_EXAMPLE = {"start": "yesterday", "session_timeout": "1h", "redis_url": "redis://:secret@cache/first"}


_PLAIN = {
    "kafka_sasl_username": "text, with SASL",
    "kafka_sasl_password": "text, with SASL",
    "kafka_sasl_password_file": "a file",
    "redis_url_file": "a file",
    "scoring": "a file",
    "scores_topic": "false",
}


def settings_page() -> str:
    parts = [_BEFORE, block("console", _mistakes())]
    parts.append(_SECRETS.format(secrets=", ".join(code(variable_of(secret)) for secret in SECRETS)))
    grouped = [field for group in _GROUPS.values() for field in group]
    if sorted(grouped) != sorted(Settings.model_fields):
        raise ValueError(f"each setting belongs into one group: {set(grouped) ^ set(Settings.model_fields)}")
    for group, fields in _GROUPS.items():
        parts += [f"## {group}\n", table(["variable", "default", "what it is", "allowed"], map(_row, fields))]
    return "\n".join(parts)


def _mistakes() -> str:
    flags = " ".join(f"--{field.replace('_', '-')} {value}" for field, value in _EXAMPLE.items())
    told = "\n".join(f"scorer: {line}" for line in _refusal(_EXAMPLE).splitlines())
    return f"$ scorer worker {flags}\n{told}"


def _row(field: str) -> tuple[str, str, str, str]:
    info = Settings.model_fields[field]
    default = shown_default(info.default)
    shown = code(default) if default is not False else "unset"
    return code(variable_of(field)), shown, info.description or "", _allowed(field)


def _allowed(field: str) -> str:
    """As the refusals of what isn't put it: the code that judges a value knows best."""
    metadata = Settings.model_fields[field].metadata
    least = [each.ge for each in metadata if isinstance(each, Ge)]
    most = [each.le for each in metadata if isinstance(each, Le)]
    if least and most:
        return f"a whole number from {least[0]:,} to {most[0]:,}"
    if field in _PLAIN:
        return _PLAIN[field]
    wrong = "999999999d" if isinstance(Settings.model_fields[field].default, timedelta) else "a b."
    return _refusal({field: wrong}).partition("): ")[2].removeprefix("must be ")


def _refusal(given: dict[str, Any]) -> str:
    """What is said of these settings; nothing if they are right."""
    try:
        load(given, env_file=None)
    except SettingsError as error:
        return str(error)
    return ""
