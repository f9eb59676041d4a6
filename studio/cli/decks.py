"""Commands about decks: run one in every lane, list them, keep one; and why an answer changed."""

from pathlib import Path
from typing import Any

import click
from rich.table import Table as Lines

from studio.chat.conversation import Conversation
from studio.chat.deck_run import Table
from studio.chat.deck_sheet import Order, Tally, arrange, csv, jsonl, mark, tallies
from studio.chat.endpoints import is_endpoint
from studio.chat.reading import Reading
from studio.cli.console import as_json, show_json, show_table, write_out
from studio.errors import StudioError
from studio.measure.outcome import BASE
from studio.studio import Studio

FAINT = 0.1  # nats below which a token counts as unchanged
WRITERS = {".csv": csv, ".jsonl": jsonl}


@click.command()
@click.option("--lane", "lanes", multiple=True, help="Decks that suit this lane; repeatable.")
@click.option("--base", default="starter", show_default=True, help="Base if no lane is given.")
@click.option(
    "--keep", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Keep the prompts of this file as a deck: .txt, .jsonl, .json, .csv, .tsv.",
)  # fmt: skip
@click.option("--name", help="Name of the deck that is kept; the file's own if not given.")
@as_json
@click.pass_obj
def decks(
    studio: Studio,
    /,
    lanes: tuple[str, ...],
    base: str,
    keep: Path | None,
    name: str | None,
    as_json: bool,
) -> None:
    """List decks of prompts and their runs, or keep one's own; `chat --deck` runs one."""
    if keep:
        deck = studio.keep_deck(name or keep.stem, keep)
        click.echo(f"{deck.name}: {len(deck.prompts)} prompts", err=as_json)
    found = studio.decks(lanes, base=base)
    runs = studio.deck_runs.all()
    if as_json:
        kept = [run.model_dump(mode="json", exclude={"deck", "owner"}) for run in runs]
        show_json({"decks": found, "runs": kept})
        return
    for known, title in found.items():
        click.echo(f"{click.style(known, bold=True)}  {title}")
    for run in runs:
        click.echo(f"run {run.id}  {len(run.deck.prompts)} prompts, {', '.join(run.tuned)}")


def run_deck(
    studio: Studio, name: str, lanes: tuple[str, ...], *, order: Order, out: Path | None,
    as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Answer a deck in every lane and show the table; it goes on where it was stopped."""
    if out and out.suffix not in WRITERS:
        raise StudioError(f"{out.name}: a deck is written as {' or '.join(WRITERS)}.")
    table, told = None, -1
    for table in studio.run_deck(name, lanes, **options):
        if len(table.rounds) > told:
            told = len(table.rounds)
            click.echo(f"{told} of {len(table.run.deck.prompts)} prompts answered", err=True)
    assert table is not None
    if out:
        write_out(WRITERS[out.suffix](table), out)
        click.echo(f"Written to {out}", err=True)
    if as_json:
        click.echo(jsonl(table), nl=False)
    elif not out:
        _show(table, order)


def _show(table: Table, order: Order) -> None:
    for one in arrange(table, order):
        prompt = table.prompt(one.prompt)
        known = f"  (expected: {prompt.answer})" if prompt.answer.strip() else ""
        click.echo(f"\n{click.style(prompt.messages[-1].content, bold=True)}{known}")
        for lane in table.run.lanes:
            said = one.answers[lane]
            sign = {True: "✓ ", False: "✗ ", None: ""}[mark(prompt, said)]
            kl = one.kl(lane)
            about = [] if kl is None else [f"KL {kl:.3f}"]
            if lane != BASE and one.compares(lane):
                about.append(f"words {100 * one.words(lane):.0f} %")
            about += [said.note] if said.note else []
            click.echo(
                f"  {lane}: {sign}{said.text}" + (f"  [{', '.join(about)}]" if about else "")
            )
    lines = Lines("lane", "right", "lost", "gained", "other words", "KL per token", box=None)
    for tally in tallies(table):
        lines.add_row(*_line(tally))
    click.echo()
    show_table(lines)


def _line(tally: Tally) -> list[str]:
    base, known = tally.lane == BASE, tally.known
    return [
        tally.lane,
        f"{tally.right} of {known}" if known else "–",
        str(tally.lost) if known and not base else "–",
        str(tally.gained) if known and not base else "–",
        "–" if base else f"{tally.differ} of {tally.answered}",
        "–" if base or tally.kl is None else f"{tally.kl:.3f}",
    ]


def explain(studio: Studio, conversation: Conversation) -> list[Reading]:
    """The base's last answer as every tuned lane reads it."""
    last = conversation.exchanges[-1]
    said = last.answers.get(BASE)
    tuned = [lane for lane in last.lanes if lane != BASE and not is_endpoint(lane)]
    if said is None or not tuned:
        raise StudioError("There is nothing to explain without a tuned lane; name one with --lane.")
    messages = conversation.messages(BASE)
    return [
        studio.explain(messages, said.text, ended=said.stopped, after=lane, base=conversation.base)
        for lane in tuned
    ]


def plain(reading: Reading) -> dict[str, Any]:
    """A reading as plain values."""
    return {
        "before": reading.before,
        "after": reading.after,
        "kl": reading.kl,
        "change": reading.change,
        "parting": reading.parting,
        "tokens": [token.model_dump(mode="json") for token in reading.tokens],
    }


def show_reading(reading: Reading) -> None:
    """Every token with how much likelier it became, and where the lanes part."""
    drawn = []
    for token, change in zip(reading.tokens, reading.changes, strict=True):
        colour = None if abs(change) < FAINT else "yellow" if change > 0 else "blue"
        number = "" if colour is None else f"[{change:+.1f}]"
        drawn.append(click.style(token.text + number, fg=colour))
    count = len(reading.tokens)
    click.echo(f"\n{click.style(reading.after, bold=True)} reads what {reading.before} said:")
    click.echo("  " + "".join(drawn))
    if not count:
        return
    click.echo(
        f"  KL {reading.kl / count:.3f} nats per token, {reading.kl:.2f} in all; log p of the "
        f"whole answer {reading.change:+.2f} nats. In [ ]: the change of a token's log p."
    )
    if (place := reading.parting) is None:
        click.echo("  Both find the same token likeliest at every place.")
        return
    token = reading.tokens[place]
    before, after = token.likely_before[0], token.likely_after[0]
    click.echo(
        f"  The likeliest tokens part at token {place + 1}: {before.text!r} "
        f"({before.probability:.1%}), now {after.text!r} ({after.probability:.1%})."
    )


COMMANDS = (decks,)
