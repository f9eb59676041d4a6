"""Commands over what chat left behind: saved conversations, and drafts of what is to be learned."""

from pathlib import Path
from typing import Any, get_args

import click
from rich.table import Table

from studio.chat.archive import Summary
from studio.chat.export import Form, export
from studio.chat.wording import shorten
from studio.cli.console import as_json, show_json, show_table
from studio.data.draft import Draft
from studio.errors import ChatError
from studio.measure.numerals import counted
from studio.measure.outcome import BASE
from studio.studio import Studio

DEEDS = ("example", "better", "worked")
CELL = 48  # letters of a text in a table


@click.command()
@click.argument("chat", required=False)
@click.option("--search", default="", help="Only conversations with these words.")
@click.option("--export", "form", type=click.Choice(get_args(Form)), help="Show it in this form.")
@click.option("--output", type=click.Path(path_type=Path), help="Write that to a new file.")
@click.option("--rename", metavar="TITLE", help="Give it another title.")
@click.option("--delete", is_flag=True, help="Delete it; --restore brings it back.")
@click.option("--restore", is_flag=True, help="Bring a deleted one back.")
@click.option("--import", "file", type=click.Path(path_type=Path), help="Add an exported JSON.")
@click.option("--keep", type=click.Choice(DEEDS), help="Keep an answer: see below.")
@click.option("--lane", default=BASE, show_default=True, help="Whose answer --keep keeps.")
@click.option("--exchange", type=click.IntRange(1), help="Which exchange; default: the last.")
@click.option("--text", help="What the answer should have been, for --keep example.")
@as_json
@click.pass_obj
def chats(
    studio: Studio, /, chat: str | None, search: str, form: Form | None, output: Path | None,
    rename: str | None, delete: bool, restore: bool, file: Path | None, as_json: bool, **kept: Any,
) -> None:  # fmt: skip
    """List saved conversations, or show, export, rename or delete one CHAT.

    --keep example puts an answer into the draft of what is to be learned, --keep better keeps
    that it is better than the other lanes' answers, --keep worked lets every measurement ask for
    it from now on.
    """
    if file is not None:
        click.echo(f"added {studio.chats.take_in(file.expanduser()).id}")
    elif chat is None:
        if form or rename or delete or restore or kept["keep"]:
            raise click.UsageError("Name the conversation.")
        _list_chats(studio, search, as_json)
    else:
        _change(studio, chat, rename, delete, restore)
        if kept["keep"]:
            _keep(studio, chat, **kept)
        elif not delete:
            shown = form or ("json" if as_json else "md")
            _give(export(studio.chats.open(chat), shown), output)


def _change(studio: Studio, chat: str, rename: str | None, delete: bool, restore: bool) -> None:
    if restore:
        studio.chats.restore(chat)
    if rename is not None:
        studio.chats.rename(chat, rename)
    if delete:
        studio.chats.remove(chat)
        click.echo(f"deleted {chat}; bring it back with: python -m studio chats {chat} --restore")


def _list_chats(studio: Studio, search: str, as_json: bool) -> None:
    found = studio.chats.list(query=search)
    for name, fault in studio.chats.faults().items():
        click.echo(f"{name} is left out: {fault}", err=True)
    if as_json:
        show_json([_tell(one) for one in found])
        return
    table = Table("id", "changed", "exchanges", "paths", "title", box=None)
    for one in found:
        notes = " (broken off)" if one.broken_off else ""
        changed = f"{one.updated.astimezone():%Y-%m-%d %H:%M}"
        table.add_row(one.id, changed, str(one.exchanges), str(one.paths), one.title + notes)
    show_table(table)


def _tell(one: Summary) -> dict[str, Any]:
    """A summary as plain values, without whose it is."""
    told = vars(one) | {"created": one.created.isoformat(), "updated": one.updated.isoformat()}
    del told["owner"]
    return told


