"""Prompts of a person's own, pasted or from a file, kept as a deck."""

from pathlib import Path
from typing import Any

import gradio as gr

from studio.data.readers import FORMATS
from studio.errors import StudioError
from studio.measure.numerals import counted
from studio.studio import Studio
from studio.ui.border import told, wire
from studio.ui.setting import Setting

HOW = 'Or JSON lines, such as {"prompt": "What is 2 + 3?", "answer": "5", "scorer": "number"}'


def build(studio: Studio, setting: Setting, decks: gr.Dropdown) -> None:
    """Lay the part out and wire it; a deck that is kept is chosen at once."""
    with gr.Row():
        with gr.Column(scale=3, min_width=280):
            text = gr.Textbox(value="", label="Prompts, one per line", lines=5, max_lines=12,
                              info=HOW, elem_id="own-prompts")  # fmt: skip
        with gr.Column(scale=2, min_width=240):
            file = gr.File(label="Or a file: .txt, .jsonl, .json, .csv, .tsv", height=110,
                           file_types=list(FORMATS), elem_id="own-file")  # fmt: skip
            name = gr.Textbox(value="", label="Name of the deck", lines=1, max_lines=1,
                              elem_id="own-name")  # fmt: skip
            keep = gr.Button("Keep as a deck", size="sm", elem_id="keep-deck")
    wire(keep.click, keep_deck, studio, outputs=[decks, text, file, name],
         inputs=[text, file, name, setting.lanes, setting.base, setting.scope])  # fmt: skip


@told
def keep_deck(
    studio: Studio, text: str, file: str | None, name: str, lanes: list[str], base: str,
    scope: str | None,
) -> list[Any]:  # fmt: skip
    """The deck of that text or file, chosen in the menu of decks."""
    if not text.strip() and not file:
        raise StudioError("Write a prompt on each line, or choose a file; then keep the deck.")
    if not name.strip():
        raise StudioError("Give the deck a name, such as Customer questions.")
    deck = studio.keep_deck(name, Path(file) if file else text, replace=False, owner=scope)
    answered = sum(bool(one.answer.strip()) for one in deck.prompts)
    count = f"{counted(len(deck.prompts), 'prompt')}, {answered} of them with a known answer."
    gr.Info(count, title="Kept")
    known = studio.decks(lanes, base=base, owner=scope)
    choices = [(title, one) for one, title in known.items()]
    return [gr.Dropdown(choices=choices, value=deck.name), "", None, ""]
