"""One prompt of a deck's run, opened: why its answers differ, and how to talk on from there."""

from html import escape
from typing import Any

import gradio as gr

from studio.chat.deck_run import Round, Table
from studio.chat.deck_talk import as_conversation
from studio.errors import StudioError
from studio.studio import Studio
from studio.ui import why
from studio.ui.border import told, wire
from studio.ui.setting import Setting

SEEN = "() => { document.querySelector('#deck-detail')?.scrollIntoView({block: 'nearest'}) }"
TALK = "() => { document.querySelector('#chat-parts button[role=tab]')?.click() }"
"""Open the part with the conversations, which is the first."""


def build(studio: Studio, setting: Setting, run: gr.State, table: gr.HTML) -> gr.Column:
    """Lay the detail out; a click on a row of the table opens it."""
    opened = gr.State(None)
    with gr.Column(visible=False, elem_id="deck-detail") as detail:
        with gr.Row(equal_height=True):
            heading = gr.HTML(elem_id="deck-prompt", min_height=40)
            talk = gr.Button("Open as a conversation", size="sm", elem_id="deck-talk",
                             min_width=170, scale=0)  # fmt: skip
        panel = why.lay_out("deck-why")
    chosen = wire(table.click, open_row, studio, inputs=run,
                  outputs=[opened, detail, heading, *panel.chosen])  # fmt: skip
    read = why.show_after(studio, panel, chosen.success, setting.owner)
    read.then(None, js=SEEN, api_visibility="private")
    why.wire_up(studio, panel, setting.owner)
    made = wire(talk.click, open_talk, studio, inputs=[run, opened, setting.owner],
                outputs=setting.conversation)  # fmt: skip
    made.success(None, js=TALK, api_visibility="private")
    return detail


@told
def open_row(studio: Studio, id: str | None, event: gr.EventData) -> list[Any]:
    """The prompt that was chosen, ready to be read: the lane that went furthest is explained."""
    name = str(event._data.get("name", ""))
    table, one = _find(studio, id, name)
    prompt = table.prompt(name)
    asked = [message.model_dump() for message in prompt.under(table.run.system)]
    source = why.Source(
        base=table.run.base,
        asked=dict.fromkeys(one.answers, asked),
        said={lane: answer.text for lane, answer in one.answers.items()},
        ended={lane: answer.stopped for lane, answer in one.answers.items()},
    )
    furthest = max(table.run.tuned, key=lambda lane: one.kl(lane) or 0.0, default=None)
    heading = f'<h3>Why it changed</h3><div class="st-said">{escape(asked[-1]["content"])}</div>'
    return [name, gr.Column(visible=True), heading, *why.open_source(studio, source, furthest)]


@told
def open_talk(studio: Studio, id: str | None, name: str | None, owner: str) -> str:
    """A saved conversation that begins with this prompt and its answers."""
    table, one = _find(studio, id, name or "")
    conversation = studio.chats.save(as_conversation(table, one, owner))
    return conversation.id


def _find(studio: Studio, id: str | None, name: str) -> tuple[Table, Round]:
    if not id:
        raise StudioError("Run a deck first.")
    table = studio.deck_runs.open(id)
    found = next((one for one in table.rounds if one.prompt == name), None)
    if found is None:
        raise StudioError("This prompt has not been answered yet; run the deck to its end.")
    return table, found
