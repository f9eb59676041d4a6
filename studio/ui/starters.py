"""Suggested messages: rows that were held out, questions about old skills, and templates."""

from typing import Any

import gradio as gr

from studio.chat.endpoints import is_endpoint
from studio.chat.wording import shorten
from studio.data.example import Message
from studio.data.rendering import preview
from studio.errors import StudioError
from studio.measure.comparison import LaneSpec
from studio.measure.outcome import BASE
from studio.measure.probe import find as find_probes
from studio.studio import Studio
from studio.ui.border import told, wire
from studio.ui.setting import Setting

CARDS = 6  # suggested messages of each kind
TITLES = ("Try the task: rows that were held out", "Try old skills: questions from the probes")
Card = list[dict[str, str]]


def build(studio: Studio, setting: Setting, prompt: gr.Textbox, tab: gr.Tab) -> None:
    """Lay the suggestions out and wire them; a click fills the message, and the system message."""
    with gr.Accordion("Something to begin with", open=True, elem_id="starters"):
        with gr.Row():
            decks = [
                gr.Dataset(
                    components=[prompt], samples=[[""]], label=title, type="index",
                    layout="gallery", samples_per_page=CARDS, elem_id=f"deck-{number}",
                    min_width=280,
                )
                for number, title in enumerate(TITLES)
            ]  # fmt: skip
        templates = gr.Dropdown(
            [], value=None, label="Begin from a template", elem_id="from-template",
            info="Its first row, asked as the template asks it.",
        )  # fmt: skip
    cards = gr.State([])
    turned = [setting.lanes.change, setting.base.change, setting.owner.change, tab.select]
    wire(turned, deal, studio, inputs=[setting.lanes, setting.base],
         outputs=[*decks, cards, templates])  # fmt: skip
    filled = [prompt, setting.system]
    for kind, deck in enumerate(decks):
        wire(deck.select, take_card, kind, inputs=cards, outputs=filled)
    wire(templates.input, take_template, studio, inputs=templates, outputs=filled)


@told
def deal(studio: Studio, lanes: list[str], base: str) -> list[Any]:
    """What fits the lanes: held-out rows of the first one's dataset, and old skills of the base."""
    cards = [_task_cards(studio, lanes), _old_cards(studio, base)]
    decks = [
        gr.Dataset(
            samples=[[shorten(card[-1].content, 110)] for card in deck] or [["–"]],
            visible=bool(deck),
        )
        for deck in cards
    ]
    named = [(template.title, template.name) for template in studio.templates()]
    dealt = [[[one.model_dump() for one in card] for card in deck] for deck in cards]
    return [*decks, dealt, gr.Dropdown(choices=named, value=None)]


@told
def take_card(kind: int, cards: list[list[Card]], event: gr.SelectData) -> list[str]:
    """Put a suggested message into the box, and its system message where it belongs."""
    return _fill([Message.model_validate(turn) for turn in cards[kind][event.index]])


@told
def take_template(studio: Studio, name: str) -> list[str]:
    """The template's first row as a message."""
    template = studio.template(name)
    rendered = preview(template, template.all_rows()[:1], phrasings="one")
    if not rendered:
        raise StudioError(f"Template {name} has no rows of its own to begin with.")
    return _fill(rendered[0].messages)


def _fill(card: Any) -> list[str]:
    return [card[-1].content, card[0].content if card[0].role == "system" else ""]


def _task_cards(studio: Studio, lanes: list[str]) -> list[tuple[Message, ...]]:
    tuned = [lane for lane in lanes if lane != BASE and not is_endpoint(lane)]
    if not tuned:
        return []
    try:
        dataset = studio.dataset(studio.run(LaneSpec.parse(tuned[0]).run).recipe.dataset)
        return [example.messages for example in dataset.heldout()[:CARDS]]
    except StudioError:  # the run or its dataset was removed: there is nothing to suggest
        return []


def _old_cards(studio: Studio, base: str) -> list[tuple[Message, ...]]:
    """One question of each of the first probes, so that the deck is varied."""
    probes = find_probes(studio.retention_probes(base), studio.settings.probes)
    spoken = [probe for probe in probes if probe.chat and probe.cases[0].messages]
    return [probe.cases[0].messages for probe in spoken[:CARDS]]
