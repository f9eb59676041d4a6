"""One click in the chat keeps the base's answer as something that must not be forgotten."""

from html import escape

import gradio as gr

from studio.data.example import Message
from studio.errors import StudioError
from studio.measure.outcome import BASE
from studio.studio import Studio
from studio.ui.border import told, wire

Talk = dict[str, list[dict[str, str]]]


def lay_out() -> gr.Button:
    """The button, in its place on the page."""
    return gr.Button(
        "This used to work: keep the base's answer as a probe", size="sm", elem_id="flag"
    )


def wire_up(studio: Studio, button: gr.Button, talk: gr.State, system: gr.Textbox) -> None:
    """What a click on the button does."""
    wire(button.click, flag, studio, inputs=[talk, system])


@told
def flag(studio: Studio, talk: Talk, system: str) -> None:
    """The last question with the base's answer becomes a case of the probe "Flagged in chat"."""
    turns = talk.get(BASE, [])
    if len(turns) < 2 or turns[-1]["role"] != "assistant" or not turns[-1]["content"].strip():
        raise StudioError("The base has not answered yet; send a message first.")
    opening = [Message(role="system", content=system.strip())] if system.strip() else []
    asked = [*opening, *map(Message.model_validate, turns[:-1])]
    probe = studio.flag_case(asked, turns[-1]["content"])
    count = len(probe.cases)
    gr.Info(
        f"Kept: {escape(turns[-1]['content'][:80], quote=False)}. Every measurement from now on "
        f"asks the {count} flagged case{'s' if count > 1 else ''}.",
        title="A probe case",
    )
