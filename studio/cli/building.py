"""The command that builds: a dataset from a template and rows."""

import json
from collections.abc import Sequence
from typing import Any

import click
from pydantic import JsonValue

from studio.cli.console import as_json, show_json
from studio.data.gather import Gathered, demand
from studio.data.mapping import Mapping, suggest
from studio.data.rendering import preview
from studio.data.template import Template
from studio.studio import Studio

REFUSED_SHOWN = 10


def _pairs(_: click.Context, option: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """Options of the form name=value, as a dictionary."""
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"'{text}' is not of the form {option.metavar}")
        pairs[name.strip()] = value.strip()
    return pairs


@click.command()
@click.argument("template")
@click.argument("more", nargs=-1, metavar="[FILE]...")
@click.option(
    "--rows", "sources", multiple=True, metavar="FILE",
    help="Where rows come from; several files at once, or hub:OWNER/NAME[@CONFIG][:SPLIT], "
    "dataset:ID, chats, chat:ID[@LANE]. Default: the template's own rows.",
)  # fmt: skip
@click.option("--map", "columns", multiple=True, callback=_pairs, metavar="COLUMN=FIELD",
              help="Which column of the file is what the template reads.")  # fmt: skip
@click.option("--set", "constants", multiple=True, callback=_pairs, metavar="FIELD=VALUE",
              help="A field that is the same for every row.")  # fmt: skip
@click.option("--where", multiple=True, callback=_pairs, metavar="COLUMN=VALUE,VALUE",
              help="Only rows with one of these values.")  # fmt: skip
@click.option("--encoding", default="", help="Of text files that are not UTF-8, such as cp1252.")
@click.option("--look", is_flag=True, help="Show how the rows are read and the first example.")
@click.option("--name", help="What to call the dataset.")
@click.option("--heldout-share", type=float, default=0.2, show_default=True)
@click.option("--phrasings", type=click.Choice(["one", "all"]), default="one", show_default=True)
@click.option("--limit", type=int, help="At most this many rows.")
@click.option("--seed", type=int, default=42, show_default=True)
@as_json
@click.pass_obj
def build(
    studio: Studio, /, template: str, more: tuple[str, ...], sources: tuple[str, ...],
    columns: dict[str, str], constants: dict[str, str], where: dict[str, str], encoding: str,
    look: bool, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Freeze a dataset from TEMPLATE (a name or a YAML file) and rows.

    Which column is which is found by their names and contents; --map and --set say otherwise.
    """
    chosen = studio.template(template)
    gathered, mapping = None, None
    if sources or more:
        gathered = studio.gather([*sources, *more], encoding=encoding)
        if where:
            gathered = gathered.where({name: value.split(",") for name, value in where.items()})
        mapping = _map(gathered, chosen, columns, constants)
        _tell_rows(gathered, mapping)
    elif columns or constants or where:
        raise click.UsageError("--map, --set and --where go with --rows.")
    if look:
        _show_example(chosen, gathered, mapping)
        return
    dataset = studio.build(chosen, gathered, mapping=mapping, **options)
    if as_json:
        show_json(dataset.card.model_dump(mode="json"))
        return
    card = dataset.card
    click.echo(f"{card.id}: {card.train} examples to learn from, {card.heldout} held out")
    for finding in card.findings:
        count = f" ({finding.count:,})" if finding.count else ""
        click.echo(f"  {finding.severity}: {finding.message}{count}")


def _map(
    gathered: Gathered, template: Template, columns: dict[str, str], constants: dict[str, str]
) -> Mapping | None:
    """The mapping suggested, with a person's choices; None where there is nothing to map."""
    if not gathered.rows:
        return None
    given: dict[str, JsonValue] = {name: _value(text) for name, text in constants.items()}
    mapping = suggest(gathered.rows, template, taken=columns)
    return mapping.edited(columns, given) if columns or given else mapping


def _value(text: str) -> JsonValue:
    """A list or an object if the text is JSON of one, else the text."""
    if text[:1] in ("[", "{"):
        try:
            value: JsonValue = json.loads(text)
        except ValueError as error:
            raise click.BadParameter(f"'{text}' is not JSON") from error
        return value
    return text


def _tell_rows(gathered: Gathered, mapping: Mapping | None) -> None:
    """How the rows were read, on standard error."""
    for note in gathered.notes:
        click.echo(note, err=True)
    if mapping:
        click.echo(f"read as {mapping.told}", err=True)
        gathered = gathered.mapped(mapping)
    click.echo(gathered.told, err=True)
    for place, reason in gathered.refused[:REFUSED_SHOWN]:
        click.echo(f"  {place}: {reason}", err=True)
    if (left := len(gathered.refused) - REFUSED_SHOWN) > 0:
        click.echo(f"  and {left:,} more", err=True)


def _show_example(template: Template, gathered: Gathered | None, mapping: Mapping | None) -> None:
    rows = template.all_rows()
    if gathered is not None and mapping is not None:
        rows = gathered.mapped(demand(mapping, gathered.rows, template)).rows
    for example in preview(template, rows[:1]):
        for message in example.messages:
            click.echo(f"[{message.role}] {message.content}")
        click.echo(f"[answer] {example.completion}\n")


COMMANDS = (build,)
