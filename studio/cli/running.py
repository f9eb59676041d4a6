"""Commands about the runs there are: list, look, call, note, order, compare, take away."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table

from studio.cli.console import as_json, follow, list_runs, show_json, show_run, show_table
from studio.studio import Studio
from studio.tuning.differences import Differing
from studio.tuning.run import Run


@click.command()
@click.argument("names", metavar="[RUN]...", nargs=-1)
@click.option("--pause", is_flag=True, help="Let it save its state after this step, and stop.")
@click.option("--resume", is_flag=True, help="Go on from the last state that was saved.")
@click.option("--retry", is_flag=True, help="Start its recipe once more as a new run.")
@click.option("--detach", is_flag=True, help="With --resume or --retry: return at once.")
@click.option("--cancel", is_flag=True, help="Stop the run for good.")
@click.option("--delete", is_flag=True, help="Remove the run with all it made.")
@click.option("--log", is_flag=True, help="Show the end of the run's log.")
@click.option("--rename", metavar="TEXT", help="Call it so; empty gives the recipe's name back.")
@click.option("--note", metavar="TEXT", help="Note this about it, in place of the note before.")
@click.option("--first", is_flag=True, help="Let it be the next one in line.")
@click.option("--move", type=int, metavar="N", help="So many places back in line; -1 is forward.")
@click.option("--plain", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Write its recipe and data for TRL alone: run.yaml, and a script.")  # fmt: skip
@as_json
@click.pass_obj
def runs(
    studio: Studio, names: tuple[str, ...], cancel: bool, delete: bool, log: bool,
    rename: str | None, note: str | None, first: bool, move: int | None, plain: Path | None,
    pause: bool, resume: bool, retry: bool, detach: bool, as_json: bool,
) -> None:  # fmt: skip
    """List the runs; show, name, order, stop, resume or delete one RUN; or compare two to four."""
    steered = pause or resume or retry or cancel
    asked = [steered, delete, log, first]
    asked += [one is not None for one in (rename, note, move, plain)]
    if any(asked) and len(names) != 1:
        raise click.UsageError("Name the run." if not names else "Name one run for this.")
    if not names:
        list_runs(studio, as_json)
        return
    if len(names) > 1:
        compare_runs(studio, names, as_json)
        return
    run = studio.run(names[0])
    _label(studio, run, rename, note)
    if first or move is not None:
        _move(studio, run, first=first, places=move or 0)
    if plain is not None:
        _write_plain(studio, run, plain)
    if cancel or pause:
        (run.cancel if cancel else run.pause)()
    if resume or retry:
        run = studio.resume(run.id) if resume else studio.retry(run.id)
        if not detach:
            follow(studio, run)
    if delete:
        studio.delete_run(run.id)
        click.echo(f"deleted {run.id}")
    elif log:
        click.echo(run.log_tail())
    elif steered or not any(asked):
        show_run(studio, run, as_json)


def compare_runs(studio: Studio, names: Sequence[str], as_json: bool) -> None:
    """Where the recipes of several runs differ, and how they ended, as a table or as JSON."""
    found = studio.differing(names)
    several = [studio.run(name) for name in names]
    ended = [
        Differing("status", tuple(run.status() for run in several)),
        Differing("loss", tuple(_loss(run, "step") for run in several)),
        Differing("heldout_loss", tuple(_loss(run, "heldout") for run in several)),
    ]
    if as_json:
        told = [(one.field, dict(zip(names, one.values, strict=True))) for one in [*found, *ended]]
        show_json({"recipes": dict(told[: len(found)]), "results": dict(told[len(found) :])})
        return
    table = Table("", *names, box=None)
    for one in [*found, *ended]:
        table.add_row(one.field, *("" if value is None else str(value) for value in one.values))
    show_table(table)


def _loss(run: Run, kind: str) -> float | None:
    """The newest loss of that kind."""
    event = run.last(kind)
    return event["loss"] if event else None


def _label(studio: Studio, run: Run, title: str | None, note: str | None) -> None:
    if title is not None:
        studio.rename_run(run.id, title)
    if note is not None:
        studio.note_run(run.id, note)
    if title is not None or note is not None:
        click.echo(f"{run.id}: {run.title}{f' ({run.note})' if run.note else ''}")


def _move(studio: Studio, run: Run, *, first: bool, places: int) -> None:
    line = studio.move_run(run.id, -len(studio.runs()) if first else places)
    for number, one in enumerate(line, 1):
        click.echo(f"{number}. {one.id} {one.title}")


def _write_plain(studio: Studio, run: Run, folder: Path) -> None:
    target, missing = studio.export_plain(run.id, folder)
    if missing:
        click.echo(f"without {', '.join(missing)}, for which TRL has no word", err=True)
    click.echo(str(target))


COMMANDS = (runs,)
