"""Commands about tuning runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

import click

from studio.cli.console import as_json, follow, list_runs, show_run
from studio.errors import RecipeError
from studio.studio import Studio
from studio.tuning.presets import PRESETS
from studio.tuning.recipe import Recipe


def recipe_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """One option per field of Recipe; the help is the field's docstring."""
    for name, field in reversed(Recipe.model_fields.items()):
        kind: Any = field.annotation
        if get_origin(kind) is not None and all(isinstance(v, str) for v in get_args(kind)):
            kind = click.Choice(get_args(kind))
        elif get_origin(kind) is tuple:
            kind = str  # names with commas between them
        plain = field.is_required() or field.default in ("", ())
        default = "" if plain else f" [{field.default}]"
        command = click.option(
            "--" + name.replace("_", "-"),
            name,
            type=kind,
            default=None,
            help=f"{field.description}{default}",
        )(command)
    return command


@click.command()
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Begin with a point on the dial.")
@click.option("--lighter", "light", metavar="RUN", help="Again what ran out of memory, so it fits.")
@click.option("--anyway", is_flag=True, help="Even if it cannot fit on this machine.")
@click.option("--detach", is_flag=True, help="Return at once; the run goes on.")
@recipe_flags
@as_json
@click.pass_obj
def train(
    studio: Studio,
    /,
    recipe: Path | None,
    preset: str | None,
    light: str | None,
    anyway: bool,
    detach: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Tune: with RECIPE (a YAML or JSON file), a preset, flags, or flags on top of either."""
    given = {name: value for name, value in flags.items() if value is not None}
    if recipe is not None and preset is not None:
        raise click.UsageError("Give a recipe file or a preset, not both.")
    if light is not None:
        fitting = studio.lighter(studio.run(light))
        click.echo(f"with {' and '.join(fitting.changes)}", err=True)
        chosen = Recipe.make(fitting.recipe.model_dump() | given)
    else:
        chosen = read_recipe(studio, recipe, preset, given)
    run = studio.train(chosen, anyway=anyway)
    if not detach:
        follow(studio, run)
    show_run(studio, run, as_json)


def read_recipe(
    studio: Studio, path: Path | None, preset: str | None, given: dict[str, Any]
) -> Recipe:
    """The recipe that a file, a preset and flags make together."""
    if path is not None:
        return Recipe.read(path, **given)
    if "dataset" not in given:
        raise RecipeError("Name the dataset to learn from with --dataset, or give a recipe file.")
    if preset is None:
        return Recipe.make(given)
    chosen = {name: given[name] for name in ("base", "method") if name in given}
    begun = studio.preset(preset, dataset=given["dataset"], **chosen)
    return Recipe.make(begun.model_dump() | given)


@click.command()
@click.argument("run", required=False)
@click.option("--cancel", is_flag=True, help="Stop the run.")
@click.option("--delete", is_flag=True, help="Remove the run with all it made.")
@click.option("--log", is_flag=True, help="Show the end of the run's log.")
@as_json
@click.pass_obj
def runs(
    studio: Studio, run: str | None, cancel: bool, delete: bool, log: bool, as_json: bool
) -> None:
    """List the runs, or show, cancel or delete one RUN."""
    if run is None:
        if cancel or delete or log:
            raise click.UsageError("Name the run.")
        list_runs(studio, as_json)
        return
    chosen = studio.run(run)
    if cancel:
        chosen.cancel()
    if delete:
        studio.delete_run(run)
        click.echo(f"deleted {run}")
        return
    if log:
        click.echo(chosen.log_tail())
        return
    show_run(studio, chosen, as_json)


COMMANDS = (train, runs)
