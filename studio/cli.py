"""The command line: one sub-command per verb of the studio, flags made from the recipe.

Exit codes: 0 done, 1 could not be done (one sentence on standard error), 2 wrong usage.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from studio.chat.protocol import Sampling
from studio.data.example import Message
from studio.demo import Demo, side_by_side, start_demo
from studio.errors import RecipeError, StudioError
from studio.measure.outcome import BASE
from studio.measure.report import Report
from studio.progress import Progress
from studio.studio import Studio
from studio.tuning.recipe import PRESETS, Recipe
from studio.tuning.run import Run

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")


def main() -> None:
    """Run the command line; a mistake a person can mend ends with one sentence and code 1."""
    try:
        commands(standalone_mode=True)
    except StudioError as error:
        Console(stderr=True, soft_wrap=True).print(str(error), style="bold", markup=False)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--home", type=click.Path(path_type=Path), help="Home folder instead of STUDIO_HOME.")
@click.version_option(package_name=None, version="0.1.0", prog_name="instruct-studio")
@click.pass_context
def commands(context: click.Context, home: Path | None) -> None:
    """Build instruction data, tune, chat side by side, measure what was gained and forgotten."""
    context.obj = context.with_resource(Studio(home))


@commands.command()
@as_json
@click.pass_obj
def templates(studio: Studio, as_json: bool) -> None:
    """List the prompt templates."""
    found = studio.templates()
    if as_json:
        show_json([template.model_dump(mode="json") for template in found])
        return
    table = Table("name", "task", "phrasings", "title", box=None)
    for template in found:
        table.add_row(template.name, template.task, str(len(template.phrasings)), template.title)
    show_table(table)


@commands.command()
@click.argument("template")
@click.option("--rows", type=click.Path(path_type=Path), help="File of rows; default: its own.")
@click.option("--name", help="What to call the dataset.")
@click.option("--heldout-share", type=float, default=0.2, show_default=True)
@click.option("--phrasings", type=click.Choice(["one", "all"]), default="one", show_default=True)
@click.option("--limit", type=int, help="At most this many rows.")
@click.option("--seed", type=int, default=42, show_default=True)
@as_json
@click.pass_obj
def build(studio: Studio, /, template: str, as_json: bool, **options: Any) -> None:
    """Freeze a dataset from TEMPLATE (a name or a YAML file) and rows."""
    dataset = studio.build(template, **options)
    if as_json:
        show_json(dataset.card.model_dump(mode="json"))
        return
    card = dataset.card
    click.echo(f"{card.id}: {card.train} examples to learn from, {card.heldout} held out")
    for finding in card.findings:
        click.echo(f"  {finding.severity}: {finding.message}")


@commands.command()
@as_json
@click.pass_obj
def datasets(studio: Studio, as_json: bool) -> None:
    """List the datasets, newest first."""
    cards = [dataset.card for dataset in studio.datasets()]
    if as_json:
        show_json([card.model_dump(mode="json") for card in cards])
        return
    table = Table("id", "learn", "held out", "template", box=None)
    for card in cards:
        table.add_row(card.id, str(card.train), str(card.heldout), card.template)
    show_table(table)


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


@commands.command()
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(PRESETS), help="Begin with a point on the dial.")
@click.option("--detach", is_flag=True, help="Return at once; the run goes on.")
@recipe_flags
@as_json
@click.pass_obj
def train(
    studio: Studio,
    /,
    recipe: Path | None,
    preset: str | None,
    detach: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Tune: with RECIPE (a YAML or JSON file), a preset, flags, or flags on top of either."""
    given = {name: value for name, value in flags.items() if value is not None}
    if recipe is not None and preset is not None:
        raise click.UsageError("Give a recipe file or a preset, not both.")
    run = studio.train(_recipe(studio, recipe, preset, given))
    if not detach:
        follow(studio, run)
    show_run(studio, run, as_json)


def _recipe(studio: Studio, path: Path | None, preset: str | None, given: dict[str, Any]) -> Recipe:
    if path is not None:
        return Recipe.read(path, **given)
    if "dataset" not in given:
        raise RecipeError("Name the dataset to learn from with --dataset, or give a recipe file.")
    if preset is None:
        return Recipe.make(given)
    begun = studio.preset(preset, dataset=given["dataset"], base=given.get("base", "starter"))
    return Recipe.make(begun.model_dump() | given)


@commands.command()
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


