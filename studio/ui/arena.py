"""The blind arena: two answers without names, a vote, and only then who said what."""

import time
from html import escape
from threading import Thread
from typing import Any, NamedTuple

import gradio as gr

from studio.chat.arena import Arena
from studio.chat.deck import own_deck
from studio.chat.votes import CHOICES, Choice, Duel, Vote
from studio.errors import ChatError, StudioError
from studio.measure.outcome import BASE
from studio.studio import Studio
from studio.ui import arena_score
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.markup import empty, quiet, talk, turn
from studio.ui.setting import Setting, read_sampling

PROMPTS = 30
"""Prompts of each deck, if nothing else is said."""
ASIDE = "Prompts of your own"
BEGIN = "Start an arena, or choose one; two answers then stand here side by side, without names."
WRITING = "Both answers are being written; they are shown together."
ALL_DONE = "Every trial has its vote. The score below says what they show."
HOW = (
    "Every prompt is answered by two lanes with the same settings. Sides are drawn for each, names "
    "come after the vote, and a vote is never changed. Some trials are checks of the votes: both "
    "sides the same lane, or an earlier trial with its sides changed. Keys 1 to 4 vote, Enter "
    "goes on."
)

# Typing into a field is never a vote.
LISTEN = """() => {
  const shown = (id) => {
    const found = document.getElementById(id);
    return found && found.offsetParent && !found.disabled ? found : null;
  };
  document.addEventListener('keydown', (event) => {
    const place = event.target;
    if (!shown('arena-a') || event.repeat || event.isComposing || event.ctrlKey || event.altKey
        || event.metaKey || place.isContentEditable
        || ['INPUT', 'TEXTAREA', 'SELECT'].includes(place.tagName)) return;
    const vote = ['a', 'b', 'tie', 'bad']['1234'.indexOf(event.key)];
    const button = vote ? shown('vote-' + vote)
      : event.key === 'Enter' && !['BUTTON', 'A'].includes(place.tagName) ? shown('arena-next')
      : null;
    if (button) { event.preventDefault(); button.click(); }
  });
}"""


class Stage(NamedTuple):
    """The components that show one trial."""

    shown: gr.State
    """The number of the trial that waits for a vote and when it was shown, or None."""
    state: gr.HTML
    asked: gr.HTML
    a: gr.HTML
    b: gr.HTML
    reveal: gr.HTML
    voting: gr.Row
    following: gr.Button


def build(studio: Studio, links: Links, setting: Setting, tab: gr.Tab) -> None:
    """Lay the part out and wire it."""
    opened = gr.State(None)
    menu = gr.Dropdown(
        [], label="Arena", elem_id="arena-menu",
        info="An arena is settled before its first vote, and stays as it is.",
    )  # fmt: skip
    with gr.Accordion("A new arena", open=True, elem_id="arena-settings") as fold:
        decks, own, count = _lay_out_settings()
        start = gr.Button("Start it with the lanes above", variant="primary", elem_id="arena-start")
    stage, votes = _lay_out_stage()
    arena_score.build(studio, setting, opened, stage.shown)

    wire([tab.select, setting.lanes.change, setting.owner.change], offer, studio,
         inputs=[setting.lanes, setting.base, setting.scope, opened],
         outputs=[decks, menu])  # fmt: skip
    drawn = [setting.system, *setting.sampling]
    made = wire(start.click, begin, studio, outputs=[opened, menu, fold], trigger_mode="once",
                inputs=[decks, own, count, setting.lanes, setting.base, setting.owner,
                        setting.scope, *drawn])  # fmt: skip
    chosen = wire(menu.input, choose, studio, inputs=[menu, setting.scope],
                  outputs=[opened, fold])  # fmt: skip
    on = {"inputs": [opened, setting.scope], "outputs": list(stage), "trigger_mode": "once"}
    for event in (made.success, chosen.success, stage.following.click):
        wire(event, show_next, studio, **on, show_progress="minimal")
    for choice, button in votes.items():
        cast = wire(button.click, vote, studio, choice, trigger_mode="once",
                    inputs=[opened, setting.scope, stage.shown], outputs=list(stage))  # fmt: skip
        cast.success(None, js=FOCUS, api_visibility="private")
    links.page.load(None, js=LISTEN, api_visibility="private")


