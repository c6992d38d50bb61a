"""`scorer show` and `scorer top`: scores as they stand in Redis."""

from enum import StrEnum
from typing import Annotated

import typer

from scorer.commands import SCORES, AsJson, end_bad_usage, must_be_id
from scorer.core.model import Kind, Model
from scorer.setting_flags import REDIS_SETTINGS, flags, load_scoring
from scorer.settings import Settings
from scorer.suggestion import suggest

app = typer.Typer()

_SETTINGS = (*REDIS_SETTINGS, "namespace", "scoring")


class EntityKind(StrEnum):
    """What has scores."""

    USER = "user"
    ACCOUNT = "account"

    @property
    def kind(self) -> Kind:
        return Kind[self.name]


@app.command(rich_help_panel=SCORES)
@flags(_SETTINGS)
def show(
    settings: Settings,
    kind: Annotated[EntityKind, typer.Argument(help="What it is.")],
    entity_id: Annotated[
        str, typer.Argument(metavar="ID", help="acme, or acme/ann for a user (a % or / in acme percent-encoded).")
    ],
    model: Annotated[
        str | None, typer.Option(help="One model; without it, every model of the scoring file that scores this kind.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the scores of a user or an account, as they stand in Redis. Exit status 1 if there is none."""
    from scorer.show_command import run_show  # noqa: PLC0415

    must_be_id(entity_id, "ID")
    run_show(settings, kind.kind, entity_id, _models(settings, kind.kind, model), as_json=as_json)


@app.command(rich_help_panel=SCORES)
@flags(_SETTINGS)
def top(
    settings: Settings,
    model: Annotated[
        str | None, typer.Option(help="Which model; without it, the scoring file's first that scores this kind.")
    ] = None,
    kind: Annotated[EntityKind, typer.Option(help="Whom to rank.")] = EntityKind.ACCOUNT,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    lowest: Annotated[
        bool, typer.Option("--lowest", help="From the lowest score up: who needs me today? Without the silent ones.")
    ] = False,
    band: Annotated[
        list[str] | None, typer.Option(metavar="BAND", help="Only who is in this band, or inactive; may be repeated.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh in place until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show who stands highest, or lowest: rank, score, how it moved in 7 days, band. Exit status 1 if nobody is ranked.

    `--watch --json` prints an object a line.
    """
    from scorer.ranking import Wanted  # noqa: PLC0415
    from scorer.top_command import run_top, watch_top  # noqa: PLC0415

    models = _models(settings, kind.kind, model)
    name, found = next(iter(models.items()))
    wanted = Wanted(name, kind.kind, limit, lowest, tuple(_bands(band or [], name, found)))
    if watch:
        watch_top(settings, wanted, found, as_json=as_json)
    else:
        run_top(settings, wanted, found, as_json=as_json)


def _models(settings: Settings, kind: Kind, named: str | None) -> dict[str, Model | None]:
    """The models to ask for, as the scoring file has them. Without a file only one that is named, None for the rest."""
    if named is not None and not settings.scoring.exists():
        return {named: None}
    scoring = load_scoring(settings)
    models: dict[str, Model | None] = {model.name: model for model in scoring.models if kind in model.kinds}
    if not models:
        end_bad_usage(f"{settings.scoring} has no model that scores {kind.label}s")
    if named is None:
        return models
    if named not in models:
        meant = suggest(named, models)
        hint = f" (did you mean {meant}?)" if meant else ""
        there = f"there {'is' if len(models) == 1 else 'are'} {', '.join(models)}"
        end_bad_usage(f"{settings.scoring} has no model {named} that scores {kind.label}s: {there}{hint}")
    return {named: models[named]}


def _bands(wanted: list[str], name: str, model: Model | None) -> list[str]:
    from scorer.core.model import INACTIVE_BAND  # noqa: PLC0415

    known = [*(band.name for band in model.bands), INACTIVE_BAND] if model is not None else wanted
    for band in wanted:
        if band not in known:
            meant = suggest(band, known)
            hint = f" (did you mean {meant}?)" if meant else ""
            end_bad_usage(f"{band} is no band of {name}: there are {', '.join(known)}{hint}")
    return wanted
