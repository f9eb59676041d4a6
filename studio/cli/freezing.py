"""How the command line freezes: the options of it, and how far it is."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import TypeVar

import click
from pydantic import ValidationError
from rich.console import Console

from studio.data.dataset import Dataset
from studio.data.mixture import Part
from studio.data.progress import Progress

Command = TypeVar("Command", bound=Callable[..., object])


def _parts(
    _: click.Context, __: click.Parameter, given: Sequence[str]
) -> list[dict[str, str | float]]:
    """Options of the form KIND:NAME=SHARE, as the parts of a mixture."""
    parts = []
    for text in given:
        named, share = text.rpartition("=")[::2]
        kind, name = named.partition(":")[::2]
        try:
            parts.append(Part.model_validate({"kind": kind, "name": name, "share": share}))
        except ValidationError as error:
            raise click.BadParameter(
                f"'{text}' is not like probes:starter=0.1 or dataset:ID=0.2"
            ) from error
    return [part.model_dump() for part in parts]


_OPTIONS = (
    click.option("--heldout-share", type=float, default=0.2, show_default=True),
    click.option("--phrasings", type=click.Choice(["one", "all"]), default="one",
                 show_default=True),
    click.option("--heldout-phrasing", "heldout_phrasings", type=int, multiple=True, metavar="N",
                 help="A phrasing that is never learned; the held-out rows are asked in it as "
                 "well."),
    click.option("--group-column", metavar="COLUMN",
                 help="Rows with the same value there stay on one side. Default: the conversation, "
                 "for rows from chats."),
    click.option("--every-turn", is_flag=True,
                 help="Learn every answer of a conversation, not the last one alone."),
    click.option("--limit", type=int, help="At most this many rows."),
    click.option("--mix", "mixture", multiple=True, callback=_parts, metavar="KIND:NAME=SHARE",
                 help="Learn more than the task: a share of replayed probes or of an earlier "
                 "dataset, such as probes:starter=0.1 or dataset:ID=0.2."),
    click.option("--max-length", type=int, metavar="TOKENS",
                 help="Find examples that are longer, counted with the tokenizer of --base."),
    click.option("--base", default="starter", show_default=True),
    click.option("--seed", type=int, default=42, show_default=True),
)  # fmt: skip


def ways(command: Command) -> Command:
    """Add the options that decide how rows become a dataset."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def watch(told: Generator[Progress | Dataset, None, None]) -> Dataset:
    """Show how far it is, on a terminal, and give the dataset; whoever interrupts it stops it."""
    with closing(told), Console(stderr=True).status("") as shown:
        for one in told:
            if isinstance(one, Dataset):
                return one
            shown.update(str(one))
    raise AssertionError("freezing ends with a dataset or an error")
