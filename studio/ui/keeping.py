"""What an answer is good for: an example to learn, a pair, or a case not to be forgotten."""

from html import escape
from typing import Any

import gradio as gr

from studio.errors import ChatError
from studio.measure.outcome import BASE
from studio.studio import Studio
from studio.ui.answering import place
from studio.ui.border import told, wire
from studio.ui.desk import Desk, Held


def lay_out() -> None:
    """The box in which an answer is edited before it is kept."""


def wire_up(studio: Studio, desk: Desk, box: None) -> None:
    """What the buttons under the answers do."""
    wire(desk.board.worked.click, keep_case, studio, inputs=[desk.board.turn, *desk.held])


@told
def keep_case(studio: Studio, turn: int | None, *values: Any) -> None:
    """The base's answer becomes a case of the probe "Flagged in chat"."""
    held = Held.read(*values)
    talk = held.opened(studio)
    here = talk.exchanges[place(turn)] if talk.exchanges else None
    if here is None or not here.answers.get(BASE) or not here.answers[BASE].text.strip():
        raise ChatError("The base has not answered yet; send a message first.")
    said = here.answers[BASE].text
    probe = studio.flag_case(talk.messages(BASE, place(turn)), said)
    count = len(probe.cases)
    gr.Info(
        f"Kept: {escape(said[:80], quote=False)}. Every measurement from now on "
        f"asks the {count} flagged case{'s' if count > 1 else ''}.",
        title="A probe case",
    )
