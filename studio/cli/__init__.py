"""The command line: one sub-command per verb of the studio, flags made from the recipe.

Exit codes: 0 done, 1 could not be done (one sentence on standard error), 2 wrong usage.
"""

import sys
from pathlib import Path

import click
from rich.console import Console

from studio.cli import (
    advising,
    arena,
    augmenting,
    building,
    datasets,
    decks,
    endpoints,
    keeping,
    making,
    measuring,
    running,
    talking,
    templates,
    workbooks,
)
from studio.errors import StudioError
from studio.studio import Studio


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


for command in (
    *templates.COMMANDS,
    *building.COMMANDS,
    *workbooks.COMMANDS,
    *augmenting.COMMANDS,
    *datasets.COMMANDS,
    *making.COMMANDS,
    *running.COMMANDS,
    *advising.COMMANDS,
    *talking.COMMANDS,
    *decks.COMMANDS,
    *keeping.COMMANDS,
    *arena.COMMANDS,
    *endpoints.COMMANDS,
    *measuring.COMMANDS,
):
    commands.add_command(command)
