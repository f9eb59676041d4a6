"""The raw view: what every model saw and said, control tokens and all."""

import re
from html import escape
from typing import Any

import gradio as gr

from studio.studio import Studio
from studio.ui.answering import place
from studio.ui.border import told, wire
from studio.ui.desk import Desk, Held
from studio.ui.markup import quiet

CONTROL = re.compile(r"&lt;[|｜][^\s&]{1,60}?[|｜]&gt;|&lt;/?(?:s|bos|eos|pad|unk)&gt;|\[/?INST\]")
NOTHING = "After an answer this shows the text the model really saw, with its control tokens."


def lay_out() -> tuple[gr.Accordion, gr.HTML]:
    """A fold; it is filled when it is opened."""
    with gr.Accordion("Raw: what the models see", open=False, elem_id="raw") as fold:
        sheet = gr.HTML(quiet(NOTHING), elem_id="raw-sheet")
    return fold, sheet


def wire_up(studio: Studio, desk: Desk, parts: tuple[gr.Accordion, gr.HTML]) -> None:
    """Show the turn that is looked at, whenever that changes."""
    fold, sheet = parts
    turned = [
        fold.expand, desk.board.turn.change, desk.setting.conversation.change, desk.said.change
    ]  # fmt: skip
    wire(turned, show, studio, trigger_mode="always_last",
         inputs=[desk.board.turn, *desk.held], outputs=sheet)  # fmt: skip


@told
def show(studio: Studio, turn: int | None, *values: Any) -> str:
    """Every lane's text side by side, the control tokens marked."""
    held = Held.read(*values)
    talk = held.open(studio)
    if talk is None or not talk.exchanges:
        return quiet(NOTHING)
    path = talk.exchanges
    here = path[min(place(turn), len(path) - 1)]
    cells = [
        f"<div><h4>{escape(studio.title_of(lane))}</h4>"
        f"<pre>{mark(here.answers[lane].raw)}</pre></div>"
        for lane in held.lanes
        if lane in here.answers and here.answers[lane].raw
    ]
    return f'<div class="st-raw">{"".join(cells)}</div>' if cells else quiet(NOTHING)


def mark(text: str) -> str:
    """The text as HTML, with what looks like a control token set apart."""
    return CONTROL.sub(lambda found: f"<mark>{found[0]}</mark>", escape(text, quote=False))
