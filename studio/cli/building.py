"""The command that builds: a dataset from a template and rows."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import JsonValue

from studio.cli.console import as_json, show_json
from studio.cli.freezing import watch, ways
from studio.cli.workbooks import build_mended
from studio.data.fixes import KINDS
from studio.data.gather import Gathered, demand
from studio.data.intake import list_refused
from studio.data.mapping import TITLES, Format, Mapping, suggest
from studio.data.mapping_form import choose_template, fill, guess, read_constant
from studio.data.rendering import preview
from studio.data.template import Template
from studio.errors import DatasetError
from studio.studio import Studio

REFUSED_SHOWN = 10
AUTO, STANDARD_INPUT = "auto", "-"


def _pairs(_: click.Context, option: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """Options of the form name=value, as a dictionary."""
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"'{text}' is not of the form {option.metavar}")
        if name.strip() in pairs:
            raise click.BadParameter(f"'{name.strip()}' is named twice")
        pairs[name.strip()] = value.strip()
    return pairs


@click.command()
@click.argument("template")
@click.argument("more", nargs=-1, metavar="[FILE]...")
@click.option(
    "--rows", "sources", multiple=True, metavar="FILE",
    help="Where rows come from; several files at once, - for standard input, or "
    "hub:OWNER/NAME[@CONFIG][:SPLIT], dataset:ID, chats, chat:ID[@LANE]. "
    "Default: the template's own rows.",
)  # fmt: skip
@click.option("--as", "format", type=click.Choice(list(TITLES)),
              help="What the rows are taken for, if the suggestion is wrong.")  # fmt: skip
@click.option("--map", "columns", multiple=True, callback=_pairs, metavar="COLUMN=FIELD",
              help="Which column of the file is what the template reads.")  # fmt: skip
@click.option("--set", "constants", multiple=True, callback=_pairs, metavar="FIELD=VALUE",
              help="A field that is the same for every row.")  # fmt: skip
@click.option("--where", multiple=True, callback=_pairs, metavar="COLUMN=VALUE,VALUE",
              help="Only rows with one of these values, or of a JSON list of them.")  # fmt: skip
@click.option("--values", "column", metavar="COLUMN",
              help="Show the values of a column, to choose from, and build nothing.")  # fmt: skip
@click.option("--refused", type=click.Path(path_type=Path),
              help="A CSV file to write every refused record to: file, line, reason.")  # fmt: skip
@click.option("--encoding", default="", help="Of text files that are not UTF-8, such as cp1252.")
@click.option("--fix", "fixes", type=click.Choice(KINDS), multiple=True,
              help="Mend what the checks find of this kind before freezing.")  # fmt: skip
@click.option("--look", is_flag=True, help="Show how the rows are read and the first example.")
@click.option("--name", help="What to call the dataset.")
@ways
@as_json
@click.pass_obj
def build(
    studio: Studio, /, template: str, more: tuple[str, ...], sources: tuple[str, ...],
    format: Format | None, columns: dict[str, str], constants: dict[str, str],
    where: dict[str, str], column: str | None, refused: Path | None, encoding: str, look: bool,
    fixes: tuple[str, ...], as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Freeze a dataset from TEMPLATE (a name, a YAML file, or "auto" for the likeliest) and rows.

    Which column is which is found by their names and contents; --as, --map and --set say otherwise.
    """
    gathered, mapping = None, None
    if places := [*sources, *more]:
        gathered = _gather(studio, places, encoding, where)
    elif format or columns or constants or where or column or refused:
        raise click.UsageError(
            "--as, --map, --set, --where, --values and --refused go with --rows."
        )
    if gathered is not None and column:
        _show_values(gathered, column)
        return
    if gathered is not None and template == AUTO:
        chosen = choose_template(gathered.rows, studio.templates())
    else:
        chosen = studio.template(template)
    if gathered is not None:
        mapping = _map(gathered, chosen, format, columns, constants)
        _tell_rows(gathered, chosen, mapping, refused)
    if look:
        _show_example(chosen, gathered, mapping)
        return
    if fixes:
        dataset = build_mended(studio, chosen, gathered, mapping, kinds=fixes, **options)
    else:
        dataset = watch(studio.building(chosen, gathered, mapping=mapping, **options))
    if as_json:
        show_json(dataset.card.model_dump(mode="json"))
        return
    card = dataset.card
    unseen = f", and once more in {card.unseen} unseen wordings" if card.unseen else ""
    click.echo(f"{card.id}: {card.train} examples to learn from, {card.heldout} held out{unseen}")
    for finding in card.findings:
        count = f" ({finding.count:,})" if finding.count else ""
        click.echo(f"  {finding.severity}: {finding.message}{count}")


def _gather(
    studio: Studio, places: Sequence[str], encoding: str, where: dict[str, str]
) -> Gathered:
    """The rows of all places, those that are wished for."""
    pasted = sys.stdin.read() if STANDARD_INPUT in places else ""
    named = [place for place in places if place != STANDARD_INPUT]
    gathered = studio.gather(named, pasted=pasted, encoding=encoding)
    wished = {name: _values(text) for name, text in where.items()}
    return gathered.where(wished) if wished else gathered


def _values(text: str) -> list[str]:
    listed = _value(text)
    return [str(one) for one in listed] if isinstance(listed, list) else text.split(",")


def _show_values(gathered: Gathered, column: str) -> None:
    """How often every value of a column comes, the most frequent first."""
    counts = Counter(str(row[column]) for row in gathered.rows if column in row)
    if not counts:
        raise DatasetError(f"No row has a column '{column}' to choose by.")
    for value, count in counts.most_common():
        click.echo(f"{count}\t{value}")


def _map(
    gathered: Gathered, template: Template, format: Format | None, columns: dict[str, str],
    constants: dict[str, str],
) -> Mapping | None:  # fmt: skip
    """The mapping suggested, with a person's choices; None where there is nothing to map."""
    if not gathered.rows:
        return None
    given: dict[str, JsonValue] = {name: _value(text) for name, text in constants.items()}
    if format:
        mapping = guess(format, gathered.rows, template)
        fields = mapping.columns | {field: column for column, field in columns.items()}
        return fill(format, fields, mapping.constants | given)
    mapping = suggest(gathered.rows, template, taken=columns)
    return mapping.edited(columns, given) if columns or given else mapping


def _value(text: str) -> JsonValue:
    try:
        return read_constant(text)
    except DatasetError as error:
        raise click.BadParameter(str(error)) from error


def _tell_rows(
    gathered: Gathered, template: Template, mapping: Mapping | None, refused: Path | None
) -> None:
    """How the rows were read, on standard error; all that were refused in a file, if wished."""
    for note in gathered.notes:
        click.echo(note, err=True)
    if mapping:
        click.echo(f"read as {mapping.told}, for the template {template.name}", err=True)
        gathered = gathered.mapped(mapping)
    if refused:
        refused.expanduser().write_text(list_refused(gathered.refused), encoding="utf-8")
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
