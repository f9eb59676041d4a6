"""A conversation with all lanes at once: every lane answers the same message, in lock-step."""

import time
from typing import Any

import gradio as gr

from studio.studio import Studio
from studio.ui import answering, board, chats, keeping, keys, raw, starters, turns, why
from studio.ui.border import told, wire
from studio.ui.defused import COPY
from studio.ui.desk import KEYS, MESSAGE, Desk, Held
from studio.ui.links import Links
from studio.ui.setting import Setting

HISTORIES = [("Each lane its own answers", "own"), ("All lanes the preferred answer", "shared")]


def build(studio: Studio, links: Links, setting: Setting, tab: gr.Tab) -> None:
    """Lay the part out and wire it."""
    with gr.Row(elem_id="talk"):
        with gr.Column(scale=1, min_width=215, elem_id="chat-list"):
            shelf = chats.lay_out()
        with gr.Column(scale=5, min_width=300):
            shown = board.lay_out()
            box = keeping.lay_out()
            prompt, send, stop, leave = _lay_out_message()
            deeds = turns.lay_out(shown)
            starters.build(studio, setting, prompt, tab)
            live, history, form = _lay_out_ways()
            sheet = raw.lay_out()
            why.build(studio, links, setting, tab)
    desk = Desk(
        setting=setting, board=shown, prompt=prompt, editing=gr.State(None), leave=leave,
        history=history, form=form, shown=gr.State(None), said=gr.State(0.0),
    )  # fmt: skip
    streams = _wire_answers(studio, desk, send, live)
    streams += turns.wire_up(studio, desk, deeds)
    # An event that cancels others is given no inputs of its own; what it stopped is drawn after.
    stopped = wire(stop.click, lambda: None, cancels=streams, queue=False)
    wire(stopped.then, halt, studio, desk, inputs=desk.held, outputs=desk.parts)
    wire(leave.click, desk.leave_editing, outputs=[desk.prompt, desk.editing, desk.leave])
    wire([setting.owner.change, tab.select, form.input], restore, studio, desk,
         inputs=[desk.shown, *desk.held], outputs=desk.everything)  # fmt: skip
    chats.wire_up(studio, desk, shelf)
    keeping.wire_up(studio, desk, box)
    raw.wire_up(studio, desk, sheet)
    keys.build(links)
    links.page.load(None, js=COPY, api_visibility="private")


def _lay_out_message() -> tuple[gr.Textbox, gr.Button, gr.Button, gr.Button]:
    with gr.Row(equal_height=True, elem_id="message"):
        prompt = gr.Textbox(
            value="", label=MESSAGE, lines=1, max_lines=8, elem_id="prompt", scale=5,
            min_width=220, placeholder=KEYS,
        )  # fmt: skip
        with gr.Column(scale=1, min_width=130):
            send = gr.Button("Send", variant="primary", elem_id="send")
            stop = gr.Button("Stop", size="sm", elem_id="stop", min_width=60)
            leave = gr.Button("Leave editing", size="sm", elem_id="leave", visible=False)
    return prompt, send, stop, leave


def _lay_out_ways() -> tuple[gr.Checkbox, gr.Radio, gr.Radio]:
    fold = gr.Accordion("What lanes remember, how answers are shown", open=False, elem_id="ways")
    with fold, gr.Row():
        history = gr.Radio(
            HISTORIES, value="own", label="What lanes remember", min_width=240, elem_id="history"
        )
        form = gr.Radio(
            ["Markdown", board.PLAIN], value="Markdown", label="Show answers as", min_width=200,
            elem_id="form",
        )  # fmt: skip
        live = gr.Checkbox(
            True, label="Ask again when a strength moves", min_width=200, elem_id="live",
            info="Its lane answers the last message at the new strength.",
        )  # fmt: skip
    return live, history, form


def _wire_answers(studio: Studio, desk: Desk, send: gr.Button, live: gr.Checkbox) -> list[Any]:
    """Everything that starts an answer, apart from the deeds on a turn."""
    streaming = {"outputs": desk.parts, "concurrency_limit": None}
    said = wire([send.click, desk.prompt.submit], answering.say, studio, desk,
                inputs=[desk.prompt, desk.editing, *desk.held],
                trigger_mode="once", js=keys.SENT, **streaming)  # fmt: skip
    said.success(None, desk.prompt, desk.prompt, js=keys.EMPTIED, api_visibility="private")
    moved = wire(desk.setting.lanes.change, answering.follow, studio, desk,
                 inputs=[live, *desk.held], trigger_mode="always_last", **streaming)  # fmt: skip
    streams = [said, moved]
    for number, buttons in enumerate(desk.board.deeds):
        for deed, do in (("retry", answering.retry), ("continue", answering.go_on)):
            streams.append(
                wire(
                    buttons[deed].click,
                    do,
                    studio,
                    desk,
                    number,
                    inputs=[desk.board.turn, *desk.held],
                    **streaming,
                )  # fmt: skip
            )
    return streams


@told
def restore(studio: Studio, desk: Desk, shown: str | None, *values: Any) -> dict[Any, Any]:
    """What is open, as it is kept; where it is shown already, all that was set or typed stays."""
    held = Held.read(*values)
    if not held.conversation:
        return desk.show_lanes(studio, held)
    talk = held.open(studio)
    if talk and talk.id != shown:
        return desk.take_up(studio, talk, held)
    return desk.show(studio, talk, held)


@told
def halt(studio: Studio, desk: Desk, *values: Any) -> dict[Any, Any]:
    """Show what was said until the stop."""
    held = Held.read(*values)
    desk.writing.wait(held.conversation)
    return desk.show(studio, held.open(studio), held) | {desk.said: time.time()}
