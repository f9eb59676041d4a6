"""What the tabs tell each other: which tab is open, and what was last chosen in one of them."""

from dataclasses import dataclass

import gradio as gr

NOBODY = "nobody"
"""The scope until it is known who visits; an empty one would be that of the command line."""


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
    workbook: gr.State
    """Id of the workbook that is open in the Data tab, or None."""
    owner: gr.State
    """Key of this visitor, under which workbooks, conversations, votes and drafts are kept."""
    scope: gr.State
    """Whose of these this visitor sees and writes: the owner's own, or None for those of the
    whole home, which is what a person at the machine itself has."""


def go_to(tab: str) -> gr.Tabs:
    """Open a tab."""
    return gr.Tabs(selected=tab)
