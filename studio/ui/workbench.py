"""What the panels of the Data tab share: the open workbook, and when it was last changed."""

import time
from dataclasses import dataclass

import gradio as gr

from studio.ui.links import Links


@dataclass(frozen=True)
class Workbench:
    """Belongs to one visitor; a panel that changes the workbook says when, those that show it hear.

    A panel is a module with `build(studio, links, bench, tab)`, where `tab` is its own.
    """

    book: gr.State
    """Id of the open workbook, or None; it survives a reload."""
    changed: gr.State
    """Time of the last change of it, from `now`."""
    only: gr.State
    """Which rows the Examples panel is asked to show, and when: (filter, time), or None."""
    made: gr.State
    """Time at which the last dataset was frozen, from `now`; the list of datasets hears it."""
    scope: gr.State
    """Whose workbooks this visitor sees and writes, as in `Links`."""
    owner: gr.State
    """The visitor's key, as in `Links`."""
    panels: gr.Tabs
    """The inner tabs; see `open_panel`."""
    tab: gr.Tab
    """The Data tab itself, for what is to be fresh whenever it is opened."""


def make(links: Links, panels: gr.Tabs, tab: gr.Tab) -> Workbench:
    """A bench with nothing on it but what the browser remembers; made outside of the inner tabs.

    Whatever is made between two tabs counts as one of them.
    """
    return Workbench(
        book=links.workbook, changed=gr.State(0.0), only=gr.State(None), made=gr.State(0.0),
        scope=links.scope, owner=links.owner, panels=panels, tab=tab,
    )  # fmt: skip


def now() -> float:
    """What `changed` becomes: never the same twice."""
    return time.time()


def open_panel(name: str) -> gr.Tabs:
    """Open an inner tab: rows, template, examples, checks, more or freeze."""
    return gr.Tabs(selected=name)
