"""The list of saved conversations: search, open, rename, delete and bring back, take away."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.chat.archive import Summary
from studio.chat.export import export
from studio.studio import Studio
from studio.ui import fetching
from studio.ui.border import told, wire
from studio.ui.desk import Desk, Held
from studio.ui.markup import empty, quiet

SHOWN = 40
"""So many conversations are listed; a search finds the others."""
FORMS = {"md": "Markdown", "json": "JSON", "jsonl": "JSONL"}
NOTHING = "Conversations appear here as soon as something is said; they are saved as they go."


@dataclass(frozen=True)
class Shelf:
    """The components of the list."""

    new: gr.Button
    query: gr.Textbox
    names: gr.Radio
    note: gr.HTML
    title: gr.Textbox
    delete: gr.Button
    restore: gr.Button
    removed: gr.State
    """Id of the conversation that was deleted last."""
    away: gr.Row
    """Where the buttons are that take a conversation away."""

    @property
    def listed(self) -> list[Any]:
        """What `show_list` draws."""
        return [self.names, self.note, self.title]


def lay_out() -> Shelf:
    """The list in its column."""
    new = gr.Button("New conversation", size="sm", elem_id="new-chat")
    query = gr.Textbox(
        value="", label="Search", placeholder="A word that was said", elem_id="find-chat",
        lines=1, max_lines=1,
    )  # fmt: skip
    names = gr.Radio([], label="Conversations", elem_id="chats", visible=False)
    note = gr.HTML(empty(NOTHING), elem_id="chats-note")
    title = gr.Textbox(
        value="", label="Title", info="Enter renames it.", elem_id="chat-title", visible=False,
        lines=1, max_lines=1,
    )  # fmt: skip
    with gr.Row(elem_classes="st-deeds"):
        delete = gr.Button("Delete", size="sm", elem_id="delete-chat", min_width=60)
        restore = gr.Button("Undo delete", size="sm", elem_id="restore-chat", min_width=60,
                            visible=False)  # fmt: skip
    away = gr.Row(elem_classes="st-deeds")
    return Shelf(new, query, names, note, title, delete, restore, gr.State(None), away)


def wire_up(studio: Studio, desk: Desk, shelf: Shelf) -> None:
    """What the list does; it is drawn anew whenever something was said or opened."""
    setting = desk.setting
    listing = {"inputs": [shelf.query, *desk.held], "outputs": shelf.listed}
    turned = [
        shelf.query.input, setting.owner.change, setting.conversation.change, desk.said.change
    ]  # fmt: skip
    wire(turned, show_list, studio, trigger_mode="always_last", **listing)
    wire(shelf.names.input, open_chat, studio, desk,
         inputs=[shelf.names, *desk.held], outputs=desk.everything)  # fmt: skip
    wire(shelf.new.click, begin, studio, desk, inputs=desk.held, outputs=desk.parts)
    wire(shelf.title.submit, rename, studio, inputs=[shelf.title, *desk.held], outputs=desk.said)
    gone = [shelf.removed, shelf.restore]
    wire(shelf.delete.click, delete, studio, desk, shelf,
         inputs=desk.held, outputs=[*gone, *desk.parts])  # fmt: skip
    with shelf.away:
        fetching.offer("chat", FORMS, take_away, studio, inputs=desk.held)
    wire(shelf.restore.click, restore, studio, desk, shelf,
         inputs=[shelf.removed, *desk.held], outputs=[*gone, *desk.everything])  # fmt: skip


@told
def show_list(studio: Studio, query: str, *values: Any) -> list[Any]:
    """The conversations in which every word of the query was said, the last changed first."""
    held = Held.read(*values)
    found = studio.chats.list(held.scope, query or "")
    names = [(_name(one), one.id) for one in found[:SHOWN]]
    open_one = next((one for one in found if one.id == held.conversation), None)
    talk = held.open(studio)
    note = ""
    if not found:
        note = quiet("Nothing was found; try fewer words.") if query else empty(NOTHING)
    elif len(found) > SHOWN:
        note = quiet(f"The last {SHOWN} of {len(found)}; search to find the others.")
    return [
        gr.Radio(choices=names, value=open_one.id if open_one else None, visible=bool(names)),
        note,
        gr.Textbox(value=talk.title if talk else "", visible=talk is not None),
    ]


@told
def open_chat(studio: Studio, desk: Desk, id: str, *values: Any) -> dict[Any, Any]:
    """Go on with a saved conversation, with the lanes and settings it had."""
    held = Held.read(*values)
    return desk.take_up(studio, studio.chats.open(id, held.scope), held)


@told
def begin(studio: Studio, desk: Desk, *values: Any) -> dict[Any, Any]:
    """An empty board; the next message begins a conversation."""
    return desk.show(studio, None, Held.read(*values)) | desk.leave_editing()


@told
def rename(studio: Studio, title: str, *values: Any) -> float:
    """Give the open conversation another title."""
    held = Held.read(*values)
    studio.chats.rename(held.opened(studio).id, title, held.scope)
    return time.time()


@told
def take_away(studio: Studio, form: Any, *values: Any) -> str:
    """The open conversation as a file."""
    talk = Held.read(*values).opened(studio)
    return fetching.write(f"conversation-{talk.id}.{form}", export(talk, form))


@told
def delete(studio: Studio, desk: Desk, shelf: Shelf, *values: Any) -> dict[Any, Any]:
    """Take the open conversation off the list; it can be brought back."""
    held = Held.read(*values)
    desk.writing.wait(held.conversation)
    talk = held.opened(studio)
    studio.chats.remove(talk.id, held.scope)
    return desk.show(studio, None, held) | {
        shelf.removed: talk.id,
        shelf.restore: gr.Button(visible=True),
    }


@told
def restore(studio: Studio, desk: Desk, shelf: Shelf, removed: str, *values: Any) -> dict[Any, Any]:
    """Bring the conversation back that was deleted last."""
    held = Held.read(*values)
    talk = studio.chats.restore(removed, held.scope)
    return desk.take_up(studio, talk, held) | {
        shelf.removed: None,
        shelf.restore: gr.Button(visible=False),
    }


def _name(one: Summary) -> str:
    where = f" · … {one.excerpt} …" if one.excerpt else ""
    broken = " · broken off" if one.broken_off else ""
    return f"{one.title or 'Untitled'} · {one.updated.astimezone():%d %b %H:%M}{broken}{where}"
