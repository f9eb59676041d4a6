"""Commands for workbooks: what is odd about their rows, what mends it, and freezing them."""

from collections.abc import Sequence
from typing import Any

import click
from rich.table import Table

from studio.cli.console import as_json, show_json, show_table
from studio.data.dataset import Dataset
from studio.data.fixes import label
from studio.data.gather import Gathered
from studio.data.mapping import Mapping
from studio.data.template import Template
from studio.data.workbook_checks import Checked
from studio.studio import Studio


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def workbooks(context: click.Context, as_json: bool) -> None:
    """List the workbooks: rows that are looked over before they are frozen into a dataset."""
    if context.invoked_subcommand:
        return
    cards = context.obj.workbooks.list()
    if as_json:
        show_json([card.model_dump(mode="json", exclude={"owner"}) for card in cards])
        return
    table = Table("id", "rows", "begun", "title", box=None)
    for card in cards:
        begun = f"{card.created.astimezone():%Y-%m-%d %H:%M}"
        table.add_row(card.id, f"{card.rows:,}", begun, card.title)
    show_table(table)


@workbooks.command("check")
@click.argument("workbook")
@as_json
@click.pass_obj
def check_workbook(studio: Studio, workbook: str, as_json: bool) -> None:
    """Show what is odd about the rows of WORKBOOK, and what can be mended by itself."""
    checked: Checked | None = None
    for step in studio.check(workbook):
        if isinstance(step, Checked):
            checked = step
        else:
            click.echo(f"… {step}", err=True)
    assert checked
    if as_json:
        show_json([finding.model_dump(mode="json") for finding in checked.findings])
        return
    click.echo(f"{checked.train:,} examples to learn from, {checked.heldout:,} held out")
    for finding in checked.findings:
        mend = f" [fix: {finding.kind}]" if finding.rows and label(finding.kind) else ""
        count = f" ({finding.count:,})" if finding.count else ""
        click.echo(f"  {finding.severity}: {finding.kind}{count}: {finding.message}{mend}")


@workbooks.command("fix")
@click.argument("workbook")
@click.argument("kinds", nargs=-1, required=True, metavar="KIND...")
@click.pass_obj
def fix_workbook(studio: Studio, workbook: str, kinds: Sequence[str]) -> None:
    """Mend findings of these kinds in WORKBOOK, one after the other; `undo` takes each back."""
    for kind in kinds:
        click.echo(studio.mend(workbook, kind))


@workbooks.command("undo")
@click.argument("workbook")
@click.pass_obj
def undo_workbook(studio: Studio, workbook: str) -> None:
    """Take back what was done last to the rows of WORKBOOK."""
    click.echo(f"taken back: {studio.workbooks.open(workbook).undo()}")


@workbooks.command("redo")
@click.argument("workbook")
@click.pass_obj
def redo_workbook(studio: Studio, workbook: str) -> None:
    """Do again what was taken back last."""
    click.echo(f"done again: {studio.workbooks.open(workbook).redo()}")


@workbooks.command("freeze")
@click.argument("workbook")
@click.option("--name", help="What to call the dataset. Default: the workbook's title.")
@as_json
@click.pass_obj
def freeze_workbook(studio: Studio, workbook: str, name: str | None, as_json: bool) -> None:
    """Freeze WORKBOOK into a dataset, with what was settled for it on the page."""
    dataset = studio.freeze(workbook, **({"name": name} if name else {}))
    if as_json:
        show_json(dataset.card.model_dump(mode="json"))
        return
    card = dataset.card
    click.echo(f"{card.id}: {card.train:,} examples to learn from, {card.heldout:,} held out")


@workbooks.command("delete")
@click.argument("workbook")
@click.confirmation_option(prompt="Delete this workbook and all that was done in it?")
@click.pass_obj
def delete_workbook(studio: Studio, workbook: str) -> None:
    """Remove WORKBOOK; datasets that were frozen of it stay."""
    studio.workbooks.delete(workbook)
    click.echo(f"deleted: {workbook}")


def build_mended(
    studio: Studio,
    template: Template,
    gathered: Gathered | None,
    mapping: Mapping | None,
    *,
    kinds: Sequence[str],
    **options: Any,
) -> Dataset:
    """Mend these kinds of findings, as far as there are some, and freeze what is left.

    The rows and what was done to them stay behind in a workbook.
    """
    settled = {name: value for name, value in options.items() if value is not None}
    title = str(settled.get("name", ""))
    book = studio.begin_workbook(template, gathered, mapping=mapping, title=title)
    book.settle(**settled)
    for kind in kinds:
        there = studio.checked(book.id).rows(kind)
        told = studio.mend(book.id, kind) if there else f"nothing to mend: {kind}"
        click.echo(told, err=True)
    click.echo(f"the rows are in workbook {book.id}", err=True)
    return studio.freeze(book.id)


COMMANDS = (workbooks,)
