"""One column per lane: what it said, how fast, and what can be done with its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from studio.chat.conversation import Conversation
from studio.chat.exchange import Answer, Exchange
from studio.chat.protocol import Sampling, Update
from studio.chat.wording import shorten
from studio.measure.numerals import counted
from studio.measure.outcome import BASE
from studio.studio import Studio
from studio.ui.defused import defuse, show_plain
from studio.ui.lanes import BESIDE

GREETING = "Ask something below; every lane answers the same question."
NOT_ASKED = "Not asked yet in this lane; Retry asks it."
NO_ANSWER = "No answer came; Retry asks again."
DEEDS = {
    "retry": "Retry",
    "continue": "Continue",
    "example": "Make this an example",
    "prefer": "Prefer this one",
}
WORKED = "This used to work"
PLAIN = "Plain text"


@dataclass(frozen=True)
class Board:
    """The components of the columns and of what is said about them."""

    columns: list[gr.Column]
    bots: list[gr.Chatbot]
    notes: list[gr.HTML]
    deeds: list[dict[str, gr.Button]]
    """By column: the buttons under an answer."""
    worked: gr.Button
    """Under the base's answer: keep it as a retention case."""
    status: gr.HTML
    turn: gr.Dropdown
    """Which exchange is looked at; its place in the open path."""
    version: gr.Dropdown
    """Which of the versions of that exchange is open; an exchange's id."""

    @property
    def parts(self) -> list[Any]:
        """What is drawn."""
        return [
            *self.columns, *self.bots, *self.notes, self.status, self.turn, self.version
        ]  # fmt: skip


def lay_out() -> Board:
    """The columns in a row, and below them a line on how the answers came about.

    The menus of turns and versions are made here and rendered where the deeds on a turn are.
    """
    columns, bots, notes, deeds = [], [], [], []
    with gr.Row(equal_height=False, elem_id="lanes"):
        for number in range(1 + BESIDE):
            with gr.Column(min_width=190, visible=number == 0) as column:
                bots.append(_lay_out_bot(number))
                notes.append(gr.HTML(min_height=44, elem_id=f"note-{number}"))
                with gr.Row(elem_classes="st-deeds"):
                    deeds.append({deed: _button(deed, number) for deed in DEEDS})
                    if number == 0:
                        worked = gr.Button(WORKED, size="sm", elem_id="flag", min_width=60)
            columns.append(column)
    status = gr.HTML(min_height=22, elem_id="chat-status")
    turn = gr.Dropdown(
        [], label="Turn", elem_id="turn", min_width=170, interactive=True, render=False
    )
    version = gr.Dropdown(
        [], label="Version", elem_id="version", min_width=150, interactive=True, render=False
    )
    return Board(columns, bots, notes, deeds, worked, status, turn, version)


def _lay_out_bot(number: int) -> gr.Chatbot:
    return gr.Chatbot(
        label="Base" if number == 0 else f"Lane {number}",
        height=440,
        buttons=["copy"],
        placeholder=GREETING,
        render_markdown=True,
        sanitize_html=True,
        latex_delimiters=[],
        allow_tags=True,  # a tag of a model's own stays to be seen; none of them is ever run
        allow_file_downloads=False,
        feedback_options=None,
        group_consecutive_messages=False,
        layout="bubble",
        elem_id=f"lane-{number}",
        elem_classes="st-lane-base" if number == 0 else "st-lane-tuned",
    )


def _button(deed: str, number: int) -> gr.Button:
    return gr.Button(DEEDS[deed], size="sm", elem_id=f"{deed}-{number}", min_width=60)


def draw(
    studio: Studio, board: Board, talk: Conversation | None, lanes: Sequence[str], form: str,
    turn: int = -1, update: Update | None = None,
) -> dict[Any, Any]:  # fmt: skip
    """The whole board: the open conversation in these lanes, with that turn looked at."""
    drawn = draw_answers(board, talk, lanes, form, update, turn)
    for number, column in enumerate(board.columns):
        drawn[column] = gr.Column(visible=number < len(lanes))
    for bot, lane in zip(board.bots, lanes, strict=False):
        drawn[bot] = gr.Chatbot(
            value=_bubbles(talk, lane, form),
            label=studio.title_of(lane),
            render_markdown=form != PLAIN,
        )
    return drawn | _draw_turns(board, talk, turn)


def draw_answers(
    board: Board, talk: Conversation | None, lanes: Sequence[str], form: str,
    update: Update | None = None, turn: int = -1,
) -> dict[Any, Any]:  # fmt: skip
    """What the lanes said and how fast; this alone changes while answers come."""
    here = talk.exchanges[turn] if talk and talk.exchanges else None
    drawn: dict[Any, Any] = {board.status: tell_exchange(here, update)}
    for bot, note, lane in zip(board.bots, board.notes, lanes, strict=False):
        drawn[bot] = _bubbles(talk, lane, form)
        drawn[note] = _tell_answer(here, lane, writing=update is not None and not update.done)
    return drawn


