"""The fourth tab: the base and up to four others answer side by side, in one of several ways."""

import gradio as gr

from studio.studio import Studio
from studio.ui import arena, conversation, deck, drafts, lanes, visitor
from studio.ui.links import Links

PARTS = {"Conversation": conversation, "Deck": deck, "Blind arena": arena}
"""What is done with the lanes; each has `build(studio, links, setting, tab)`."""


def build(studio: Studio, links: Links, tab: gr.Tab) -> None:
    """Lay the tab out and wire it."""
    setting = lanes.build(studio, links, tab)
    drafts.build(studio, links, setting, tab)
    with gr.Tabs(selected="conversation", elem_id="chat-parts"):
        for title, module in PARTS.items():
            id = title.split()[-1].lower()
            with gr.Tab(title, id=id, elem_id=f"part-{id}") as part:
                module.build(studio, links, setting, part)
    visitor.build(studio, links, setting)
