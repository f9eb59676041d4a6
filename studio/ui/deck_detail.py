"""One prompt of a deck's run, opened: why its answers differ, and how to talk on from there."""

from html import escape
from typing import Any

import gradio as gr

from studio.chat.deck_run import Round, Table
from studio.chat.deck_sheet import Order
from studio.chat.deck_talk import as_conversation
from studio.errors import StudioError
from studio.studio import Studio
from studio.ui import why
from studio.ui.border import told, wire
from studio.ui.deck_view import View, see
from studio.ui.setting import Setting

SEEN = "() => { document.querySelector('#deck-detail')?.scrollIntoView({block: 'nearest'}) }"
TALK = "() => { document.querySelector('#chat-parts button[role=tab]')?.click() }"
"""Open the part with the conversations, which is the first."""


def build(studio: Studio, setting: Setting, view: View, table: gr.HTML) -> gr.Column:
    """Lay the detail out; a click on a row of the table opens it."""
    opened = gr.State(None)
    with gr.Column(visible=False, elem_id="deck-detail") as detail:
        heading = gr.HTML(elem_id="deck-prompt", min_height=40)
        with gr.Row():
            back = gr.Button("Earlier row", size="sm", elem_id="deck-row-back", min_width=90)
            ahead = gr.Button("Next row", size="sm", elem_id="deck-row-ahead", min_width=90)
            talk = gr.Button("Open as a conversation", size="sm", elem_id="deck-talk",
                             min_width=170)  # fmt: skip
        panel = why.lay_out("deck-why")
    shown = [opened, detail, heading, *panel.chosen]
    chosen = wire(table.click, open_row, studio, inputs=[view.run, view.scope],
                  outputs=shown)  # fmt: skip
    read = why.show_after(studio, panel, chosen.success, setting.owner)
    read.then(None, js=SEEN, api_visibility="private")
    at = [opened, view.run, view.scope, view.order, view.lane, view.only]
    for button, step in ((back, -1), (ahead, 1)):
        turned = wire(button.click, turn, studio, step, inputs=at, outputs=shown)
        why.show_after(studio, panel, turned.success, setting.owner)
    why.wire_up(studio, panel, setting.owner)
    made = wire(talk.click, open_talk, studio, inputs=[view.run, view.scope, opened, setting.owner],
                outputs=setting.conversation)  # fmt: skip
    made.success(None, js=TALK, api_visibility="private")
    return detail


@told
def open_row(studio: Studio, id: str | None, scope: str | None, event: gr.EventData) -> list[Any]:
    """The prompt that was chosen, ready to be read."""
    return _show(studio, *_find(studio, id, scope, str(event._data.get("name", ""))))


@told
def turn(
    studio: Studio, step: int, name: str | None, id: str | None, scope: str | None, order: Order,
    lane: str | None, only: bool,
) -> list[Any]:  # fmt: skip
    """The row before or after it, in the order of the table."""
    table, one = _find(studio, id, scope, name or "")
    rounds = see(table, order, lane, only)
    place = rounds.index(one) + step if one in rounds else 0
    return _show(studio, table, rounds[min(max(0, place), len(rounds) - 1)] if rounds else one)


@told
def open_talk(
    studio: Studio, id: str | None, scope: str | None, name: str | None, owner: str
) -> str:
    """A saved conversation that begins with this prompt and its answers."""
    table, one = _find(studio, id, scope, name or "")
    return studio.chats.save(as_conversation(table, one, owner)).id


def _show(studio: Studio, table: Table, one: Round) -> list[Any]:
    """The lane that went furthest from the base is the one to be explained."""
    asked = [message.model_dump() for message in table.prompt(one.prompt).under(table.run.system)]
    source = why.Source(
        base=table.run.base,
        asked=dict.fromkeys(one.answers, asked),
        said={lane: answer.text for lane, answer in one.answers.items()},
        ended={lane: answer.stopped for lane, answer in one.answers.items()},
    )
    furthest = max(table.run.tuned, key=lambda lane: one.kl(lane) or 0.0, default=None)
    heading = f'<h3>Why it changed</h3><div class="st-said">{escape(asked[-1]["content"])}</div>'
    opened = why.open_source(studio, source, furthest)
    return [one.prompt, gr.Column(visible=True), heading, *opened]


def _find(studio: Studio, id: str | None, scope: str | None, name: str) -> tuple[Table, Round]:
    if not id:
        raise StudioError("Run a deck first.")
    table = studio.deck_runs.open(id, scope)
    found = next((one for one in table.rounds if one.prompt == name), None)
    if found is None:
        raise StudioError("This prompt has not been answered yet; run the deck to its end.")
    return table, found
