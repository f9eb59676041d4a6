"""What the tabs tell each other: which tab is open, and what was last chosen in one of them."""

from dataclasses import dataclass

import gradio as gr


@dataclass(frozen=True)
class Links:
    """Belongs to one visitor; a tab writes a choice, the tab it concerns listens."""

    page: gr.Blocks
    """Its load event shows what is there at once."""
    tabs: gr.Tabs
    kept: gr.BrowserState
    """What the visitor's browser keeps: see `studio.ui.visitor`."""
    dataset: gr.State
    """Id of the dataset to tune on."""
    recipe: gr.State
    """Fields of the recipe that another tab suggests, such as the base; or None."""
    run: gr.State
    """Ids of the tuned runs to chat with."""
    measurement: gr.State
    """Id of the measuring run to report on."""


def go_to(tab: str) -> gr.Tabs:
    """Open a tab."""
    return gr.Tabs(selected=tab)
