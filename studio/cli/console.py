"""How the command line shows things: tables, JSON, reports, and the progress of a run."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from studio.errors import RunError, StudioError
from studio.measure.report import Report
from studio.progress import Progress
from studio.studio import Studio
from studio.tuning.run import RESUMABLE, Run
from studio.tuning.watching import watch

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")


def list_runs(studio: Studio, as_json: bool) -> None:
    """All runs as a table, or as JSON."""
    found = studio.runs()
    if as_json:
        show_json([run_summary(run) for run in found])
        return
    table = Table("id", "kind", "status", "name", "note", box=None)
    for run in found:
        table.add_row(run.id, run.kind, run.status(), run.title, " ".join(run.note.split())[:60])
    show_table(table)


def run_summary(run: Run) -> dict[str, Any]:
    """A run as plain values."""
    spec: BaseModel
    match run.kind:
        case "tune":
            name, spec = "recipe", run.recipe
        case "repair":
            name, spec = "repair", run.repair
        case _:
            name, spec = "comparison", run.comparison
    finished = run.last("finished")
    return {
        "id": run.id,
        "kind": run.kind,
        "title": run.title,
        "note": run.note,
        "status": run.status(),
        "error": run.error(),
        "folder": str(run.folder),
        name: spec.model_dump(mode="json"),
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
    if run.status() in RESUMABLE and (step := run.goes_on_from()):
        click.echo(f"  --resume goes on from step {step}")
    if run.kind == "tune":
        click.echo(f"  {run.recipe.summary()}")
    elif run.kind == "repair":
        click.echo(f"  {run.repair.summary()}")
    if steps := run.steps():
        click.echo(f"  step {steps[-1]['step']} of {steps[-1]['total']}, loss {steps[-1]['loss']}")
        for line in watch(run.events()).lines():
            click.echo(f"  {line}")


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
    console = Console(markup=False, emoji=False)  # a title in brackets is a title
    needed = console.measure(table, options=console.options.update(max_width=10_000)).maximum
    console.width = max(console.width, needed)
    console.print(table)


def write_out(text: str, file: Path) -> None:
    """Write the file that a person named; StudioError if that cannot be done."""
    try:
        file.expanduser().write_text(text, encoding="utf-8")
    except OSError as error:
        raise StudioError(f"{file} cannot be written ({error.strerror}); name another.") from error


def show_json(value: Any) -> None:
    """One JSON value on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def follow_all(studio: Studio, runs: Sequence[Run]) -> list[str]:
    """Follow one run after the other; what is wrong with those that did not finish."""
    wrong = []
    for run in runs:
        try:
            follow(studio, run)
        except RunError as error:
            wrong.append(str(error))
    return wrong


def follow(studio: Studio, run: Run) -> None:
    """Show a run's progress on standard error until it has ended."""
    with Progress(run.title) as progress:
        try:
            studio.wait(run, on_event=progress.show)
        except KeyboardInterrupt:
            raise StudioError(
                f"The run goes on; stop it with: python -m studio runs {run.id} --pause or --cancel"
            ) from None