FOCUS = "() => setTimeout(() => document.getElementById('arena-next')?.focus(), 100)"


def _lay_out_settings() -> tuple[gr.CheckboxGroup, gr.Textbox, gr.Number]:
    gr.HTML(quiet(HOW))
    with gr.Row():
        decks = gr.CheckboxGroup(
            [], label="Decks", elem_id="arena-decks", min_width=260, scale=2,
            info="Each has a score of its own: what was gained is not set off against what was "
            "lost.",
        )  # fmt: skip
        own = gr.Textbox(
            value="", label=ASIDE, lines=3, max_lines=8, elem_id="arena-own", min_width=240,
            scale=2, info="One per line.",
        )  # fmt: skip
        count = gr.Number(
            PROMPTS, label="Prompts of each deck", minimum=0, precision=0, elem_id="arena-count",
            min_width=140, info="0 takes all. Fewer than 20 votes that decide claim nothing.",
        )  # fmt: skip
    return decks, own, count


def _lay_out_stage() -> tuple[Stage, dict[Choice, gr.Button]]:
    state = gr.HTML(empty(BEGIN), elem_id="arena-state")
    asked = gr.HTML(elem_id="arena-asked")
    with gr.Row(elem_id="arena-answers"):
        a, b = (gr.HTML(elem_id=f"arena-{side}", min_height=60, visible=False) for side in "ab")
    with gr.Row(visible=False, elem_id="arena-voting") as voting:
        votes = {
            choice: gr.Button(f"{key}  {title}", elem_id=f"vote-{choice}", min_width=130)
            for key, (choice, title) in enumerate(CHOICES.items(), 1)
        }
    reveal = gr.HTML(elem_id="arena-reveal")
    following = gr.Button("Next", variant="primary", elem_id="arena-next", visible=False)
    stage = Stage(gr.State(None), state, asked, a, b, reveal, voting, following)
    return stage, votes


@told
def offer(
    studio: Studio, lanes: list[str], base: str, scope: str | None, opened: str | None
) -> list[Any]:
    """The decks that suit the lanes, and the arenas there are."""
    known = studio.decks(lanes, base=base, owner=scope)
    first = [name for name in known if name.startswith(("task:", "retention:"))]
    decks = gr.CheckboxGroup(choices=[(title, name) for name, title in known.items()], value=first)
    return [decks, _menu(studio, scope, opened)]


def _menu(studio: Studio, scope: str | None, opened: str | None) -> gr.Dropdown:
    found = studio.arenas.list(scope)
    choices = [(f"{one.title} · {one.created:%d %B, %H:%M}", one.id) for one in found]
    return gr.Dropdown(choices=choices, value=opened)


@told
def begin(
    studio: Studio, decks: list[str], own: str, count: float | None, lanes: list[str], base: str,
    owner: str, scope: str | None, system: str, *drawn: float,
) -> list[Any]:  # fmt: skip
    """Settle an arena of the lanes as they stand above."""
    if len(lanes) < 2:
        raise ChatError("An arena takes two lanes; add one beside the base first.")
    chosen = [studio.deck(name, lanes, owner=scope) for name in decks]
    if own.strip():
        chosen.append(own_deck(ASIDE, own))
    if not chosen:
        raise ChatError("Choose a deck, or write prompts of your own.")
    sampling = read_sampling(*drawn)
    made = studio.start_arena(
        lanes, chosen, limit=int(count or 0), base=base, system=system.strip(), sampling=sampling,
        seed=time.time_ns() % 2**32, owner=owner,
    )  # fmt: skip
    return [made.id, _menu(studio, scope, made.id), gr.Accordion(open=False)]


@told
def choose(studio: Studio, id: str | None, scope: str | None) -> list[Any]:
    """Open an arena that was begun before."""
    return [studio.arenas.open(id or "", scope).id, gr.Accordion(open=False)]


