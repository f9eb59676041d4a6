"""Commands about templates: listed, looked through, turned round, and from and to other forms."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table

from studio.cli.console import as_json, show_json, show_table
from studio.data.foreign import LeftOut
from studio.data.inversion import invert
from studio.data.lint import lint
from studio.data.mapping import suggest
from studio.data.template_forms import FORMS, write_files, write_template
from studio.data.warm import warm_sandbox
from studio.studio import Studio


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def templates(context: click.Context, as_json: bool) -> None:
    """List the prompt templates.

    Also import them from other programs or export one, look one through beside rows, turn a task
    round, and open the versions of one's own.
    """
    if context.invoked_subcommand:
        return
    found = context.obj.templates()
    if as_json:
        show_json([template.model_dump(mode="json") for template in found])
        return
    table = Table("name", "task", "phrasings", "title", box=None)
    for template in found:
        table.add_row(template.name, template.task, str(len(template.phrasings)), template.title)
    show_table(table)


@templates.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def import_templates(studio: Studio, file: Path, as_json: bool) -> None:
    """Keep templates of FILE: PromptSource or lm-eval YAML, FLAN or Natural-Instructions JSON."""
    found = studio.import_templates(file)
    if as_json:
        show_json(
            {
                "templates": [template.name for template in found.templates],
                "left_out": [{"what": one.what, "why": one.why} for one in found.left],
            }
        )
        return
    for template in found.templates:
        rows = len(template.all_rows())
        ways = len(template.phrasings)
        click.echo(f"{template.name}: {ways} phrasing{'s'[: ways > 1]}, {rows:,} rows")
    _tell_left(found.left)


@templates.command("export")
@click.argument("template")
@click.option("--format", "form", type=click.Choice(list(FORMS)), required=True)
@click.option("--output", type=click.Path(path_type=Path), help="A folder; default: show the text.")
@click.pass_obj
def export_template(studio: Studio, template: str, form: str, output: Path | None) -> None:
    """Write TEMPLATE in the form of another program; what it cannot say is listed."""
    given = write_template(studio.template(template), form)
    if output is None:
        if len(given.files) > 1:
            raise click.UsageError(f"{form} needs {len(given.files)} files; name a folder.")
        click.echo("".join(given.files.values()), nl=False)
    else:
        for path in write_files(given, output.expanduser()):
            click.echo(path)
    _tell_left(given.left)


def _tell_left(left: Sequence[LeftOut]) -> None:
    for one in left:
        click.echo(f"left out: {one}", err=True)


@templates.command("lint")
@click.argument("template")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@as_json
@click.pass_obj
def lint_template(studio: Studio, template: str, files: tuple[str, ...], as_json: bool) -> None:
    """Tell what is odd about TEMPLATE beside the rows of FILEs, or its own.

    Ends with code 1 if something keeps rows from becoming examples.
    """
    chosen = studio.template(template)
    rows = chosen.all_rows()
    if files:
        gathered = studio.gather([*files])
        rows = gathered.mapped(suggest(gathered.rows, chosen)).rows if gathered.rows else []
    with warm_sandbox() as sandbox:
        remarks = lint(chosen, rows, sandbox=sandbox)
    if as_json:
        show_json([remark._asdict() for remark in remarks])
    for remark in [] if as_json else remarks:
        click.echo(f"{remark.severity}: {remark}")
    if any(remark.severity == "error" for remark in remarks):
        sys.exit(1)


@templates.command("invert")
@click.argument("template")
@click.option("--column", default="", help="What is answered; default: the one of long texts.")
@click.pass_obj
def invert_template(studio: Studio, template: str, column: str) -> None:
    """Keep TEMPLATE turned round, from the answer to what was asked about, as one of your own."""
    chosen = studio.template(template)
    saved = studio.save_template(invert(chosen, column), chosen.all_rows())
    click.echo(f"{saved.name}: asks for {saved.answer}")


@templates.command("versions")
@click.argument("template")
@as_json
@click.pass_obj
def list_versions(studio: Studio, template: str, as_json: bool) -> None:
    """List what TEMPLATE, one of your own, ever was; NAME@VERSION stands for one of them."""
    versions = studio.template_versions(template)
    if as_json:
        show_json([one._asdict() | {"saved": one.saved.isoformat()} for one in versions])
        return
    table = Table("version", "saved (UTC)", "title", "", box=None)
    for one in versions:
        saved = f"{one.saved:%Y-%m-%d %H:%M:%S}"
        table.add_row(f"{template}@{one.digits}", saved, one.title, "now" * one.is_current)
    show_table(table)


COMMANDS = (templates,)
