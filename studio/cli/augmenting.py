"""The command that makes more rows of few, proposes them, and adds what is taken."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, get_args

import click
from rich.console import Console
from rich.progress import Progress

from studio.chat.wording import shorten
from studio.cli.console import as_json, show_json
from studio.data.augment import FEW
from studio.data.invention import SHOTS
from studio.data.novelty import NEW
from studio.data.proposals import Proposal, summarize
from studio.data.rewording import ENGLISH
from studio.data.typing_slips import KINDS, SHARE
from studio.data.workbook import Workbook
from studio.errors import DatasetError, StudioError
from studio.measure.outcome import BASE
from studio.studio import Studio

How = Literal["noise", "typos", "case", "spacing", "reword", "write", "phrasings", "invert"]
Take = Literal["good", "all", "none"]
SHOWN = 20
CELL = 90


@click.command()
@click.argument("workbook")
@click.option("--rows", "sources", multiple=True, metavar="FILE",
              help="Begin a workbook of the template WORKBOOK with these rows.")  # fmt: skip
@click.option("--how", type=click.Choice(get_args(How)), default="noise", show_default=True,
              help="Slips of typing (one kind or all), other words, rows that a model writes, more "
              "phrasings, or the task turned round.")  # fmt: skip
@click.option("--count", type=click.IntRange(1), default=FEW, show_default=True)
@click.option("--column", default="", help="Which column is changed, or becomes the answer.")
@click.option("--share", type=click.FloatRange(0, 1), default=SHARE, show_default=True,
              help="Of the words that get a slip.")  # fmt: skip
@click.option("--patterns", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A file of lines such as: Can you {x}? => Could you {x}?")  # fmt: skip
@click.option("--lane", default=BASE, show_default=True, help="Who writes: base, a run, endpoint.")
@click.option("--base", default="starter", show_default=True)
@click.option("--shots", type=click.IntRange(0, 16), default=SHOTS, show_default=True,
              help="Rows shown to who writes.")  # fmt: skip
@click.option("--temperature", type=float, default=0.8, show_default=True)
@click.option("--new", type=click.FloatRange(0, 1), default=NEW, show_default=True,
              help="ROUGE-L from which on a written row counts as known.")  # fmt: skip
@click.option("--checker", default="", help="A lane that answers what was written, as a check.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--take", type=click.Choice(get_args(Take)), default="none", show_default=True,
              help="Add what passes the filters, or all; none leaves it proposed.")  # fmt: skip
@click.option("--freeze", is_flag=True, help="Freeze the workbook into a dataset afterwards.")
@as_json
@click.pass_obj
def augment(
    studio: Studio, /, workbook: str, sources: tuple[str, ...], how: How, take: Take, freeze: bool,
    as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Make more of the rows of WORKBOOK: an id, or a template, of which a workbook is begun.

    Nothing is added but what --take takes; the rest can be looked at in the Data tab. Every added
    row says what made it, is only learned from, and never where its source is held out.
    """
    book = _open(studio, workbook, sources)
    told: dict[str, Any] = {"workbook": book.id}
    if how == "invert":
        book = studio.invert(book.id, column=options["column"])
        told["turned_round"] = book.id
        _say(f"the task turned round is workbook {book.id}", as_json)
    elif how == "phrasings":
        told["phrasings"] = _phrase(studio, book, take, as_json)
    else:
        found = _propose(studio, book, how, **options)
        told |= _take(studio, book, found, take, as_json)
    if freeze:
        card = studio.freeze(book.id).card
        told["dataset"] = card.id
        _say(f"{card.id}: {card.train} examples to learn from, {card.heldout} held out", as_json)
    if as_json:
        show_json(told)
    elif not freeze:
        click.echo(f"workbook {book.id}")


def _open(studio: Studio, name: str, sources: Sequence[str]) -> Workbook:
    """The workbook of that id, or a new one of that template."""
    if not sources and any(card.id == name for card in studio.workbooks.list()):
        return studio.workbooks.open(name)
    return studio.begin_workbook(name, studio.gather(sources) if sources else None)


def _propose(
    studio: Studio, book: Workbook, how: How, *, count: int, column: str, share: float,
    patterns: Path | None, seed: int, **writing: Any,
) -> list[Proposal]:  # fmt: skip
    if how == "write":
        return _write(studio, book, count, seed=seed, **writing)
    if how == "reword":
        text = _read(patterns) if patterns else ENGLISH
        return studio.propose_rewordings(
            book.id, patterns=text, column=column, count=count, seed=seed
        )
    kinds = [kind for kind in KINDS if how in (kind, "noise")]
    return studio.propose_noise(
        book.id, kinds=kinds, column=column, count=count, share=share, seed=seed
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as patterns: {error}.") from error


def _write(studio: Studio, book: Workbook, count: int, **options: Any) -> list[Proposal]:
    """Let a model write, with a bar on standard error; Ctrl+C keeps what is whole by then."""
    found: list[Proposal] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("writing", total=count)
        try:
            with closing(studio.write_rows(book.id, count=count, **options)) as writing:
                for written in writing:
                    found = list(written.proposals)
                    progress.update(task, completed=written.done)
        except KeyboardInterrupt:
            if not found:
                raise StudioError("Stopped before a row was written.") from None
    return found


def _take(
    studio: Studio, book: Workbook, found: Sequence[Proposal], take: Take, as_json: bool
) -> dict[str, Any]:
    """Add what is wished for, and tell what was proposed."""
    for one in found[:SHOWN]:
        fault = f"  ({one.fault})" if one.fault else ""
        values = " | ".join(shorten(str(value), CELL) for value in one.row.values())
        _say(f"{'-' if one.fault else '+'} {values}  [{one.origin}]{fault}", as_json)
    if len(found) > SHOWN:
        _say(f"  and {len(found) - SHOWN:,} more", as_json)
    _say(summarize(found), as_json)
    added: list[int] = []
    if take != "none":
        if take == "all":
            studio.decide(book.id, [one.decided(True, one.row) for one in found])
        added = studio.take_proposals(book.id)
        _say(f"{len(added):,} rows added", as_json)
    listed = [one.model_dump(mode="json") | {"origin": one.origin} for one in found]
    return {"proposed": listed, "added": added}


def _phrase(studio: Studio, book: Workbook, take: Take, as_json: bool) -> list[str]:
    found = studio.propose_phrasings(book.id)
    for one in found:
        _say(f"+ {one.prompt!r}  [{one.name}]", as_json)
    if take != "none":
        count = studio.add_phrasings(book.id, found)
        _say(f"the template of the workbook has {count} phrasings", as_json)
    return [one.prompt for one in found]


def _say(text: str, as_json: bool) -> None:
    if not as_json:
        click.echo(text)


COMMANDS = (augment,)
