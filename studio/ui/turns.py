"""What can be done with a turn of the conversation: ask it anew, take it back, branch from it."""

from typing import Any

import gradio as gr

from studio.errors import ChatError
from studio.studio import Studio
from studio.ui.answering import go_on, place, retry
from studio.ui.board import Board, turn_of
from studio.ui.border import told, wire
from studio.ui.desk import Desk, Held

DEEDS = {
    "edit": "Edit",
    "retry-all": "Retry all",
    "continue-all": "Continue all",
    "undo": "Undo",
    "redo": "Redo",
    "branch": "Branch from here",
}


def lay_out(board: Board) -> dict[str, gr.Button]:
    """Which turn and which version of it, and a button for each deed."""
    with gr.Row(elem_id="turns", equal_height=True):
        board.turn.render()
        board.version.render()
    with gr.Row(elem_classes="st-deeds"):
        return {
            deed: gr.Button(title, size="sm", elem_id=deed, min_width=60)
            for deed, title in DEEDS.items()
        }


def wire_up(studio: Studio, desk: Desk, buttons: dict[str, gr.Button]) -> list[Any]:
    """What the buttons and the menus of turns and versions do; the events that stream answers."""
    turn = [desk.board.turn, *desk.held]
    streams = []
    for deed, do in (("retry-all", retry), ("continue-all", go_on)):
        streams.append(
            wire(
                buttons[deed].click,
                do,
                studio,
                desk,
                None,
                inputs=turn,
                outputs=desk.parts,
                concurrency_limit=None,
            )  # fmt: skip
        )
    wire(buttons["edit"].click, edit, studio, desk, inputs=turn,
         outputs=[desk.prompt, desk.editing, desk.leave])  # fmt: skip
    for deed, do in (("undo", undo), ("redo", redo)):
        wire(buttons[deed].click, do, studio, desk, inputs=desk.held, outputs=desk.parts)
    wire(buttons["branch"].click, branch, studio, desk, inputs=turn, outputs=desk.everything)
    wire(desk.board.turn.input, look, studio, desk, inputs=turn, outputs=desk.parts)
    wire(desk.board.version.input, turn_to, studio, desk,
         inputs=[desk.board.version, *desk.held], outputs=desk.parts)  # fmt: skip
    for number, bot in enumerate(desk.board.bots):
        wire(bot.select, point, studio, desk, number, inputs=desk.held, outputs=desk.parts)
    return streams


@told
def edit(studio: Studio, desk: Desk, turn: int | None, *values: Any) -> dict[Any, Any]:
    """Put a question back into the message box; sending it asks it anew."""
    talk = Held.read(*values).opened(studio)
    if not talk.exchanges:
        raise ChatError("There is no message to edit yet.")
    number = len(talk.exchanges) - 1 if turn is None else turn
    box = gr.Textbox(
        value=talk.exchanges[number].prompt,
        label=f"Edit message {number + 1}, for every lane",
        placeholder="Enter asks it anew, Esc leaves it as it was",
    )
    return {desk.prompt: box, desk.editing: number, desk.leave: gr.Button(visible=True)}


@told
def undo(studio: Studio, desk: Desk, *values: Any) -> dict[Any, Any]:
    """Go back before the last message, and have it in the box to say it better."""
    held = Held.read(*values)
    desk.writing.wait(held.conversation)
    talk = held.opened(studio)
    if not talk.exchanges:
        raise ChatError("There is nothing left to undo.")
    last = talk.exchanges[-1].prompt
    kept = studio.chats.save(talk.undo())
    return desk.show(studio, kept, held) | desk.leave_editing() | {desk.prompt: last}


@told
def redo(studio: Studio, desk: Desk, *values: Any) -> dict[Any, Any]:
    """Bring back what was undone."""
    held = Held.read(*values)
    talk = held.opened(studio)
    again = talk.redo()
    if again.at == talk.at:
        raise ChatError("Nothing was undone here; the newest answers are shown.")
    return desk.show(studio, studio.chats.save(again), held) | desk.leave_editing()


@told
def branch(studio: Studio, desk: Desk, turn: int | None, *values: Any) -> dict[Any, Any]:
    """A conversation of its own that begins like this one, up to that turn."""
    held = Held.read(*values)
    talk = held.opened(studio).branch(place(turn))
    kept = studio.chats.save(talk.rename(f"{talk.title} (branch)"))
    return desk.take_up(studio, kept, held)


@told
def look(studio: Studio, desk: Desk, turn: int | None, *values: Any) -> dict[Any, Any]:
    """Say about that turn how its answers came about, and which versions it has."""
    held = Held.read(*values)
    return desk.show(studio, held.opened(studio), held, place(turn))


@told
def turn_to(studio: Studio, desk: Desk, version: str, *values: Any) -> dict[Any, Any]:
    """Open another version of a turn, and what came after it."""
    held = Held.read(*values)
    talk = studio.chats.save(held.opened(studio).turn_to(version))
    places = [one.id for one in talk.exchanges]
    return desk.show(studio, talk, held, places.index(version))


@told
def point(
    studio: Studio, desk: Desk, number: int, event: gr.SelectData, *values: Any
) -> dict[Any, Any]:
    """Look at the turn whose bubble was clicked."""
    held = Held.read(*values)
    talk = held.opened(studio)
    bubble = event.index[0] if isinstance(event.index, list | tuple) else event.index
    return desk.show(studio, talk, held, turn_of(talk, held.lanes[number], bubble))
