"""Commands before tuning: advice measured on a dataset, and what a recipe will take."""

from pathlib import Path
from typing import Any

import click
from rich.table import Table

from studio.cli.console import as_json, follow_all, show_json, show_table, write_out
from studio.cli.making import read_recipe, recipe_flags
from studio.errors import RunError
from studio.measure.curve import Amount
from studio.studio import Studio
from studio.tuning.advising import Doing
from studio.tuning.advisor import Advice
from studio.tuning.estimate import Estimate
from studio.tuning.fitting import size
from studio.tuning.options import Option
from studio.tuning.presets import PRESETS
from studio.tuning.race import Race
from studio.tuning.telling import facts


@click.command()
@click.argument("dataset")
@click.argument("runs", nargs=-1)
@click.option("--base", default="starter", show_default=True, help="The base to tune.")
@as_json
@click.pass_obj
def prompts(studio: Studio, dataset: str, runs: tuple[str, ...], base: str, as_json: bool) -> None:
    """Rank soft prompts of earlier RUNS (or the newest) for DATASET: which to start from."""
    for told in studio.rank_prompts(dataset, base=base, runs=runs):
        if isinstance(told, Doing):
            _say(told)
        elif as_json:
            show_json(told.model_dump(mode="json"))
        else:
            table = Table("start from", "nats per token", "right", "neurons shared", box=None)
            for one in told.candidates:
                table.add_row(one.run, f"{one.nll:.3f}", f"{one.right:.0%}", f"{one.overlap:.2f}")
            table.add_row("no prompt", f"{told.base_nll:.3f}", f"{told.base_right:.0%}", "")
            show_table(table)


@click.command()
@click.argument("dataset")
@click.option("--base", default="starter", show_default=True, help="The base to tune.")
@click.option("--again", is_flag=True, help="Measure anew what was measured before.")
@click.option("--write", type=click.Path(path_type=Path), help="Write the recipe to this file.")
@click.option("--race", is_flag=True, help="Tune the best three for some steps, measure them.")
@as_json
@click.pass_obj
def advise(
    studio: Studio, dataset: str, base: str, again: bool, write: Path | None, race: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Measure DATASET on the base and say what to do with it, and why."""
    advice = _measure(studio, dataset, base, again)
    if write and advice.best.recipe is None:
        raise RunError(f"The advice is “{advice.best.title}”, for which there is no recipe.")
    if write and advice.best.recipe:
        write_out(advice.best.recipe.yaml(), write)
    if not as_json:
        _show_advice(advice)
    held = _hold_race(studio, advice) if race else None
    if as_json:
        told = advice.model_dump(mode="json")
        places = [one.model_dump(mode="json") for one in studio.placed(held)] if held else []
        show_json(told | ({"race": places} if held else {}))
    elif held:
        _show_race(studio, held)


def _measure(studio: Studio, dataset: str, base: str, again: bool) -> Advice:
    for told in studio.advising(dataset, base=base, again=again):
        if isinstance(told, Advice):
            return told
        _say(told)
    raise RunError(f"{dataset} was not measured.")


def _say(doing: Doing) -> None:
    count = f" ({doing.done} of {doing.total})" if doing.total else ""
    click.echo(f"{doing.name}{count}", err=True)


def _show_advice(advice: Advice) -> None:
    table = Table("measured", "", box=None)
    for name, value, meaning in facts(advice):
        table.add_row(name, f"{value}  {meaning}")
    show_table(table)
    for number, option in enumerate((advice.best, *advice.others)):
        click.echo(f"\n{'Recommended' if number == 0 else 'Also'}: {option.title}")
        _show_reasons(option)
    if advice.best.recipe:
        click.echo(f"\n{advice.best.recipe.yaml()}")


def _show_reasons(option: Option) -> None:
    for reason in option.reasons:
        source = f" [{reason.source}]" if reason.source else ""
        click.echo(f"  {reason.what}: {reason.why}{source}")


def _hold_race(studio: Studio, advice: Advice) -> Race:
    race = studio.race(advice.trainable)
    runs = [studio.run(id) for id in (*(one.run for one in race.entrants), *race.measurements)]
    if wrong := follow_all(studio, runs):
        raise RunError(" ".join(wrong))
    return race


def _show_race(studio: Studio, race: Race) -> None:
    table = Table("", "trial", "gained", "forgotten", "run", box=None)
    for one in studio.placed(race):
        mark = "winner" if one.winner else "best" if one.best else ""
        gained, lost = one.point.in_unit("points") if one.point else (None, None)
        table.add_row(mark, one.entrant.title, _points(gained), _points(lost), one.entrant.run)
    show_table(table)


def _points(amount: Amount | None) -> str:
    return f"{amount.value:+.1f} points" if amount else ""


@click.command()
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Begin with a preset.")
@recipe_flags
@as_json
@click.pass_obj
def estimate(
    studio: Studio, /, recipe: Path | None, preset: str | None, as_json: bool, **flags: Any
) -> None:
    """Say what a recipe (as for train) will take: memory, disk, time. Nothing is downloaded."""
    given = {name: value for name, value in flags.items() if value is not None}
    chosen = read_recipe(studio, recipe, preset, given)
    found = studio.estimate(chosen)
    if as_json:
        whole = {"memory": found.memory, "fits": found.fits, "tight": found.tight}
        show_json(found.model_dump(mode="json") | whole)
        return
    _show_estimate(found)
    if not found.fits or found.tight:
        lighter = studio.fit(chosen)
        told = " and ".join(lighter.changes) if lighter else ""
        click.echo(f"What fits: {told or 'no recipe on this base'}")


def _show_estimate(found: Estimate) -> None:
    has = found.machine
    verdict = "fits" if found.fits and not found.tight else "tight" if found.fits else "cannot fit"
    table = Table(box=None, show_header=False)
    table.add_row("memory", f"{size(found.memory)} of {size(has.memory)} ({has.name}): {verdict}")
    for name, amount in found.parts.items():
        table.add_row("", f"{size(amount)} {name}")
    table.add_row("trains", f"{found.trained:,} of {found.parameters:,} weights")
    table.add_row("disk", f"{size(found.disk)} of {size(has.disk)} free")
    if found.download:
        table.add_row("download", size(found.download))
    seconds = "unknown" if found.seconds is None else f"{found.seconds:,.0f} s"
    table.add_row("time", f"{seconds} for {found.steps} steps, {found.tokens:,} tokens")
    table.add_row("", found.pace)
    show_table(table)


COMMANDS = (advise, prompts, estimate)
