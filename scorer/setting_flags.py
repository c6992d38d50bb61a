"""Settings as flags of a command: `session_timeout` is `--session-timeout`, and wins over environment and `.env`."""

import inspect
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from scorer import scoring_file
from scorer.commands import end_bad_usage, say
from scorer.core.model import Scoring
from scorer.durations import format_duration
from scorer.settings import Settings, SettingsError, load

EVERY_SETTING = tuple(Settings.model_fields)
KAFKA_SETTINGS = tuple(field for field in EVERY_SETTING if field == "brokers" or field.startswith("kafka_"))
REDIS_SETTINGS = ("redis_url", "redis_url_file")
DECODING_SETTINGS = (
    "input_format",
    *(field for field in EVERY_SETTING if field.startswith("field_")),
    "posthog_group",
    "snowplow_entity",
)
_PANEL = "Settings (also SCORER_... in the environment or in .env)"


def flags(fields: Iterable[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command that takes `settings: Settings` becomes one that takes these settings as flags, as text.

    Bad settings end the process with status 2 and a line for each; warnings about settings go to stderr.
    """
    options = [_option(field, Settings.model_fields[field]) for field in fields]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def with_flags(**arguments: Any) -> None:
            given = {option.name: arguments.pop(option.name) for option in options}
            command(settings=_load(given), **arguments)

        own = [each for each in inspect.signature(command).parameters.values() if each.name != "settings"]
        parameters = [*own, *options]
        with_flags.__name__ = command.__name__
        with_flags.__doc__ = command.__doc__
        # typer reads both
        with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_flags.__annotations__ = {each.name: each.annotation for each in parameters}
        return with_flags

    return decorate


def _option(field: str, info: FieldInfo) -> inspect.Parameter:
    option = typer.Option(
        f"--{field.replace('_', '-')}",
        help=info.description,
        metavar="TEXT",
        show_default=shown_default(info.default),
        rich_help_panel=_PANEL,
    )
    return inspect.Parameter(
        field, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
    )


def shown_default(default: object) -> str | bool:
    match default:
        case None:
            return False
        case SecretStr():
            return default.get_secret_value()
        case timedelta():
            return format_duration(default)
        case tuple():
            return ",".join(default)
        case bool():
            return str(default).lower()
        case _:
            return str(default)


def _load(given: dict[str, str | None]) -> Settings:
    try:
        settings, warnings = load(given)
    except SettingsError as error:
        end_bad_usage(str(error))
    for warning in warnings:
        say(warning)
    return settings


def load_scoring(settings: Settings) -> Scoring:
    """The scoring file that the settings name; one that is wrong ends the process with status 2."""
    try:
        return scoring_file.load(settings.scoring)
    except scoring_file.ScoringFileError as error:
        end_bad_usage(str(error))