@told
def show_next(studio: Studio, opened: str | None, scope: str | None) -> Any:
    """Show the next trial once both its answers are complete; nothing is seen before."""
    if not opened:
        raise ChatError("Start an arena first, or choose one.")
    arena = studio.arenas.open(opened, scope)
    yield [None, quiet(WRITING), "", _side("a"), _side("b"), "", gr.Row(visible=False),
           gr.Button(visible=False)]  # fmt: skip
    try:
        duel = studio.arenas.next(arena.id)
    except StudioError:
        yield [gr.skip()] * 7 + [gr.Button("Try again", visible=True)]
        raise
    if duel is None:
        yield [None, empty(ALL_DONE), "", _side("a"), _side("b"), "", gr.Row(visible=False),
               gr.Button(visible=False)]  # fmt: skip
        return
    Thread(target=_prepare, args=(studio, arena.id, duel.number), daemon=True).start()
    yield [
        (duel.number, time.monotonic()), _progress(studio, arena), _question(arena, duel),
        _side("a", duel.answer_a, duel.ended_a), _side("b", duel.answer_b, duel.ended_b),
        "", gr.Row(visible=True), gr.Button(visible=False),
    ]  # fmt: skip


def _prepare(studio: Studio, id: str, number: int) -> None:
    """Answer the next trial while this one is read."""
    try:
        studio.arenas.next(id, after=number)
    except StudioError:  # it is told when the trial is asked for
        return


@told
def vote(
    studio: Studio, choice: Choice, opened: str | None, scope: str | None,
    shown: tuple[int, float] | None,
) -> list[Any]:  # fmt: skip
    """Take the vote, then say who said what."""
    if not opened or not shown:
        raise ChatError("There is nothing to vote on; go on to the next trial.")
    number, since = shown
    arena = studio.arenas.open(opened, scope)
    seconds = round(time.monotonic() - since, 1)
    cast = studio.arenas.vote(arena.id, number, choice, seconds=seconds)
    duel = studio.arenas.duels(arena.id)[number]
    return [
        None, _progress(studio, arena), gr.skip(),
        _side("a", duel.answer_a, duel.ended_a, _named(arena, duel.a)),
        _side("b", duel.answer_b, duel.ended_b, _named(arena, duel.b)),
        _told_after(arena, duel, cast), gr.Row(visible=False), gr.Button("Next", visible=True),
    ]  # fmt: skip


def _progress(studio: Studio, arena: Arena) -> str:
    votes, left = studio.arenas.votes(arena.id), studio.arenas.left(arena.id)
    same = sum(one.same for one in votes.values())
    told = f"{len(votes) - same} voted on, {left} left"
    if same:
        told += f"; {same} had the same words on both sides, which is a tie without asking"
    drawn = arena.sampling
    return quiet(
        f"{told}. Both sides are drawn alike: temperature {drawn.temperature:g}, at most "
        f"{drawn.max_new_tokens} tokens, seed {drawn.seed}."
    )


def _question(arena: Arena, duel: Duel) -> str:
    return talk(turn(one.role, one.content) for one in arena.messages(duel))


def _named(arena: Arena, lane: str) -> str:
    kind = "st-base" if lane == BASE else "st-tuned"
    return f'<span class="{kind}">{escape(arena.title_of(lane))}</span>'


def _side(side: str, answer: str | None = None, ended: bool = True, name: str = "") -> gr.HTML:
    """One answer; both sides look the same until the vote."""
    if answer is None:
        return gr.HTML("", visible=False)
    text = escape(answer.strip()) or '<span class="st-quiet">(no words)</span>'
    cut = "" if ended else '<div class="st-quiet">(cut off at the most tokens)</div>'
    head = f"{side.upper()}{' · ' + name if name else ''}"
    return gr.HTML(
        f'<section class="st-side" aria-label="Answer {side.upper()}"><h3>{head}</h3>'
        f"<div>{text}</div>{cut}</section>",
        visible=True,
    )


def _told_after(arena: Arena, duel: Duel, cast: Vote) -> str:
    """Who said what, for eyes and screen readers."""
    names = f"A was {arena.title_of(duel.a)}, B was {arena.title_of(duel.b)}."
    if duel.kind == "catch":
        names = f"A check: both answers are by {arena.title_of(duel.a)}."
    elif duel.kind == "repeat":
        names = f"A check, asked before with its sides changed. {names}"
    parts = [f"You voted: {CHOICES[cast.choice]}.", names]
    if cast.void:
        parts.append(f"The vote is void: one answer gave its lane away by “{cast.void}”.")
    if known := arena.prompt(duel).answer.strip():
        parts.append(f"The known answer is: {known}")
    return f'<div role="status">{escape(" ".join(parts))}</div>'
