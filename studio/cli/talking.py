"""Commands that talk: the chat side by side, and the guided demo."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from studio.chat.conversation import Conversation
from studio.chat.deck_sheet import Order
from studio.chat.endpoints import is_endpoint
from studio.chat.protocol import Sampling
from studio.cli.console import as_json, follow, run_summary, show_json
from studio.cli.decks import explain, plain, run_deck, show_reading
from studio.demo import Demo, side_by_side, start_demo
from studio.measure.comparison import LaneSpec
from studio.measure.outcome import BASE
from studio.measure.report import Report
from studio.studio import Studio


@click.command()
@click.argument("prompt", required=False)
@click.option("--lane", "lanes", multiple=True, help="run[:step][@strength] or endpoint:NAME.")
@click.option("--base", default="starter", show_default=True, help="Base if no lane is given.")
@click.option("--system", help="System prompt.")
@click.option("--resume", metavar="ID", help="Go on with a saved conversation.")
@click.option("--temperature", type=click.FloatRange(0, 5), default=0.0, show_default=True)
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True)
@click.option("--top-k", type=click.IntRange(0), default=0, show_default=True)
@click.option("--max-new-tokens", type=click.IntRange(1, 8192), default=128, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--why", is_flag=True, help="Read the base's answer in every lane, by token.")
@click.option("--deck", metavar="NAME", help="Answer a whole deck; `decks` lists them.")
@click.option("--limit", type=click.IntRange(0), default=0, help="Prompts of the deck; 0: all.")
@click.option("--order", type=click.Choice(["kl", "words", "lost", "deck"]), default="kl",
              show_default=True, help="Of the deck's answers.")  # fmt: skip
@click.option("--anew", is_flag=True, help="Ask the deck again from its beginning.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the deck's answers: .csv, "
              ".jsonl.")  # fmt: skip
@as_json
@click.pass_obj
def chat(
    studio: Studio,
    /,
    prompt: str | None,
    lanes: tuple[str, ...],
    base: str,
    system: str | None,
    resume: str | None,
    why: bool,
    deck: str | None,
    limit: int,
    order: Order,
    anew: bool,
    out: Path | None,
    as_json: bool,
    **sampling: Any,
) -> None:
    """Answer PROMPT with the base and every --lane side by side; without PROMPT, converse.

    What is said is saved as it comes. With --resume, answers that were broken off are finished
    first. With --deck all its prompts are answered.
    """
    if deck:
        run_deck(
            studio, deck, lanes, limit=limit, order=order, fresh=anew, out=out, as_json=as_json,
            base=base, system=system or "", sampling=Sampling(**sampling),
        )  # fmt: skip
        return
    given: dict[str, Any] = {}
    if lanes:
        given |= {"lanes": (BASE, *lanes)}
    if system is not None:
        given |= {"system": system}
    if resume:
        before = studio.chats.open(resume)
        conversation = before.arrange(**given, sampling=change_sampling(before.sampling, sampling))
        if conversation.rows():
            conversation = _answer(studio, conversation, as_json, why)
    else:
        conversation = Conversation.begin(
            base=_base_of(studio, lanes) or base, sampling=Sampling(**sampling), **given
        )
    while (said := prompt or _next_prompt()) is not None:
        conversation = _answer(studio, conversation.say(said), as_json, why)
        if prompt is not None:
            return


def change_sampling(before: Sampling, options: Mapping[str, Any]) -> Sampling:
    """How answers were drawn before, but for the options that were typed."""
    source = click.get_current_context().get_parameter_source
    typed = {
        name: value
        for name, value in options.items()
        if source(name) is not ParameterSource.DEFAULT
    }
    return Sampling(**dict(before) | typed)


def _answer(studio: Studio, asked: Conversation, as_json: bool, why: bool) -> Conversation:
    """Let every lane answer, and show what they said and, if wanted, why it changed."""
    *_, (conversation, last) = studio.answer(asked)
    readings = explain(studio, conversation) if why else []
    if as_json:
        shown = last.model_dump(mode="json", exclude={"kind", "id"})
        shown |= {"conversation": conversation.id}
        show_json(shown | ({"why": list(map(plain, readings))} if why else {}))
        return conversation
    begun = {row.lane: row.begun for row in asked.rows()}
    for row in last.rows:
        click.echo(f"{click.style(row.lane, bold=True)}: {begun.get(row.lane, '')}{row.text}")
        if row.note:
            click.echo(f"  ({row.note})")
    for reading in readings:
        show_reading(reading)
    return conversation


def _base_of(studio: Studio, lanes: Sequence[str]) -> str:
    """The base that the lanes were tuned on, or nothing if none was."""
    tuned = [LaneSpec.parse(lane) for lane in lanes if not is_endpoint(lane)]
    return studio.run(tuned[0].run).recipe.base if tuned else ""


def _next_prompt() -> str | None:
    """What a person types, or None at the end of the input."""
    try:
        typed: str = click.prompt("You", prompt_suffix="> ", err=True)
    except click.Abort:
        return None
    return typed


@click.command()
@click.option("--no-serve", is_flag=True, help="End after the demo instead of opening the page.")
@as_json
@click.pass_obj
def demo(studio: Studio, no_serve: bool, as_json: bool) -> None:
    """Build, tune twice, chat side by side and measure, on the starter model."""
    made = start_demo(studio)
    for run in (made.plain, made.keeping, made.measurement):
        follow(studio, run)
    found = studio.report(made.measurement.id)
    chats = side_by_side(studio, made)
    if as_json:
        show_json(demo_summary(made, found, chats))
    else:
        for prompt, rows in chats:
            click.echo(f"\n{click.style(prompt, bold=True)}")
            for row in rows:
                click.echo(f"  {row.lane}: {row.text}")
        for lane in found.lanes:
            click.echo(f"\n{click.style(lane.title, bold=True)} ({lane.recipe})")
            click.echo(found.headline(lane.id))
    if not no_serve:
        from studio.ui.server import serve

        serve(studio)


def demo_summary(made: Demo, found: Report, chats: list[Any]) -> dict[str, Any]:
    """The demo's result as plain values: every number with its n and interval."""
    return {
        "dataset": made.dataset.card.model_dump(mode="json", include={"id", "train", "heldout"}),
        "runs": [run_summary(made.plain), run_summary(made.keeping)],
        "chat": [
            {"prompt": prompt, "answers": {row.lane: row.text for row in rows}}
            for prompt, rows in chats
        ],
        "headlines": {lane.id: found.headline(lane.id) for lane in found.lanes},
        "report": found.model_dump(mode="json"),
    }


COMMANDS = (chat, demo)