def turn_of(talk: Conversation, lane: str, bubble: int) -> int:
    """The exchange that the lane's bubble of that number belongs to."""
    places = []
    for place, one in enumerate(talk.exchanges):
        places += [place] * (2 if _said(one, lane) else 1)
    return places[min(bubble, len(places) - 1)] if places else -1


def _bubbles(talk: Conversation | None, lane: str, form: str) -> list[Any]:
    bubbles = []
    for one in talk.exchanges if talk else ():
        bubbles.append(_bubble("user", one.prompt, form))
        if said := _said(one, lane):
            bubbles.append(_bubble("assistant", said, form))
    return bubbles


def _bubble(role: str, text: str, form: str) -> dict[str, Any]:
    shown = show_plain(text) if form == PLAIN else defuse(text)
    return {"role": role, "content": [{"type": "text", "text": shown}]}


def _said(exchange: Exchange, lane: str) -> str:
    return exchange.answers[lane].text if lane in exchange.answers else ""


def _draw_turns(board: Board, talk: Conversation | None, turn: int) -> dict[Any, Any]:
    path = talk.exchanges if talk else ()
    if not talk or not path:
        nothing = gr.Dropdown(choices=[], value=None, interactive=False)
        return {board.turn: nothing, board.version: nothing}
    place = turn % len(path)
    turns = [
        (f"{number + 1} of {len(path)}: {shorten(one.prompt, 40)}", number)
        for number, one in enumerate(path)
    ]
    versions = talk.versions(place)
    named = [
        (f"{number} of {len(versions)}, {one.asked.astimezone():%H:%M:%S}", one.id)
        for number, one in enumerate(versions, 1)
    ]
    return {
        board.turn: gr.Dropdown(choices=turns, value=place, interactive=True),
        board.version: gr.Dropdown(
            choices=named, value=path[place].id, interactive=len(versions) > 1
        ),
    }


def _tell_answer(exchange: Exchange | None, lane: str, *, writing: bool) -> str:
    """What stands under a lane: how fast it was, how it ended, and that the base is the base."""
    if exchange is None:
        return ""
    answer = exchange.answers.get(lane)
    if answer is None:
        asked = lane in exchange.lanes
        return _quiet(["Thinking …" if writing else NO_ANSWER] if asked else [NOT_ASKED])
    parts = []
    if lane == BASE and exchange.proof is not None:
        difference = f"its logits differ from the base alone by at most {exchange.proof:.2g}"
        parts.append(f'<span class="st-badge" title="{difference}">✓ base, verified</span>')
    parts.append(_tell_pace(answer))
    if answer.sampling != exchange.sampling:
        parts.append(escape(tell_sampling(answer.sampling)))
    if not writing and not answer.stopped:
        cut = "cut off at its limit" if answer.done else "stopped before its end"
        parts.append(f"{cut}; Continue goes on")
    if exchange.kept == lane:
        parts.append("★ preferred")
    if answer.note:
        parts.append(escape(answer.note))
    return _quiet(parts, marked=True)


def _tell_pace(answer: Answer) -> str:
    pace = counted(answer.tokens, "token")
    if answer.tokens_per_second:  # a pace takes two tokens
        pace += f", {answer.tokens_per_second:.0f} tokens/s"
    return f"{pace}, first after {answer.first_token:.2f} s"


def tell_exchange(exchange: Exchange | None, update: Update | None) -> str:
    """One line for all lanes: how the answers were drawn, and what on."""
    if exchange is None:
        return ""
    parts = [tell_sampling(exchange.sampling)]
    if exchange.system:
        parts.append("with a system message")
    if exchange.about:
        parts.append(exchange.about)
    if update is not None and update.waiting:
        parts.insert(0, f"Waiting: {update.waiting} before you in the line")
    elif update is not None and update.memory:
        parts.append(f"{update.memory / 1e9:.1f} GB of memory in use by the engine")
    elif update is not None and not update.rows and not update.done:
        parts.insert(0, update.news or "Thinking; the first answer also loads the model")
    return _quiet(parts)


def tell_sampling(sampling: Sampling) -> str:
    """How answers are drawn, in words."""
    limit = f"at most {sampling.max_new_tokens} tokens"
    if sampling.temperature == 0:
        return f"Drawn with temperature 0 (the likeliest token), {limit}"
    parts = [f"Drawn with temperature {sampling.temperature:g}"]
    if sampling.top_p < 1:
        parts.append(f"top p {sampling.top_p:g}")
    if sampling.top_k:
        parts.append(f"top k {sampling.top_k}")
    return ", ".join([*parts, f"seed {sampling.seed}", limit])


def _quiet(parts: Sequence[str], *, marked: bool = False) -> str:
    shown = parts if marked else [escape(part) for part in parts]
    return f'<p class="st-quiet">{" · ".join(shown)}</p>'
