"""Where settings come from: flags, the environment and `.env`, with secrets from files; and what went wrong there."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, PydanticBaseSettingsSource

from scorer.setting_values import HIDDEN, shown_redis_url
from scorer.suggestion import suggest

PREFIX = "SCORER_"
SECRETS = ("kafka_sasl_password", "redis_url")
"""Fields whose value may come from the file that `{field}_file` names."""

DEFERRED = {"SCORER_API": "is not yet supported: this version serves no HTTP API"}

_SHOWN_CHARACTERS = 300

# it tells of a line that it can't read each time it reads the file, and not which; `read_layers` does
logging.getLogger("dotenv").setLevel(logging.ERROR)

_A_SETTING = re.compile(r"^\s*(?:export\s+)?(SCORER_\w+)", re.IGNORECASE | re.MULTILINE)

# Kubernetes gives every pod such variables for each Service: one called `scorer` gives SCORER_SERVICE_HOST.
_KUBERNETES = re.compile(r"SCORER_.*(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """A bad setting: `variable` by its name in the environment, `source` None if it was set nowhere."""

    variable: str
    value: str | None
    source: str | None
    message: str

    def __str__(self) -> str:
        if self.source is None:
            return f"{self.variable} {self.message}"
        return f"{self.variable}={self.value} ({self.source}): {self.message}"


class SettingsError(ValueError):
    """Settings that can't be used, `problems` each on a line of its own."""

    def __init__(self, problems: list[SettingProblem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Layers:
    """What each source says, as text by lower-case name; the environment's keep the prefix."""

    fields: tuple[str, ...]
    flags: dict[str, Any]
    environment: Mapping[str, str | None]
    env_file: Mapping[str, str | None]

    def problem(self, field: str, message: str) -> SettingProblem:
        variable = variable_of(field)
        if self.flags.get(field) is not None:
            return SettingProblem(variable, shown(field, self.flags[field]), "flag", message)
        if field in SECRETS and self.flags.get(f"{field}_file") is not None:
            return SettingProblem(variable, HIDDEN, "flag, from a file", message)
        for source, found in (("environment", self.environment), (".env", self.env_file)):
            if found.get(variable.lower()):
                return SettingProblem(variable, shown(field, found[variable.lower()]), source, message)
            if field in SECRETS and found.get(f"{variable.lower()}_file"):
                return SettingProblem(variable, HIDDEN, f"{source}, from a file", message)
        return SettingProblem(variable, None, None, message)

    def unknown_variables(self) -> list[str]:
        """A warning for each `SCORER_` variable that is no setting: an environment may hold other things."""
        known = [variable_of(field) for field in self.fields]
        warnings = []
        for name in sorted({*self.environment, *self.env_file}):
            variable = name.upper()
            if not variable.startswith(PREFIX) or variable in known or variable in DEFERRED:
                continue
            if not _KUBERNETES.fullmatch(variable):
                meant = suggest(variable.removeprefix(PREFIX), self.fields)
                hint = f" (did you mean {variable_of(meant)}?)" if meant else ""
                warnings.append(f"{variable} is no setting{hint}")
        return warnings


def variable_of(field: str) -> str:
    return PREFIX + field.upper()


def shown(field: str, value: object) -> str:
    """A value as a message may show it: on one line, cut, and no secret."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    if field in SECRETS:
        text = shown_redis_url(text) if field == "redis_url" else HIDDEN
    text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text[: _SHOWN_CHARACTERS + 1])
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def read_layers(settings: type[BaseSettings], overrides: Mapping[str, object], env_file: Path | str | None) -> Layers:
    """Raises SettingsError for what is set but not yet supported, TypeError for an override that is no field."""
    fields = tuple(settings.model_fields)
    if stray := sorted(set(overrides) - set(fields)):
        raise TypeError(f"no such setting: {', '.join(stray)}")
    flags = {field: value for field, value in overrides.items() if value is not None}
    environment = EnvSettingsSource(settings).env_vars
    try:
        unread = list(_unread_lines(env_file))
        in_file = DotEnvSettingsSource(settings, env_file=env_file, env_file_encoding="utf-8").env_vars
    except (OSError, UnicodeDecodeError) as error:
        problem = SettingProblem(str(env_file), None, None, f"can't be read: {_reason(error)}")
        raise SettingsError([problem]) from error
    if unread:
        raise SettingsError(unread)
    layers = Layers(fields, flags, environment, in_file)
    deferred = [
        SettingProblem(variable, value, source, message)
        for variable, message in DEFERRED.items()
        for source, found in (("environment", environment), (".env", in_file))
        if (value := found.get(variable.lower()))
    ]
    if deferred:
        raise SettingsError(deferred)
    return layers


def _unread_lines(env_file: Path | str | None) -> Iterator[SettingProblem]:
    """Lines of `.env` that mean a setting and say nothing: dotenv leaves out what it can't read, and a bare name."""
    if env_file is None or not Path(env_file).is_file():
        return
    with Path(env_file).open(encoding="utf-8") as lines:
        for binding in parse_stream(lines):
            text = binding.original.string
            if (binding.error or binding.value is None) and (named := _A_SETTING.search(text)):
                line = binding.original.line + len(text) - len(text.lstrip("\n"))
                message = f"can't be read: write {named[1].upper()}=value, with the quotes closed"
                yield SettingProblem(f"{env_file}:{line}", None, None, message)


class SecretFiles(PydanticBaseSettingsSource):
    """A layer with its `..._FILE` secrets read, so that a file of one layer yields to a value of a higher one."""

    def __init__(self, settings_cls: type[BaseSettings], layer: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._layer = layer

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._layer.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        found = dict(self._layer())
        for field in SECRETS:
            path = found.get(f"{field}_file")
            if path is None:
                continue
            variable = variable_of(f"{field}_file")
            if found.get(field) is not None:
                message = f"can't be used together with {variable_of(field)}: set only one"
                raise SettingsError([SettingProblem(variable, shown(f"{field}_file", path), "set twice", message)])
            try:
                # An editor ends a file with a newline, which is no part of the secret.
                found[field] = Path(path).read_text(encoding="utf-8-sig").rstrip("\r\n")
            except (OSError, ValueError) as error:
                raise SettingsError(
                    [SettingProblem(variable, shown(f"{field}_file", path), "a file", _reason(error))]
                ) from error
            if not found[field]:
                raise SettingsError(
                    [SettingProblem(variable, shown(f"{field}_file", path), "a file", "must not be empty")]
                )
        return found


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "isn't UTF-8"
    return (error.strerror or "can't be read") if isinstance(error, OSError) else str(error)
