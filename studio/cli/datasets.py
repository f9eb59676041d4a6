"""Commands about datasets that are frozen: list, show, compare, export, push."""

from pathlib import Path

import click
from rich.table import Table

from studio.cli.console import as_json, show_json, show_table
from studio.data.dataset import Dataset
from studio.data.example import Example
from studio.data.exports import FORMS
from studio.data.versions import Change
from studio.studio import Studio

SHOWN = 5
LETTERS = 160


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def datasets(context: click.Context, as_json: bool) -> None:
    """List the datasets, newest first. Also show, compare, export or push one."""
    if context.invoked_subcommand:
        return
    found = context.obj.datasets()
    if as_json:
        show_json([one.card.model_dump(mode="json") for one in found])
        return
    table = Table("id", "learn", "held out", "template", box=None)
    for card in (one.card for one in found):
        table.add_row(card.id, str(card.train), str(card.heldout), card.template)
    show_table(table)


@datasets.command()
@click.argument("dataset")
@as_json
@click.pass_obj
def show(studio: Studio, dataset: str, as_json: bool) -> None:
    """Show the card of DATASET, its versions, and its first examples."""
    found = studio.dataset(dataset)
    if as_json:
        show_json(found.card.model_dump(mode="json"))
        return
    card = found.card
    click.echo(f"{card.name}, frozen {card.created:%Y-%m-%d %H:%M} UTC of template {card.template}")
    click.echo(f"{card.train:,} examples to learn from, {card.heldout:,} held out")
    for part in card.mixture:
        click.echo(f"  of these {part.examples:,} of {part.title} ({part.share:.0%})")
    for finding in card.findings:
        click.echo(f"  {finding.severity}: {finding.message} ({finding.count:,})")
    _show_versions(studio.dataset_versions(card.name), card.id)
    for example in found.train()[:SHOWN]:
        click.echo(_line(example))


@datasets.command()
@click.argument("before")
@click.argument("after")
@as_json
@click.pass_obj
def diff(studio: Studio, before: str, after: str, as_json: bool) -> None:
    """Tell what is different in the dataset AFTER from the dataset BEFORE."""
    found = studio.diff_datasets(before, after)
    if as_json:
        show_json(
            {
                "same": found.same,
                "added": [one.model_dump(mode="json") for one in found.added],
                "removed": [one.model_dump(mode="json") for one in found.removed],
                "changed": [
                    {
                        "before": one.before.model_dump(mode="json"),
                        "after": one.after.model_dump(mode="json"),
                        "moved": one.moved,
                    }
                    for one in found.changed
                ],
                "options": found.options,
                "template": found.template,
            }
        )
        return
    click.echo(
        f"{found.same:,} examples are the same, {len(found.added):,} added, "
        f"{len(found.removed):,} removed, {len(found.changed):,} changed"
    )
    for sign, examples in (("+", found.added), ("-", found.removed)):
        for example in examples[:SHOWN]:
            click.echo(f"{sign} {_line(example)}")
    for change in found.changed[:SHOWN]:
        click.echo(_change(change))
    for option, old, new in found.options:
        click.echo(f"{option}: {old} -> {new}")
    if found.template:
        click.echo(found.template)


@datasets.command()
@click.argument("dataset")
@click.option("--format", "form", type=click.Choice(list(FORMS)), default="messages",
              show_default=True)  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), default=".", show_default=True,
              help="The folder in which a new one is made.")  # fmt: skip
@click.pass_obj
def export(studio: Studio, dataset: str, form: str, output: Path) -> None:
    """Write DATASET in the form of other programs, as a new folder."""
    click.echo(studio.export_dataset(dataset, form, output))


@datasets.command()
@click.argument("dataset")
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--public", is_flag=True, help="Everybody can see it; private otherwise.")
@click.pass_obj
def push(studio: Studio, dataset: str, repository: str, public: bool) -> None:
    """Put DATASET with its card into a repository of the Hugging Face Hub."""
    click.echo(studio.push_dataset(dataset, repository, private=not public))


def _show_versions(found: list[Dataset], chosen: str) -> None:
    if len(found) < 2:
        return
    click.echo("versions, the first made first:")
    for number, one in enumerate(found, start=1):
        mark = " (this one)" if one.id == chosen else ""
        click.echo(f"  {number}. {one.id}, {one.card.train:,} + {one.card.heldout:,}{mark}")


def _line(example: Example) -> str:
    asked = " ".join(example.messages[-1].content.split())
    return f"row {example.place}: {asked[:LETTERS]} => {example.completion[:LETTERS]}"


def _change(change: Change) -> str:
    told = f"~ {_line(change.before)}\n"
    if change.before.completion != change.after.completion:
        told += f"  answer now: {change.after.completion[:LETTERS]}"
    elif change.before.messages != change.after.messages:
        told += f"  asked now: {change.after.messages[-1].content[:LETTERS]}"
    else:
        told += f"  moved from {change.moved}"
    return told


COMMANDS = (datasets,)
