"""The command that tunes: once, or at several learning rates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

import click

from studio.cli.console import as_json, follow_all, run_summary, show_json, show_run
from studio.errors import RecipeError, RunError
from studio.studio import Studio
from studio.tuning.presets import PRESETS
from studio.tuning.recipe import Recipe
from studio.tuning.sweep import read_rates


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
@click.option("--sweep", metavar="RATES", help="A run for each learning rate: 1e-4,3e-4.")
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
    sweep: str | None,
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
    rates = read_rates(sweep) if sweep is not None else []
    started = (
        studio.sweep(chosen, rates, anyway=anyway)
        if rates
        else [studio.train(chosen, anyway=anyway)]
    )
    wrong = [] if detach else follow_all(studio, started)
    if wrong and not rates:
        raise RunError(wrong[0])
    if as_json and rates:
        show_json([run_summary(run) for run in started])
    else:
        for run in started:
            show_run(studio, run, as_json)
    if wrong:
        raise RunError(f"{len(wrong)} of {len(started)} runs did not finish. {' '.join(wrong)}")


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


COMMANDS = (train,)
