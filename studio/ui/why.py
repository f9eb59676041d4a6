"""Why an answer changed: read by two lanes, token by token, with what each would have said."""

from dataclasses import dataclass
from typing import Any, TypedDict

import gradio as gr

from studio.chat.endpoints import is_endpoint
from studio.chat.wording import shorten
from studio.data.example import Message
from studio.errors import StudioError
from studio.measure.outcome import BASE
from studio.studio import Studio
from studio.ui.border import told, wire
from studio.ui.explained import LOOK, draw, draw_words
from studio.ui.links import Links
from studio.ui.markup import empty
from studio.ui.setting import Setting

NOTHING = "Ask something first: the answers are read here, token by token."
ALONE = "Only the base answered; add a tuned lane and ask again to see why it changed."


class Source(TypedDict):
    """What can be read: every lane's answer, and what it was asked."""

    base: str
    asked: dict[str, list[dict[str, str]]]
    """By lane: role and content of every message."""
    said: dict[str, str]
    ended: dict[str, bool]
    """By lane: whether the answer ended by itself."""


@dataclass(frozen=True)
class Panel:
    """Chooses two lanes and an answer, and shows the reading."""

    source: gr.State
    after: gr.Dropdown
    before: gr.Dropdown
    whose: gr.Dropdown
    shown: gr.HTML

    @property
    def chosen(self) -> list[Any]:
        """What `open_source` fills."""
        return [self.source, self.after, self.before, self.whose]


def build(studio: Studio, links: Links, setting: Setting, tab: gr.Tab) -> None:
    """A fold that explains the answers of the open conversation."""
    with gr.Accordion("Why it changed", open=False, elem_id="part-why") as fold:
        with gr.Row():
            question = gr.Dropdown([], label="Question", elem_id="why-question", scale=3,
                                   min_width=240)  # fmt: skip
            again = gr.Button("Read the newest answers", size="sm", elem_id="why-again",
                              min_width=150, scale=0)  # fmt: skip
        panel = lay_out("why")
    at = [setting.conversation, setting.scope]
    listed = wire([fold.expand, again.click], list_questions, studio, inputs=at, outputs=question)
    for event in (listed.then, question.input):
        opened = wire(event, open_question, studio, inputs=[*at, question], outputs=panel.chosen)
        show_after(studio, panel, opened.then, setting.owner)
    wire_up(studio, panel, setting.owner)
    wire(setting.conversation.change, clear, studio,
         outputs=[question, *panel.chosen, panel.shown])  # fmt: skip


def lay_out(name: str) -> Panel:
    """The menus and the place of the reading; their ids begin with the name."""
    with gr.Row():
        after = gr.Dropdown([], label="Explain", info="The lane that changed.", min_width=180,
                            elem_id=f"{name}-after")  # fmt: skip
        before = gr.Dropdown([], label="Compared with", info="As a rule the base.",
                             min_width=180, elem_id=f"{name}-before")  # fmt: skip
        whose = gr.Dropdown([], label="Read the answer of", info="Both lanes read the same text.",
                            min_width=180, elem_id=f"{name}-whose")  # fmt: skip
    shown = gr.HTML(empty(NOTHING), elem_id=f"{name}-shown", js_on_load=LOOK, min_height=80)
    return Panel(gr.State(None), after, before, whose, shown)


def wire_up(studio: Studio, panel: Panel, owner: gr.State) -> None:
    """Read again whenever a menu is changed."""
    for menu in (panel.after, panel.before, panel.whose):
        show_after(studio, panel, menu.input, owner)


def show_after(studio: Studio, panel: Panel, event: Any, owner: gr.State) -> Any:
    """Read what is chosen after the event; returns the event of the reading."""
    return wire(event, show, studio, inputs=[*panel.chosen, owner], outputs=panel.shown,
                show_progress="minimal")  # fmt: skip


@told
def clear(studio: Studio) -> list[Any]:
    """Nothing: what was read belongs to another conversation."""
    return [gr.Dropdown(choices=[], value=None), *open_source(studio, None), empty(NOTHING)]


@told
def list_questions(studio: Studio, id: str | None, scope: str | None) -> Any:
    """The open conversation's questions, the last one chosen."""
    exchanges = studio.chats.open(id, scope).exchanges if id else ()
    choices = [
        (f"{n}. {shorten(one.prompt, 90)}", n - 1) for n, one in enumerate(exchanges, start=1)
    ]
    return gr.Dropdown(choices=choices, value=len(choices) - 1 if choices else None)


@told
def open_question(
    studio: Studio, id: str | None, scope: str | None, question: int | None
) -> list[Any]:
    """The answers to that question, to be read."""
    if not id or question is None:
        return open_source(studio, None)
    conversation = studio.chats.open(id, scope)
    if question >= len(conversation.exchanges):
        raise StudioError("This question was taken back; read the newest answers.")
    answers = conversation.exchanges[question].answers
    said = {lane: answer for lane, answer in answers.items() if answer.text.strip()}
    source = Source(
        base=conversation.base,
        asked={
            lane: [one.model_dump() for one in conversation.messages(lane, question)]
            for lane in said
        },
        said={lane: answer.text for lane, answer in said.items()},
        ended={lane: answer.stopped for lane, answer in said.items()},
    )
    return open_source(studio, source)


def open_source(studio: Studio, source: Source | None, lane: str | None = None) -> list[Any]:
    """Fill the menus: the lane if given, or the first tuned one, compared with the base."""
    said = list(source["said"]) if source else []
    titled = [(studio.title_of(one), one) for one in said]
    readable = [(title, one) for title, one in titled if not is_endpoint(one)]
    tuned = [one for _, one in readable if one != BASE]
    after = lane if lane in tuned else next(iter(tuned), None)
    if not any(one == BASE for _, one in readable):
        readable.insert(0, ("Base", BASE))  # it reads what it was never asked
    return [
        source,
        gr.Dropdown(choices=readable, value=after),
        gr.Dropdown(choices=readable, value=BASE),
        gr.Dropdown(choices=titled, value=BASE if BASE in said else next(iter(said), None)),
    ]


@told
def show(
    studio: Studio, source: Source | None, after: str | None, before: str | None,
    whose: str | None, owner: str,
) -> str:  # fmt: skip
    """The answer read by both lanes, and the two lanes' own answers word by word."""
    if source is None or not source["said"]:
        return empty(NOTHING)
    if after is None or before is None or whose is None:
        return empty(ALONE)
    if after == before:
        raise StudioError("A lane differs nowhere from itself; compare it with another one.")
    reading = studio.explain(
        [Message.model_validate(one) for one in source["asked"][whose]], source["said"][whose],
        ended=source["ended"][whose], after=after, before=before, base=source["base"], owner=owner,
    )  # fmt: skip
    titles = (studio.title_of(before), studio.title_of(after))
    drawn = draw(reading, titles, studio.title_of(whose))
    said = source["said"]
    if before in said and after in said:
        drawn += "<h4>Word by word</h4>" + draw_words(said[before], said[after], titles)
    return drawn
