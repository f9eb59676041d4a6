"""What an answer is good for: an example to learn, a pair, or a case not to be forgotten."""

import time
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from studio.chat.conversation import Conversation
from studio.chat.wording import shorten
from studio.data.draft import Draft
from studio.data.drafts import FIRST
from studio.errors import ChatError
from studio.measure.numerals import counted
from studio.measure.outcome import BASE
from studio.studio import Studio
from studio.ui.answering import place
from studio.ui.border import told, wire
from studio.ui.desk import Desk, Held
from studio.ui.markup import talk, turn
from studio.ui.writing import Writing

SHOWN = 80  # letters of an answer that a notice repeats
# The box is drawn after the event has ended, and how long after depends on the machine.
FOCUS = """() => {
  let looks = 60;
  const look = () => {
    const box = document.querySelector("#example-answer textarea");
    if (box?.offsetParent) box.focus(); else if (looks--) setTimeout(look, 50);
  };
  look();
}"""


@dataclass(frozen=True)
class Box:
    """Where an answer is edited before it is kept."""

    frame: gr.Column
    question: gr.HTML
    answer: gr.Textbox
    draft: gr.Textbox
    keep: gr.Button
    leave: gr.Button
    chosen: gr.State
    """Conversation, exchange and lane of the answer; None while the box is shut."""

    @property
    def parts(self) -> list[Any]:
        """What opening and shutting the box sets."""
        return [self.frame, self.question, self.answer, self.chosen]


def lay_out() -> Box:
    """The box, shut."""
    with gr.Column(visible=False, elem_id="example-box") as frame:
        question = gr.HTML(elem_id="example-question", padding=True)
        answer = gr.Textbox(
            value="", label="The answer to learn", lines=3, max_lines=16,
            elem_id="example-answer", info="Change it to what the model should have said.",
        )  # fmt: skip
        draft = gr.Textbox(
            value=FIRST, label="Draft", max_length=40, lines=1, max_lines=1, min_width=160,
            elem_id="example-draft", info="A name of your own begins another draft.",
        )  # fmt: skip
        with gr.Row():
            keep = gr.Button("Keep this example", variant="primary", elem_id="keep-example",
                             min_width=140)  # fmt: skip
            leave = gr.Button("Leave it", elem_id="leave-example", min_width=100)
    return Box(frame, question, answer, draft, keep, leave, gr.State(None))


def wire_up(studio: Studio, desk: Desk, box: Box) -> None:
    """What the buttons under the answers do."""
    board, gathered = desk.board, desk.setting.gathered
    seen = [board.turn, *desk.held]
    for number, buttons in enumerate(board.deeds):
        opened = wire(buttons["example"].click, open_box, studio, desk.writing, number,
                      inputs=seen, outputs=box.parts)  # fmt: skip
        opened.success(None, js=FOCUS, api_visibility="private")
        wire(buttons["prefer"].click, prefer, studio, desk, number,
             inputs=[box.draft, *seen], outputs=[gathered, *desk.parts])  # fmt: skip
    wire(board.worked.click, keep_case, studio, desk.writing, inputs=[box.draft, *seen],
         outputs=gathered)  # fmt: skip
    held = [box.chosen, box.answer, box.draft, *desk.held]
    wire(box.keep.click, keep_example, studio, inputs=held, outputs=[gathered, *box.parts])
    wire(box.leave.click, shut, outputs=box.parts)


@told
def open_box(
    studio: Studio, writing: Writing, number: int, at: int | None, *values: Any
) -> list[Any]:
    """Show the lane's answer to be edited, once it is complete."""
    held = Held.read(*values)
    conversation = _complete(studio, writing, held)
    lane, n = held.lanes[number], place(at)
    here = conversation.exchanges[n] if conversation.exchanges else None
    if here is None:
        raise ChatError("No lane has answered yet; send a message first.")
    said = here.answers[lane].text if lane in here.answers else ""
    asked = conversation.messages(lane, n)
    drawn = talk(turn(message.role, message.content) for message in asked)
    label = f"The answer to learn, as {studio.title_of(lane)} said it"
    return [
        gr.Column(visible=True),
        drawn,
        gr.Textbox(value=said, label=label),
        [conversation.id, here.id, lane],
    ]


@told
def keep_example(
    studio: Studio, chosen: list[str] | None, answer: str, title: str, *values: Any
) -> list[Any]:
    """Keep what the box holds."""
    if not chosen:
        raise ChatError("Choose an answer first.")
    held = Held.read(*values)
    id, exchange, lane = chosen
    conversation = studio.chats.open(id, held.scope).turn_to(exchange)
    n = [one.id for one in conversation.exchanges].index(exchange)
    draft = studio.keep_example(
        conversation, lane, n, answer=answer, draft=_named(title), owner=held.scope
    )
    _tell("An example", answer, draft)
    return [time.time(), *shut()]


@told
def prefer(
    studio: Studio, desk: Desk, number: int, title: str, at: int | None, *values: Any
) -> dict[Any, Any]:
    """Keep that this lane's answer is better than the others', and go on from it."""
    held = Held.read(*values)
    conversation, lane, n = _complete(studio, desk.writing, held), held.lanes[number], place(at)
    draft = studio.prefer(conversation, lane, n, draft=_named(title), owner=held.scope)
    _tell("A preference", conversation.exchanges[n].answers[lane].text, draft)
    if n in (-1, len(conversation.exchanges) - 1):  # an earlier one would leave what came after
        conversation = studio.chats.save(conversation.keep(lane))
    return desk.show(studio, conversation, held, n) | {desk.setting.gathered: time.time()}


@told
def keep_case(studio: Studio, writing: Writing, title: str, at: int | None, *values: Any) -> float:
    """The base's answer becomes a case of the probe "Flagged in chat"."""
    held = Held.read(*values)
    conversation = _complete(studio, writing, held)
    here = conversation.exchanges[place(at)] if conversation.exchanges else None
    if here is None or not here.answers.get(BASE) or not here.answers[BASE].text.strip():
        raise ChatError("The base has not answered yet; send a message first.")
    probe = studio.used_to_work(
        conversation, BASE, place(at), draft=_named(title), owner=held.scope
    )
    gr.Info(
        f"Kept: {_short(here.answers[BASE].text)}. Every measurement from now on "
        f"asks the {counted(len(probe.cases), 'flagged case')}.",
        title="A probe case",
    )
    return time.time()


def _complete(studio: Studio, writing: Writing, held: Held) -> Conversation:
    """The open conversation when nobody writes in it: half an answer is no example."""
    writing.wait(held.conversation)
    return held.opened(studio)


def shut() -> list[Any]:
    """The box without an answer in it."""
    return [gr.Column(visible=False), "", "", None]


def _named(title: str) -> str:
    return " ".join((title or "").split()) or FIRST


def _tell(what: str, text: str, draft: Draft) -> None:
    gr.Info(
        f"Kept: {_short(text)}. The draft {escape(draft.card.title, quote=False)} holds "
        f"{counted(len(draft.examples), 'example')} and {counted(len(draft.pairs), 'pair')}.",
        title=what,
    )


def _short(text: str) -> str:
    return escape(shorten(text, SHOWN), quote=False)
