"""What the votes of an arena say, shown when a person asks; and the votes to take away."""

import time
from collections.abc import Callable
from html import escape
from typing import Any

import gradio as gr

from studio.chat import arena_sheet
from studio.chat.arena import Arena
from studio.chat.score import DeckScore, PairScore
from studio.chat.score_prose import (
    between,
    percent,
    tell_deck,
    tell_judge,
    tell_pair,
    tell_place,
    tell_share,
)
from studio.chat.votes import Arenas
from studio.data.drafts import FIRST
from studio.errors import ChatError
from studio.measure.numerals import chance, signed
from studio.studio import Studio
from studio.ui import fetching
from studio.ui.border import told, wire
from studio.ui.markup import quiet, table
from studio.ui.setting import Setting

HIDDEN = "The score is hidden while you vote: who knows it votes for it. Ask for it when you like."
LOOKED = (
    "Looked at before the end, only overwhelming evidence counts as a preference; at the planned "
    "end the sign test decides. Intervals are over prompts."
)
LEARNED = (
    "A decisive vote becomes a preferred and a rejected answer in a draft. Held-out rows and old "
    "skills measure nothing any more once they are learned: choose their decks knowingly."
)
FORMS: dict[str, tuple[str, Callable[[Arenas, Arena], str]]] = {
    "csv": ("Every vote as CSV", arena_sheet.csv),
    "json": ("Everything as JSON", arena_sheet.as_json),
}
HEADERS = ("Pair", "Tied", "Both bad", "Same words", "Longer by", "At equal lengths", "Sign test",
           "Any time")  # fmt: skip


def build(studio: Studio, setting: Setting, opened: gr.State, shown: gr.State) -> None:
    """Lay the part out and wire it."""
    with gr.Accordion("Score", open=False, elem_id="arena-score") as fold:
        found = gr.HTML(quiet(HIDDEN), elem_id="arena-found")
        look = gr.Button("Show the score", size="sm", elem_id="arena-look")
        with gr.Row():
            titles = {form: title for form, (title, _) in FORMS.items()}
            fetching.offer("arena", titles, write, studio, inputs=[opened, setting.scope])
        gr.HTML(quiet(LEARNED))
        with gr.Row():
            decks = gr.CheckboxGroup([], label="Votes on", elem_id="arena-learn", min_width=220,
                                     scale=2)  # fmt: skip
            draft = gr.Textbox(FIRST, label="Draft", elem_id="arena-draft", min_width=160,
                               max_length=40)  # fmt: skip
        keep = gr.Button("Keep as preferences", size="sm", elem_id="arena-keep")
    wire(look.click, show, studio, inputs=[opened, setting.scope], outputs=found)
    wire(shown.change, lambda: quiet(HIDDEN), outputs=found)
    wire([opened.change, fold.expand], offer, studio, inputs=[opened, setting.scope],
         outputs=decks)  # fmt: skip
    wire(keep.click, keep_votes, studio, outputs=setting.gathered, trigger_mode="once",
         inputs=[opened, setting.scope, decks, draft])  # fmt: skip


def _open(studio: Studio, opened: str | None, scope: str | None) -> Arena:
    if not opened:
        raise ChatError("Start an arena first, or choose one.")
    return studio.arenas.open(opened, scope)


@told
def show(studio: Studio, opened: str | None, scope: str | None) -> str:
    """The score of every deck, and how reliable the votes are."""
    arena = _open(studio, opened, scope)
    score = studio.score_arena(arena.id)
    decks = "".join(_draw_deck(arena, deck) for deck in score.decks)
    judge = "".join(f"<li>{escape(one)}</li>" for one in tell_judge(score.judge))
    about = f"<h4>The votes themselves</h4><ul>{judge}</ul>" if judge else ""
    return f"{decks}{about}{quiet(LOOKED)}"


@told
def offer(studio: Studio, opened: str | None, scope: str | None) -> Any:
    """The arena's decks, a person's own ones chosen."""
    if not opened:
        return gr.skip()
    decks = studio.arenas.open(opened, scope).decks
    chosen = [deck.name for deck in decks if deck.kind == "own"]
    return gr.CheckboxGroup(choices=[(deck.title, deck.name) for deck in decks], value=chosen)


@told
def write(studio: Studio, form: str, opened: str | None, scope: str | None) -> str:
    """The votes as a file."""
    arena = _open(studio, opened, scope)
    return fetching.write(f"arena-{arena.id}.{form}", FORMS[form][1](studio.arenas, arena))


@told
def keep_votes(
    studio: Studio, opened: str | None, scope: str | None, decks: list[str], draft: str
) -> float:
    """Decisive votes on these decks become pairs; when that was."""
    arena = _open(studio, opened, scope)
    if not decks:
        raise ChatError("Choose the decks whose votes are to be learned.")
    title = " ".join(draft.split()) or FIRST
    kept = studio.keep_votes(arena.id, decks=decks, draft=title, owner=scope)
    gr.Info(f"{kept} pair{'s are' if kept != 1 else ' is'} in the draft “{escape(title)}”.")
    return time.time()


def _draw_deck(arena: Arena, deck: DeckScore) -> str:
    sentences = "".join(f"<li>{escape(tell_pair(arena, pair))}</li>" for pair in deck.pairs)
    sentences += "".join(
        f"<li>{escape(tell_place(arena, deck, place))}</li>" for place in range(len(deck.ranking))
    )
    if deck.both_bad.of:
        sentences += f"<li>Both answers were bad in {escape(tell_share(deck.both_bad))}.</li>"
    counted = [pair for pair in deck.pairs if pair.n]
    rows = table(HEADERS, (_row(arena, pair) for pair in counted), numbers=range(1, 8))
    return f"<h4>{escape(tell_deck(deck))}</h4><ul>{sentences}</ul>{rows if counted else ''}"


def _row(arena: Arena, pair: PairScore) -> list[str]:
    names = f"{escape(arena.title_of(pair.one))} against {escape(arena.title_of(pair.other))}"
    adjusted = pair.adjusted
    return [
        names,
        str(pair.ties),
        str(pair.bad),
        str(pair.same),
        f"{signed(pair.longer_by or 0, 0)} letters",
        f"{percent(adjusted.rate)} ({between(adjusted.interval)})" if adjusted else "–",
        chance(pair.sign_p),
        chance(pair.anytime_p),
    ]
