"""Commands about blind votes: settle an arena, vote in the terminal, read what the votes say."""

import time
from pathlib import Path
from threading import Thread
from typing import Any

import click
from rich.table import Table

from studio.chat import arena_sheet
from studio.chat.deck import Deck, own_deck
from studio.chat.protocol import Sampling
from studio.chat.score_prose import tell
from studio.chat.votes import CHOICES, Choice, Duel, Vote
from studio.cli.console import as_json, show_json, show_table, write_out
from studio.data.drafts import FIRST
from studio.errors import ChatError, StudioError
from studio.measure.numerals import counted
from studio.measure.outcome import BASE
from studio.studio import Studio

KEYS: dict[str, Choice] = dict(zip("1234", CHOICES, strict=True))
LEAVE = "q"


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def arena(context: click.Context, /, as_json: bool) -> None:
    """Vote blindly on answers of two lanes, and learn which one is preferred. Lists arenas."""
    if context.invoked_subcommand:
        return
    studio: Studio = context.obj
    found = [
        (one, len(studio.arenas.votes(one.id)), studio.arenas.left(one.id))
        for one in studio.arenas.list()
    ]
    if as_json:
        show_json([{"id": one.id, "title": one.title, "lanes": one.lanes, "votes": votes,
                    "left": left} for one, votes, left in found])  # fmt: skip
        return
    table = Table("id", "votes", "left", "title", box=None)
    for one, votes, left in found:
        table.add_row(one.id, str(votes), str(left), one.title)
    show_table(table)


@arena.command()
@click.option("--lane", "lanes", multiple=True, required=True,
              help="run[:step][@strength] or endpoint:NAME; repeatable.")  # fmt: skip
@click.option("--deck", "decks", multiple=True,
              help="A deck by name; repeatable. Else the lanes' tasks and old skills.")  # fmt: skip
@click.option("--prompts", type=click.Path(path_type=Path), help="A file of prompts of your own.")
@click.option("--limit", type=click.IntRange(0), default=30, show_default=True,
              help="Prompts of each deck; 0 takes all.")  # fmt: skip
@click.option("--without-base", is_flag=True, help="Let only the named lanes meet.")
@click.option("--base", default="starter", show_default=True, help="Base if no lane names it.")
@click.option("--title", help="What the arena is called.")
@click.option("--system", default="", help="System prompt of prompts that have none.")
@click.option("--temperature", type=click.FloatRange(0, 5), default=0.0, show_default=True)
@click.option("--max-new-tokens", type=click.IntRange(1, 8192), default=128, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Of the answers, the order and the sides.")  # fmt: skip
@as_json
@click.pass_obj
def start(
    studio: Studio,
    /,
    lanes: tuple[str, ...],
    decks: tuple[str, ...],
    prompts: Path | None,
    limit: int,
    without_base: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Settle who meets whom on which prompts; decks have scores of their own."""
    meeting = lanes if without_base else (BASE, *lanes)
    chosen: list[str | Deck] = [*decks]
    if prompts:
        chosen.append(own_deck(prompts.stem, prompts))
    if not chosen:
        known = studio.decks(lanes, base=options["base"])
        chosen += [name for name in known if name.startswith(("task:", "retention:"))]
    sampling = Sampling(
        temperature=options.pop("temperature"),
        max_new_tokens=options.pop("max_new_tokens"),
        seed=options["seed"],
    )
    given = {name: value for name, value in options.items() if value}
    made = studio.start_arena(meeting, chosen, limit=limit, sampling=sampling, **given)
    if as_json:
        show_json(made.model_dump(mode="json"))
    else:
        click.echo(f"{made.id}: {len(made.trials())} trials. Vote with: "
                   f"python -m studio arena vote {made.id}")  # fmt: skip


@arena.command()
@click.argument("id")
@click.pass_obj
def vote(studio: Studio, /, id: str) -> None:
    """Show pairs of answers without names and take votes, until you type q."""
    settled = studio.arenas.open(id)
    while duel := studio.arenas.next(id):
        _show(studio, settled.messages(duel)[-1].content, duel, left=studio.arenas.left(id))
        Thread(target=_prepare, args=(studio, id, duel.number), daemon=True).start()
        begun = time.monotonic()
        if (choice := _next_choice()) is None:
            return
        seconds = round(time.monotonic() - begun, 1)
        cast = studio.arenas.vote(id, duel.number, choice, seconds=seconds)
        click.echo(_reveal(settled.title_of(duel.a), settled.title_of(duel.b), cast))
    click.echo(f"Every trial has its vote. Read them with: python -m studio arena results {id}")


def _show(studio: Studio, asked: str, duel: Duel, *, left: int) -> None:
    click.echo(f"\n{click.style(f'{left} left', dim=True)}\n{click.style(asked, bold=True)}")
    for side, answer in (("A", duel.answer_a), ("B", duel.answer_b)):
        click.echo(f"\n{click.style(side, bold=True)}: {answer.strip() or '(no answer)'}")


def _next_choice() -> Choice | None:
    """What a person votes, or None to stop for now."""
    menu = ", ".join(f"{key} {CHOICES[choice]}" for key, choice in KEYS.items())
    try:
        typed = click.prompt(
            f"\n{menu}, {LEAVE} to stop", prompt_suffix=" > ", err=True, show_choices=False,
            type=click.Choice([*KEYS, LEAVE]),
        )  # fmt: skip
    except click.Abort:
        return None
    return KEYS.get(typed)


def _prepare(studio: Studio, id: str, number: int) -> None:
    """Answer the next trial while this one is read."""
    try:
        studio.arenas.next(id, after=number)
    except StudioError:  # it is told when the trial is asked for
        return


def _reveal(a: str, b: str, cast: Vote) -> str:
    names = f"A was {a}, B was {b}." if a != b else f"Both were {a}: a catch trial."
    if cast.void:
        return f"{names} The vote is void: an answer gave itself away by “{cast.void}”."
    return names


@arena.command()
@click.argument("id")
@as_json
@click.pass_obj
def results(studio: Studio, /, id: str, as_json: bool) -> None:
    """What the votes of arena ID say so far, each deck for itself."""
    found = studio.score_arena(id)
    if as_json:
        show_json(found.model_dump(mode="json"))
    else:
        click.echo(tell(studio.arenas.open(id), found))


@arena.command()
@click.argument("id")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def export(studio: Studio, /, id: str, file: Path) -> None:
    """Write every vote of arena ID into FILE: .csv for a spreadsheet, .json for everything."""
    settled = studio.arenas.open(id)
    forms = {".csv": arena_sheet.csv, ".json": arena_sheet.as_json}
    if file.suffix not in forms:
        raise ChatError(f"{file.name} has to end in .csv or .json; name it so.")
    write_out(forms[file.suffix](studio.arenas, settled), file)
    click.echo(f"{len(studio.arenas.votes(id))} votes are in {file}.")


@arena.command()
@click.argument("id")
@click.option("--draft", default=FIRST, show_default=True, help="Title of the draft.")
@click.option("--deck", "decks", multiple=True,
              help="Votes on this deck; repeatable. Else on prompts of your own.")  # fmt: skip
@click.pass_obj
def pairs(studio: Studio, /, id: str, draft: str, decks: tuple[str, ...]) -> None:
    """Keep decisive votes of arena ID as preference pairs in a draft."""
    kept = studio.keep_votes(id, decks=decks or None, draft=draft)
    click.echo(f"{counted(kept, 'pair')} kept in the draft “{draft}”.")


COMMANDS = (arena,)