def _keep(
    studio: Studio, chat: str, *, keep: str, lane: str, exchange: int | None, text: str | None
) -> None:
    conversation = studio.chats.open(chat)
    n = exchange - 1 if exchange else -1
    if keep == "worked":
        probe = studio.used_to_work(conversation, lane, n)
        count = counted(len(probe.cases), "flagged case")
        click.echo(f"kept; every measurement asks the {count} from now on")
        return
    if keep == "better":
        draft = studio.prefer(conversation, lane, n)
    else:
        draft = studio.keep_example(conversation, lane, n, answer=text)
    click.echo(_standing(draft))


@click.command()
@click.argument("draft", required=False)
@click.option("--build", is_flag=True, help="Freeze its examples into a dataset.")
@click.option("--preferred", is_flag=True, help="With --build: learn preferred answers too.")
@click.option("--heldout-share", type=float, default=0.2, show_default=True)
@click.option("--seed", type=int, default=42, show_default=True)
@click.option("--pairs", is_flag=True, help="Show its pairs as JSON lines for preference tuning.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the pairs to a new file.")
@click.option("--take-back", metavar="ITEM", help="Remove an item.")
@as_json
@click.pass_obj
def drafts(
    studio: Studio, /, draft: str | None, build: bool, preferred: bool, pairs: bool,
    output: Path | None, take_back: str | None, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """List the drafts of what is to be learned, or show, build or export one DRAFT."""
    if draft is None:
        if build or pairs or take_back:
            raise click.UsageError("Name the draft.")
        _list_drafts(studio, as_json)
        return
    if take_back:
        studio.take_back(draft, take_back)
    if build:
        card = studio.build_from_draft(draft, chosen_too=preferred, **options).card
        if as_json:
            show_json(card.model_dump(mode="json"))
        else:
            click.echo(f"{card.id}: {card.train} examples to learn from, {card.heldout} held out")
            click.echo(f"tune on it with: python -m studio train --dataset {card.id}")
        return
    found = studio.drafts.open(draft)
    if pairs:
        _give(found.preferences(), output)
    elif as_json:
        show_json(_summary(found) | {"items": [one.model_dump(mode="json") for one in found.items]})
    else:
        _show_draft(found)


def _list_drafts(studio: Studio, as_json: bool) -> None:
    found = studio.drafts.list()
    if as_json:
        show_json([_summary(draft) for draft in found])
        return
    table = Table("name", "examples", "new", "pairs", "cases", "title", box=None)
    for draft in found:
        counts = (draft.examples, draft.fresh, draft.pairs, draft.cases)
        table.add_row(draft.name, *(str(len(items)) for items in counts), draft.card.title)
    show_table(table)


def _show_draft(draft: Draft) -> None:
    table = Table("item", "kind", "from", "question", "answer", box=None)
    for item in draft.items:
        said = item.chosen if item.kind == "pair" else item.answer
        edited = " (edited)" if item.came_from.edited else ""
        question = shorten(item.messages[-1].content, CELL)
        table.add_row(
            item.id, item.kind, item.came_from.lane + edited, question, shorten(said, CELL)
        )
    show_table(table)
    click.echo(_standing(draft))


def _summary(draft: Draft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "title": draft.card.title,
        "created": f"{draft.card.created:%FT%TZ}",
        "examples": len(draft.examples),
        "new": len(draft.fresh),
        "missing": draft.missing,
        "pairs": len(draft.pairs),
        "cases": len(draft.cases),
        "built": [one.dataset for one in draft.built],
    }


def _standing(draft: Draft) -> str:
    next_step = (
        f"{draft.missing} more are worth tuning on"
        if draft.missing
        else f"enough to tune on; build with: python -m studio drafts {draft.name} --build"
    )
    return (
        f"{draft.name}: {counted(len(draft.examples), 'example')}, {len(draft.fresh)} new, "
        f"{counted(len(draft.pairs), 'pair')}; {next_step}"
    )


def _give(text: str, output: Path | None) -> None:
    """Show a text, or write it to a new file; one that is there is never overwritten."""
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.expanduser().open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ChatError(f"{output} cannot be written ({error.strerror}); name another.") from error
    click.echo(f"wrote {output}")


COMMANDS = (chats, drafts)