@commands.command()
@click.argument("prompt", required=False)
@click.option("--lane", "lanes", multiple=True, help="A run, or run@strength; repeatable.")
@click.option("--base", default="starter", show_default=True, help="Base if no lane is given.")
@click.option("--system", help="System prompt.")
@click.option("--temperature", type=click.FloatRange(0, 5), default=0.0, show_default=True)
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True)
@click.option("--max-new-tokens", type=click.IntRange(1, 8192), default=128, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@as_json
@click.pass_obj
def chat(
    studio: Studio,
    /,
    prompt: str | None,
    lanes: tuple[str, ...],
    base: str,
    system: str | None,
    as_json: bool,
    **sampling: Any,
) -> None:
    """Answer PROMPT with the base and every --lane side by side; without PROMPT, converse."""
    settings = Sampling(**sampling)
    opening = [Message(role="system", content=system)] if system else []
    histories = {lane: list(opening) for lane in (BASE, *lanes)}
    while (said := prompt or _next_prompt()) is not None:
        for history in histories.values():
            history.append(Message(role="user", content=said))
        *_, last = studio.ask(list(histories.items()), base=base, sampling=settings)
        for row in last.rows:
            histories[row.lane].append(Message(role="assistant", content=row.text))
        if as_json:
            show_json(last.model_dump(mode="json", exclude={"kind", "id"}))
        else:
            for row in last.rows:
                click.echo(f"{click.style(row.lane, bold=True)}: {row.text}")
        if prompt is not None:
            return


def _next_prompt() -> str | None:
    """What a person types, or None at the end of the input."""
    try:
        typed: str = click.prompt("You", prompt_suffix="> ", err=True)
    except click.Abort:
        return None
    return typed


@commands.command()
@click.argument("lanes", nargs=-1, required=True, metavar="RUN[@STRENGTH]...")
@click.option("--probe", "probes", multiple=True, help="Probe or pack; default: the base's own.")
@click.option("--limit", type=click.IntRange(0), default=0, help="At most this many cases each.")
@click.option("--max-new-tokens", type=click.IntRange(1), default=48, show_default=True)
@as_json
@click.pass_obj
def compare(
    studio: Studio,
    /,
    lanes: tuple[str, ...],
    probes: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Measure what the runs gained and forgot against their base."""
    run = studio.compare(lanes, probes=probes or None, **options)
    follow(studio, run)
    show_report(studio.report(run.id), as_json)


@commands.command()
@click.argument("run")
@as_json
@click.pass_obj
def report(studio: Studio, run: str, as_json: bool) -> None:
    """Show the report of a measurement, or the newest one about a tuned RUN."""
    show_report(studio.report(run), as_json)


@commands.command()
@click.argument("run")
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_obj
def export(studio: Studio, run: str, folder: Path) -> None:
    """Copy a finished RUN's adapter, recipe and report into a new FOLDER."""
    click.echo(studio.export(run, folder))


@commands.command()
@click.option("--no-serve", is_flag=True, help="End after the demo instead of opening the page.")
@as_json
@click.pass_obj
def demo(studio: Studio, no_serve: bool, as_json: bool) -> None:
    """Build, tune twice, chat side by side and measure, on the starter model."""
    made = start_demo(studio)
    for run in (made.plain, made.keeping, made.measurement):
        follow(studio, run)
    found = studio.report(made.measurement.id)
    chats = side_by_side(studio, made)
    if as_json:
        show_json(demo_summary(made, found, chats))
    else:
        for prompt, rows in chats:
            click.echo(f"\n{click.style(prompt, bold=True)}")
            for row in rows:
                click.echo(f"  {row.lane}: {row.text}")
        for lane in found.lanes:
            click.echo(f"\n{click.style(lane.title, bold=True)} ({lane.recipe})")
            click.echo(found.headline(lane.id))
    if not no_serve:
        from studio.ui.server import serve

        serve(studio)


def demo_summary(made: Demo, found: Report, chats: list[Any]) -> dict[str, Any]:
    """The demo's result as plain values: every number with its n and interval."""
    return {
        "dataset": made.dataset.card.model_dump(mode="json", include={"id", "train", "heldout"}),
        "runs": [run_summary(made.plain), run_summary(made.keeping)],
        "chat": [
            {"prompt": prompt, "answers": {row.lane: row.text for row in rows}}
            for prompt, rows in chats
        ],
        "headlines": {lane.id: found.headline(lane.id) for lane in found.lanes},
        "report": found.model_dump(mode="json"),
    }


def list_runs(studio: Studio, as_json: bool) -> None:
    """All runs as a table, or as JSON."""
    found = studio.runs()
    if as_json:
        show_json([run_summary(run) for run in found])
        return
    table = Table("id", "kind", "status", "name", box=None)
    for run in found:
        table.add_row(run.id, run.kind, run.status(), run.title)
    show_table(table)


def run_summary(run: Run) -> dict[str, Any]:
    """A run as plain values."""
    spec = run.recipe if run.kind == "tune" else run.comparison
    finished = run.last("finished")
    return {
        "id": run.id,
        "kind": run.kind,
        "status": run.status(),
        "error": run.error(),
        "folder": str(run.folder),
        "recipe" if run.kind == "tune" else "comparison": spec.model_dump(mode="json"),
        "result": (finished.model_extra or {}) if finished else None,
    }


def show_run(studio: Studio, run: Run, as_json: bool) -> None:
    """One run in a few lines, or as JSON."""
    if as_json:
        show_json(run_summary(run))
        return
    click.echo(f"{run.id}: {run.status()}")
    if error := run.error():
        click.echo(f"  {error}")
    if run.kind == "tune":
        click.echo(f"  {run.recipe.summary()}")
    if steps := run.steps():
        click.echo(f"  step {steps[-1]['step']} of {steps[-1]['total']}, loss {steps[-1]['loss']}")


def show_report(found: Report, as_json: bool) -> None:
    """A report as Markdown in the terminal, or as JSON."""
    if as_json:
        show_json(found.model_dump(mode="json"))
    elif sys.stdout.isatty():
        Console().print(Markdown(found.markdown()))
    else:
        click.echo(found.markdown())


def show_table(table: Table) -> None:
    """A table whose ids are never cut, however narrow the terminal: they are there to be copied."""
    for column in table.columns:
        column.no_wrap = True
    console = Console()
    needed = console.measure(table, options=console.options.update(max_width=10_000)).maximum
    Console(width=max(console.width, needed)).print(table)


def show_json(value: Any) -> None:
    """One JSON value on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def follow(studio: Studio, run: Run) -> None:
    """Show a run's progress on standard error until it has ended."""
    with Progress(run.title) as progress:
        try:
            studio.wait(run, on_event=progress.show)
        except KeyboardInterrupt:
            raise StudioError(
                f"The run goes on; stop it with: python -m studio runs {run.id} --cancel"
            ) from None
